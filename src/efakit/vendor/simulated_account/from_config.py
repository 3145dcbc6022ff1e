"""Reads off a cluster config which account it needs: every id it names, in the state that favours it.

The config may be anything that YAML can hold: whatever has an unexpected shape is passed over, for pcluster to judge.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from efakit.vendor.simulated_account.contents import (
    FileSystem,
    Image,
    KeyPair,
    Reservation,
    ReservationGroup,
    SecurityGroup,
    SimulatedAccount,
    Subnet,
    Thing,
)
from efakit.vendor.simulated_account.reading import (
    compute_resources,
    instance_types,
    list_at,
    mapping_at,
    mappings_at,
    queues,
    reservation_target,
    strings_under,
    walk,
)
from efakit.vendor.simulated_account.reserved import reserved_types

# The letters of the zones that moto knows (moto/ec2/models/availability_zones_and_regions.py); abc for the others.
_ZONE_LETTERS = {
    "ap-northeast-1": "acd",
    "ap-northeast-2": "abcd",
    "ca-central-1": "abd",
    "us-east-1": "abcdef",
    "us-west-1": "ab",
    "us-west-2": "abcd",
}

_DEFAULT_MAX_COUNT = 10

# pcluster/constants.py CAPACITY_RESERVATION_OS_MAP: Rocky is reserved as Linux/UNIX.
_RED_HAT = "Red Hat Enterprise Linux"


# What else a config can name, by the key that names it.
KINDS = {
    "ElasticIp": "Elastic IP address",
    "SnapshotId": "EBS snapshot",
    "BackupId": "FSx backup",
    "FileCacheId": "file cache",
    "KmsKeyId": "KMS key",
    "LaunchTemplateId": "launch template",
    "HostedZoneId": "hosted zone",
    "PasswordSecretArn": "secret",
    "MungeKeySecretArn": "secret",
    "ClusterAdminPasswordSecretArn": "secret",
}


def account_for(
    config: Mapping[str, Any], *, region: str = "us-east-1", zones: Mapping[str, str] | None = None
) -> SimulatedAccount:
    """The account in which everything that ``config`` names exists.

    ``config`` is a parsed cluster.yaml; ``region`` counts where it has none. ``zones`` gives the zone of a subnet by
    its id; without it all subnets lie in one zone, except that those of one queue lie in one each, as pcluster demands
    (QueueSubnetsValidator).
    """
    region = str(config.get("Region") or region)
    subnets = _subnets(config, region, zones or {})
    reservations, groups = _reservations(config, subnets)
    return SimulatedAccount(
        region=region,
        subnets=subnets,
        key_pairs=_key_pairs(config),
        security_groups=tuple(
            SecurityGroup(id_)
            for id_ in dict.fromkeys(
                [*strings_under(config, "SecurityGroups"), *strings_under(config, "AdditionalSecurityGroups")]
            )
            if id_.startswith("sg-")
        ),
        reservations=reservations,
        reservation_groups=groups,
        placement_groups=_placement_groups(config),
        images=_images(config),
        file_systems=_file_systems(config),
        volumes=tuple(id_ for id_ in strings_under(config, "VolumeId") if id_.startswith("vol-")),
        buckets=_buckets(config),
        objects=_objects(config),
        policies=strings_under(config, "Policy"),
        roles=strings_under(config, "InstanceRole"),
        instance_profiles=strings_under(config, "InstanceProfile"),
        things=_things(config),
    )


def _things(config: Mapping[str, Any]) -> tuple[Thing, ...]:
    found = {(kind, id_): Thing(kind, id_) for key, kind in KINDS.items() for id_ in strings_under(config, key)}
    for item in mappings_at(config, "SharedStorage"):
        settings = mapping_at(item, "EbsSettings")
        id_, size = settings.get("SnapshotId"), settings.get("Size")
        if isinstance(id_, str) and isinstance(size, int) and size > 0:
            found[KINDS["SnapshotId"], id_] = Thing(KINDS["SnapshotId"], id_, size)
    return tuple(found.values())


def _key_pairs(config: Mapping[str, Any]) -> tuple[KeyPair, ...]:
    """Those under Ssh: S3Access has a KeyName too, which is an object's."""
    hosts = [mapping_at(config, "HeadNode"), *mappings_at(mapping_at(config, "LoginNodes"), "Pools")]
    names = (name for host in hosts for name in strings_under(mapping_at(host, "Ssh"), "KeyName"))
    return tuple(KeyPair(name) for name in dict.fromkeys(names))


def _subnets(config: Mapping[str, Any], region: str, zones: Mapping[str, str]) -> tuple[Subnet, ...]:
    letters = _ZONE_LETTERS.get(region, "abc")
    found: dict[str, str] = {}
    head = mapping_at(mapping_at(config, "HeadNode"), "Networking").get("SubnetId")
    if isinstance(head, str):
        found[head] = zones.get(head, region + letters[0])
    for pool in [*queues(config), *mappings_at(mapping_at(config, "LoginNodes"), "Pools")]:
        ids = [id_ for id_ in list_at(mapping_at(pool, "Networking"), "SubnetIds") if isinstance(id_, str)]
        for id_ in ids:
            taken = {found.get(other) or zones.get(other) for other in ids}
            free = (region + letter for letter in letters if region + letter not in taken)
            found.setdefault(id_, zones.get(id_) or next(free, region + letters[-1]))
    return tuple(Subnet(id_, zone) for id_, zone in found.items())


def _reservations(
    config: Mapping[str, Any], subnets: tuple[Subnet, ...]
) -> tuple[tuple[Reservation, ...], tuple[ReservationGroup, ...]]:
    """Each reservation as large as all that draws on it; a resource group holds one for each type."""
    zone_of = {subnet.id: subnet.zone for subnet in subnets}
    platform = _RED_HAT if str(mapping_at(config, "Image").get("Os")).startswith("rhel") else "Linux/UNIX"
    found: dict[str, Reservation] = {}
    members: dict[str, dict[str, None]] = {}
    types = reserved_types(config)
    for queue, resource in compute_resources(config):
        target = reservation_target(queue, resource)
        id_, arn = target.get("CapacityReservationId"), target.get("CapacityReservationResourceGroupArn")
        first = next(iter(list_at(mapping_at(queue, "Networking"), "SubnetIds")), None)
        zone = zone_of.get(first, "") if isinstance(first, str) else ""
        count = resource.get("MaxCount", _DEFAULT_MAX_COUNT)
        stand_in = [types[id_]] if isinstance(id_, str) and id_ in types else []
        for instance_type in instance_types(resource) or stand_in:
            if isinstance(arn, str):
                key = f"cr-{len(found) + 1:017x}"
                members.setdefault(arn, {})[key] = None
            elif isinstance(id_, str):
                key = id_
            else:
                continue
            already = found[key].count if key in found else 0
            found[key] = Reservation(
                id=key,
                instance_type=found[key].instance_type if key in found else instance_type,
                zone=zone,
                count=already + (count if isinstance(count, int) else 0),
                platform=platform,
                capacity_block=queue.get("CapacityType") == "CAPACITY_BLOCK",
            )
    return tuple(found.values()), tuple(ReservationGroup(arn, tuple(ids)) for arn, ids in members.items())


def _placement_groups(config: Mapping[str, Any]) -> tuple[str, ...]:
    names: dict[str, None] = {}
    for queue, resource in compute_resources(config):
        for networking in (mapping_at(queue, "Networking"), mapping_at(resource, "Networking")):
            group = mapping_at(networking, "PlacementGroup")
            names |= {str(group[key]): None for key in ("Name", "Id") if group.get(key)}
    return tuple(names)


def _images(config: Mapping[str, Any]) -> tuple[Image, ...]:
    """Custom AMIs, each for the instance type that starts from it."""
    os_name = str(mapping_at(config, "Image").get("Os", ""))
    head = mapping_at(config, "HeadNode")
    users: list[tuple[Any, Any]] = [
        (mapping_at(config, "Image").get("CustomAmi"), head.get("InstanceType")),
        (mapping_at(head, "Image").get("CustomAmi"), head.get("InstanceType")),
    ]
    for queue, resource in compute_resources(config):
        users += [(mapping_at(queue, "Image").get("CustomAmi"), type_) for type_ in instance_types(resource)]
    for pool in mappings_at(mapping_at(config, "LoginNodes"), "Pools"):
        users.append((mapping_at(pool, "Image").get("CustomAmi"), pool.get("InstanceType")))
    found: dict[str, Image] = {}
    for id_, instance_type in users:
        if isinstance(id_, str) and isinstance(instance_type, str):
            found.setdefault(id_, Image(id_, os_name, instance_type))
    return tuple(found.values())


def _file_systems(config: Mapping[str, Any]) -> tuple[FileSystem, ...]:
    found: dict[str, FileSystem] = {}
    for item in mappings_at(config, "SharedStorage"):
        for settings, kind in (("EfsSettings", "EFS"), ("FsxLustreSettings", "LUSTRE")):
            id_ = mapping_at(item, settings).get("FileSystemId")
            if isinstance(id_, str):
                found[id_] = FileSystem(id_, kind)
        for settings, kind in (("FsxOpenZfsSettings", "OPENZFS"), ("FsxOntapSettings", "ONTAP")):
            volume = mapping_at(item, settings).get("VolumeId")
            if isinstance(volume, str):
                found[volume] = FileSystem(f"fs-{len(found) + 1:017x}", kind, volume)
    return tuple(found.values())


def _buckets(config: Mapping[str, Any]) -> tuple[str, ...]:
    names = [*strings_under(config, "CustomS3Bucket"), *strings_under(config, "BucketName")]
    names += [path for path in (text.removeprefix("s3://") for text in _s3_addresses(config)) if "/" not in path]
    return tuple(dict.fromkeys(name for name in names if name and "*" not in name))


def _objects(config: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(text for text in _s3_addresses(config) if "/" in text.removeprefix("s3://").rstrip("/"))


def _s3_addresses(config: Mapping[str, Any]) -> tuple[str, ...]:
    found = (text for _key, text in walk(config) if text.startswith("s3://"))
    return tuple(dict.fromkeys(text.rstrip("/") for text in found))
