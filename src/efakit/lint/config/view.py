"""A read-only view of a cluster config: its queues and compute resources as ParallelCluster understands them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from efakit.catalog import instances
from efakit.catalog.instances import Instance
from efakit.catalog.release_traits import has_trait
from efakit.catalog.stacks import ParallelClusterRelease, parallelcluster_release, stack_of
from efakit.lint.config.given import Account, JobNodes, Offerings
from efakit.lint.config.node import Node
from efakit.versions import within

# pcluster/constants.py
_DEFAULT_MAX_COUNT = 10


class ClusterView:
    """A config and what is known beside it."""

    def __init__(
        self,
        data: Any,
        version: str,
        jobs: Sequence[JobNodes] | None = None,
        offerings: Offerings | None = None,
        account: Account | None = None,
        software: Mapping[str, str | None] | None = None,
    ) -> None:
        self.root = Node(data)
        self.version = version
        self.jobs = tuple(jobs or ())
        self.offerings = offerings
        self.account = account
        self.software = dict(software or {})

    def before(self, version: str) -> bool:
        """Say whether the config is for a release before ``version``."""
        return within(self.version, None, version)

    def has(self, trait: str) -> bool:
        """Say whether the config's release has a trait (a row of ``catalog.release_traits``)."""
        return has_trait(trait, self.version)

    @cached_property
    def release(self) -> ParallelClusterRelease | None:
        """The release's row, None where efakit knows none."""
        try:
            return parallelcluster_release(self.version)
        except KeyError:
            return None

    @property
    def os(self) -> Node:
        """The operating system."""
        return self.root.at("Image", "Os")

    @property
    def head(self) -> Node:
        """The head node's section."""
        return self.root.at("HeadNode")

    @property
    def slurm(self) -> Node:
        """Slurm's settings."""
        return self.root.at("Scheduling", "SlurmSettings")

    @cached_property
    def queues(self) -> tuple[Queue, ...]:
        """The queues."""
        return tuple(Queue(self, node) for node in self.root.at("Scheduling", "SlurmQueues").items)

    @cached_property
    def resources(self) -> tuple[Resource, ...]:
        """The compute resources of all queues."""
        return tuple(resource for queue in self.queues for resource in queue.resources)

    @cached_property
    def pools(self) -> tuple[Node, ...]:
        """The pools of login nodes."""
        return tuple(self.root.at("LoginNodes", "Pools").items)

    @cached_property
    def described_types(self) -> frozenset[str]:
        """Instance types that the config itself describes, for EC2 or efakit may not know them."""
        text = self.root.at("DevSettings", "InstanceTypesData").text
        try:
            described = json.loads(text) if text else {}
        except (ValueError, RecursionError):
            return frozenset()
        return frozenset(described) if isinstance(described, dict) else frozenset()

    def instance(self, name: str | None) -> Instance | None:
        """Return a type's row; None where efakit knows none, or the config describes the type itself."""
        if name is None or name in self.described_types or not instances.known(name):
            return None
        return instances.get(name)

    @property
    def legacy_interfaces(self) -> bool:
        """Whether EFA interfaces carry IP as well: in older releases, and with DevSettings/EfaInterfaceType: efa."""
        return not self.has("efa-only-interfaces") or self.root.at("DevSettings", "EfaInterfaceType").value == "efa"

    def type_nodes(self) -> Iterator[Node]:
        """Give whatever names an instance type: head node, login nodes, compute resources."""
        yield self.head.at("InstanceType")
        yield from (pool.at("InstanceType") for pool in self.pools)
        yield from (node for resource in self.resources for node in resource.types)

    def nodes(self) -> int:
        """Return the most compute nodes of the whole cluster."""
        return sum(resource.max_count for resource in self.resources)

    def typed(self) -> Iterator[tuple[Resource, Node, Instance]]:
        """Give each compute resource with each of its instance types that efakit knows."""
        for resource in self.resources:
            for node in resource.types:
                instance = self.instance(node.text)
                if instance is not None:
                    yield resource, node, instance


class Queue:
    """One queue."""

    def __init__(self, view: ClusterView, node: Node) -> None:
        self.view = view
        self.node = node

    @property
    def name(self) -> str:
        """Its name, or its number where it has none."""
        return self.node.at("Name").text or f"number {self.node.key}"

    @property
    def networking(self) -> Node:
        """Its Networking section."""
        return self.node.at("Networking")

    @property
    def subnet_ids(self) -> Node:
        """Its subnets."""
        return self.networking.at("SubnetIds")

    @property
    def capacity(self) -> str:
        """ONDEMAND, SPOT or CAPACITY_BLOCK."""
        return self.node.at("CapacityType").text or "ONDEMAND"

    @property
    def is_block(self) -> bool:
        """Whether it runs on Capacity Blocks."""
        return self.capacity == "CAPACITY_BLOCK"

    @cached_property
    def software(self) -> Mapping[str, str | None]:
        """What is surely installed on its nodes, by component; of an image of the user's own what the user names."""
        own = self.node.at("Image", "CustomAmi").text or self.view.root.at("Image", "CustomAmi").text
        try:
            return stack_of(None if own else self.view.version, **self.view.software).versions()
        except KeyError:
            return {}

    @cached_property
    def several_zones(self) -> bool:
        """Whether its subnets lie in more than one zone: pcluster refuses two subnets of one zone in a queue."""
        subnets = set(self.subnet_ids.texts)
        zones = self.view.account.zones if self.view.account else {}
        if all(subnet in zones for subnet in subnets):
            return len({zones[subnet] for subnet in subnets}) > 1
        return len(subnets) > 1

    @cached_property
    def resources(self) -> tuple[Resource, ...]:
        """Its compute resources."""
        return tuple(Resource(self, node) for node in self.node.at("ComputeResources").items)


class Resource:
    """One compute resource of a queue."""

    def __init__(self, queue: Queue, node: Node) -> None:
        self.queue = queue
        self.node = node

    @property
    def name(self) -> str:
        """QUEUE/RESOURCE, as messages write it."""
        return f"{self.queue.name}/{self.node.at('Name').text or 'number ' + self.node.key}"

    @cached_property
    def types(self) -> tuple[Node, ...]:
        """The nodes that name its instance types."""
        listed = [item.at("InstanceType") for item in self.node.at("Instances").items]
        named = [self.node.at("InstanceType"), *listed]
        return tuple(node for node in named if node.text is not None)

    @property
    def is_flexible(self) -> bool:
        """Whether it lists instance types under Instances."""
        return bool(self.node.at("Instances").items)

    @cached_property
    def instances(self) -> tuple[Instance, ...]:
        """Those of its types that efakit knows."""
        found = (self.queue.view.instance(node.text) for node in self.types)
        return tuple(instance for instance in found if instance is not None)

    @property
    def efa(self) -> bool:
        """Whether EFA is on."""
        return self.node.at("Efa", "Enabled").flag is True

    @property
    def min_count(self) -> int:
        """MinCount or its default."""
        count = self.node.at("MinCount").whole
        return 0 if count is None else count

    @property
    def max_count(self) -> int:
        """MaxCount or its default."""
        count = self.node.at("MaxCount").whole
        return _DEFAULT_MAX_COUNT if count is None else max(count, 0)

    @cached_property
    def placement(self) -> Node:
        """The PlacementGroup section that holds: its own as a whole, else the queue's."""
        own = self.node.at("Networking", "PlacementGroup")
        return own if own.value is not None else self.queue.networking.at("PlacementGroup")

    @property
    def placement_name(self) -> str | None:
        """The named placement group."""
        return self.placement.at("Name").text or self.placement.at("Id").text

    @property
    def grouped(self) -> bool:
        """Whether its nodes start in a placement group."""
        return self.placement_name is not None or self.placement.at("Enabled").flag is True

    @cached_property
    def reservation(self) -> Node:
        """The CapacityReservationTarget that holds: its own, else the queue's."""
        own = self.node.at("CapacityReservationTarget")
        return own if own.value is not None else self.queue.node.at("CapacityReservationTarget")

    @property
    def reservation_id(self) -> str | None:
        """The reservation's id."""
        return self.reservation.at("CapacityReservationId").text

    @property
    def reservation_group(self) -> str | None:
        """The address of the resource group of reservations."""
        return self.reservation.at("CapacityReservationResourceGroupArn").text

    @cached_property
    def cards(self) -> int | None:
        """How many network cards ParallelCluster uses: the least of its types; None where unknown."""
        counts = [instance.network_cards for instance in self.instances]
        known = [count for count in counts if count is not None]
        return min(known) if known and len(known) == len(self.types) else None

    @property
    def interfaces_with_addresses(self) -> int:
        """How many network interfaces with an IP address a node has, one where that is not known.

        Source: ParallelCluster's ``templates/queues_stack.py``, ``add_network_interfaces``.
        """
        if self.efa and not self.queue.view.legacy_interfaces:
            return 1  # all others are efa-only
        return self.cards or 1

    @property
    def several_interfaces(self) -> bool:
        """Whether its nodes start with more than one network interface, as far as is known.

        Source: ParallelCluster's MultiNetworkInterfacesInstancesValidator and ``templates/queues_stack.py``.
        """
        if self.cards is not None and self.cards > 1:
            return True
        return (
            self.efa
            and not self.queue.view.legacy_interfaces
            and bool(self.instances)
            and all(item.card0_efa and (item.card0_interfaces or 0) >= 2 for item in self.instances)
        )
