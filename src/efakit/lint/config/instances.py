"""Instance types: unknown ones, EFA where there is none and the reverse, lists that mix what cannot be mixed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from operator import attrgetter

from efakit.catalog import instances
from efakit.catalog.instances import Instance
from efakit.errors import UnknownInstanceType
from efakit.lint.config.node import Node
from efakit.lint.config.rule import Problem, rule
from efakit.lint.config.view import ClusterView, Resource
from efakit.rules import cluster

# pcluster/constants.py NVIDIA_OPENRM_UNSUPPORTED_INSTANCE_TYPES
_BEFORE_TURING = ("p2", "p3", "p3dn", "g2", "g3", "g3s")


@rule("instance-unknown")
def instance_unknown(view: ClusterView) -> Iterator[Problem]:
    """Refuse types outside the catalog, except those that DevSettings/InstanceTypesData describes."""
    for node in view.type_nodes():
        name = node.text
        if name is None or name in view.described_types:
            continue
        try:
            instances.get(name)
        except UnknownInstanceType as error:
            yield Problem(node.path, error.message, error.fix)


@rule("instance-missing")
def instance_missing(view: ClusterView) -> Iterator[Problem]:
    """Refuse a compute resource of no type; only a reservation's id of its own tells one."""
    for resource in view.resources:
        own = resource.node.at("CapacityReservationTarget", "CapacityReservationId").text
        if not resource.node.at("Instances").value and not resource.node.at("InstanceType").value and own is None:
            yield Problem(resource.node.path, f"{resource.name} has no instance type", "add InstanceType")


@rule("instance-twice")
def instance_twice(view: ClusterView) -> Iterator[Problem]:
    """Refuse a type that stands twice under Instances."""
    for resource in view.resources:
        seen: set[str] = set()
        for node in (item.at("InstanceType") for item in resource.node.at("Instances").items):
            if node.text in seen:
                yield Problem(node.path, f"{node.text} is listed twice in {resource.name}", "remove one of them")
            seen.update([node.text] if node.text else [])


@rule("efa-unsupported")
def efa_unsupported(view: ClusterView) -> Iterator[Problem]:
    """Refuse EFA where a type of the compute resource has no EFA interface."""
    for resource, _node, instance in view.typed():
        fault = cluster.efa_unsupported(instance, resource.name) if resource.efa else None
        if fault is not None:
            yield Problem((*resource.node.path, "Efa", "Enabled"), *fault)


@rule("efa-off")
def efa_off(view: ClusterView) -> Iterator[Problem]:
    """Point out EFA that lies idle; one node does not need it."""
    for resource, node, instance in view.typed():
        if instance.efa_capable and not resource.efa and resource.max_count > 1 and not resource.queue.several_zones:
            efa = resource.node.at("Efa", "Enabled")
            yield Problem(
                efa.path if efa.present else node.path,
                f"{instance.name} has EFA, but {resource.name} does not enable it: its nodes use TCP",
                "set Efa: {Enabled: true}",
            )


@rule("gdr-support")
def gdr_support(view: ClusterView) -> Iterator[Problem]:
    """Point out a key that does nothing since 3.0.2: GPUDirect RDMA is on wherever it can be."""
    for resource in view.resources:
        gdr = resource.node.at("Efa", "GdrSupport")
        if gdr.flag is not None and (resource.efa or not gdr.flag):
            yield Problem(gdr.path, "GdrSupport has no effect since ParallelCluster 3.0.2", "remove it")


@rule("gdr-without-efa")
def gdr_without_efa(view: ClusterView) -> Iterator[Problem]:
    """Refuse GdrSupport where EFA is off."""
    for resource in view.resources:
        gdr = resource.node.at("Efa", "GdrSupport")
        if gdr.flag is True and not resource.efa and not resource.is_flexible:
            yield Problem(gdr.path, f"GdrSupport is on in {resource.name}, but EFA is off", "remove GdrSupport")


@rule("nvidia-driver")
def nvidia_driver(view: ClusterView) -> Iterator[Problem]:
    """Refuse GPUs older than Turing on official images: their open driver does not know them."""
    if not view.has("open-nvidia-driver"):
        return
    image = view.root.at("Image", "CustomAmi").text
    named = [(view.head.at("InstanceType"), view.head)]
    named += [(pool.at("InstanceType"), pool) for pool in view.pools]
    named += [(node, resource.queue.node) for resource, node, _ in view.typed()]
    for node, of in named:
        instance = view.instance(node.text)
        own = image or of.at("Image", "CustomAmi").text
        if instance is not None and instance.family in _BEFORE_TURING and own is None:
            yield Problem(
                node.path,
                f"the open NVIDIA driver in ParallelCluster's images does not support the GPUs of {instance.name}",
                "use a newer type, or build an image with NVIDIA's proprietary driver and set it as CustomAmi",
            )


@rule("mixed-cpus")
def mixed_cpus(view: ClusterView) -> Iterator[Problem]:
    """Refuse lists whose types differ in vCPUs, or in cores where simultaneous multithreading is off."""
    for resource in view.resources:
        by_cores = resource.node.at("DisableSimultaneousMultithreading").flag is True
        unit = "cores" if by_cores else "vCPUs"
        yield from _differ(resource, attrgetter("cores" if by_cores else "vcpus"), unit)


@rule("mixed-accelerators")
def mixed_accelerators(view: ClusterView) -> Iterator[Problem]:
    """Refuse lists whose types differ in the number of GPUs."""
    for resource in view.resources:
        yield from _differ(resource, attrgetter("gpus"), "GPUs")


@rule("mixed-architecture")
def mixed_architecture(view: ClusterView) -> Iterator[Problem]:
    """Refuse lists with x86_64 and arm64."""
    for resource in view.resources:
        yield from _differ(resource, attrgetter("architecture"), "architecture")


@rule("mixed-efa")
def mixed_efa(view: ClusterView) -> Iterator[Problem]:
    """Point out lists where the better networks lie idle: the least of the types decides for all."""
    for resource in view.resources:
        if resource.efa:
            yield from _differ(resource, attrgetter("efa_interfaces"), "EFA interfaces; all use the smallest number")
            yield from _differ(resource, attrgetter("network_cards"), "network cards; all use the smallest number")
            yield from _differ(resource, attrgetter("card0_efa"), "whether network card 0 has EFA")


def _differ(resource: Resource, value_of: Callable[[Instance], object], unit: str) -> Iterator[Problem]:
    """Give a problem where known values differ within a compute resource."""
    by_value: dict[object, str] = {}
    for instance in resource.instances:
        value = value_of(instance)
        if value is not None:
            by_value.setdefault(value, instance.name)
    if len(by_value) > 1:
        values = ", ".join(f"{name} {value}" for value, name in by_value.items())
        path = _listed(resource).path
        message = f"the instance types of {resource.name} differ in {unit} ({values})"
        yield Problem(path, message, "give each type its own compute resource")


def _listed(resource: Resource) -> Node:
    return resource.node.at("Instances") if resource.is_flexible else resource.node.at("InstanceType")
