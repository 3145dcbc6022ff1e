"""The contract that import-linter checks (pyproject.toml): nobody imports what scripts/rooms.py does not allow.

Direct imports are enough: where each room imports only what its row allows, so does whatever it reaches through them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from typing import NamedTuple

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, output

from efakit.emit.registry import target_names
from scripts.rooms import GROUND, PLATFORMS, ROOMS

_ROOT = "efakit"
_TABLE = "scripts/rooms.py"


class Breach(NamedTuple):
    """One import that is not allowed; ``why`` names the two that may not know each other."""

    why: str
    importer: str
    imported: str


class Walls(Contract):
    """No room imports a room or a package that its row does not name; no platform and no target knows another.

    No modules import each other in a circle, not even for a type's name.
    """

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Return every import that is not allowed, with its lines."""
        found = breaches(graph)
        lines = {breach: _lines(graph, breach) for breach in found}
        return ContractCheck(kept=not found, metadata={"breaches": lines})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Print each import that is not allowed."""
        for breach, lines in check.metadata["breaches"].items():
            output.print_error(f"{breach.why}: {breach.importer} -> {breach.imported} ({lines})")
        output.new_line()
        output.print(f"The table of rooms is {_TABLE}.")


def breaches(graph: ImportGraph) -> list[Breach]:
    """Return the imports of a graph, external packages included, that the table does not allow; else a circle's."""
    # An import that is not allowed makes a circle, as a rule.
    return sorted(set(_breaches(graph))) or list(_circle(graph))


def _breaches(graph: ImportGraph) -> Iterator[Breach]:
    for importer in graph.modules:
        if not _inside(importer):
            continue
        room = _room(importer)
        if room and room not in ROOMS and room not in GROUND:
            yield Breach(f"{room} has no row", importer, "-")
        for imported in graph.find_modules_directly_imported_by(importer):
            why = _against(importer, imported)
            if why:
                yield Breach(why, importer, imported)


def _circle(graph: ImportGraph) -> Iterator[Breach]:
    """Give the imports of one circle of modules, where there is one."""
    own = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules if _inside(module)}
    try:
        TopologicalSorter({module: sorted(filter(_inside, imports)) for module, imports in own.items()}).prepare()
    except CycleError as error:
        for imported, importer in pairwise(error.args[1]):
            yield Breach("a circle of modules", importer, imported)


def _against(importer: str, imported: str) -> str | None:
    """Return what the table has against an import, None where it is allowed."""
    room = _room(importer)
    row = ROOMS.get(room)
    if not _inside(imported):
        package = imported.partition(".")[0]
        allowed = package in sys.stdlib_module_names or (row is not None and package in row.packages)
        return None if allowed else f"{room or _ROOT} may not import the package {package}"
    other = _room(imported)
    if other not in (room, "", *GROUND) and (row is None or other not in row.may_import):
        return f"{room or _ROOT} may not import {other}"
    return _between(importer, imported)


def _between(importer: str, imported: str) -> str | None:
    """Return what is wrong where a platform's or a target's module imports another's."""
    targets = target_names() if _room(importer) == _room(imported) == "emit" else ()
    for kind, names in (("target", targets), ("platform", PLATFORMS)):
        one, other = _owner(importer, names), _owner(imported, names)
        if one and other and one != other:
            return f"{kind} {one} may not know {kind} {other}"
    return None


def _owner(module: str, names: tuple[str, ...]) -> str | None:
    """Return to which of ``names`` a module of a room belongs: by its own name, or by what that begins with."""
    part = module.split(".")[2] if module.count(".") > 1 else ""
    return next((name for name in names if part == name or part.startswith(f"{name}_")), None)


def _inside(module: str) -> bool:
    return module == _ROOT or module.startswith(f"{_ROOT}.")


def _room(module: str) -> str:
    """Return the room, or the module of the ground, that a module belongs to; an empty text for efakit itself."""
    return module.split(".")[1] if "." in module else ""


def _lines(graph: ImportGraph, breach: Breach) -> str:
    if breach.imported not in graph.modules:
        return "module"
    details = graph.get_import_details(importer=breach.importer, imported=breach.imported)
    return ", ".join(f"line {detail['line_number']}" for detail in details)
