"""What the user's AWS account has of the things that a config names: subnets, security groups, offerings of zones."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from efakit.errors import MissingExtra, UsageError


@dataclass(frozen=True)
class AccountFacts:
    """What AWS said. What is not in a field is unknown: what the account lacks, or may not be looked at."""

    region: str
    zones: Mapping[str, str] = field(default_factory=dict)
    """Zone ids, such as use1-az4, by subnet."""
    public_subnets: frozenset[str] = frozenset()
    free_addresses: Mapping[str, int] = field(default_factory=dict)
    open_to_themselves: Mapping[str, bool] = field(default_factory=dict)
    offers: frozenset[tuple[str, str]] = frozenset()
    """Pairs of instance type and zone id, of the types that were asked for."""
    asked_types: frozenset[str] = frozenset()
    missing: tuple[str, ...] = ()
    """Subnets and security groups that the account does not have."""

    def offered_in_region(self, instance_type: str, region: str) -> bool | None:
        """Say whether the region offers a type; None where AWS was not asked."""
        if region != self.region or instance_type not in self.asked_types:
            return None
        return any(name == instance_type for name, _ in self.offers)

    def offered_in_zone(self, instance_type: str, zone_id: str) -> bool | None:
        """Say whether a zone offers a type; None where AWS was not asked."""
        return None if instance_type not in self.asked_types else (instance_type, zone_id) in self.offers


def look_at_account(
    region: str, subnets: Collection[str], security_groups: Collection[str], instance_types: Collection[str]
) -> AccountFacts:
    """Return what the account has; reads only.

    Needs ec2:DescribeSubnets, ec2:DescribeSecurityGroups and ec2:DescribeInstanceTypeOfferings. Raises MissingExtra
    without boto3, UsageError where AWS refuses or cannot be reached.
    """
    try:
        import boto3
        from botocore.exceptions import BotoCoreError, ClientError
    except ImportError as error:
        raise MissingExtra("aws", "looking at the account") from error
    try:
        ec2 = boto3.client("ec2", region_name=region)
        found_subnets = list(_described(ec2, "describe_subnets", "Subnets", "subnet-id", subnets))
        found_groups = list(_described(ec2, "describe_security_groups", "SecurityGroups", "group-id", security_groups))
        offers = list(_offers(ec2, instance_types))
    except (BotoCoreError, ClientError, ValueError) as error:
        raise UsageError(f"the account cannot be looked at: {error}") from error
    there = {item["SubnetId"] for item in found_subnets} | {item["GroupId"] for item in found_groups}
    return AccountFacts(
        region=region,
        zones={item["SubnetId"]: item.get("AvailabilityZoneId") or item["AvailabilityZone"] for item in found_subnets},
        public_subnets=frozenset(item["SubnetId"] for item in found_subnets if item.get("MapPublicIpOnLaunch")),
        free_addresses={item["SubnetId"]: item["AvailableIpAddressCount"] for item in found_subnets},
        open_to_themselves={item["GroupId"]: is_open_to_itself(item) for item in found_groups},
        offers=frozenset(offers),
        asked_types=frozenset(instance_types),
        missing=tuple(name for name in dict.fromkeys([*subnets, *security_groups]) if name not in there),
    )


def is_open_to_itself(group: Mapping[str, Any]) -> bool:
    """Say whether a security group lets all traffic in from itself and out to itself, as EFA needs.

    ``group`` is one of EC2's DescribeSecurityGroups. Egress to 0.0.0.0/0 is not enough:
    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/efa-start.html#efa-start-security
    """
    return all(
        _names(group["GroupId"], group.get(direction, ())) for direction in ("IpPermissions", "IpPermissionsEgress")
    )


def _names(group_id: str, permissions: Iterable[Mapping[str, Any]]) -> bool:
    return any(
        pair.get("GroupId") == group_id
        for permission in permissions
        if permission.get("IpProtocol") == "-1"
        for pair in permission.get("UserIdGroupPairs", ())
    )


def _described(ec2: Any, call: str, field_: str, filter_: str, ids: Collection[str]) -> Iterator[Mapping[str, Any]]:
    """Ask with a filter, which leaves out what is missing; asked by id, AWS would answer nothing at all."""
    if ids:
        for page in ec2.get_paginator(call).paginate(Filters=[{"Name": filter_, "Values": sorted(set(ids))}]):
            yield from page[field_]


def _offers(ec2: Any, instance_types: Collection[str]) -> Iterator[tuple[str, str]]:
    if not instance_types:
        return
    pages = ec2.get_paginator("describe_instance_type_offerings").paginate(
        LocationType="availability-zone-id",
        Filters=[{"Name": "instance-type", "Values": sorted(set(instance_types))}],
    )
    for page in pages:
        for offer in page["InstanceTypeOfferings"]:
            yield offer["InstanceType"], offer["Location"]
