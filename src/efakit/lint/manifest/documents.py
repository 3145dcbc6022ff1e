"""Reads the documents of a YAML file, and keeps the place of each value."""

from __future__ import annotations

import re
from collections.abc import Mapping

from efakit.lint.config.document import ConfigDocument

# What a document begins with; inside of one, text at the left edge cannot look so.
_MARK = re.compile(r"---(\s|$)")


def read_manifests(file: str, text: str) -> list[ConfigDocument]:
    """Return the documents that are mappings; raise UsageError where one is no YAML or has a duplicate key."""
    documents = [ConfigDocument(file, part, first, is_manifest=True) for first, part in _parts(text)]
    return [document for document in documents if isinstance(document.data, Mapping)]


def _parts(text: str) -> list[tuple[int, str]]:
    """Return each document's text and the number of lines above it."""
    lines = text.split("\n")
    starts = [0, *(number for number, line in enumerate(lines) if number and _MARK.match(line))]
    parts = [
        (first, "\n".join(lines[first:last])) for first, last in zip(starts, [*starts[1:], len(lines)], strict=True)
    ]
    if len(parts) > 1 and _is_head(parts[0][1].split("\n")):
        parts[:2] = [(0, parts[0][1] + "\n" + parts[1][1])]
    return parts


def _is_head(lines: list[str]) -> bool:
    """Return whether lines are directives such as %YAML 1.2, which belong to the document below them."""
    said = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
    return bool(said) and all(line.startswith("%") for line in said)
