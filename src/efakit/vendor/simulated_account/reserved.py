"""Of which instance type a capacity reservation is, where a compute resource names the reservation and no type."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from efakit.catalog import instances, offerings
from efakit.vendor.simulated_account.reading import (
    compute_resources,
    instance_types,
    mapping_at,
    reservation_target,
)

# The types to judge by, the first that the region offers: those that are sold as Capacity Blocks (no arm64 type that
# moto knows is), and for all other reservations such that a head node's architecture goes with.
_OF_BLOCKS = {"x86_64": ("p5.48xlarge", "p4d.24xlarge", "p5en.48xlarge", "trn1.32xlarge")}
_OF_OTHERS = {"x86_64": ("c5n.18xlarge", "m6i.32xlarge"), "arm64": ("c7gn.16xlarge", "c6gn.16xlarge")}


def reserved_types(config: Mapping[str, Any]) -> dict[str, str]:
    """The instance type of each reservation, by its id: what ``config`` names, else what stands in for it."""
    named: dict[str, str] = {}
    for id_, _queue, types in _reservations(config):
        for name in types[:1]:
            named.setdefault(id_, name)
    return {**assumed_types(config), **named}


def assumed_types(config: Mapping[str, Any]) -> dict[str, str]:
    """The instance types that stand in for those that ``config`` does not name, by the reservations' ids.

    A compute resource without a type runs what was reserved, and only AWS knows what that is.
    """
    named = {id_ for id_, _queue, types in _reservations(config) if types}
    region = str(config.get("Region") or "us-east-1")
    found = {}
    for id_, queue, _types in _reservations(config):
        if id_ not in named:
            rows = _OF_BLOCKS if queue.get("CapacityType") == "CAPACITY_BLOCK" else _OF_OTHERS
            offered = [
                name
                for name in rows.get(_head_architecture(config), ())
                if offerings.offered_in_region(name, region) is not False
            ]
            if offered:
                found[id_] = offered[0]
    return found


def _reservations(config: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any], list[str]]]:
    """Each compute resource's reservation, its queue, and the types that it names itself."""
    for queue, resource in compute_resources(config):
        id_ = reservation_target(queue, resource).get("CapacityReservationId")
        if isinstance(id_, str):
            yield id_, queue, instance_types(resource)


def _head_architecture(config: Mapping[str, Any]) -> str:
    name = mapping_at(config, "HeadNode").get("InstanceType")
    known = instances.get(name).architecture if isinstance(name, str) and instances.known(name) else None
    return known or "x86_64"
