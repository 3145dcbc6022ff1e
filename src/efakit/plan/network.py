"""Decides EFA and the placement group of each compute resource. Here is why a group is on or off."""

from __future__ import annotations

from efakit.plan.decision import Decision
from efakit.spec.model import ComputeResource, Queue

_EFA_PAGE = "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/efa.html"
_PLACEMENT_PAGE = "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/placement-strategies.html"
_CAPACITY_BLOCKS = "https://github.com/aws/aws-parallelcluster/issues/6311"


def decide_efa(queue: Queue, resource: ComputeResource) -> tuple[bool, Decision]:
    """Return whether EFA is on, and the decision: on wherever the type has it and there is more than one node."""
    instance = resource.instance
    count = "an unknown number of" if instance.efa_interfaces is None else instance.efa_interfaces
    if resource.efa != "auto":
        on, reason, source = resource.efa == "on", "as the spec says", ""
    elif not instance.efa_capable:
        on, reason, source = False, f"{instance.name} has no EFA", _EFA_PAGE
    elif queue.nodes == 1:
        on, reason, source = (
            False,
            "the queue has one node, and one node's ranks use NVLink or shared memory",
            _EFA_PAGE,
        )
    else:
        on, reason, source = (
            True,
            f"{instance.name} has {count} EFA interfaces and the queue more than one node",
            _EFA_PAGE,
        )
    return on, Decision(_subject(queue, resource, "EFA"), "on" if on else "off", reason, source)


def decide_placement_group(queue: Queue, resource: ComputeResource, efa: bool) -> tuple[dict[str, object], Decision]:
    """Return ParallelCluster's PlacementGroup section, and the decision.

    It is always written out: ParallelCluster refuses an EFA queue that says nothing of it (EfaPlacementGroupValidator).
    """
    section, choice, reason, source = _placement(queue, resource, efa)
    return section, Decision(_subject(queue, resource, "placement group"), choice, reason, source)


def _placement(queue: Queue, resource: ComputeResource, efa: bool) -> tuple[dict[str, object], str, str, str]:
    off: dict[str, object] = {"Enabled": False}
    if queue.placement_group == "none":
        return off, "none", "as the spec says", ""
    if queue.placement_group == "managed":
        return {"Enabled": True}, "managed", "as the spec says", ""
    if queue.placement_group is not None:
        return {"Name": queue.placement_group}, queue.placement_group, "the group that the spec names", ""
    if queue.capacity == "capacity-block":
        reason = "a Capacity Block's instances are placed already; with a group the launch fails for lack of capacity"
        return off, "none", reason, _CAPACITY_BLOCKS
    if not efa:
        return (
            off,
            "none",
            "without EFA nearness gains little, and a group makes capacity harder to get",
            _PLACEMENT_PAGE,
        )
    if resource.instance.supports_cluster_placement is False:
        return off, "none", f"{resource.instance.name} cannot be in a cluster placement group", _PLACEMENT_PAGE
    reason = "nodes near each other have the lowest latency; ParallelCluster makes the group and removes it"
    return {"Enabled": True}, "managed", reason, _PLACEMENT_PAGE


def _subject(queue: Queue, resource: ComputeResource, what: str) -> str:
    return f"{what} of {queue.name}/{resource.name}"
