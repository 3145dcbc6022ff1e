"""The rules asked of cluster configs. A new one is a row of the registry and a function with ``@rule`` here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import NamedTuple

from efakit.finding import Severity
from efakit.lint.config.node import Path
from efakit.lint.config.view import ClusterView
from efakit.rules.registry import Rule as Row
from efakit.rules.registry import rules_of

_MODULES = (
    "schema",
    "versions",
    "names",
    "instances",
    "head",
    "capacity",
    "placement",
    "network",
    "slurm",
    "topology",
    "storage",
    "software",
    "releases",
)


@dataclass(frozen=True)
class Problem:
    """What a rule found: the path in the config, what is wrong there, and what to do.

    ``source`` is given where it is another than the rule's; ``about`` is what programs need to know of it.
    """

    path: Path
    message: str
    fix: str
    source: str = ""
    about: tuple[str, ...] = ()


Check = Callable[[ClusterView], Iterator[Problem]]


class Rule(NamedTuple):
    """A rule and the function that asks it; what it finds and why stands in the registry (``rules/registry``)."""

    row: Row
    check: Check

    @property
    def id(self) -> str:
        """The rule's name in findings."""
        return self.row.id

    @property
    def severity(self) -> Severity:
        """How bad it is."""
        return Severity(self.row.severity)


_rules: dict[str, Rule] = {}


def rule(id_: str) -> Callable[[Check], Check]:
    """Say that a function asks a rule of the registry; raise ValueError where another does, or there is none."""

    def register(check: Check) -> Check:
        row = rules_of("config").get(id_)
        if row is None:
            raise ValueError(f"rule {id_!r} has no row in efakit.rules.registry")
        if id_ in _rules:
            raise ValueError(f"duplicate rule {id_!r}")
        _rules[id_] = Rule(row, check)
        return check

    return register


def all_rules() -> tuple[Rule, ...]:
    """Return all rules, in the order of their modules."""
    for module in _MODULES:
        import_module(f"efakit.lint.config.{module}")
    return tuple(_rules.values())
