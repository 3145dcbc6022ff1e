"""The registry of targets: a module of this room with ``@target(name)``.

A section's target has the section's name, and is found by it; the others are in ``_MODULES``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

from efakit.errors import UsageError
from efakit.plan.plan import Plan
from efakit.spec.sections import sections

# Those that follow from the jobs and the hooks, on every Slurm cluster.
_MODULES = ("sbatch", "hooks")


@dataclass(frozen=True)
class File:
    """One file of the bundle; ``path`` is relative to it, with slashes."""

    path: str
    content: bytes
    executable: bool = False


Emitter = Callable[[Plan], list[File]]


@dataclass(frozen=True)
class Target:
    """One kind of output: who writes it, and whether a plan has anything for it."""

    emit: Emitter
    applies: Callable[[Plan], bool]
    needs: str
    """What a spec must have for it, in words."""


_targets: dict[str, Target] = {}


def target(name: str) -> Callable[[Emitter], Emitter]:
    """Register a function that writes the target of a section: it applies where the section ``name`` is there.

    Raises ValueError where the name is taken.
    """
    return _register(name, lambda plan: name in plan.sections, f"the section {name!r}")


def slurm_target(name: str) -> Callable[[Emitter], Emitter]:
    """Register a function that writes a target for every Slurm cluster, whoever makes it; raises as ``target`` does."""
    needs = "a section whose platform runs Slurm, or no platform's section, for a cluster that is up already"
    return _register(name, lambda plan: plan.slurm is not None, needs)


def _register(name: str, applies: Callable[[Plan], bool], needs: str) -> Callable[[Emitter], Emitter]:
    def register(emitter: Emitter) -> Emitter:
        if name in _targets:
            raise ValueError(f"duplicate target {name!r}")
        _targets[name] = Target(emitter, applies, needs)
        return emitter

    return register


def target_names() -> tuple[str, ...]:
    """Return the names of all targets, in the order in which they are written."""
    return (*sections(), *_MODULES)


def targets() -> dict[str, Target]:
    """Return all targets by their names, in the same order."""
    return {name: _target(name) for name in target_names()}


def applying(plan: Plan) -> tuple[str, ...]:
    """Return the names of the targets that a plan has something for."""
    there = (name for name in target_names() if name in plan.sections or name in _MODULES)
    return tuple(name for name in there if _target(name).applies(plan))


def emit(plan: Plan, names: tuple[str, ...] = ()) -> list[File]:
    """Return the files of the named targets, of all that apply without names.

    Raises UsageError for a named target that does not apply.
    """
    for name in names:
        if not _target(name).applies(plan):
            raise UsageError(f"target {name}: the spec must have {_target(name).needs}")
    wanted = [name for name in target_names() if name in names] if names else applying(plan)
    return [file for name in wanted for file in _target(name).emit(plan)]


def _target(name: str) -> Target:
    if name not in _targets:
        import_module(f"efakit.emit.{name}")
    return _targets[name]
