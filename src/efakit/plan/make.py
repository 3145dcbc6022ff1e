"""Makes the plan of a spec: what all platforms share, then each section by its platform."""

from __future__ import annotations

from dataclasses import replace

from efakit.plan.cluster import plan_cluster
from efakit.plan.findings import job_findings, software_findings
from efakit.plan.job import plan_job
from efakit.plan.plan import Plan
from efakit.plan.platforms import platform_of
from efakit.plan.slurm.plan import plan_slurm
from efakit.plan.slurm.site import SlurmSite, plain_site
from efakit.plan.stack import Software, named_stack
from efakit.spec.model import Spec


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
