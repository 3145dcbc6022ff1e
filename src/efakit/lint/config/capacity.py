"""Capacity: Capacity Blocks, reservations, counts, usage classes, UltraServers."""

from __future__ import annotations

import re
from collections.abc import Iterator

from efakit.catalog.instances import Instance
from efakit.lint.config.node import shown
from efakit.lint.config.rule import Problem, rule
from efakit.lint.config.view import ClusterView, Resource
from efakit.rules import cluster

_USAGE = {"ONDEMAND": "on-demand", "SPOT": "spot", "CAPACITY_BLOCK": "capacity-block"}
_STRATEGIES = {
    "ONDEMAND": ("lowest-price", "prioritized"),
    "SPOT": ("lowest-price", "capacity-optimized", "price-capacity-optimized", "capacity-optimized-prioritized"),
    "CAPACITY_BLOCK": (),
}
# pcluster/constants.py ULTRASERVER_CAPACITY_BLOCK_ALLOWED_SIZE_DICT: family and instances of one UltraServer's block.
_ULTRASERVERS = {"p6e-gb200": (9, 18)}
_RESERVATION_ID = r"^cr-[0-9a-f]{8,17}$"


@rule("counts")
def counts(view: ClusterView) -> Iterator[Problem]:
    """Refuse a compute resource that must have more nodes than it may have."""
    for resource in view.resources:
        if resource.min_count > resource.max_count and resource.node.at("MaxCount").whole != 0:
            node = resource.node.at("MinCount")
            fault = cluster.counts(resource.name, resource.min_count, resource.max_count)
            if fault is not None:
                yield Problem(node.path, *fault)


@rule("block-without-reservation")
def block_without_reservation(view: ClusterView) -> Iterator[Problem]:
    """Refuse CAPACITY_BLOCK without CapacityReservationId; a resource group does not do."""
    for resource in view.resources:
        if resource.queue.is_block and resource.reservation_id is None:
            fault = cluster.block_without_reservation(resource.name)
            yield Problem((*resource.node.path, "CapacityReservationTarget"), *fault)


@rule("block-counts")
def block_counts(view: ClusterView) -> Iterator[Problem]:
    """Refuse CAPACITY_BLOCK unless MinCount equals MaxCount and is above zero."""
    for resource in view.resources:
        if resource.queue.is_block and (resource.min_count != resource.max_count or resource.min_count == 0):
            node = resource.node.at("MinCount")
            numbers = f"MinCount {resource.min_count} and MaxCount {resource.max_count}"
            message = f"{resource.name} runs on a Capacity Block, with {numbers}"
            yield Problem(
                node.path,
                message,
                f"set MinCount to MaxCount ({max(resource.max_count, 1)}): the whole block is paid for in any case",
            )


@rule("block-placement-group")
def block_placement_group(view: ClusterView) -> Iterator[Problem]:
    """Point out a group that makes a block's launch fail for lack of capacity."""
    for resource in view.resources:
        if resource.queue.is_block and resource.grouped:
            message = (
                f"{resource.name} runs on a Capacity Block, whose instances already have their placement, and "
                "requests a placement group"
            )
            yield Problem(resource.placement.path, message, "set PlacementGroup: {Enabled: false}")


@rule("reservation-managed-group")
def reservation_managed_group(view: ClusterView) -> Iterator[Problem]:
    """Point out a managed group with a reservation: the group is made with the cluster, after the reservation.

    So the reservation is never in it, and what does not lie near enough by chance cannot be used:
    https://github.com/aws/aws-parallelcluster/issues/4215.
    """
    for resource in view.resources:
        given = resource.reservation_id or resource.reservation_group
        if given and not resource.queue.is_block and resource.grouped and resource.placement_name is None:
            message = (
                f"{resource.name} uses the reservation {shown(given)} and a placement group that the cluster "
                "creates: the reservation is outside of this group, and some of its capacity may not be usable"
            )
            fix = "set PlacementGroup: {Enabled: false}, or {Name: ...} with the reservation's own group"
            yield Problem(resource.placement.path, message, fix)


@rule("reservation-target")
def reservation_target(view: ClusterView) -> Iterator[Problem]:
    """Refuse a CapacityReservationTarget with neither id nor resource group."""
    nodes = [queue.node for queue in view.queues] + [resource.node for resource in view.resources]
    for target in (node.at("CapacityReservationTarget") for node in nodes):
        keys = ("CapacityReservationId", "CapacityReservationResourceGroupArn")
        if isinstance(target.value, dict) and not any(target.at(key).value for key in keys):
            yield Problem(target.path, "CapacityReservationTarget names no reservation", f"add {' or '.join(keys)}")


@rule("reservation-id")
def reservation_id(view: ClusterView) -> Iterator[Problem]:
    """Refuse ids that do not read cr- and hexadecimal digits."""
    nodes = [queue.node for queue in view.queues] + [resource.node for resource in view.resources]
    for node in (item.at("CapacityReservationTarget", "CapacityReservationId") for item in nodes):
        if node.text is not None and not re.match(_RESERVATION_ID, node.text):
            yield Problem(
                node.path,
                f"{shown(node.text)} is not the id of a capacity reservation",
                "write the id, such as cr-0123456789abcdef0",
            )


@rule("reservation-with-list")
def reservation_with_list(view: ClusterView) -> Iterator[Problem]:
    """Refuse an id beside Instances: a reservation is of one type."""
    for resource in view.resources:
        if resource.reservation_id is not None and resource.is_flexible:
            message = (
                f"{resource.name} lists several instance types and names one reservation, which covers one type only"
            )
            yield Problem(resource.node.at("Instances").path, message, "write InstanceType, or name a resource group")


@rule("reservation-of-two-types")
def reservation_of_two_types(view: ClusterView) -> Iterator[Problem]:
    """Refuse an id that compute resources of different types share: one of them cannot be the reservation's."""
    first: dict[str, str] = {}
    for resource in view.resources:
        node = resource.node.at("InstanceType")
        if resource.reservation_id is None or node.text is None:
            continue
        known = first.setdefault(resource.reservation_id, node.text)
        if known != node.text:
            message = f"{resource.name} is {node.text}, but {resource.reservation_id} is already used for {known}"
            yield Problem(node.path, message, "give each instance type its own reservation")


@rule("usage-class")
def usage_class(view: ClusterView) -> Iterator[Problem]:
    """Refuse SPOT and CAPACITY_BLOCK where EC2 does not sell the type so."""
    for resource, node, instance in view.typed():
        fault = cluster.usage_class(instance, _USAGE.get(resource.queue.capacity))
        if fault is not None:
            at = resource.queue.node.at("CapacityType")
            yield Problem(at.path if at.present else node.path, *fault)


@rule("spot-with-reservation")
def spot_with_reservation(view: ClusterView) -> Iterator[Problem]:
    """Refuse SPOT with a reservation, by id or by group."""
    for resource in view.resources:
        given = resource.reservation_id or resource.reservation_group
        if given and resource.queue.capacity == "SPOT":
            yield Problem(resource.reservation.path, *cluster.spot_with_reservation(resource.name, shown(given)))


@rule("allocation-strategy")
def allocation_strategy(view: ClusterView) -> Iterator[Problem]:
    """Refuse strategies that a queue with a list of types cannot use with its capacity type."""
    for queue in view.queues:
        node = queue.node.at("AllocationStrategy")
        allowed = _STRATEGIES.get(queue.capacity)
        flexible = any(resource.is_flexible for resource in queue.resources)
        if node.text is not None and allowed is not None and node.text not in allowed and flexible:
            message = f"AllocationStrategy {shown(node.text)} does not work with {queue.capacity}"
            yield Problem(node.path, message, f"write one of {', '.join(allowed)}" if allowed else "remove it")


@rule("spot-price")
def spot_price(view: ClusterView) -> Iterator[Problem]:
    """Point out a price that has no effect."""
    for resource in view.resources:
        node = resource.node.at("SpotPrice")
        if node.value is not None and resource.queue.capacity != "SPOT":
            message = f"SpotPrice has no effect: queue {resource.queue.name} is {resource.queue.capacity}"
            yield Problem(node.path, message, "remove it, or set CapacityType: SPOT")


def _of_ultraservers(view: ClusterView) -> Iterator[tuple[list[Resource], int, tuple[int, ...]]]:
    """Give the compute resources on one UltraServer's block, the nodes that they ask for, and its possible sizes."""
    by_block: dict[tuple[str, str], list[Resource]] = {}
    for resource in view.resources:
        family = next(
            (name for node in resource.types for name in _ULTRASERVERS if str(node.text).startswith(name)), None
        )
        if family is not None and resource.queue.is_block and resource.reservation_id is not None:
            by_block.setdefault((family, resource.reservation_id), []).append(resource)
    for (family, _id), resources in by_block.items():
        yield resources, sum(resource.max_count for resource in resources), _ULTRASERVERS[family]


@rule("ultraserver-too-large")
def ultraserver_too_large(view: ClusterView) -> Iterator[Problem]:
    """Refuse more nodes on one block than the largest UltraServer has."""
    for resources, nodes, sizes in _of_ultraservers(view):
        if nodes > sizes[-1]:
            path = resources[-1].node.at("MaxCount").path
            message = f"{nodes} nodes on one block, but an UltraServer's block has {' or '.join(map(str, sizes))}"
            yield Problem(path, message, "use a block for each UltraServer")


@rule("ultraserver-part")
def ultraserver_part(view: ClusterView) -> Iterator[Problem]:
    """Point out a number of nodes that leaves part of a paid block idle."""
    for resources, nodes, sizes in _of_ultraservers(view):
        if nodes < sizes[-1] and nodes not in sizes:
            path = resources[-1].node.at("MaxCount").path
            message = (
                f"{nodes} nodes, but an UltraServer's block has {' or '.join(map(str, sizes))}: some instances "
                "stay idle"
            )
            yield Problem(path, message, f"set MinCount and MaxCount to {' or '.join(map(str, sizes))}")


# Minutes from which on an idle time is worth a word: somebody who means seconds writes 300 or 600.
_LONG_MINUTES = 120
# What makes a node expensive: as many accelerators as only the largest sizes of the families for training have.
_MANY_ACCELERATORS = 8


@rule("idle-time")
def idle_time(view: ClusterView) -> Iterator[Problem]:
    """Say what a long ScaledownIdletime costs: it counts minutes."""
    node = view.slurm.at("ScaledownIdletime")
    minutes = node.whole
    idle = [resource for resource in view.resources if resource.max_count > resource.min_count]
    if minutes is None or not idle or (minutes != -1 and minutes < _LONG_MINUTES):
        return
    most = max(idle, key=lambda resource: max((item.vcpus or 0 for item in resource.instances), default=0))
    nodes = f"up to {most.max_count} x {most.types[0].text}" if most.types else "the nodes"
    if minutes == -1:
        message = f"ScaledownIdletime -1 never stops idle nodes ({nodes})"
    else:
        message = f"ScaledownIdletime {minutes} is in minutes: idle nodes ({nodes}) run for {minutes / 60:.3g} hours"
    yield Problem(node.path, message, "write how many minutes a node may be idle, such as 10")


@rule("static-nodes")
def static_nodes(view: ClusterView) -> Iterator[Problem]:
    """Say that nodes which are always up, and are bought on demand, cost money without a job."""
    for resource in view.resources:
        if resource.min_count == 0 or resource.queue.capacity != "ONDEMAND":
            continue
        if resource.reservation_id is not None or resource.reservation_group is not None:
            continue
        types = [item for item in resource.instances if _accelerators(item) >= _MANY_ACCELERATORS]
        if types:
            message = (
                f"{resource.min_count} x {types[0].name} of {resource.name} always run on demand, even without jobs"
            )
            fix = "set MinCount: 0, or use a reservation or a Capacity Block, which you pay for in any case"
            yield Problem(resource.node.at("MinCount").path, message, fix)


def _accelerators(instance: Instance) -> int:
    return (instance.gpus or 0) + (instance.neuron_devices or 0)
