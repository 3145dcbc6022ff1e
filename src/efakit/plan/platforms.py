"""The registry of platforms: how each section of a spec is planned."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from efakit.finding import Finding
from efakit.plan.cluster import QueuePlan
from efakit.plan.decision import Decision, SectionPlan
from efakit.plan.job import queue_of
from efakit.plan.stack import Software
from efakit.spec.model import Job, Spec

if TYPE_CHECKING:
    from efakit.plan.plan import Plan
    from efakit.plan.slurm.site import SlurmSite


def _no_findings(plan: Plan) -> Iterable[Finding]:
    return ()


@dataclass(frozen=True)
class Platform:
    """How a section is planned.

    ``plan`` decides what is the section's own, after cluster, jobs and hooks are planned. ``software`` is what the
    platform installs on the nodes; without it only what the spec names is known. ``slurm`` describes the Slurm cluster
    that the platform makes; without it there is none, and sbatch scripts and hooks do not apply. ``findings`` are what
    the platform lacks for the jobs; their places have keys of the spec.
    """

    plan: Callable[[Plan], SectionPlan]
    software: Callable[[Spec], Software] | None = None
    slurm: Callable[[Spec], SlurmSite] | None = None
    findings: Callable[[Plan], Iterable[Finding]] = _no_findings


def jobs_of(plan: Plan, named: Collection[str] | None) -> Iterator[tuple[Job, QueuePlan, Sequence[Decision]]]:
    """Give the jobs that a section names, or all, each with its queue and what was decided for it on every platform."""
    for item in plan.jobs:
        if named is None or item.job.name in named:
            yield item.job, queue_of(item.job, plan.cluster), item.decisions


_registered: dict[str, Platform] = {}


def register(section: str, platform: Platform) -> None:
    """Add the platform of a section; raise ValueError where the section has one."""
    if section in _registered:
        raise ValueError(f"duplicate platform {section!r}")
    _registered[section] = platform


def platform_of(section: str) -> Platform:
    """Return the platform of a section; it is registered by the module of this room that has the section's name."""
    if section not in _registered:
        import_module(f"efakit.plan.{section}")
    return _registered[section]
