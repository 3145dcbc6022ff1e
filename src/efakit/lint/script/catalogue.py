"""All that the linter can say of scripts: the rules of ``rule.py`` and the rows of the catalog, in one list."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from efakit.catalog.variables import VariableRule, rows
from efakit.finding import WARNING, Severity
from efakit.lint.script.ignore import IGNORE_RULE
from efakit.lint.script.rule import all_rules
from efakit.lint.script.sources import EFAKIT
from efakit.rules.environment import bounds_text

# Rules that only speak for rows, each row under an id of its own.
_FOR_ROWS = ("variable-row", "variable-missing")


class Entry(NamedTuple):
    """One rule, or one row of the catalog, as a reader meets it in findings."""

    id: str
    severity: Severity
    summary: str
    reason: str
    source: str
    where: str = ""
    """Where a row holds, in words; empty: everywhere."""


def structural_entries() -> list[Entry]:
    """Return the rules that are no rows, in their order."""
    found = [
        Entry(rule.id, rule.severity, rule.summary, rule.reason, rule.source)
        for rule in all_rules()
        if rule.id not in _FOR_ROWS
    ]
    unknown = "a comment that leaves out a rule which is none"
    return [*found, Entry(IGNORE_RULE, WARNING, unknown, "it leaves nothing out", EFAKIT)]


def row_entries() -> list[Entry]:
    """Return the rows that can be findings, in the catalog's order."""
    return [
        Entry(row.id, Severity(row.severity), _setting(row), row.reason, row.source, bounds_text(row))
        for row in rows()
        if row.effect != "option" or row.since or row.until
    ]


@lru_cache(maxsize=1)
def rule_ids() -> frozenset[str]:
    """Return the ids of all rules and rows."""
    return frozenset((*(entry.id for entry in structural_entries()), *(row.id for row in rows())))


def _setting(row: VariableRule) -> str:
    value = "" if row.value == "*" else f"={row.value}"
    prefix = {"needed": "needs ", "option": "too early or too late: "}.get(row.effect, "")
    return f"{prefix}{row.name}{value}"
