"""Creates what a simulated account holds, in the moto of this process."""

from __future__ import annotations

import functools
import ipaddress
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from efakit.vendor.simulated_account import gaps
from efakit.vendor.simulated_account.contents import Image, SecurityGroup, SimulatedAccount

_LOGGER = logging.getLogger(__name__)

_ANY_POLICY = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}
)

_VPC = ipaddress.ip_network("10.0.0.0/16")


class Holder:
    """The one account that the moto of this process holds.

    moto is active from here to the end of the process; MOTO_AMIS_PATH is set before.
    """

    def __init__(self) -> None:
        import boto3
        from moto import mock_aws

        gaps.fill_gaps()
        self._aws = mock_aws()
        self._aws.start()
        # A client takes longer to make than what is made with it.
        self._client = functools.cache(boto3.Session().client)

    def hold(self, account: SimulatedAccount) -> list[str]:
        """Empty moto and create everything in ``account``, under the ids that it names.

        Returns the names of what AWS does not create, a malformed one for instance: such a thing cannot exist. A
        region that moto does not know stays empty: pcluster refuses it before it looks at anything else.
        """
        _REFUSED.clear()
        self._hold(account)
        return list(dict.fromkeys(_REFUSED))

    def _hold(self, account: SimulatedAccount) -> None:
        from moto.ec2.models import ec2_backends

        self._aws.reset()
        if account.region not in ec2_backends[gaps.OWNER]:
            return
        client = functools.partial(self._client, region_name=account.region)
        ec2 = client("ec2")
        vpc_id = _vpc(ec2)
        _subnets(ec2, account, vpc_id)
        for key in account.key_pairs:
            with _where_aws_allows(key.name):
                ec2.create_key_pair(KeyName=key.name, KeyType=key.type)
        for group in account.security_groups:
            with _where_aws_allows(group.id):
                _security_group(ec2, group, vpc_id)
        for image in account.images:
            with _where_aws_allows(image.id):
                _image(ec2, image, account.region)
        interface_id = _storage(client, account, vpc_id)
        _buckets(client("s3"), account)
        _identities(client("iam"), account)
        gaps.answer_from(account, vpc_id=vpc_id, file_system_interface=interface_id)


# The names that AWS refused to create since an account began to be made.
_REFUSED: list[str] = []


@contextmanager
def _chosen(owner: object, generator: str, value: str) -> Iterator[None]:
    """Let moto's generator of random ids return ``value``: every association of the new thing is right at once."""
    original = getattr(owner, generator)
    setattr(owner, generator, lambda *_args, **_kwargs: value)
    try:
        yield
    finally:
        setattr(owner, generator, original)


@contextmanager
def _where_aws_allows(name: str) -> Iterator[None]:
    """Pass over what AWS refuses to create, a malformed name for one: it cannot exist, and pcluster will say so."""
    from botocore.exceptions import ClientError, ParamValidationError

    try:
        yield
    except (ClientError, ParamValidationError) as error:
        _REFUSED.append(name)
        _LOGGER.warning("%s does not exist in the simulated account: %s", name, error)


def _vpc(ec2: Any) -> str:
    vpc_id = str(ec2.create_vpc(CidrBlock=str(_VPC))["Vpc"]["VpcId"])
    ec2.modify_vpc_attribute(VpcId=vpc_id, EnableDnsHostnames={"Value": True})
    return vpc_id


def _subnets(ec2: Any, account: SimulatedAccount, vpc_id: str) -> None:
    from moto.ec2.models import subnets

    _know_zones(account)
    prefix = 20 if len(account.subnets) <= 16 else 24
    for subnet, block in zip(account.subnets, _VPC.subnets(new_prefix=prefix), strict=False):
        with _where_aws_allows(subnet.id), _chosen(subnets, "random_subnet_id", subnet.id):
            ec2.create_subnet(VpcId=vpc_id, CidrBlock=str(block), AvailabilityZone=subnet.zone)
            ec2.modify_subnet_attribute(SubnetId=subnet.id, MapPublicIpOnLaunch={"Value": subnet.public})


def _know_zones(account: SimulatedAccount) -> None:
    """Let moto know zones that it does not: by their ids, and those that are newer or local."""
    from moto.ec2.models.availability_zones_and_regions import RegionsAndZonesBackend, Zone

    known = RegionsAndZonesBackend.zones.setdefault(account.region, [])
    for name in dict.fromkeys(
        [*(item.zone for item in account.subnets), *(item.zone for item in account.reservations)]
    ):
        if name and name not in {zone.name for zone in known}:
            known.append(Zone(name=name, region_name=account.region, zone_id=name))


def _security_group(ec2: Any, group: SecurityGroup, vpc_id: str) -> None:
    from moto.ec2.models import security_groups

    with _chosen(security_groups, "random_security_group_id", group.id):
        ec2.create_security_group(GroupName=group.id, Description="simulated", VpcId=vpc_id)
    all_traffic_of_itself = [{"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": group.id}]}]
    if group.from_itself:
        ec2.authorize_security_group_ingress(GroupId=group.id, IpPermissions=all_traffic_of_itself)
    if group.to_itself:
        ec2.authorize_security_group_egress(GroupId=group.id, IpPermissions=all_traffic_of_itself)


def _image(ec2: Any, image: Image, region: str) -> None:
    """Register a custom AMI; moto's RegisterImage drops the architecture, which pcluster compares."""
    from botocore.exceptions import ClientError
    from moto.ec2.models import ec2_backends
    from moto.ec2.models.amis import Ami
    from pcluster import utils

    try:
        types = ec2.describe_instance_types(InstanceTypes=[image.instance_type])["InstanceTypes"]
        architecture = types[0]["ProcessorInfo"]["SupportedArchitectures"][-1]
    except ClientError:  # of a type that moto lacks; pcluster will say so
        architecture = "x86_64"
    backend = ec2_backends[gaps.OWNER][region]
    backend.amis[image.id] = Ami(
        backend,
        image.id,
        name=image.id,
        architecture=architecture,
        virtualization_type="hvm",
        hypervisor="xen",
        root_device_type="ebs",
        image_type="machine",
        tags={
            "parallelcluster:version": utils.get_installed_version(),
            "parallelcluster:os": image.os,
            "parallelcluster:build_status": "available",
        },
    )


def _storage(client: Callable[[str], Any], account: SimulatedAccount, vpc_id: str) -> str:
    """Create volumes and EFS file systems; the network interface through which all file systems are reached."""
    if not account.subnets:
        return ""
    from moto.ec2.models import elastic_block_store
    from moto.moto_api._internal import mock_random

    ec2 = client("ec2")
    for volume_id in account.volumes:
        with _chosen(elastic_block_store, "random_volume_id", volume_id):
            ec2.create_volume(Size=500, AvailabilityZone=account.subnets[0].zone)
    if not (account.file_systems or any(thing.kind == "file cache" for thing in account.things)):
        return ""
    group_id = _open_security_group(ec2, vpc_id)
    efs = client("efs")
    for file_system in account.file_systems:
        if file_system.kind != "EFS":
            continue
        with _chosen(mock_random, "get_random_hex", file_system.id.removeprefix("fs-")):
            efs.create_file_system(CreationToken=file_system.id)
        for subnet_id in {subnet.zone: subnet.id for subnet in account.subnets}.values():
            efs.create_mount_target(FileSystemId=file_system.id, SubnetId=subnet_id, SecurityGroups=[group_id])
    interface = ec2.create_network_interface(SubnetId=account.subnets[0].id, Groups=[group_id])
    return str(interface["NetworkInterface"]["NetworkInterfaceId"])


def _open_security_group(ec2: Any, vpc_id: str) -> str:
    group_id = str(ec2.create_security_group(GroupName="storage", Description="simulated", VpcId=vpc_id)["GroupId"])
    everything = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    ec2.authorize_security_group_ingress(GroupId=group_id, IpPermissions=everything)
    return group_id


def _buckets(s3: Any, account: SimulatedAccount) -> None:
    objects = [urlsplit(address) for address in account.objects]
    # us-east-1 is the one region that CreateBucket refuses as a location.
    where = (
        {} if account.region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": account.region}}
    )
    for bucket in dict.fromkeys([*account.buckets, *(item.netloc for item in objects)]):
        with _where_aws_allows(bucket):
            s3.create_bucket(Bucket=bucket, **where)
            s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for item in objects:
        with _where_aws_allows(item.geturl()):
            s3.put_object(Bucket=item.netloc, Key=item.path.lstrip("/"), Body=b"")


def _identities(iam: Any, account: SimulatedAccount) -> None:
    from moto.iam.models import iam_backends
    from moto.utilities.utils import get_partition

    policies = iam_backends[gaps.OWNER][get_partition(account.region)].managed_policies
    for arn in account.policies:
        _owner, of_aws, path_and_name = arn.partition(":aws:policy")
        if of_aws and path_and_name not in _aws_policies():
            continue
        with _where_aws_allows(arn):
            created = iam.create_policy(PolicyName=arn.rpartition("/")[2], PolicyDocument=_ANY_POLICY)["Policy"]["Arn"]
            policies[arn] = policies.pop(created)  # under the owner that the config names
    for arn in account.roles:
        with _where_aws_allows(arn):
            iam.create_role(RoleName=arn.rpartition("/")[2], AssumeRolePolicyDocument="{}")
    for arn in account.instance_profiles:
        with _where_aws_allows(arn):
            iam.create_instance_profile(InstanceProfileName=arn.rpartition("/")[2])


@functools.cache
def _aws_policies() -> frozenset[str]:
    """Path and name of each policy that AWS manages; MOTO_IAM_LOAD_MANAGED_POLICIES costs a second an account."""
    from moto.iam.aws_managed_policies import aws_managed_policies_data

    rows = json.loads(aws_managed_policies_data)
    return frozenset(f"{row['Path']}{name}" for name, row in rows.items())
