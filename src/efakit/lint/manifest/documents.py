"""Reads the documents of a YAML file, and keeps the place of each value."""

from __future__ import annotations

from collections.abc import Mapping

import yaml

from efakit.lint.config.document import ConfigDocument


def read_manifests(file: str, text: str) -> list[ConfigDocument]:
    """Return the documents that are mappings; raise UsageError where one is no YAML or has a duplicate key."""
    # The lines above a document stay, empty, so that its places are the file's.
    documents = [ConfigDocument(file, "\n" * first + part) for first, part in _parts(text)]
    return [document for document in documents if isinstance(document.data, Mapping)]


def _parts(text: str) -> list[tuple[int, str]]:
    """Return each document's text and the line that it begins at; the whole text where YAML cannot tell."""
    try:
        starts = [
            event.start_mark.line
            for event in yaml.parse(text, Loader=yaml.SafeLoader)
            if isinstance(event, yaml.DocumentStartEvent) and event.start_mark is not None
        ]
    except yaml.YAMLError:
        return [(0, text)]
    lines = text.split("\n")
    starts = [0, *starts[1:]]
    return [
        (first, "\n".join(lines[first:last])) for first, last in zip(starts, [*starts[1:], len(lines)], strict=True)
    ]
