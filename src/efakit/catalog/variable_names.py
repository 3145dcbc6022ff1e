"""The environment variables that really exist, by component, with their life spans.

Rows come from the components' own source code, release by release (``scripts/harvest_names.py``); what no public source
code tells is from the vendors' documentation. A name of a known prefix that has no row, such as ``NCCL_BUFFERSIZE``, is
a slip of the pen, unless its prefix is open-ended.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

from efakit.catalog.files import read_data


class Name(NamedTuple):
    """A variable that a component reads.

    ``since`` is the first release that has it, None where the oldest that was looked at has it already (``covers``);
    ``until`` is the first release that has it no more, None where the newest has it still, or nothing is known.
    """

    name: str
    component: str
    since: str | None
    until: str | None
    source: str


class OpenPrefix(NamedTuple):
    """A prefix below which any name may exist."""

    prefix: str
    component: str
    source: str


@lru_cache(maxsize=None)
def known(prefix: str = "") -> dict[str, Name]:
    """Return the variables whose names begin with ``prefix``, by name.

    Where two components know one name, the row is the one of that which reads it first in the file's order.
    """
    if prefix:
        return {name: row for name, row in known().items() if name.startswith(prefix)}
    components = _data()["components"]
    rows: dict[str, Name] = {}
    for name, component, since, until in _data()["names"]:
        rows.setdefault(
            name, Name(name=name, component=component, since=since, until=until, source=components[component]["source"])
        )
    return rows


@lru_cache(maxsize=None)
def readers(name: str) -> tuple[Name, ...]:
    """Return every component's row of a variable; empty: no component is known to read it."""
    components = _data()["components"]
    return tuple(
        Name(name=name, component=component, since=since, until=until, source=components[component]["source"])
        for _, component, since, until in _rows_by_name().get(name, ())
    )


@lru_cache(maxsize=1)
def _rows_by_name() -> dict[str, list[tuple[str, str, str | None, str | None]]]:
    found: dict[str, list[tuple[str, str, str | None, str | None]]] = {}
    for row in _data()["names"]:
        found.setdefault(row[0], []).append(row)
    return found


@lru_cache(maxsize=None)
def open_prefixes() -> tuple[OpenPrefix, ...]:
    """Return the prefixes below which names are not listed: the parameters of Open MPI's components, and the like."""
    return tuple(OpenPrefix(*item) for item in _data()["open_ended"])


def open_ended(name: str) -> OpenPrefix | None:
    """Return the open-ended prefix that covers a name, None where none does."""
    return next((item for item in open_prefixes() if name.startswith(item.prefix)), None)


def covers(component: str) -> tuple[str, str] | None:
    """Return the oldest and the newest release of a component that was looked at; None: its names have no life spans.

    Raises KeyError for a component that has no names.
    """
    part = _data()["components"][component]
    return (part["oldest"], part["newest"]) if part["oldest"] else None


@lru_cache(maxsize=None)
def _data() -> dict[str, Any]:
    return read_data("variable_names.json")
