"""Decides EFA and the placement group of each compute resource. Here is why a group is on or off."""

from __future__ import annotations

from efakit.plan.decision import Decision
from efakit.spec.model import ComputeResource, Queue

_EFA_PAGE = "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/efa.html"
_PLACEMENT_PAGE = "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/placement-strategies.html"
_CAPACITY_BLOCKS = "https://github.com/aws/aws-parallelcluster/issues/6311"
_RESERVATIONS = "https://github.com/aws/aws-parallelcluster/issues/4342"

_Section = dict[str, object]


def decide_efa(queue: Queue, resource: ComputeResource) -> tuple[bool, Decision]:
    """Return whether EFA is on, and the decision: on wherever the type has it and there is more than one node."""
    names = " and ".join(instance.name for instance in resource.instances)
    without = [instance.name for instance in resource.instances if not instance.efa_capable]
    count = resource.efa_interfaces
    if resource.efa != "auto":
        on, reason, source = resource.efa == "on", "as the spec says", ""
    elif without:
        on, reason, source = False, f"{' and '.join(without)} has no EFA", _EFA_PAGE
    elif queue.nodes == 1:
        on, reason, source = (
            False,
            "the queue has one node, and one node's ranks use NVLink or shared memory",
            _EFA_PAGE,
        )
    elif len(queue.subnets) > 1:
        on, reason, source = False, "the queue's subnets lie in several zones, and EFA does not cross them", _EFA_PAGE
    else:
        interfaces = "an unknown number of" if count is None else count
        reason = f"{names} has {interfaces} EFA interfaces and the queue more than one node"
        on, source = True, _EFA_PAGE
    return on, Decision(_subject(queue, resource, "EFA"), "on" if on else "off", reason, source)


def decide_placement_group(queue: Queue, resource: ComputeResource, efa: bool) -> tuple[_Section, Decision]:
    """Return ParallelCluster's PlacementGroup section, and the decision.

    It is always written out: ParallelCluster refuses an EFA queue that says nothing of it (EfaPlacementGroupValidator).
    """
    section, choice, reason, source = _placement(queue, resource, efa)
    return section, Decision(_subject(queue, resource, "placement group"), choice, reason, source)


def _placement(queue: Queue, resource: ComputeResource, efa: bool) -> tuple[_Section, str, str, str]:
    asked = resource.placement_group or queue.placement_group
    if asked == "managed":
        return {"Enabled": True}, "managed", "as the spec says", ""
    if asked is not None and asked != "none":
        return {"Name": asked}, asked, "the group that the spec names", ""
    reason, source = _against(queue, resource, efa) if asked is None else ("as the spec says", "")
    if reason:
        return {"Enabled": False}, "none", reason, source
    reason = "nodes near each other have the lowest latency; ParallelCluster makes the group and removes it"
    return {"Enabled": True}, "managed", reason, _PLACEMENT_PAGE


def _against(queue: Queue, resource: ComputeResource, efa: bool) -> tuple[str, str]:
    """Return what speaks against a placement group, and on whose word; empty texts where nothing does."""
    if queue.capacity == "capacity-block":
        reason = "a Capacity Block's instances are placed already; with a group the launch fails for lack of capacity"
        return reason, _CAPACITY_BLOCKS
    if is_reserved(queue, resource):
        reason = (
            "a reservation that was not made in the group has its instances elsewhere, and the launch fails for lack "
            "of capacity; one that was made in a group of yours wants placement_group: its name"
        )
        return reason, _RESERVATIONS
    if not efa:
        return "without EFA nearness gains little, and a group makes capacity harder to get", _PLACEMENT_PAGE
    barred = [instance.name for instance in resource.instances if instance.supports_cluster_placement is False]
    if barred:
        return f"{' and '.join(barred)} cannot be in a cluster placement group", _PLACEMENT_PAGE
    return "", ""


def is_reserved(queue: Queue, resource: ComputeResource) -> bool:
    """Return whether the nodes come from a reservation."""
    parts = (resource.reservation, resource.reservation_group, queue.reservation, queue.reservation_group)
    return any(parts)


def _subject(queue: Queue, resource: ComputeResource, what: str) -> str:
    return f"{what} of {queue.name}/{resource.name}"
