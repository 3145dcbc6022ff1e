"""What a rule finds, and how rules read data of any shape."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from efakit.printable import as_text

_TEMPLATE = re.compile(r"\{\{.*\}\}|\A\$(\{\w+\}|\w+)\Z", re.DOTALL)

Path = tuple["str | int", ...]


class Problem(NamedTuple):
    """A rule, what is wrong, where, and what to do. ``severity`` and ``source``: those of a row of the catalog."""

    rule: str
    path: Path
    message: str
    fix: str
    severity: str = ""
    source: str = ""


def at(data: Any, *path: str | int) -> Any:
    """Return what stands at a path; None where nothing does."""
    for part in path:
        if isinstance(data, Mapping):
            data = data.get(part)
        elif isinstance(data, list) and isinstance(part, int) and part < len(data):
            data = data[part]
        else:
            return None
    return data


def is_template(value: Any) -> bool:
    """Return whether a value is what a program puts another one for, as Helm and envsubst do: it is not known."""
    return isinstance(value, str) and (_TEMPLATE.search(value) is not None)


def mapping(data: Any, *path: str | int) -> Mapping[str, Any]:
    """Return the mapping at a path; an empty one where there is none."""
    found = at(data, *path)
    return found if isinstance(found, Mapping) else {}


def items(data: Any, *path: str | int) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Give the mappings in the list at a path, each with its own path."""
    found = at(data, *path)
    for number, item in enumerate(found if isinstance(found, list) else []):
        if isinstance(item, Mapping):
            yield (*path, number), item


def texts(data: Any, *path: str | int) -> list[str]:
    """Return the list at a path as texts; an empty one where there is none."""
    found = at(data, *path)
    return [as_text(item) for item in found] if isinstance(found, list) else []
