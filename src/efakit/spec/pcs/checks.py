"""What is wrong with the section that the schema cannot see."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from efakit.catalog import instances
from efakit.catalog.instances import Instance
from efakit.catalog.layouts import layout
from efakit.finding import Finding
from efakit.spec.faults import At, unknown_type

_Data = Mapping[str, Any]


def faults(data: _Data, at: At) -> Iterator[Finding]:
    """Give the section's faults; ``data`` is the whole spec's."""
    section = data["pcs"]
    if "login_instance" in section:
        yield from unknown_type(section["login_instance"], ["pcs", "login_instance"], at)
    refused = layout("pcs").refused
    for name in section.get("slurm_settings", {}):
        if name.lower() in refused:
            message = f"AWS PCS does not let a cluster set {name}"
            yield at("pcs-setting", ["pcs", "slurm_settings", name], message, "remove it", at_key=True)
    for number, queue in enumerate(data["cluster"]["queues"]):
        for place, resource in enumerate(queue["compute_resources"]):
            keys: list[str | int] = ["cluster", "queues", number, "compute_resources", place]
            yield from _resource(section, queue, resource, keys, at)


def _resource(section: _Data, queue: _Data, resource: _Data, keys: list[str | int], at: At) -> Iterator[Finding]:
    name, types = f"{queue['name']}/{resource['name']}", _types(resource)
    efa = resource.get("efa", "auto") != "off"
    for instance in types:
        if efa and instance.efa_interfaces is None:
            message = (
                f"no public source says how many EFA interfaces {instance.name} has, and a launch template lists them"
            )
            yield at("pcs-interfaces", keys, message, "write efa: off, or use another type")
        if "ami" not in section and instance.architecture not in ("x86_64", None):
            message = f"the image that pcs.ami stands for by default is for x86_64, and {instance.name} is not"
            yield at("pcs-image", keys, message, "name an image in pcs.ami")
    if len({_alike(instance) for instance in types}) > 1:
        message = f"the types of {name} differ in vCPUs, architecture or EFA interfaces, and those of a group may not"
        yield at("pcs-mixed-types", [*keys, "instances"], message, "give each type a compute resource of its own")


def _alike(instance: Instance) -> tuple[object, ...]:
    return instance.vcpus, instance.architecture, instance.efa_interfaces, instance.network_cards


def _types(resource: _Data) -> list[Instance]:
    """Return the types that the catalog knows; one that it does not know is a fault of its own."""
    names = resource.get("instances") or [resource["instance"]]
    return [instances.get(name) for name in names if instances.known(name)]
