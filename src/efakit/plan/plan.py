"""The whole plan of a spec."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from efakit.catalog.stacks import Stack
from efakit.finding import Finding
from efakit.plan.cluster import ClusterPlan, plan_cluster
from efakit.plan.decision import Decision
from efakit.plan.findings import job_findings, software_findings
from efakit.plan.job import JobPlan, plan_job
from efakit.plan.platforms import SectionPlan, platform_of
from efakit.plan.slurm.plan import SlurmPlan, plan_slurm
from efakit.plan.slurm.site import SlurmSite, plain_site
from efakit.plan.stack import Software, named_stack
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


def make_plan(spec: Spec) -> Plan:
    """Return the plan of a spec that was loaded without faults."""
    software = software_of(spec)
    cluster = plan_cluster(spec.cluster)
    jobs = tuple(plan_job(job, cluster, software, spec.hooks.root) for job in spec.jobs)
    site = _slurm_site(spec)
    plan = Plan(
        spec,
        software.stack,
        cluster,
        jobs,
        slurm=None if site is None else plan_slurm(spec.hooks, cluster, software.stack, jobs, site),
        software_findings=software_findings(software, cluster, jobs),
        job_findings=job_findings(jobs, site),
    )
    sections = {name: platform_of(name).plan(plan) for name in spec.sections}
    of_platforms = [finding for name in spec.sections for finding in platform_of(name).findings(plan)]
    return replace(plan, sections=sections, job_findings=(*plan.job_findings, *of_platforms))


def software_of(spec: Spec) -> Software:
    """Return what runs on the nodes: what the first platform that installs software does, else what the spec names.

    A platform with Slurm comes before the others: its nodes are those of the scripts and the hooks. Raises KeyError for
    a release of the platform's that has no row.
    """
    platforms = sorted(map(platform_of, spec.platforms), key=lambda platform: platform.slurm is None)
    software = next((platform.software for platform in platforms if platform.software is not None), None)
    return Software(named_stack(spec.cluster)) if software is None else software(spec)


def _slurm_site(spec: Spec) -> SlurmSite | None:
    """Return the Slurm cluster that a platform makes, or one that is up where no platform makes nodes."""
    if not spec.platforms:
        return plain_site()
    makers = [platform_of(name).slurm for name in spec.platforms]
    return next((slurm(spec) for slurm in makers if slurm is not None), None)
