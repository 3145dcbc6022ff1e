"""What is wrong with the environment variables that a job sets, or does not: the catalog's rows, evaluated."""

from __future__ import annotations

from fnmatch import fnmatchcase
from functools import lru_cache
from typing import TYPE_CHECKING

from efakit.catalog.variable_names import known, open_ended, readers
from efakit.catalog.variables import COMPONENTS, VariableRule, rows
from efakit.finding import Finding, Severity
from efakit.rules.environment import Needed, bound_holds, filled, holds, needed, speaks_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from efakit.catalog.variable_names import Name
    from efakit.rules.target import Target

# Which of several rows about one value speaks for it, where they are as bad.
_WEIGHTY = ("harmful", "set-by-plugin", "workaround", "no-effect")


def missing(names: Collection[str], target: Target, workloads: Collection[str]) -> list[Needed]:
    """Return what a job needs and does not set; nothing where nothing is known of the target."""
    return [item for item in needed(target, workloads) if not item.is_met(names)] if target.known else []


def judge(name: str, value: str | None, target: Target, workloads: Collection[str]) -> list[Finding]:
    """Return what is wrong with ``name=value``, the worst first; ``value`` None: it is no literal.

    Each finding has the rule of a row; it is mendable where the setting has no effect and no program reads it, so that
    it can be taken out.
    Nothing is wrong with a value that the job needs.
    """
    about = [row for row in rows_about(name) if row.effect != "needed" or row.name == name]
    surely = [row for row in about if holds(row, target, workloads)]
    if any(row.effect == "needed" and filled(row.value, target) == value for row in surely):
        return []
    found = [row for row in surely if row.effect in _WEIGHTY and _speaks_of(row, value)]
    found.sort(key=lambda row: (-Severity(row.severity).rank, _WEIGHTY.index(row.effect)))
    worst = {row.id: row for row in reversed(found)}
    findings = [_finding(row, name, value, target) for row in found if worst[row.id] is row]
    return findings or _out_of_range(_life_spans(name, value, about), name, target)


def rows_about(name: str) -> list[VariableRule]:
    """Return every row that speaks of a variable, those of its exact name first."""
    exact, patterns = _index()
    return [*exact.get(name, ()), *(row for row in patterns if fnmatchcase(name, row.name))]


def _speaks_of(row: VariableRule, value: str | None) -> bool:
    if row.effect == "set-by-plugin" or row.value == "*":
        return True
    return value is not None and speaks_of(row, value)


def _finding(row: VariableRule, name: str, value: str | None, target: Target) -> Finding:
    message = f"{name}: {row.reason}"
    if row.effect == "set-by-plugin" and row.value != "*":
        differs = value is not None and value != row.value
        message += f" (current value: {row.value}{f', not {value}' if differs else ''})"
    if row.effect == "no-effect":
        return _without_effect(row, name, row.reason, target)
    return Finding(row.id, row.severity, message, fix=row.fix or "remove it", source=row.source, about=(name,))


def _without_effect(row: VariableRule, name: str, why: str, target: Target) -> Finding:
    message = f"{name} has no effect: {why}"
    fix = row.fix or "remove it"
    mendable = not may_be_read(name, target)
    return Finding(row.id, row.severity, message, fix=fix, source=row.source, mendable=mendable, about=(name,))


def may_be_read(name: str, target: Target) -> bool:
    """Return whether some program may read a variable: its release there is not known, or has it.

    What a program reads, nobody takes out: the job may run another program than those that a row speaks of.
    """
    if open_ended(name) is not None:
        return True
    return any(_may_be_within(row, target) for row in readers(name))


def _may_be_within(row: Name, target: Target) -> bool:
    if row.component not in COMPONENTS:
        return True
    bounds = ((row.since, None), (None, row.until))
    return not any(
        (since or until) and bound_holds(target, row.component, since, until) is False for since, until in bounds
    )


def _life_spans(name: str, value: str | None, about: Iterable[VariableRule]) -> list[VariableRule]:
    """Return the rows that say which releases read a variable: the catalog's own, else what the sources' tags tell."""
    own = [row for row in about if row.effect == "option" and (row.since or row.until)]
    speaking = [row for row in own if _speaks_of(row, value)]
    found = None if speaking else known().get(name)
    if found is None or found.component not in COMPONENTS:
        return speaking
    since = {found.component: found.since} if found.since else {}
    until = {found.component: found.until} if found.until else {}
    return [
        VariableRule(
            id="variable-not-read", name=name, effect="option", reason="", source=found.source, since=since, until=until
        )
    ]


def _out_of_range(options: Iterable[VariableRule], name: str, target: Target) -> list[Finding]:
    """Return a finding where a variable is known, but to other releases than the target's."""
    for row in options:
        for component in (*row.since, *row.until):
            since, until = row.since.get(component), row.until.get(component)
            if since and bound_holds(target, component, since, None) is False:
                when = f"{COMPONENTS[component]} reads it since {since}"
            elif until and bound_holds(target, component, None, until) is False:
                when = f"{COMPONENTS[component]} does not read it since {until}"
            else:
                continue
            return [_without_effect(row._replace(severity="warning", fix=""), name, when, target)]
    return []


@lru_cache(maxsize=1)
def _index() -> tuple[dict[str, list[VariableRule]], list[VariableRule]]:
    exact: dict[str, list[VariableRule]] = {}
    patterns = []
    for row in rows():
        if "*" in row.name:
            patterns.append(row)
        else:
            exact.setdefault(row.name, []).append(row)
    return exact, patterns
