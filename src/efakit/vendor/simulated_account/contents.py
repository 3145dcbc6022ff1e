"""What exists in a simulated account, as values that travel as JSON to the process that holds moto."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Subnet:
    """A subnet of the account's one VPC; a public one gives addresses to what starts in it.

    ``zone`` is a zone's name (us-east-2b) or its id (use2-az2); the names of zones differ from account to account.
    """

    id: str
    zone: str
    public: bool = False


@dataclass(frozen=True)
class KeyPair:
    """An EC2 key pair; ``type`` is ``ed25519`` or ``rsa``."""

    name: str
    type: str = "ed25519"


@dataclass(frozen=True)
class SecurityGroup:
    """A security group that lets all traffic in from itself and out to itself, or not: EFA needs both."""

    id: str
    from_itself: bool = True
    to_itself: bool = True


@dataclass(frozen=True)
class Reservation:
    """An active capacity reservation with ``count`` instances, all available."""

    id: str
    instance_type: str
    zone: str
    count: int
    platform: str = "Linux/UNIX"
    capacity_block: bool = False
    placement_group: str = ""


@dataclass(frozen=True)
class ReservationGroup:
    """A service-linked resource group of capacity reservations."""

    arn: str
    reservation_ids: tuple[str, ...]


@dataclass(frozen=True)
class Image:
    """A custom AMI that pcluster built, for the architecture of ``instance_type``."""

    id: str
    os: str
    instance_type: str


@dataclass(frozen=True)
class FileSystem:
    """A file system that every node reaches.

    ``kind`` is ``EFS``, ``LUSTRE``, or ``OPENZFS`` and ``ONTAP``, which are reached by their volumes.
    """

    id: str
    kind: str
    volume_id: str = ""


@dataclass(frozen=True)
class Thing:
    """Anything else that a config names, by its kind (a value of ``from_config.KINDS``) and its id, address or ARN.

    A snapshot is as large as the volume that is made from it.
    """

    kind: str
    id: str
    size_gib: int = 1


@dataclass(frozen=True)
class SimulatedAccount:
    """All that exists in the account; zones and reservations belong to ``region``, objects read ``s3://BUCKET/KEY``."""

    region: str = "us-east-1"
    subnets: tuple[Subnet, ...] = ()
    key_pairs: tuple[KeyPair, ...] = ()
    security_groups: tuple[SecurityGroup, ...] = ()
    reservations: tuple[Reservation, ...] = ()
    reservation_groups: tuple[ReservationGroup, ...] = ()
    placement_groups: tuple[str, ...] = ()
    images: tuple[Image, ...] = ()
    file_systems: tuple[FileSystem, ...] = ()
    volumes: tuple[str, ...] = ()
    buckets: tuple[str, ...] = ()
    objects: tuple[str, ...] = ()
    policies: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    instance_profiles: tuple[str, ...] = ()
    things: tuple[Thing, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The account as JSON values; `from_json` reads them back."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> SimulatedAccount:
        """The account that `to_json` wrote."""
        fields: dict[str, Any] = {}
        for name, value in values.items():
            if name == "region":
                fields[name] = value
            elif name in _PARTS:
                fields[name] = tuple(_PARTS[name](**part) for part in value)
            else:
                fields[name] = tuple(value)
        fields["reservation_groups"] = tuple(
            ReservationGroup(group.arn, tuple(group.reservation_ids)) for group in fields["reservation_groups"]
        )
        return cls(**fields)


_PARTS: dict[str, Any] = {
    "subnets": Subnet,
    "key_pairs": KeyPair,
    "security_groups": SecurityGroup,
    "reservations": Reservation,
    "reservation_groups": ReservationGroup,
    "images": Image,
    "file_systems": FileSystem,
    "things": Thing,
}
