"""Reads a cluster config that may hold anything: what has an unexpected shape is passed over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml


def config_in(text: str) -> Mapping[str, Any]:
    """The config that ``text`` holds; empty where it holds none, for pcluster to say so."""
    try:
        values = yaml.safe_load(text)
    except yaml.YAMLError:
        return {}
    return values if isinstance(values, Mapping) else {}


def queues(config: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The Slurm queues."""
    return mappings_at(mapping_at(config, "Scheduling"), "SlurmQueues")


def compute_resources(config: Mapping[str, Any]) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Each compute resource, as (its queue, itself)."""
    return [(queue, resource) for queue in queues(config) for resource in mappings_at(queue, "ComputeResources")]


def instance_types(resource: Mapping[str, Any]) -> list[str]:
    """The types of a compute resource, from InstanceType and from Instances."""
    names = [resource.get("InstanceType"), *(item.get("InstanceType") for item in mappings_at(resource, "Instances"))]
    return [name for name in names if isinstance(name, str)]


def reservation_target(queue: Mapping[str, Any], resource: Mapping[str, Any]) -> Mapping[str, Any]:
    """The reservation target that counts: the compute resource's own, else its queue's."""
    return mapping_at(resource, "CapacityReservationTarget") or mapping_at(queue, "CapacityReservationTarget")


def mapping_at(parent: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """The mapping under ``key``, or an empty one."""
    value = parent.get(key)
    return value if isinstance(value, Mapping) else {}


def list_at(parent: Mapping[str, Any], key: str) -> list[Any]:
    """The list under ``key``, or an empty one."""
    value = parent.get(key)
    return value if isinstance(value, list) else []


def mappings_at(parent: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    """The mappings in the list under ``key``."""
    return [item for item in list_at(parent, key) if isinstance(item, Mapping)]


def strings_under(value: object, wanted: str) -> tuple[str, ...]:
    """Each string under the key ``wanted``, wherever it stands, once."""
    return tuple(dict.fromkeys(text for key, text in walk(value) if key == wanted))


def walk(value: object, key: str = "") -> Iterator[tuple[str, str]]:
    """Each string below ``value`` with the key it stands under; a list's items stand under the list's key."""
    if isinstance(value, Mapping):
        for inner_key, inner in value.items():
            yield from walk(inner, str(inner_key))
    elif isinstance(value, list):
        for item in value:
            yield from walk(item, key)
    elif isinstance(value, str):
        yield key, value
