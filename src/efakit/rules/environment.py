"""Which environment variables a job needs: the catalog's rows, evaluated. What is wrong with others: ``judgement``.

Each row holds for a target (True), does not (False), or it is unknown (None): only True acts. So an unknown version
never makes a finding or an export.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, NamedTuple

from efakit.catalog.variables import COMPONENTS, VariableRule, rows
from efakit.versions import within

if TYPE_CHECKING:
    from collections.abc import Collection

    from efakit.rules.target import Target


class Needed(NamedTuple):
    """A variable that a job must have, and the row that says so."""

    row: VariableRule
    value: str

    @property
    def name(self) -> str:
        """The variable."""
        return self.row.name

    def is_met(self, names: Collection[str]) -> bool:
        """Return whether a job that sets these variables needs this one no more."""
        return self.name in names or any(name in names for name in self.row.instead.split())


def holds(row: VariableRule, target: Target, workloads: Collection[str]) -> bool | None:
    """Return whether a row holds for a target and what runs there; None where that is not known.

    ``workloads``: keys of ``WORKLOADS``; none of them: nothing is known of the program.
    """
    answers = [
        _workload_holds(row, workloads),
        _pattern_holds(target.instance, row.instances, row.except_instances),
        _pattern_holds(target.os, row.os, ""),
        _place_holds(row, target),
        *(bound_holds(target, component, since, None) for component, since in row.since.items()),
        *(bound_holds(target, component, None, until) for component, until in row.until.items()),
    ]
    if False in answers:
        return False
    return None if None in answers else True


def needed(target: Target, workloads: Collection[str]) -> list[Needed]:
    """Return the variables that a job needs, in the catalog's order, each once."""
    found: dict[str, Needed] = {}
    for row in rows():
        if row.effect == "needed" and row.name not in found and holds(row, target, workloads):
            found[row.name] = Needed(row, filled(row.value, target))
    return list(found.values())


def matches(pattern: str, value: str) -> bool:
    """Return whether a value is one that a row's pattern of values speaks of (see ``VariableRule.value``)."""
    if pattern.startswith(("<=", ">=")):
        try:
            number, bound = float(value), float(pattern[2:])
        except ValueError:
            return False
        return number <= bound if pattern.startswith("<=") else number >= bound
    if pattern.startswith("!"):
        return not matches(pattern[1:], value)
    return any(fnmatchcase(value, alternative) for alternative in pattern.split("|"))


def speaks_of(row: VariableRule, value: str) -> bool:
    """Return whether a row's pattern of values speaks of a value, item by item where the row takes it for a list."""
    if not row.items or value.startswith("^"):
        return matches(row.value, value)
    items = [item.partition(":")[0] for item in value.removeprefix("=").split(",")]
    speaks = (matches(row.value, item) for item in items if item)
    return any(items) and (any(speaks) if row.items == "some" else all(speaks))


def bounds_text(row: VariableRule) -> str:
    """Return where a row holds, in words: ``aws-ofi-nccl before 1.16.0; p5.*``; empty: everywhere."""
    parts = []
    for component in dict.fromkeys((*row.since, *row.until)):
        since, until = row.since.get(component), row.until.get(component)
        span = f"{since} and later" if until is None else f"before {until}"
        parts.append(f"{COMPONENTS[component]} {f'from {since} to before {until}' if since and until else span}")
    if row.instances != "*":
        parts.append(", ".join(row.instances.split()))
    if row.except_instances:
        parts.append("not " + ", ".join(row.except_instances.split()))
    if row.os != "*":
        parts.append(", ".join(row.os.split()))
    if row.except_os:
        parts.append("not " + ", ".join(row.except_os.split()))
    if row.efa is not None:
        parts.append("nodes with EFA" if row.efa else "nodes without EFA")
    if row.several_nodes:
        parts.append("jobs on several nodes")
    return "; ".join(parts)


def bound_holds(target: Target, component: str, since: str | None, until: str | None) -> bool | None:
    """Return whether a component of the target is surely within bounds, or surely not; None: it is not known."""
    version = target.versions.get(component)
    if version is not None:
        return within(version, since, until)
    floor = target.floors.get(component)
    if floor is None:
        return None
    if since is not None:
        return True if within(floor, since, None) else None
    return None if within(floor, None, until) else False


def _workload_holds(row: VariableRule, workloads: Collection[str]) -> bool | None:
    if row.workload == "*":
        return True
    if not workloads:
        return None
    return any(workload in workloads for workload in row.workload.split())


def _place_holds(row: VariableRule, target: Target) -> bool:
    """Return whether a row holds for nodes with EFA or without, for the number of nodes, and for the system."""
    efa = True if row.effect == "needed" else row.efa
    if efa is not None and efa == target.without_efa:
        return False
    if row.several_nodes and target.nodes == 1:
        return False
    return target.os is None or not _any(target.os, row.except_os)


def _pattern_holds(value: str | None, patterns: str, exceptions: str) -> bool | None:
    if patterns == "*" and not exceptions:
        return True
    if value is None:
        return None
    return _any(value, patterns) and not _any(value, exceptions)


def _any(value: str, patterns: str) -> bool:
    return any(fnmatchcase(value, pattern) for pattern in patterns.split())


def filled(value: str, target: Target) -> str:
    """Return a row's value with the counts of the target in their places."""
    return value.replace("{ranks_per_node}", target.versions.get("ranks_per_node", "{ranks_per_node}"))
