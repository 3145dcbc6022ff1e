"""The plan of what runs on a Slurm cluster: its jobs' scripts and the hooks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from efakit.catalog.layouts import layout
from efakit.catalog.stacks import Stack
from efakit.plan.cluster import ClusterPlan
from efakit.plan.job import JobPlan
from efakit.plan.slurm.hooks import HooksPlan, plan_hooks
from efakit.plan.slurm.job import SlurmJobPlan, plan_slurm_job
from efakit.plan.slurm.site import SlurmSite
from efakit.spec.model import Hooks


@dataclass(frozen=True)
class SlurmPlan:
    """What was decided for a Slurm cluster."""

    jobs: tuple[SlurmJobPlan, ...]
    hooks: HooksPlan


def plan_slurm(hooks: Hooks, cluster: ClusterPlan, stack: Stack, jobs: Sequence[JobPlan], site: SlurmSite) -> SlurmPlan:
    """Return the plan of the jobs' scripts and of the hooks on the Slurm cluster ``site``."""
    pyxis = any(job.job.container is not None and job.job.container.runtime == "pyxis" for job in jobs)
    home = layout(site.layout).home
    return SlurmPlan(
        tuple(plan_slurm_job(job, cluster, home) for job in jobs), plan_hooks(hooks, cluster, stack, site, pyxis=pyxis)
    )
