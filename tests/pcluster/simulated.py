"""The account that the tests judge configs in, and small configs for it, written by hand."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from efakit.vendor.simulated_account import KeyPair, Reservation, SecurityGroup, SimulatedAccount, Subnet


@dataclass(frozen=True)
class Account:
    """Names of what is in the account: two private subnets in one zone, and what a config can get wrong."""

    region: str
    zone: str
    simulated: SimulatedAccount
    key_name: str = "ed25519-key"
    rsa_key_name: str = "rsa-key"
    head_subnet: str = "subnet-0000000000000000a"
    compute_subnet: str = "subnet-0000000000000000b"
    other_zone_subnet: str = "subnet-0000000000000000c"
    public_subnet: str = "subnet-0000000000000000d"
    open_group: str = "sg-0000000000000000a"
    inbound_group: str = "sg-0000000000000000b"
    bucket: str = "efakit-hooks"
    hook_address: str = "s3://efakit-hooks/efakit/install-hooks.sh"
    reservation_id: str = "cr-0000000000000000a"
    block_id: str = "cr-0000000000000000b"
    placement_group: str = "existing-group"


def standard_account(region: str = "us-east-1", zone: str = "a") -> Account:
    """The account in ``region``; its reservations hold two p5.48xlarge each."""
    names, name = Account, region + zone
    simulated = SimulatedAccount(
        region=region,
        subnets=(
            Subnet(names.head_subnet, name),
            Subnet(names.compute_subnet, name),
            Subnet(names.other_zone_subnet, region + ("b" if zone != "b" else "c")),
            Subnet(names.public_subnet, name, public=True),
        ),
        key_pairs=(KeyPair(names.key_name), KeyPair(names.rsa_key_name, "rsa")),
        security_groups=(SecurityGroup(names.open_group), SecurityGroup(names.inbound_group, to_itself=False)),
        reservations=(
            Reservation(names.reservation_id, "p5.48xlarge", name, 2),
            Reservation(names.block_id, "p5.48xlarge", name, 2, capacity_block=True),
        ),
        placement_groups=(names.placement_group,),
        objects=(names.hook_address,),
    )
    return Account(region=region, zone=name, simulated=simulated)


def config(account: Account, *changes: Mapping[str, Any]) -> dict[str, Any]:
    """A config with one p5 queue that pcluster accepts without a word, with ``changes`` laid over it.

    A change is written at its place in the tree; ``{"queue": ...}`` and ``{"resource": ...}`` stand for the one queue
    and its one compute resource, and None takes a key away.
    """
    values: dict[str, Any] = {
        "Region": account.region,
        "Image": {"Os": "ubuntu2204"},
        "HeadNode": {
            "InstanceType": "m5.2xlarge",
            "Networking": {"SubnetId": account.head_subnet},
            "Ssh": {"KeyName": account.key_name},
        },
        "Scheduling": {
            "Scheduler": "slurm",
            "SlurmQueues": [
                {
                    "Name": "gpu",
                    "ComputeResources": [
                        {"Name": "p5", "InstanceType": "p5.48xlarge", "MaxCount": 2, "Efa": {"Enabled": True}}
                    ],
                    "Networking": {"SubnetIds": [account.compute_subnet], "PlacementGroup": {"Enabled": True}},
                }
            ],
        },
    }
    queue = values["Scheduling"]["SlurmQueues"][0]
    for change in copy.deepcopy(changes):
        for key, value in change.items():
            if key == "queue":
                _lay_over(queue, value)
            elif key == "resource":
                _lay_over(queue["ComputeResources"][0], value)
            else:
                _lay_over(values, {key: value})
    return values


def text(values: Mapping[str, Any]) -> str:
    """The config as a user would have it in a file."""
    return yaml.safe_dump(dict(values), sort_keys=False)


def _lay_over(values: dict[str, Any], change: Mapping[str, Any]) -> None:
    for key, value in change.items():
        if value is None:
            values.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(values.get(key), dict):
            _lay_over(values[key], value)
        else:
            values[key] = value
