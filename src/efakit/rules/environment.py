"""Which environment variables a job needs, and what is wrong with those it sets: the catalog's rows, evaluated.

Each row holds for a target surely, surely not, or it is not known: rows act only where they surely hold, so that an
unknown version never makes a finding and never an export.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from efakit.catalog.stacks import version_key
from efakit.catalog.variable_names import known
from efakit.catalog.variables import COMPONENTS, VariableRule, rows

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from efakit.rules.target import Target

# Which of several rows about one value speaks for it.
_SEVERITIES = ("error", "warning", "info")
_WEIGHTY = ("harmful", "set-by-plugin", "way-back", "no-effect")


class Needed(NamedTuple):
    """A variable that a job must have, and the row that says so."""

    row: VariableRule
    value: str

    @property
    def name(self) -> str:
        """The variable."""
        return self.row.name


class Verdict(NamedTuple):
    """What a row has to say about a variable that a job sets."""

    row: VariableRule
    severity: str
    message: str
    fix: str

    @property
    def source(self) -> str:
        """The public address of the rule."""
        return self.row.source


def holds(row: VariableRule, target: Target, workloads: Collection[str]) -> bool | None:
    """Return whether a row holds for a target and what runs there; None where that is not known.

    ``workloads``: keys of ``WORKLOADS``; none of them: nothing is known of the program.
    """
    answers = [
        _workload_holds(row, workloads),
        _pattern_holds(target.instance, row.instances, row.except_instances),
        _pattern_holds(target.os, row.os, ""),
        *(_bound_holds(target, component, since, None) for component, since in row.since.items()),
        *(_bound_holds(target, component, None, until) for component, until in row.until.items()),
    ]
    if False in answers:
        return False
    return None if None in answers else True


def needed(target: Target, workloads: Collection[str]) -> list[Needed]:
    """Return the variables that a job needs, in the catalog's order, each once."""
    found: dict[str, Needed] = {}
    for row in rows():
        if row.effect == "needed" and row.name not in found and holds(row, target, workloads):
            found[row.name] = Needed(row, _filled(row.value, target))
    return list(found.values())


def missing(names: Collection[str], target: Target, workloads: Collection[str]) -> list[Needed]:
    """Return what a job needs and does not set; nothing where nothing is known of the target."""
    return [item for item in needed(target, workloads) if item.name not in names] if target.known else []


def judge(name: str, value: str | None, target: Target, workloads: Collection[str]) -> list[Verdict]:
    """Return what is wrong with ``name=value``, the worst first; ``value`` None: it is no literal.

    Nothing is wrong with a value that the job needs.
    """
    about = [row for row in rows_about(name) if row.effect != "needed" or row.name == name]
    surely = [row for row in about if holds(row, target, workloads)]
    if any(row.effect == "needed" and _filled(row.value, target) == value for row in surely):
        return []
    found = [row for row in surely if row.effect in _WEIGHTY and _speaks_of(row, value)]
    found.sort(key=lambda row: (_SEVERITIES.index(row.severity), _WEIGHTY.index(row.effect)))
    worst = {row.id: row for row in reversed(found)}
    verdicts = [_verdict(row, name, value) for row in found if worst[row.id] is row]
    return verdicts or _out_of_range(_life_spans(name, about), name, target)


def rows_about(name: str) -> list[VariableRule]:
    """Return every row that speaks of a variable, those of its exact name first."""
    exact, patterns = _index()
    return [*exact.get(name, ()), *(row for row in patterns if fnmatchcase(name, row.name))]


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
    return "; ".join(parts)


def within(version: str | None, since: str | None, until: str | None) -> bool:
    """Return whether ``since`` <= version < ``until``; without bounds always, with an unknown version never."""
    if since is None and until is None:
        return True
    if version is None:
        return False
    key = _key(version)
    return (since is None or _key(since) <= key) and (until is None or key < _key(until))


def _key(version: str) -> tuple[int, ...]:
    """Return a key in which 2.4 is 2.4.0."""
    key = version_key(version)
    return key + (0,) * (4 - len(key))


def _bound_holds(target: Target, component: str, since: str | None, until: str | None) -> bool | None:
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


def _pattern_holds(value: str | None, patterns: str, exceptions: str) -> bool | None:
    if patterns == "*" and not exceptions:
        return True
    if value is None:
        return None
    return _any(value, patterns) and not _any(value, exceptions)


def _any(value: str, patterns: str) -> bool:
    return any(fnmatchcase(value, pattern) for pattern in patterns.split())


def _filled(value: str, target: Target) -> str:
    return value.replace("{ranks_per_node}", target.versions.get("ranks_per_node", "{ranks_per_node}"))


def _speaks_of(row: VariableRule, value: str | None) -> bool:
    if row.effect == "set-by-plugin" or row.value == "*":
        return True
    return value is not None and matches(row.value, value)


def _verdict(row: VariableRule, name: str, value: str | None) -> Verdict:
    message = f"{name}: {row.reason}"
    if row.effect == "set-by-plugin" and row.value != "*":
        differs = value is not None and value != row.value
        message += f" (its value today: {row.value}{f', not {value}' if differs else ''})"
    if row.effect == "no-effect":
        message = f"{name} has no effect: {row.reason}"
    return Verdict(row, row.severity, message, row.fix or "remove it")


def _life_spans(name: str, about: Iterable[VariableRule]) -> list[VariableRule]:
    """Return the rows that say which releases read a variable: the catalog's own, else what the sources' tags tell."""
    own = [row for row in about if row.effect == "option" and (row.since or row.until)]
    found = None if own else known().get(name)
    if found is None or found.component not in COMPONENTS:
        return own
    since = {found.component: found.since} if found.since else {}
    until = {found.component: found.until} if found.until else {}
    return [VariableRule("variable-not-read", name, "option", "", found.source, since=since, until=until)]


def _out_of_range(options: Iterable[VariableRule], name: str, target: Target) -> list[Verdict]:
    """Return a verdict where a variable is known, but to other releases than the target's."""
    for row in options:
        for component in (*row.since, *row.until):
            since, until = row.since.get(component), row.until.get(component)
            if since and _bound_holds(target, component, since, None) is False:
                when = f"{COMPONENTS[component]} reads it from {since} on"
            elif until and _bound_holds(target, component, None, until) is False:
                when = f"{COMPONENTS[component]} has not read it since {until}"
            else:
                continue
            return [Verdict(row, "warning", f"{name} has no effect: {when}", "remove it")]
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
