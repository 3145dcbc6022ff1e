"""Reads the documents of a YAML file, and keeps the place of each value."""

from __future__ import annotations

import re
from collections.abc import Mapping

from efakit.lint.config.document import ConfigDocument

# What a document begins with; inside of one, text at the left edge cannot look so.
_MARK = re.compile(r"---(\s|$)")


def read_manifests(file: str, text: str) -> list[ConfigDocument]:
    """Return the documents that are mappings; raise UsageError where one is no YAML or has a duplicate key."""
    # The lines above a document stay, empty, so that its places are the file's.
    documents = [ConfigDocument(file, "\n" * first + part) for first, part in _parts(text)]
    return [document for document in documents if isinstance(document.data, Mapping)]


def _parts(text: str) -> list[tuple[int, str]]:
    """Return each document's text and the number of its first line, from 0."""
    lines = text.split("\n")
    starts = [0, *(number for number, line in enumerate(lines) if number and _MARK.match(line))]
    return [
        (first, "\n".join(lines[first:last])) for first, last in zip(starts, [*starts[1:], len(lines)], strict=True)
    ]
