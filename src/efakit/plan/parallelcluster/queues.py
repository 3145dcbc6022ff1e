"""Decides what ParallelCluster's config says of queues and compute resources beside what every platform asks."""

from __future__ import annotations

from dataclasses import dataclass, replace

from efakit.plan.cluster import QueuePlan, ResourcePlan
from efakit.plan.decision import Decision
from efakit.plan.parallelcluster.nodes import with_access
from efakit.plan.slurm.site import Publication
from efakit.spec.model import ComputeResource, Queue
from efakit.spec.parallelcluster.model import (
    CustomAction,
    ParallelCluster,
    QueueOptions,
    ResourceOptions,
    SlurmSettings,
)

_SCHEDULING = "https://docs.aws.amazon.com/parallelcluster/latest/ug/Scheduling-v3.html"
_SHAPE = ("sockets", "corespersocket", "threadspercore", "boards", "socketsperboard")


@dataclass(frozen=True)
class PcResourcePlan:
    """A compute resource: what every platform decided, the user's options, and what was decided here."""

    plan: ResourcePlan
    options: ResourceOptions
    min_nodes: int
    slurm_settings: SlurmSettings


@dataclass(frozen=True)
class PcQueuePlan:
    """A queue, likewise."""

    plan: QueuePlan
    options: QueueOptions
    resources: tuple[PcResourcePlan, ...]


def plan_queues(
    section: ParallelCluster, queues: tuple[QueuePlan, ...]
) -> tuple[tuple[PcQueuePlan, ...], list[Decision]]:
    """Return the queues and the decisions."""
    plans, decisions = [], []
    for queue in queues:
        options = section.queue(queue.queue.name)
        resources = []
        for item in queue.resources:
            resource, made = _resource(queue.queue, item, options.resource(item.resource.name))
            resources.append(resource)
            decisions += made
        plans.append(PcQueuePlan(queue, options, tuple(resources)))
    return tuple(plans), decisions


def running(queue: PcQueuePlan, event: str, script: Publication, *arguments: str) -> PcQueuePlan:
    """Return a queue whose nodes fetch and run a published script at ``event``, after the user's own actions."""
    options = queue.options
    actions = dict(options.custom_actions)
    actions[event] = (*actions.get(event, ()), CustomAction(script.address, arguments))
    return replace(queue, options=replace(options, custom_actions=actions, iam=with_access(options.iam, script)))


def _resource(queue: Queue, plan: ResourcePlan, options: ResourceOptions) -> tuple[PcResourcePlan, list[Decision]]:
    resource = plan.resource
    decisions = [_nearness(queue, plan), plan.capacity]
    min_nodes, of = resource.min_nodes or 0, (queue.name, resource.name)
    if queue.capacity == "capacity-block":
        min_nodes = resource.nodes
        reason = "a Capacity Block is paid for as a whole: ParallelCluster requires MinCount to equal MaxCount"
        choice = f"{min_nodes} of {resource.nodes} nodes always running"
        subject = f"nodes of {queue.name}/{resource.name}"
        decisions.append(Decision(subject, choice, reason, _SCHEDULING, "min-nodes", of))
    settings = dict(options.slurm_settings)
    shape = _shape(resource)
    if shape and not {name.lower() for name in settings} & set(_SHAPE):
        settings = {**shape, **settings}
        reason = f"Slurm binds ranks by sockets and cannot see them while a {resource.instance.name} is not running"
        sockets, cores, threads = shape.values()
        choice = f"{sockets} x {cores} cores x {threads} threads"
        source = resource.instance.source_of("slurm_sockets").address
        subject = f"sockets of {queue.name}/{resource.name}"
        decisions.append(Decision(subject, choice, reason, source, "sockets", of))
    return PcResourcePlan(plan, options, min_nodes, settings), decisions


def _nearness(queue: Queue, plan: ResourcePlan) -> Decision:
    """Return the decision about the placement group, with who makes one that the spec does not ask for."""
    asked = plan.resource.placement_group or queue.placement_group
    if asked is None and plan.placement_group == "managed":
        reason = f"{plan.nearness.reason}; ParallelCluster creates and deletes the group"
        return replace(plan.nearness, reason=reason)
    return plan.nearness


def _shape(resource: ComputeResource) -> dict[str, int]:
    """Return the node's sockets, cores and threads for Slurm, in this order; nothing where they are not known."""
    instance = resource.instance
    if not (instance.slurm_sockets and instance.slurm_cores_per_socket) or resource.flexible:
        return {}
    # Without ThreadsPerCore Slurm finds that CPUs match no sockets, and takes half of them away.
    threads = instance.threads_per_core if resource.smt and instance.threads_per_core else 1
    return {
        "Sockets": instance.slurm_sockets,
        "CoresPerSocket": instance.slurm_cores_per_socket,
        "ThreadsPerCore": threads,
    }
