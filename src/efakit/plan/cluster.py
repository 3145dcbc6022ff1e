"""Decides what every platform asks of the cluster's nodes: EFA, nearness, capacity, whole nodes."""

from __future__ import annotations

from dataclasses import dataclass

from efakit.plan.decision import Decision
from efakit.plan.network import decide_capacity, decide_efa, decide_placement_group
from efakit.spec.model import Cluster, ComputeResource, Queue

_EXCLUSIVE = "https://slurm.schedmd.com/sbatch.html#OPT_exclusive"


@dataclass(frozen=True)
class ResourcePlan:
    """A compute resource with what was decided for it.

    ``placement_group`` is ``managed``, ``none`` or a group's name. Nearness and capacity count only where a platform
    makes the nodes: such a platform's plan lists the two decisions among its own.
    """

    resource: ComputeResource
    efa: bool
    placement_group: str
    nearness: Decision
    capacity: Decision


@dataclass(frozen=True)
class QueuePlan:
    """A queue with what was decided for it."""

    queue: Queue
    resources: tuple[ResourcePlan, ...]


@dataclass(frozen=True)
class ClusterPlan:
    """What was decided for the cluster, whatever the platform."""

    cluster: Cluster
    queues: tuple[QueuePlan, ...]
    decisions: tuple[Decision, ...]

    @property
    def efa(self) -> dict[tuple[str, str], bool]:
        """Whether EFA is on, for each queue and compute resource by name."""
        return {(queue.queue.name, item.resource.name): item.efa for queue in self.queues for item in queue.resources}

    @property
    def nodes(self) -> int:
        """The most nodes that the cluster has at one time."""
        return sum(queue.nodes for queue in self.cluster.queues)


def plan_cluster(cluster: Cluster) -> ClusterPlan:
    """Return the plan of a cluster."""
    queues = []
    decisions: list[Decision] = []
    for queue in cluster.queues:
        resources = []
        for resource in queue.compute_resources:
            efa, decision = decide_efa(queue, resource)
            group, nearness = decide_placement_group(queue, resource, efa)
            resources.append(ResourcePlan(resource, efa, group, nearness, decide_capacity(queue, resource)))
            decisions.append(decision)
        queues.append(QueuePlan(queue, tuple(resources)))
        decisions.append(_exclusive(queue))
    return ClusterPlan(cluster, tuple(queues), tuple(decisions))


def _exclusive(queue: Queue) -> Decision:
    subject, topic, of = f"whole nodes in {queue.name}", "whole-nodes", (queue.name,)
    if queue.exclusive:
        reason = (
            "EFA's counters count for the whole device, so they belong to one job only if the job has the whole "
            "node (exclusive: false turns it off)"
        )
        return Decision(subject, "on", reason, _EXCLUSIVE, topic, of)
    reason = "as the spec says; jobs that share a node get the verdict 'shared'"
    return Decision(subject, "off", reason, "", topic, of)
