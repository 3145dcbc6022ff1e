"""A value in a config with its path; whatever has an unexpected type reads as absent, so that no rule can trip over it.

A text of digits counts as a number and ``"yes"`` as true, as in pcluster: it reads configs with marshmallow
(https://marshmallow.readthedocs.io/en/stable/marshmallow.fields.html), which converts them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from efakit.printable import as_written

Path = tuple[str | int, ...]

_TRUE = frozenset(("t", "true", "on", "y", "yes", "1", 1, True))
_FALSE = frozenset(("f", "false", "off", "n", "no", "0", 0, False))
_SPELLINGS = frozenset(
    spelling
    for word in ("t", "true", "on", "y", "yes", "f", "false", "off", "n", "no")
    for spelling in (word, word.capitalize(), word.upper())
)
_MISSING = object()


class Node:
    """A value and its path; a key that is not there gives a node too, whose ``present`` is false."""

    __slots__ = ("path", "present", "value")

    def __init__(self, value: Any, path: Path = ()) -> None:
        self.present = value is not _MISSING
        self.value = value if self.present else None
        self.path = path

    def at(self, *keys: str) -> Node:
        """Return what stands below, key by key."""
        node = self
        for key in keys:
            value = node.value.get(key, _MISSING) if isinstance(node.value, Mapping) else _MISSING
            node = Node(value, (*node.path, key))
        return node

    @property
    def items(self) -> list[Node]:
        """Return a list's items, none where there is no list."""
        values = self.value if isinstance(self.value, list) else []
        return [Node(value, (*self.path, index)) for index, value in enumerate(values)]

    @property
    def entries(self) -> list[Node]:
        """Return a mapping's values, none where there is no mapping; the last part of a path is the key."""
        values = self.value if isinstance(self.value, Mapping) else {}
        return [Node(value, (*self.path, str(key))) for key, value in values.items()]

    @property
    def key(self) -> str:
        """Return the key or index under which the value stands, as text."""
        return str(self.path[-1]) if self.path else ""

    @property
    def text(self) -> str | None:
        """Return a text that is not empty, else None."""
        return self.value if isinstance(self.value, str) and self.value else None

    @property
    def flag(self) -> bool | None:
        """Return true or false where the value is one in any spelling, else None."""
        return as_flag(self.value)

    @property
    def whole(self) -> int | None:
        """Return a whole number, else None."""
        return as_whole(self.value)

    @property
    def texts(self) -> list[str]:
        """Return those of a list's items that are texts."""
        return [item.text for item in self.items if item.text is not None]


def as_flag(value: Any) -> bool | None:
    """Return what pcluster takes for true or false, None for all else."""
    if isinstance(value, str):
        if value not in _SPELLINGS and value not in ("0", "1"):
            return None
        return value.lower() in _TRUE
    if isinstance(value, bool | int | float):
        return True if value in _TRUE else False if value in _FALSE else None
    return None


# No count and no size is larger; Python refuses to print numbers of thousands of digits.
_LARGEST = 10**30


def as_whole(value: Any) -> int | None:
    """Return what pcluster takes for a whole number, None for all else."""
    if isinstance(value, str):
        try:
            return int(value) if len(value) < 30 else None
        except ValueError:
            return None
    number = as_number(value)
    if number is None or abs(number) > _LARGEST:
        return None
    return value if isinstance(value, int) else int(number)


def as_number(value: Any) -> float | None:
    """Return what pcluster takes for a number, None for all else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def shown(value: Any) -> str:
    """Return a value as a message shows it: scalars as they are, the rest by kind; never long."""
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list | tuple | set):
        return "a list"
    if value is None:
        return "nothing"
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > _LARGEST:
        return "a huge number"
    return as_written(value, 80)
