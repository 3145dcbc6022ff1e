"""What a judgement on a simulated account takes for granted, and what the account lacks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from efakit.vendor.simulated_account.contents import SimulatedAccount
from efakit.vendor.simulated_account.reading import (
    compute_resources,
    instance_types,
    reservation_target,
)
from efakit.vendor.simulated_account.reserved import assumed_types, reserved_types


class Absent(NamedTuple):
    """A thing that a config names and a simulated account lacks: what it is, under which key, by which value."""

    what: str
    key: str
    value: str

    def __str__(self) -> str:
        return f"{self.what} ({self.key}: {self.value})"


def assumptions(account: SimulatedAccount) -> list[str]:
    """What the account takes for granted about the things that a config names, one sentence each."""
    lines = [
        f"subnet {item.id}: {'public' if item.public else 'private'}, in {item.zone}, in one VPC with DNS host names"
        for item in account.subnets
    ]
    lines += [f"key pair {item.name}: exists, {item.type}" for item in account.key_pairs]
    lines += [
        f"security group {item.id}: all traffic from and to itself is allowed" for item in account.security_groups
    ]
    lines += [
        f"{'Capacity Block' if item.capacity_block else 'capacity reservation'} {item.id}: active, "
        f"{item.count} x {item.instance_type} in {item.zone}"
        for item in account.reservations
    ]
    lines += [f"placement group {name}: exists" for name in account.placement_groups]
    lines += [f"AMI {item.id}: built by this pcluster for {item.os}" for item in account.images]
    lines += [f"file system {item.id}: reachable from every subnet" for item in account.file_systems]
    lines += [f"{thing.kind} {thing.id}: exists" for thing in account.things]
    lines += [f"{address}: exists" for address in account.objects]
    policies = [arn for arn in account.policies if ":aws:policy/" not in arn]  # AWS's own are looked up
    named = (*account.volumes, *account.buckets, *policies, *account.roles, *account.instance_profiles)
    return lines + [f"{name}: exists" for name in named]


def not_simulated(config: Mapping[str, Any]) -> list[Absent]:
    """What ``config`` names and the account lacks: an error about one of these comes from the simulation."""
    assumed, found = assumed_types(config), []
    for queue, resource in compute_resources(config):
        id_ = reservation_target(queue, resource).get("CapacityReservationId")
        if isinstance(id_, str) and not instance_types(resource):
            what = "the instance type of a capacity reservation without InstanceType beside it"
            if id_ in assumed:
                what += f", judged as {assumed[id_]}"
            if id_ in assumed or id_ not in reserved_types(config):
                found.append(Absent(what, "CapacityReservationId", id_))
    return list(dict.fromkeys(found))
