"""The account that a config names: read off it, created under its ids, and enough for pcluster."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from efakit.vendor.simulated_account import (
    FileSystem,
    Image,
    Judge,
    KeyPair,
    Reservation,
    SecurityGroup,
    SimulatedAccount,
    Subnet,
    account_for,
    assumptions,
    not_simulated,
)
from tests.pcluster.simulated import Account, config, standard_account, text

ACCOUNT = standard_account()
GROUP_ARN = "arn:aws:resource-groups:us-east-1:111122223333:group/pool"
POLICY_ARN = "arn:aws:iam::111122223333:policy/team/ours"
AWS_POLICY_ARN = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"
ROLE_ARN = "arn:aws:iam::111122223333:role/ours"
LUSTRE_ID = "fs-0123456789abcdef0"
EFS_ID = "fs-0123456789abcdef1"
ZFS_VOLUME_ID = "fsvol-0123456789abcdef0"
EBS_VOLUME_ID = "vol-0123456789abcdef0"
AMI_ID = "ami-0123456789abcdef0"


def storage(kind: str, settings: dict[str, Any]) -> dict[str, Any]:
    return {"SharedStorage": [{"Name": "data", "MountDir": "/data", "StorageType": kind, f"{kind}Settings": settings}]}


def policy(arn: str) -> dict[str, Any]:
    return {"HeadNode": {"Iam": {"AdditionalIamPolicies": [{"Policy": arn}]}}}


NO_GROUP = {"queue": {"Networking": {"PlacementGroup": {"Enabled": False}}}}

# What a config can name, and the part of the account that then holds it.
NAMED: dict[str, tuple[tuple[dict[str, Any], ...], str, Any]] = {
    "security group": (
        ({"queue": {"Networking": {"SecurityGroups": ["sg-0123456789abcdef0"]}}},),
        "security_groups",
        SecurityGroup("sg-0123456789abcdef0"),
    ),
    "placement group": (
        ({"queue": {"Networking": {"PlacementGroup": {"Name": "ours"}}}},),
        "placement_groups",
        "ours",
    ),
    "capacity reservation": (
        (NO_GROUP, {"resource": {"CapacityReservationTarget": {"CapacityReservationId": "cr-0123456789abcdef0"}}}),
        "reservations",
        Reservation("cr-0123456789abcdef0", "p5.48xlarge", "us-east-1a", 2),
    ),
    "capacity reservation of the queue": (
        (NO_GROUP, {"queue": {"CapacityReservationTarget": {"CapacityReservationId": "cr-0123456789abcdef0"}}}),
        "reservations",
        Reservation("cr-0123456789abcdef0", "p5.48xlarge", "us-east-1a", 2),
    ),
    "capacity reservation for Red Hat": (
        (
            NO_GROUP,
            {"Image": {"Os": "rhel9"}},
            {"resource": {"CapacityReservationTarget": {"CapacityReservationId": "cr-0123456789abcdef0"}}},
        ),
        "reservations",
        Reservation("cr-0123456789abcdef0", "p5.48xlarge", "us-east-1a", 2, platform="Red Hat Enterprise Linux"),
    ),
    "Capacity Block": (
        (
            NO_GROUP,
            {"queue": {"CapacityType": "CAPACITY_BLOCK"}},
            {
                "resource": {
                    "MinCount": 2,
                    "CapacityReservationTarget": {"CapacityReservationId": "cr-0123456789abcdef0"},
                }
            },
        ),
        "reservations",
        Reservation("cr-0123456789abcdef0", "p5.48xlarge", "us-east-1a", 2, capacity_block=True),
    ),
    "reservation group": (
        (NO_GROUP, {"resource": {"CapacityReservationTarget": {"CapacityReservationResourceGroupArn": GROUP_ARN}}}),
        "reservations",
        Reservation("cr-00000000000000001", "p5.48xlarge", "us-east-1a", 2),
    ),
    "custom AMI": (({"Image": {"CustomAmi": AMI_ID}},), "images", Image(AMI_ID, "ubuntu2204", "m5.2xlarge")),
    "FSx for Lustre": (
        (storage("FsxLustre", {"FileSystemId": LUSTRE_ID}),),
        "file_systems",
        FileSystem(LUSTRE_ID, "LUSTRE"),
    ),
    "FSx for OpenZFS": (
        (storage("FsxOpenZfs", {"VolumeId": ZFS_VOLUME_ID}),),
        "file_systems",
        FileSystem("fs-00000000000000001", "OPENZFS", ZFS_VOLUME_ID),
    ),
    "EFS": ((storage("Efs", {"FileSystemId": EFS_ID}),), "file_systems", FileSystem(EFS_ID, "EFS")),
    "EBS volume": ((storage("Ebs", {"VolumeId": EBS_VOLUME_ID}),), "volumes", EBS_VOLUME_ID),
    "policy": ((policy(POLICY_ARN),), "policies", POLICY_ARN),
    "role": (({"HeadNode": {"Iam": {"InstanceRole": ROLE_ARN}}},), "roles", ROLE_ARN),
    "bucket": (({"CustomS3Bucket": "ours"},), "buckets", "ours"),
    "script": (
        ({"HeadNode": {"CustomActions": {"OnNodeConfigured": {"Script": "s3://ours/hooks/install.sh"}}}},),
        "objects",
        "s3://ours/hooks/install.sh",
    ),
}


@pytest.mark.pcluster
@pytest.mark.parametrize(("changes", "part", "thing"), NAMED.values(), ids=NAMED.keys())
def test_what_a_config_names_exists(
    judge: Judge, changes: tuple[dict[str, Any], ...], part: str, thing: object
) -> None:
    values = config(ACCOUNT, *changes)
    named = account_for(values)
    assert thing in getattr(named, part)
    assert not_simulated(values) == []
    answer = judge.dry_run(text(values), named)
    assert answer.accepted, answer.findings

    without = judge.dry_run(text(values), ACCOUNT.simulated)
    assert without.findings != answer.findings, "the answer does not depend on the thing"


@pytest.mark.pcluster
def test_policy_of_aws_exists_where_aws_has_it(judge: Judge) -> None:
    assert judge.dry_run(text(config(ACCOUNT, policy(AWS_POLICY_ARN)))).accepted
    misspelt = judge.dry_run(text(config(ACCOUNT, policy(AWS_POLICY_ARN + "s"))))
    assert misspelt.validators("error") == {"AdditionalIamPolicyValidator"}


@pytest.mark.pcluster
def test_what_aws_would_not_create_is_refused_by_pcluster(judge: Judge) -> None:
    values = config(
        ACCOUNT,
        {"CustomS3Bucket": "Not_A_Bucket", "Image": {"CustomAmi": AMI_ID}},
        {"HeadNode": {"InstanceType": "m5.nosuchsize"}},
    )
    assert not judge.dry_run(text(values)).accepted


@pytest.mark.pcluster
def test_file_systems_beside_each_other(judge: Judge) -> None:
    kinds = {"FsxLustre": {"FileSystemId": LUSTRE_ID}, "Efs": {"FileSystemId": EFS_ID}}
    shared = [
        {"Name": kind.lower(), "MountDir": f"/{kind.lower()}", "StorageType": kind, f"{kind}Settings": settings}
        for kind, settings in kinds.items()
    ]
    answer = judge.dry_run(text(config(ACCOUNT, {"SharedStorage": shared})))
    assert answer.accepted, answer.findings


@pytest.mark.pcluster
@pytest.mark.parametrize(
    ("region", "instance_type"),
    [("ap-northeast-1", "p5.48xlarge"), ("ca-central-1", "c6in.32xlarge")],
)
def test_regions_whose_zones_are_lettered_otherwise(judge: Judge, region: str, instance_type: str) -> None:
    values = config(standard_account(region), {"resource": {"InstanceType": instance_type}})
    answer = judge.dry_run(text(values))
    assert answer.accepted, answer.findings


def test_subnets_of_one_queue_lie_in_a_zone_each() -> None:
    queue = {"queue": {"Networking": {"SubnetIds": ["subnet-1", Account.head_subnet, "subnet-2"]}}}
    assert account_for(config(ACCOUNT, queue)).subnets == (
        Subnet(Account.head_subnet, "us-east-1a"),
        Subnet("subnet-1", "us-east-1b"),
        Subnet("subnet-2", "us-east-1c"),
    )
    given_zones = account_for(config(ACCOUNT, queue), zones={"subnet-2": "us-east-1f"})
    assert Subnet("subnet-2", "us-east-1f") in given_zones.subnets


def test_reservation_is_as_large_as_all_that_draws_on_it() -> None:
    target = {"CapacityReservationTarget": {"CapacityReservationId": "cr-1"}}
    resource = {"Name": "a", "InstanceType": "p5.48xlarge", **target}
    values = config(ACCOUNT, {"queue": {"ComputeResources": [{**resource, "MaxCount": 3}, resource]}})
    assert account_for(values).reservations == (Reservation("cr-1", "p5.48xlarge", "us-east-1a", 13),)


def test_region_is_the_configs_own_or_the_callers() -> None:
    assert account_for({"Region": "us-west-2"}, region="eu-west-1").region == "us-west-2"
    assert account_for({}, region="eu-west-1").region == "eu-west-1"


def test_assumptions_name_each_thing() -> None:
    lines = assumptions(account_for(config(ACCOUNT, *NAMED["Capacity Block"][0])))
    assert f"key pair {Account.key_name}: exists, ed25519" in lines
    assert "Capacity Block cr-0123456789abcdef0: active, 2 x p5.48xlarge in us-east-1a" in lines
    assert any(Account.compute_subnet in line and "private" in line for line in lines)


def test_what_cannot_be_simulated_is_named() -> None:
    values = config(
        ACCOUNT,
        {"resource": {"InstanceType": None, "CapacityReservationTarget": {"CapacityReservationId": "cr-1"}}},
    )
    found = "\n".join(map(str, not_simulated(values)))
    for words in ("instance type of a capacity reservation", "CapacityReservationId: cr-1", "judged as c5n.18xlarge"):
        assert words in found


def test_account_survives_json() -> None:
    named = account_for(config(ACCOUNT, *NAMED["reservation group"][0], *NAMED["EFS"][0]))
    assert SimulatedAccount.from_json(named.to_json()) == named
    assert KeyPair(Account.rsa_key_name, "rsa") in SimulatedAccount.from_json(ACCOUNT.simulated.to_json()).key_pairs


_WORDS = (
    "Region Image HeadNode Networking SubnetId SubnetIds Scheduling SlurmQueues ComputeResources InstanceType "
    "Instances MaxCount CapacityReservationTarget CapacityReservationId PlacementGroup Name CustomAmi SharedStorage "
    "EfsSettings FileSystemId"
)
_KEYS = st.sampled_from(_WORDS.split())
_YAML = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=4),
    max_leaves=10,
)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(_KEYS, _YAML, max_size=4))
def test_any_yaml_has_an_account(values: dict[str, Any]) -> None:
    assumptions(account_for(values))
    not_simulated(values)


def test_import_costs_nothing_without_the_extra() -> None:
    code = (
        "import sys, efakit.vendor.simulated_account as a; "
        "assert not {'moto', 'pcluster', 'boto3', 'botocore'} & set(sys.modules), sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_object_that_the_head_node_may_read_is_no_key_pair():
    head = {"Ssh": {"KeyName": "mine"}, "Iam": {"S3Access": [{"BucketName": "bucket-1", "KeyName": "path/object"}]}}
    assert [key.name for key in account_for({"HeadNode": head}).key_pairs] == ["mine"]
