"""Which environment variables a job needs: the rows of ``catalog.variables`` that hold for its facts."""

from __future__ import annotations

from fnmatch import fnmatchcase

from efakit.catalog.stacks import Stack, version_key
from efakit.catalog.variables import VARIABLE_RULES, VariableRule


def needed_variables(stack: Stack, instance_type: str, workload: str) -> list[VariableRule]:
    """Return the rows that hold, in the catalog's order; at most one a variable, since their bounds do not overlap."""
    return [rule for rule in VARIABLE_RULES if holds(rule, stack, instance_type, workload)]


def holds(rule: VariableRule, stack: Stack, instance_type: str, workload: str) -> bool:
    """Return whether a row holds. One with a bound does not hold where the version is not known."""
    return (
        rule.workload == workload
        and fnmatchcase(instance_type, rule.instances)
        and not fnmatchcase(instance_type, rule.except_instances)
        and within(stack.plugin, rule.plugin_since, rule.plugin_until)
    )


def within(version: str | None, since: str | None, until: str | None) -> bool:
    """Return whether ``since`` <= version < ``until``; without bounds always, with an unknown version never."""
    if since is None and until is None:
        return True
    if version is None:
        return False
    key = version_key(version)
    return (since is None or version_key(since) <= key) and (until is None or key < version_key(until))
