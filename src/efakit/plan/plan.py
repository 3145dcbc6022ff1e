"""The whole plan of a spec."""

from __future__ import annotations

from dataclasses import dataclass, replace

from efakit.catalog.stacks import Stack
from efakit.plan.cluster import ClusterPlan, plan_cluster
from efakit.plan.decision import Decision
from efakit.plan.hooks import HooksPlan, plan_hooks
from efakit.plan.job import JobPlan, plan_job
from efakit.plan.stack import cluster_stack, decide_container_software, decide_stack
from efakit.spec.model import Job, Spec


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
    stack = cluster_stack(spec.cluster)
    cluster = plan_cluster(spec.cluster)
    software = decide_stack(stack, cluster)
    jobs = tuple(_plan_job(job, cluster, stack, spec) for job in spec.jobs)
    return Plan(
        spec,
        stack,
        replace(cluster, decisions=cluster.decisions + software),
        plan_hooks(spec, cluster.efa, stack),
        jobs,
    )


def _plan_job(job: Job, cluster: ClusterPlan, stack: Stack, spec: Spec) -> JobPlan:
    plan = plan_job(job, cluster, stack, spec.cluster.os, spec.hooks.root)
    if not any(efa for (queue, _), efa in cluster.efa.items() if queue == plan.partition):
        return plan
    software = decide_container_software(job, plan.instance_type, stack)
    return replace(plan, decisions=plan.decisions + software)
