"""The registry of targets. A new one is a module with ``@target(name)`` and a line in ``_MODULES``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

from efakit.plan.plan import Plan

_MODULES = ("parallelcluster", "sbatch", "hooks")


@dataclass(frozen=True)
class File:
    """One file of the bundle; ``path`` is relative to it, with slashes."""

    path: str
    content: bytes
    executable: bool = False


Emitter = Callable[[Plan], list[File]]
_targets: dict[str, Emitter] = {}


def target(name: str) -> Callable[[Emitter], Emitter]:
    """Register a function that writes one target of a plan; raise ValueError where the name is taken."""

    def register(emitter: Emitter) -> Emitter:
        if name in _targets:
            raise ValueError(f"target {name!r} is there twice")
        _targets[name] = emitter
        return emitter

    return register


def target_names() -> tuple[str, ...]:
    """Return the names of all targets, in the order in which they are written."""
    return _MODULES


def emit(plan: Plan, names: tuple[str, ...]) -> list[File]:
    """Return the files of the named targets."""
    files = []
    for name in _MODULES:
        if name in names:
            import_module(f"efakit.emit.{name}")
            files += _targets[name](plan)
    return files
