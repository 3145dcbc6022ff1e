"""Decides the node groups: where their nodes start, near each other or not, and who attaches the EFA interfaces."""

from __future__ import annotations

from dataclasses import dataclass

from efakit.catalog import eks as rows
from efakit.catalog.instances import Instance
from efakit.plan.cluster import QueuePlan, ResourcePlan
from efakit.plan.decision import Decision
from efakit.spec.eks.model import Eks

OPEN = "open"
"""No placement group: eksctl leaves its own away where a group says how reservations are used: EC2's own way."""
MANAGED = "managed"
"""A placement group that eksctl makes, or the launch template's stack."""


@dataclass(frozen=True)
class Group:
    """A node group. ``placement``: ``managed``, ``open`` (none) or a group's name."""

    name: str
    queue: QueuePlan
    resource: ResourcePlan
    zone: str
    subnet: str | None
    placement: str
    launch_template: bool
    """A stack of CloudFormation has the launch template; else eksctl makes one."""
    ami_family: str
    label: str
    """Of the queue, on its nodes."""

    @property
    def instances(self) -> tuple[Instance, ...]:
        """The instance types."""
        return self.resource.resource.instances

    @property
    def efa(self) -> bool:
        """Whether the nodes get EFA interfaces."""
        return self.resource.efa

    @property
    def reservation(self) -> str | None:
        """The reservation that the nodes come from, None without one."""
        return self.resource.resource.reservation or self.queue.queue.reservation

    @property
    def reservation_group(self) -> str | None:
        """The group of reservations, None without one."""
        if self.reservation:
            return None
        return self.resource.resource.reservation_group or self.queue.queue.reservation_group

    @property
    def block(self) -> bool:
        """Whether the nodes come from a Capacity Block."""
        return self.queue.queue.capacity == "capacity-block"

    @property
    def sizes(self) -> tuple[int, int, int]:
        """The least nodes, those at the beginning, and the most."""
        resource = self.resource.resource
        if self.block:
            return resource.nodes, resource.nodes, resource.nodes
        least = resource.min_nodes or 0
        return least, resource.nodes if resource.min_nodes is None else least, resource.nodes


def decide_group(
    section: Eks, queue: QueuePlan, resource: ResourcePlan, name: str, label: str
) -> tuple[Group, list[Decision]]:
    """Return the node group of a compute resource, and the decisions."""
    subject = f"node group {name}"
    zone, subnet, where = _where(section, queue, subject)
    placement, nearness = _placement(resource, subject)
    template, interfaces = _interfaces(section, resource, subject)
    family, image = _image(section, resource, subject)
    group = Group(name, queue, resource, zone, subnet, placement, template, family, label)
    decisions = [where, nearness, interfaces, image, _sizes(group, subject), _security(section, group, subject)]
    return group, [item for item in decisions if item is not None]


def _where(section: Eks, queue: QueuePlan, subject: str) -> tuple[str, str | None, Decision]:
    name = queue.queue.name
    zone = section.queue_zones.get(name) or [*section.zones, *section.subnets][0]
    own = queue.queue.subnets[0] if queue.queue.subnets and section.subnets else None
    subnet = own or section.subnets.get(zone)
    reason = "EFA works within one zone; without a zone eksctl spreads the group over all zones of the cluster"
    if own:
        reason = f"the queue's own subnet; {reason}"
    elif queue.queue.subnets:
        reason = f"eksctl creates the VPC (eks.zones), so the queue's subnet is not used; {reason}"
    return zone, subnet, Decision(subject, f"one zone: {subnet or zone}", reason, rows.VALIDATION)


def _placement(resource: ResourcePlan, subject: str) -> tuple[str, Decision | None]:
    """Return the placement group: what the cluster's plan wants, in eksctl's words."""
    if not resource.efa:
        return OPEN, None
    known = resource.nearness
    if resource.placement_group == "managed":
        return MANAGED, Decision(subject, "a placement group of its own", known.reason, rows.LAUNCH_TEMPLATE)
    if resource.placement_group != "none":
        return resource.placement_group, Decision(
            subject, f"placement group {known.choice}", known.reason, known.source
        )
    reason = f"{known.reason}; eksctl creates a placement group unless capacityReservation is set"
    return OPEN, Decision(subject, "no placement group", reason, rows.NO_GROUP)


def _interfaces(section: Eks, resource: ResourcePlan, subject: str) -> tuple[bool, Decision]:
    if not resource.efa:
        return False, Decision(subject, "no EFA", "EFA is off for its compute resource", rows.EFA_GUIDE)
    wrong = next(filter(rows.miscounted, resource.resource.instances), None)
    if wrong is None:
        reason = "eksctl attaches one EFA interface to each network card, which is the type's maximum"
        cards = resource.resource.efa_interfaces
        if cards and cards > 1:
            reason += (
                f". Each takes an IP address of the subnet: {cards} for each node, in addition to those of the pods"
            )
        return False, Decision(subject, "efaEnabled", reason, rows.INTERFACES)
    reason = (
        f"eksctl would attach {wrong.network_cards} EFA interfaces to {wrong.name}, one per network card, but the "
        f"type allows {wrong.efa_interfaces}: the launch would fail. The launch template has a plain interface on "
        "card 0 and efa-only interfaces, which take no IP address, on the other cards"
    )
    return True, Decision(subject, "a launch template by CloudFormation", reason, rows.MISCOUNT)


def _image(section: Eks, resource: ResourcePlan, subject: str) -> tuple[str, Decision]:
    instance = resource.resource.instance
    if section.ami_family:
        return section.ami_family, Decision(subject, section.ami_family, "as the spec says")
    if not resource.efa:
        return "AmazonLinux2023", Decision(subject, "AmazonLinux2023", "eksctl's default", rows.VALIDATION)
    family = rows.ami_family(instance)
    reason = "its GPU and Neuron images contain the EFA driver and reserve huge pages"
    if family == "Bottlerocket":
        reason = (
            "all its images contain the EFA driver; Amazon Linux 2023 contains it in the GPU and Neuron images only"
        )
    return family, Decision(subject, family, reason, rows.DEVICES_GUIDE)


def _sizes(group: Group, subject: str) -> Decision:
    least, now, most = group.sizes
    reason = "no autoscaler is installed: you pay for these nodes until you scale the group (eksctl scale nodegroup)"
    if group.block:
        reason = "all nodes of the Capacity Block, from its start to its end"
    return Decision(subject, f"{now} nodes ({least} to {most})", reason, rows.ENDS_WITH_NODE)


def _security(section: Eks, group: Group, subject: str) -> Decision | None:
    if not group.efa:
        return None
    if group.launch_template:
        reason = "EFA traffic is neither TCP nor UDP: the stack's security group allows all traffic to and from itself"
        return Decision(subject, "a security group open to itself", reason, rows.EFA_GUIDE)
    built_in = section.nodes == "managed" and rows.minor(section.version) >= rows.minor(rows.BUILT_IN_GROUP_KUBERNETES)
    choice = "the cluster's security group" if built_in else "a security group that eksctl makes"
    reason = "it allows EFA traffic between its members"
    if section.security_groups:
        reason += "; each of eks.security_groups must allow it too"
    return Decision(subject, choice, reason, rows.BUILT_IN_GROUP)
