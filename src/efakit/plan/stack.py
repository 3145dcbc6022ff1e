"""Decides the software stack of a cluster, and says what is wrong with it on the instance types that use EFA."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict

from efakit.catalog.stacks import Stack, parallelcluster_release, stack_of
from efakit.plan.cluster import ClusterPlan
from efakit.plan.container import container_stack
from efakit.plan.decision import Decision
from efakit.rules.stack import stack_findings
from efakit.spec.model import Cluster, Job


def cluster_stack(cluster: Cluster) -> Stack:
    """Return the stack of a cluster's nodes: what its ParallelCluster release brings, and what the spec names.

    Raises KeyError for a release that has no row.
    """
    parallelcluster_release(cluster.parallelcluster)  # stack_of also knows releases that efakit writes no config for
    return stack_of(cluster.parallelcluster, **asdict(cluster.stack))


def decide_stack(stack: Stack, plan: ClusterPlan) -> tuple[Decision, ...]:
    """Return what the user should know of the nodes' stack: each error and warning, once for each type with EFA."""
    # Of an image of the user's own only that is sure which the spec names.
    named = stack_of(None, **asdict(plan.cluster.stack))
    types = {
        instance.name: named if queue.queue.ami or plan.cluster.ami else stack
        for queue in plan.queues
        for item in queue.resources
        if item.efa
        for instance in item.resource.instances
    }
    return tuple(
        decision
        for name, sure in types.items()
        for decision in _decisions(f"software on {name}", sure.versions(), name)
    )


def decide_container_software(job: Job, instance_type: str, host: Stack) -> tuple[Decision, ...]:
    """Return what the user should know of the stack in a job's container, as ``decide_stack`` does."""
    if job.container is None:
        return ()
    versions = container_stack(host, job.container).versions()
    return tuple(_decisions(f"software in the container of job {job.name}", versions, instance_type))


def _decisions(subject: str, versions: Mapping[str, str | None], instance_type: str) -> Iterator[Decision]:
    for found in stack_findings(versions, instance_type):
        if found.severity != "info":
            yield Decision(subject, f"{found.severity}: {found.fix}", found.message, found.source)
