"""The whole plan of a spec: all that was decided for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from efakit.catalog.stacks import Stack
from efakit.finding import Finding
from efakit.plan.cluster import ClusterPlan
from efakit.plan.decision import Decision, SectionPlan
from efakit.plan.job import JobPlan
from efakit.plan.slurm.plan import SlurmPlan
from efakit.spec.model import Spec

_Section = TypeVar("_Section")


@dataclass(frozen=True)
class Plan:
    """What efakit decided for a spec.

    ``cluster`` and ``jobs`` hold whatever the platform is; ``slurm`` is None where the spec's platform has no Slurm;
    ``sections`` holds what was decided for each section, by its name.
    """

    spec: Spec
    stack: Stack
    cluster: ClusterPlan
    jobs: tuple[JobPlan, ...]
    slurm: SlurmPlan | None = None
    sections: Mapping[str, SectionPlan] = field(default_factory=dict)
    software_findings: tuple[Finding, ...] = ()
    """What is wrong with the software that the spec names; the places have keys of the spec, and no line."""
    job_findings: tuple[Finding, ...] = ()
    """What is wrong with jobs and shows in no cluster config, likewise."""

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All that is wrong with what the spec names."""
        return (*self.software_findings, *self.job_findings)

    @property
    def decisions(self) -> tuple[Decision, ...]:
        """Every decision: cluster, sections, hooks, jobs."""
        return tuple(decision for _, decisions in self.chapters for decision in decisions)

    @property
    def chapters(self) -> tuple[tuple[str, tuple[Decision, ...]], ...]:
        """The decisions by what they are about: each chapter's title and its decisions."""
        found = [("Cluster", self.cluster.decisions)]
        found += [(f"Section {name}", section.decisions) for name, section in self.sections.items()]
        if self.slurm is not None:
            found.append(("Hooks", self.slurm.hooks.decisions))
        return (*found, *((f"Job {job.job.name}", job.decisions) for job in self.told_jobs))

    @property
    def told_jobs(self) -> tuple[JobPlan, ...]:
        """The jobs with all that was decided for them: with what is Slurm's own, where the platform has Slurm."""
        return self.jobs if self.slurm is None else self.slurm.jobs

    def section(self, kind: type[_Section]) -> _Section | None:
        """Return what was decided for a section, by its type; None where the spec does not have the section."""
        return next((section for section in self.sections.values() if isinstance(section, kind)), None)
