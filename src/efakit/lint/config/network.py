"""The network: zones, subnets, public addresses, security groups, interface type, offerings."""

from __future__ import annotations

from collections.abc import Iterator

from efakit.catalog.offerings import all_regions
from efakit.lint.config.node import Node, shown
from efakit.lint.config.rule import Problem, rule
from efakit.lint.config.view import ClusterView, Queue
from efakit.nearness import did_you_mean, near


@rule("efa-several-zones")
def efa_several_zones(view: ClusterView) -> Iterator[Problem]:
    """Refuse EFA in a queue of several zones: EFA traffic does not leave its zone."""
    for resource in view.resources:
        if resource.efa and resource.queue.several_zones:
            message = f"{resource.name} has EFA on in several Availability Zones: EFA does not work across zones"
            yield Problem(resource.queue.subnet_ids.path, message, "name one subnet")


@rule("one-type-several-subnets")
def one_type_several_subnets(view: ClusterView) -> Iterator[Problem]:
    """Refuse InstanceType with several subnets: only Instances goes with them."""
    for queue in view.queues:
        single = [item for item in queue.resources if not item.is_flexible]
        if single and len(queue.subnet_ids.texts) > 1:
            message = f"queue {queue.name} has several subnets, but {single[0].name} has a single InstanceType"
            yield Problem(queue.subnet_ids.path, message, "name one subnet, or list the types under Instances")


@rule("subnet-twice")
def subnet_twice(view: ClusterView) -> Iterator[Problem]:
    """Refuse a subnet that a queue lists twice."""
    for queue in view.queues:
        seen: set[str] = set()
        for node in queue.subnet_ids.items:
            if node.text in seen:
                yield Problem(node.path, f"{node.text} is listed twice in queue {queue.name}", "remove one of them")
            seen.update([node.text] if node.text else [])


@rule("public-address")
def public_address(view: ClusterView) -> Iterator[Problem]:
    """Refuse AssignPublicIp, and public subnets where they are known, for nodes with more than one interface."""
    public = view.account.public_subnets if view.account else frozenset()
    for queue in view.queues:
        several = next((resource for resource in queue.resources if resource.several_interfaces), None)
        if several is None:
            continue
        why = (
            f"nodes of {several.name} have several network interfaces, and AWS assigns no public address to such nodes"
        )
        assign = queue.networking.at("AssignPublicIp")
        if assign.flag is True:
            yield Problem(assign.path, why, "remove AssignPublicIp and use a private subnet with a NAT gateway")
        for node in queue.subnet_ids.items:
            if node.text in public:
                fix = "use a private subnet with a NAT gateway"
                yield Problem(node.path, f"{node.text} assigns public addresses, but {why}", fix)


@rule("interface-type")
def interface_type(view: ClusterView) -> Iterator[Problem]:
    """Refuse every DevSettings/EfaInterfaceType but efa."""
    node = view.root.at("DevSettings", "EfaInterfaceType")
    if node.text is not None and node.text != "efa" and view.has("efa-only-interfaces"):
        message = f"EfaInterfaceType {shown(node.text)} has no effect: efa is the only valid value"
        yield Problem(node.path, message, "write efa for interfaces that also carry IP, or remove it")


@rule("security-group-self")
def security_group_self(view: ClusterView) -> Iterator[Problem]:
    """Refuse own security groups of which none allows all traffic from and to itself; needs the account."""
    for queue in view.queues:
        groups = queue.networking.at("SecurityGroups")
        named = groups.texts
        known = view.account.open_to_themselves if view.account else {}
        if _has_efa(queue) and named and all(group in known and not known[group] for group in named):
            message = f"no security group of queue {queue.name} allows all traffic from itself and to itself"
            fix = "add a rule for all protocols from the group and one to the group, or remove SecurityGroups"
            yield Problem(groups.path, message, fix)


@rule("security-group-unseen")
def security_group_unseen(view: ClusterView) -> Iterator[Problem]:
    """Say what own security groups must allow where the account is not known."""
    for queue in view.queues:
        groups = queue.networking.at("SecurityGroups")
        known = view.account.open_to_themselves if view.account else {}
        unseen = [group for group in groups.texts if group not in known]
        if _has_efa(queue) and unseen:
            message = f"EFA needs all traffic from and to the group itself, and {', '.join(unseen)} was not checked"
            yield Problem(
                groups.path,
                message,
                "check with --aws, or remove SecurityGroups: ParallelCluster's own groups allow this traffic",
            )


@rule("security-groups-mixed")
def security_groups_mixed(view: ClusterView) -> Iterator[Problem]:
    """Point out that nodes with own groups and nodes with ParallelCluster's may not reach each other."""
    nodes = [view.head.at("Networking", "SecurityGroups")]
    nodes += [queue.networking.at("SecurityGroups") for queue in view.queues]
    nodes += [pool.at("Networking", "SecurityGroups") for pool in view.pools]
    own = [node for node in nodes if node.texts]
    if own and len(own) < len(nodes):
        message = (
            "some nodes have their own security groups and others have ParallelCluster's: they may not reach each other"
        )
        yield Problem(own[0].path, message, "use AdditionalSecurityGroups, which add yours to ParallelCluster's")


def _has_efa(queue: Queue) -> bool:
    return any(resource.efa for resource in queue.resources)


@rule("region-unknown")
def region_unknown(view: ClusterView) -> Iterator[Problem]:
    """Point out a region that AWS is not known to have."""
    node = view.root.at("Region")
    if node.text is not None and node.text not in all_regions():
        meant = did_you_mean(near(node.text, all_regions(), most=2, cutoff=0.8))
        yield Problem(node.path, f"unknown AWS region {shown(node.text)}", meant or "check its name")


@rule("offering-region")
def offering_region(view: ClusterView) -> Iterator[Problem]:
    """Refuse types outside the region's offerings, where these are known."""
    region = view.root.at("Region").text
    if view.offerings is None or region is None:
        return
    for node in view.type_nodes():
        if view.instance(node.text) is not None and view.offerings.offered_in_region(str(node.text), region) is False:
            yield Problem(
                node.path,
                f"{node.text} is not offered in {region}",
                "use another region or another type; 'efakit catalog update' refreshes efakit's list",
            )


@rule("offering-zone")
def offering_zone(view: ClusterView) -> Iterator[Problem]:
    """Refuse types that no zone of the queue's subnets offers; needs the subnets' zones and the offerings."""
    zones = view.account.zones if view.account else {}
    if view.offerings is None:
        return
    for node, subnets, name in _placed(view):
        instance = view.instance(node.text)
        known = [zones[subnet] for subnet in subnets if subnet in zones]
        if instance is None or not known:
            continue
        if all(view.offerings.offered_in_zone(instance.name, zone) is False for zone in known):
            message = f"{instance.name} of {name} is not offered in {', '.join(known)}"
            yield Problem(
                node.path,
                message,
                "use a subnet in a zone that offers it; 'efakit catalog update' refreshes efakit's list",
            )


def _placed(view: ClusterView) -> Iterator[tuple[Node, list[str], str]]:
    """Give whatever names an instance type with its subnets, and whose it is."""
    subnet = view.head.at("Networking", "SubnetId").text
    yield view.head.at("InstanceType"), [subnet] if subnet else [], "the head node"
    for pool in view.pools:
        name = pool.at("Name").text or f"number {pool.key}"
        yield pool.at("InstanceType"), pool.at("Networking", "SubnetIds").texts, f"the login nodes {name}"
    for resource in view.resources:
        for node in resource.types:
            yield node, resource.queue.subnet_ids.texts, resource.name


@rule("subnet-too-small")
def subnet_too_small(view: ClusterView) -> Iterator[Problem]:
    """Refuse more interfaces with an address than a queue's subnets have free; needs the account."""
    free = view.account.free_addresses if view.account else {}
    wanted: dict[tuple[str, ...], int] = {}
    places: dict[tuple[str, ...], Queue] = {}
    for queue in view.queues:
        subnets = tuple(queue.subnet_ids.texts)
        if subnets and all(subnet in free for subnet in subnets):
            places.setdefault(subnets, queue)
            wanted[subnets] = wanted.get(subnets, 0) + sum(
                resource.max_count * resource.interfaces_with_addresses for resource in queue.resources
            )
    for subnets, count in wanted.items():
        available = sum(free[subnet] for subnet in subnets)
        if count > available:
            message = f"the nodes need {count} addresses, but {', '.join(subnets)} has {available} free"
            yield Problem(places[subnets].subnet_ids.path, message, "use a larger subnet, or lower MaxCount")
