"""The registry of a spec's sections: one a platform, beside ``cluster``, ``hooks`` and ``jobs``, which all share.

A new section is a package of this room (``spec/NAME/``) that calls ``register``; nobody lists it. Its plan and its
target are found by that name (``plan/platforms.py``, ``emit/registry.py``).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import Any

import efakit.spec
from efakit.finding import Finding
from efakit.spec.faults import At

_Data = Mapping[str, Any]


def _no_faults(data: _Data, at: At) -> Iterator[Finding]:
    yield from ()


@dataclass(frozen=True)
class Section:
    """One section.

    ``defs`` are its definitions in JSON Schema, the section's own under its name; they may refer to those of the whole
    spec. ``needs`` is a JSON Schema of the whole spec that holds where the section is there. ``build`` makes the
    section's data into what the plan reads; ``faults`` gives what the schema cannot see, from the whole spec's data.
    """

    defs: _Data
    needs: _Data
    build: Callable[[_Data], Any] = dict
    faults: Callable[[_Data, At], Iterator[Finding]] = _no_faults
    platform: bool = True
    """Whether it makes nodes and runs jobs, so that without such a section the nodes are there already."""


_registered: dict[str, Section] = {}


def register(name: str, section: Section) -> None:
    """Add a section; raise ValueError where the name is taken."""
    if name in _registered:
        raise ValueError(f"duplicate section {name!r}")
    _registered[name] = section


def sections() -> dict[str, Section]:
    """Return all sections by their names, in the order in which their targets are written."""
    _load()
    return dict(sorted(_registered.items()))


def later(module: str, name: str) -> Callable[..., Any]:
    """Return a function of a module that is imported when it is first called: most specs have one or two sections."""

    def called(*arguments: Any) -> Any:
        return getattr(import_module(module), name)(*arguments)

    return called


def schema_file(package: str) -> _Data:
    """Return the content of ``schema.json`` of a section's package: its ``$defs`` and ``needs``."""
    text = files(package).joinpath("schema.json").read_text(encoding="utf-8")
    content: _Data = json.loads(text)
    return content


@cache
def _load() -> None:
    for folder in map(Path, efakit.spec.__path__):
        for package in sorted(path.parent.name for path in folder.glob("*/__init__.py")):
            import_module(f"efakit.spec.{package}")
