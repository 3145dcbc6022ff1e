"""Faults that several parts of a spec can have."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from efakit.catalog import instances
from efakit.errors import UnknownInstanceType

# A fault at a place of the spec: keys, message, and ``at_key=True`` where the key itself is at fault.
At = Callable[..., str]
_Keys = list["str | int"]


def doubles(items: Iterable[Mapping[str, Any]], keys: _Keys, kind: str, at: At) -> Iterator[str]:
    """Give each item of a list whose name another one has already."""
    seen: set[str] = set()
    for number, item in enumerate(items):
        # Files are named after jobs, and on a Mac Train.sbatch is train.sbatch.
        name = item["name"].lower() if kind == "job" else item["name"]
        if name in seen:
            yield at([*keys, number, "name"], f"the {kind} {item['name']!r} is there twice")
        seen.add(name)


def unknown_type(name: str, keys: _Keys, at: At) -> Iterator[str]:
    """Give the fault of an instance type that the catalog does not know."""
    try:
        instances.get(name)
    except UnknownInstanceType as error:
        yield at(keys, str(error))
