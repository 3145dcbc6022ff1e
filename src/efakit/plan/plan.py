"""The whole plan of a spec."""

from __future__ import annotations

from dataclasses import dataclass

from efakit.catalog.stacks import Stack, stack_of
from efakit.plan.cluster import ClusterPlan, plan_cluster
from efakit.plan.decision import Decision
from efakit.plan.hooks import HooksPlan, plan_hooks
from efakit.plan.job import JobPlan, plan_job
from efakit.spec.model import Spec


@dataclass(frozen=True)
class Plan:
    """What efakit decided for a spec."""

    spec: Spec
    stack: Stack
    cluster: ClusterPlan
    hooks: HooksPlan
    jobs: tuple[JobPlan, ...]

    @property
    def decisions(self) -> tuple[Decision, ...]:
        """Every decision: cluster, hooks, jobs."""
        jobs = tuple(decision for job in self.jobs for decision in job.decisions)
        return self.cluster.decisions + self.hooks.decisions + jobs


def make_plan(spec: Spec) -> Plan:
    """Return the plan of a spec that was loaded without faults."""
    stack = stack_of(spec.cluster.parallelcluster, spec.cluster.plugin)
    cluster = plan_cluster(spec.cluster)
    jobs = tuple(plan_job(job, cluster, stack) for job in spec.jobs)
    return Plan(spec, stack, cluster, plan_hooks(spec, cluster.efa, stack), jobs)
