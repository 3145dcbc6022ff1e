"""The functions that ask a room's rules of the registry: each says with a decorator which rule it asks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Generic, TypeVar

from efakit.finding import INFO, Severity
from efakit.rules.registry import Rule as Row
from efakit.rules.registry import rules_of

Check = TypeVar("Check", bound=Callable[..., object])


@dataclass(frozen=True)
class Rule(Generic[Check]):
    """A rule and the function that asks it; what it finds and why stands in the registry (``rules/registry``).

    ``row`` is None where the function speaks for rows of the catalog or for several rules: each problem names its own.
    """

    row: Row | None
    check: Check

    @property
    def id(self) -> str:
        """The rule's name in findings."""
        return self.row.id if self.row else self.check.__name__

    @property
    def severity(self) -> Severity:
        """How bad it is; INFO where each problem tells."""
        return Severity(self.row.severity) if self.row else INFO

    @property
    def source(self) -> str:
        """Where the rule comes from; "" where each problem tells."""
        return self.row.source if self.row else ""


class Checks(Generic[Check]):
    """The checks of a room; they stand in ``modules``, which are imported when they are first asked for."""

    def __init__(self, room: str, modules: tuple[str, ...]) -> None:
        self._room, self._modules = room, modules
        self._rules: dict[str, Rule[Check]] = {}

    def rule(self, id_: str) -> Callable[[Check], Check]:
        """Say that a function asks a rule of the registry; raise ValueError where another does, or there is none."""

        def register(check: Check) -> Check:
            row = rules_of(self._room).get(id_)
            if row is None:
                raise ValueError(f"rule {id_!r} has no row in efakit.rules.registry")
            if id_ in self._rules:
                raise ValueError(f"duplicate rule {id_!r}")
            self._rules[id_] = Rule(row, check)
            return check

        return register

    def for_rows(self, check: Check) -> Check:
        """Say that a function names the rule of each of its problems itself."""
        self._rules[check.__name__] = Rule(None, check)
        return check

    def all(self) -> tuple[Rule[Check], ...]:
        """Return all rules, in the order of their modules."""
        for module in self._modules:
            import_module(module)
        return tuple(self._rules.values())
