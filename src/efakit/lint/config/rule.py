"""The registry of rules for cluster configs. A new rule is a function with ``@rule`` in one of ``_MODULES``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module

from efakit.finding import Severity
from efakit.lint.config.node import Path
from efakit.lint.config.view import ClusterView

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
    "storage",
    "software",
)


@dataclass(frozen=True)
class Problem:
    """What a rule found: the path in the config, what is wrong there, and what to do.

    ``source`` is given where it is another than the rule's.
    """

    path: Path
    message: str
    fix: str
    source: str = ""


Check = Callable[[ClusterView], Iterator[Problem]]


@dataclass(frozen=True)
class Rule:
    """One rule.

    ``vendor`` names the validator of pcluster that says the same (ConfigSchema: its schema), empty where none does.
    ``stricter`` says why efakit refuses what pcluster accepts; empty where it does not.
    """

    id: str
    severity: Severity
    summary: str
    source: str
    vendor: str
    stricter: str
    check: Check


_rules: dict[str, Rule] = {}


def rule(
    id_: str, severity: str, summary: str, *, source: str, vendor: str = "", stricter: str = ""
) -> Callable[[Check], Check]:
    """Register a rule; raise ValueError where its id is taken."""

    def register(check: Check) -> Check:
        if id_ in _rules:
            raise ValueError(f"rule {id_!r} is there twice")
        _rules[id_] = Rule(id_, Severity(severity), summary, source, vendor, stricter, check)
        return check

    return register


def all_rules() -> tuple[Rule, ...]:
    """Return all rules, in the order of their modules."""
    for module in _MODULES:
        import_module(f"efakit.lint.config.{module}")
    return tuple(_rules.values())
