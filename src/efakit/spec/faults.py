"""Faults that several parts of a spec can have."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

from efakit.catalog import instances
from efakit.errors import UnknownInstanceType
from efakit.finding import Finding
from efakit.nearness import choice
from efakit.spec.yamltext import KeyPath

_Keys = list["str | int"]


class At(Protocol):
    """Makes a fault at a place of the spec: ``Document.fault``."""

    def __call__(self, rule: str, keys: KeyPath, message: str, fix: str, *, at_key: bool = False) -> Finding:
        """Return the fault that a rule finds at ``keys``, at the key itself with ``at_key``; ``fix`` is what to do."""


def doubles(items: Iterable[Mapping[str, Any]], keys: _Keys, kind: str, at: At) -> Iterator[Finding]:
    """Give each item of a list whose name another one has already."""
    seen: dict[str, str] = {}
    for number, item in enumerate(items):
        # Files are named after jobs, and on a Mac Train.sbatch is train.sbatch.
        name = item["name"].lower() if kind == "job" else item["name"]
        if name in seen:
            message = f"duplicate {kind} name {item['name']!r}"
            if item["name"] != seen[name]:
                message += f": {seen[name]!r} differs by capitals only, and some file systems see none"
            yield at("name-twice", [*keys, number, "name"], message, "give each its own name")
        seen.setdefault(name, item["name"])


def unknown_type(name: str, keys: _Keys, at: At) -> Iterator[Finding]:
    """Give the fault of an instance type that the catalog does not know."""
    try:
        instances.get(name)
    except UnknownInstanceType as error:
        yield at("instance-unknown", keys, error.message, error.fix)


def unknown_name(kind: str, name: str, known: Iterable[str], keys: _Keys, at: At, *, at_key: bool = False) -> Finding:
    """Return the fault of a name that no queue or compute resource has."""
    fix = choice(name, known, f"{kind}s")
    return at("queue-unknown", keys, f"unknown {kind} {name!r}", fix, at_key=at_key)
