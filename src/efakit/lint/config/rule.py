"""The rules asked of cluster configs. A new one is a row of the registry and a function with ``@rule`` here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from efakit.lint.checks import Checks
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


_checks: Checks[Check] = Checks("config", tuple(f"efakit.lint.config.{module}" for module in _MODULES))
rule, all_rules = _checks.rule, _checks.all
