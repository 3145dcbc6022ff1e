"""Decides the cluster: head node, queues, Slurm settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from efakit.catalog import head_nodes
from efakit.catalog.release_traits import has_trait
from efakit.plan.decision import Decision
from efakit.plan.network import decide_efa, decide_placement_group
from efakit.spec.model import Cluster, ComputeResource, Queue

_EXCLUSIVE = "https://docs.aws.amazon.com/parallelcluster/latest/ug/Scheduling-v3.html"
_SLURM_CONF = "https://slurm.schedmd.com/slurm.conf.html"
_FLAGS_OF_ALLOC = "https://slurm.schedmd.com/prolog_epilog.html"


@dataclass(frozen=True)
class ResourcePlan:
    """A compute resource with what was decided for it."""

    resource: ComputeResource
    efa: bool
    placement_group: dict[str, object]
    min_nodes: int
    slurm_settings: dict[str, str | int | float | bool]


@dataclass(frozen=True)
class QueuePlan:
    """A queue with what was decided for it."""

    queue: Queue
    resources: tuple[ResourcePlan, ...]


@dataclass(frozen=True)
class ClusterPlan:
    """All that cluster.yaml says of the cluster itself."""

    cluster: Cluster
    head_instance: str
    queues: tuple[QueuePlan, ...]
    slurm_settings: dict[str, str | int | float | bool]
    decisions: tuple[Decision, ...]
    login_instances: tuple[str, ...] = ()

    @property
    def efa(self) -> dict[tuple[str, str], bool]:
        """Whether EFA is on, for each queue and compute resource by name."""
        return {(queue.queue.name, item.resource.name): item.efa for queue in self.queues for item in queue.resources}


def plan_cluster(cluster: Cluster) -> ClusterPlan:
    """Return the plan of a cluster."""
    head_instance, head = _head_node(cluster)
    settings, flags = _slurm_settings(cluster.slurm_settings)
    decisions = [head, flags]
    queues = []
    for number, queue in enumerate(cluster.queues):
        resources = []
        for place, resource in enumerate(queue.compute_resources):
            item, made = _resource(queue, resource, ("Scheduling", "SlurmQueues", number), place)
            resources.append(item)
            decisions += made
        queues.append(QueuePlan(queue, tuple(resources)))
        decisions.append(_exclusive(queue, ("Scheduling", "SlurmQueues", number, "JobExclusiveAllocation")))
    login = tuple(pool.instance.name if pool.instance else head_instance for pool in cluster.login_nodes)
    decisions.append(_interface_type(cluster))
    return ClusterPlan(cluster, head_instance, tuple(queues), settings, tuple(decisions), login)


def _head_node(cluster: Cluster) -> tuple[str, Decision]:
    place = ("HeadNode", "InstanceType")
    if cluster.head_node.instance is not None:
        name = cluster.head_node.instance.name
        return name, Decision("head node", name, "as the spec says", place=place)
    nodes = sum(queue.nodes for queue in cluster.queues)
    architecture = cluster.queues[0].compute_resources[0].instance.architecture or "x86_64"
    size = next(
        row for row in head_nodes.HEAD_NODE_SIZES if row.architecture == architecture and nodes <= row.most_nodes
    )
    reason = f"{architecture} as the compute nodes; {size.reason}"
    return size.instance, Decision("head node", size.instance, reason, head_nodes.SOURCE, place)


def _slurm_settings(
    wanted: Mapping[str, str | int | float | bool],
) -> tuple[dict[str, str | int | float | bool], Decision]:
    """Merge what the hooks need with what the user wants: flags are added, never taken away."""
    settings = {name: value for name, value in wanted.items() if name.lower() != "prologflags"}
    theirs = next((str(value) for name, value in wanted.items() if name.lower() == "prologflags"), "")
    flags = [flag.strip() for flag in theirs.split(",") if flag.strip()]
    if "alloc" not in [flag.lower() for flag in flags]:
        flags.insert(0, "Alloc")
    merged = ",".join(flags)
    settings["PrologFlags"] = merged
    decision = Decision(
        "Slurm's PrologFlags",
        merged,
        "without Alloc the prolog runs on a node only when a step starts there, and nodes would have no baseline",
        _FLAGS_OF_ALLOC,
        ("Scheduling", "SlurmSettings", "CustomSlurmSettings"),
    )
    return settings, decision


def _resource(
    queue: Queue, resource: ComputeResource, queue_place: tuple[str | int, ...], number: int
) -> tuple[ResourcePlan, list[Decision]]:
    place = (*queue_place, "ComputeResources", number)
    efa, efa_decision = decide_efa(queue, resource)
    group, group_decision = decide_placement_group(queue, resource, efa)
    decisions = [_placed(efa_decision, (*place, "Efa")), _placed(group_decision, (*place, "Networking"))]
    decisions += _capacity(queue, resource, place)
    block = queue.capacity == "capacity-block"
    min_nodes = resource.nodes if block else resource.min_nodes or 0
    if block:
        reason = "a Capacity Block is paid as a whole: ParallelCluster wants all of it up, so MinCount equals MaxCount"
        choice = f"{min_nodes} of {resource.nodes} nodes always up"
        subject = f"nodes of {queue.name}/{resource.name}"
        decisions.append(Decision(subject, choice, reason, _EXCLUSIVE, (*place, "MinCount")))
    settings: dict[str, str | int | float | bool] = dict(resource.slurm_settings)
    instance = resource.instance
    named = {name.lower() for name in settings} & {
        "sockets",
        "corespersocket",
        "threadspercore",
        "boards",
        "socketsperboard",
    }
    if instance.slurm_sockets and instance.slurm_cores_per_socket and not resource.flexible and not named:
        # Without ThreadsPerCore Slurm finds that CPUs match no sockets, and takes half of them away.
        threads = instance.threads_per_core if resource.smt and instance.threads_per_core else 1
        shape = {"Sockets": instance.slurm_sockets, "CoresPerSocket": instance.slurm_cores_per_socket}
        settings = {**shape, "ThreadsPerCore": threads, **settings}
        reason = f"Slurm cannot see the sockets of a {instance.name} that is not up yet, and binds ranks by them"
        choice = f"{instance.slurm_sockets} x {instance.slurm_cores_per_socket} cores x {threads} threads"
        source = instance.source_of("slurm_sockets").address
        subject = f"sockets of {queue.name}/{resource.name}"
        decisions.append(Decision(subject, choice, reason, source, (*place, "CustomSlurmSettings")))
    return ResourcePlan(resource, efa, group, min_nodes, settings), decisions


def _exclusive(queue: Queue, place: tuple[str | int, ...]) -> Decision:
    if queue.exclusive:
        reason = "EFA's counters are per device: only on whole nodes are they one job's (exclusive: false turns it off)"
        return Decision(f"whole nodes in {queue.name}", "on", reason, _EXCLUSIVE, place)
    return Decision(
        f"whole nodes in {queue.name}",
        "off",
        "as the spec says; jobs that share a node get the verdict 'shared'",
        "",
        place,
    )


def _capacity(queue: Queue, resource: ComputeResource, place: tuple[str | int, ...]) -> list[Decision]:
    """Return the decision about capacity, where there is more to it than the default."""
    source = "https://docs.aws.amazon.com/parallelcluster/latest/ug/launch-instances-odcr-v3.html"
    target = resource.reservation or resource.reservation_group or queue.reservation or queue.reservation_group
    subject = f"capacity of {queue.name}/{resource.name}"
    if target:
        kind = "a Capacity Block" if queue.capacity == "capacity-block" else "a capacity reservation"
        return [Decision(subject, str(target), f"{kind} that the spec names", source, (*place, "InstanceType"))]
    if queue.capacity == "spot":
        reason = "as the spec says; EC2 may take an instance back, and the job is requeued"
        return [Decision(subject, "spot", reason, source, (*place, "InstanceType"))]
    return [Decision(subject, "on-demand", "no reservation is named, and EC2 takes nothing back", source)]


def _interface_type(cluster: Cluster) -> Decision:
    source = "https://github.com/aws/aws-parallelcluster/pull/7262"
    place = ("DevSettings", "EfaInterfaceType")
    if cluster.efa_interface_type:
        reason = "as the spec says: an IP address on every card, as before 3.15, which public subnets need"
        return Decision("EFA interface type", cluster.efa_interface_type, reason, source, place)
    if not has_trait("efa-only-interfaces", cluster.parallelcluster):
        reason = f"ParallelCluster {cluster.parallelcluster} knows no other: an IP address on every card"
        return Decision("EFA interface type", "efa", reason, source)
    reason = "ParallelCluster's own choice from 3.15 on: one IP address a node, and EFA alone on the other interfaces"
    return Decision("EFA interface type", "efa-only", reason, source)


def _placed(decision: Decision, place: tuple[str | int, ...]) -> Decision:
    return Decision(decision.subject, decision.choice, decision.reason, decision.source, place)
