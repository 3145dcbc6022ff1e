"""Decides EFA, nearness and capacity of each compute resource. Here is why a placement group is wanted or not."""

from __future__ import annotations

from efakit.plan.decision import Decision
from efakit.spec.model import ComputeResource, Queue

_EFA_PAGE = "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/efa.html"
_PLACEMENT_PAGE = "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/placement-strategies.html"
_RESERVATION_PAGE = "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-capacity-reservations.html"
_CAPACITY_BLOCKS = "https://github.com/aws/aws-parallelcluster/issues/6311"
_RESERVATIONS = "https://github.com/aws/aws-parallelcluster/issues/4342"


def decide_efa(queue: Queue, resource: ComputeResource) -> tuple[bool, Decision]:
    """Return whether EFA is on, and the decision: on wherever the type has it and there is more than one node."""
    names = " and ".join(instance.name for instance in resource.instances)
    without = [instance.name for instance in resource.instances if not instance.efa_capable]
    count = resource.efa_interfaces
    if resource.efa != "auto":
        on, reason, source = resource.efa == "on", "as the spec says", ""
    elif without:
        has = "has" if len(without) == 1 else "have"
        on, reason, source = False, f"{' and '.join(without)} {has} no EFA", _EFA_PAGE
    elif queue.nodes == 1:
        on, reason, source = (
            False,
            "the queue has one node, and ranks on one node use NVLink or shared memory",
            _EFA_PAGE,
        )
    elif len(queue.subnets) > 1:
        on, reason, source = (
            False,
            "the queue's subnets are in several zones, and EFA does not work across zones",
            _EFA_PAGE,
        )
    else:
        interfaces = "an unknown number of" if count is None else count
        noun = "EFA interface" if count == 1 else "EFA interfaces"
        has = "has" if len(resource.instances) == 1 else "have" if count is None else "have at least"
        reason = f"{names} {has} {interfaces} {noun} and the queue more than one node"
        on, source = True, _EFA_PAGE
    return on, _decision(queue, resource, "EFA", "on" if on else "off", reason, source)


def decide_placement_group(queue: Queue, resource: ComputeResource, efa: bool) -> tuple[str, Decision]:
    """Return the placement group and the decision, for a platform that makes the nodes.

    The group is ``managed`` (the platform makes one), ``none``, or the name of a group of the user's.
    """
    asked = resource.placement_group or queue.placement_group
    if asked is not None:
        reason, source = "as the spec says" if asked in ("managed", "none") else "the group that the spec names", ""
    else:
        reason, source = _against(queue, resource, efa)
    choice = asked or ("none" if reason else "managed")
    if not reason:
        reason, source = "nodes that are near each other have the lowest latency", _PLACEMENT_PAGE
    return choice, _decision(queue, resource, "placement group", choice, reason, source)


def decide_capacity(queue: Queue, resource: ComputeResource) -> Decision:
    """Return how the nodes are bought, for a platform that makes them."""
    target = resource.reservation or resource.reservation_group or queue.reservation or queue.reservation_group
    if target:
        kind = "a Capacity Block" if queue.capacity == "capacity-block" else "a capacity reservation"
        choice, reason = target, f"{kind} that the spec names"
    elif queue.capacity == "spot":
        choice, reason = "spot", "as the spec says; EC2 may reclaim an instance, and the job is then requeued"
    else:
        choice, reason = "on-demand", "the spec names no reservation, and EC2 does not reclaim On-Demand instances"
    return _decision(queue, resource, "capacity", choice, reason, _RESERVATION_PAGE)


def _against(queue: Queue, resource: ComputeResource, efa: bool) -> tuple[str, str]:
    """Return what speaks against a placement group, and on whose word; empty texts where nothing does."""
    if queue.capacity == "capacity-block":
        reason = (
            "the instances of a Capacity Block are already placed; with a group the launch can fail with "
            "insufficient capacity"
        )
        return reason, _CAPACITY_BLOCKS
    if is_reserved(queue, resource):
        reason = (
            "if a reservation was not created in the group, its instances can be elsewhere, and the launch fails with "
            "insufficient capacity; for a reservation that was created in your own group write placement_group: NAME"
        )
        return reason, _RESERVATIONS
    if not efa:
        return "without EFA a placement group helps little, and it makes capacity harder to get", _PLACEMENT_PAGE
    barred = [instance.name for instance in resource.instances if instance.supports_cluster_placement is False]
    if barred:
        return f"{' and '.join(barred)} cannot be in a cluster placement group", _PLACEMENT_PAGE
    return "", ""


def is_reserved(queue: Queue, resource: ComputeResource) -> bool:
    """Return whether the nodes come from a reservation."""
    parts = (resource.reservation, resource.reservation_group, queue.reservation, queue.reservation_group)
    return any(parts)


def _decision(queue: Queue, resource: ComputeResource, what: str, choice: str, reason: str, source: str) -> Decision:
    subject = f"{what} of {queue.name}/{resource.name}"
    return Decision(subject, choice, reason, source, what.replace(" ", "-").lower(), (queue.name, resource.name))
