"""Whatever a config names exists where it is judged, so that pcluster refuses none of it as missing."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from efakit.cli.validate import validate
from efakit.vendor.simulated_account import Judge, account_for, installed_pcluster_version
from efakit.vendor.simulated_account.answer import DryRun
from tests.pcluster.simulated import text

pytestmark = pytest.mark.pcluster

HEAD_SUBNET = "subnet-0123456789abcdef0"
SUBNET = "subnet-0123456789abcdef1"
ACCOUNT = "123456789012"
INSTALLED = str(installed_pcluster_version())
SECRET = f"arn:aws:secretsmanager:us-east-2:{ACCOUNT}:secret:name-AbCdEf"


def base() -> dict[str, Any]:
    return {
        "Region": "us-east-2",
        "Image": {"Os": "alinux2023"},
        "HeadNode": {
            "InstanceType": "m5.xlarge",
            "Networking": {"SubnetId": HEAD_SUBNET},
            "Ssh": {"KeyName": "example"},
        },
        "Scheduling": {
            "Scheduler": "slurm",
            "SlurmQueues": [
                {
                    "Name": "q",
                    "Networking": {"SubnetIds": [SUBNET], "PlacementGroup": {"Enabled": True}},
                    "ComputeResources": [
                        {
                            "Name": "c",
                            "InstanceType": "hpc6a.48xlarge",
                            "MinCount": 0,
                            "MaxCount": 4,
                            "Efa": {"Enabled": True},
                        }
                    ],
                }
            ],
        },
    }


def pool(name: str = "login", **more: Any) -> dict[str, Any]:
    return {
        "Name": name,
        "Count": 1,
        "InstanceType": "m5.large",
        "Networking": {"SubnetIds": [HEAD_SUBNET]},
        **more,
    }


def storage(*items: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    return {
        "SharedStorage": [
            {"Name": f"s{number}", "MountDir": f"/s{number}", "StorageType": kind, f"{kind}Settings": settings}
            for number, (kind, settings) in enumerate(items)
        ]
    }


def second_queue(**networking: Any) -> list[dict[str, Any]]:
    queue = deepcopy(base()["Scheduling"]["SlurmQueues"][0])
    return [queue, {**deepcopy(queue), "Name": "r", "Networking": {**queue["Networking"], **networking}}]


def merged(value: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    for key, change in changes.items():
        below = value.get(key)
        value[key] = merged(below, change) if isinstance(below, dict) and isinstance(change, dict) else change
    return value


NAMED: dict[str, dict[str, Any]] = {
    "a login pool in the head node's subnet": {"LoginNodes": {"Pools": [pool()]}},
    "two login pools in one subnet": {"LoginNodes": {"Pools": [pool("a"), pool("b")]}},
    "a login pool in the queue's subnet": {
        "LoginNodes": {"Pools": [pool(Networking={"SubnetIds": [SUBNET]})]},
    },
    "two queues in one subnet": {"Scheduling": {"SlurmQueues": second_queue()}},
    "head node and queue in one subnet": {"Scheduling": {"SlurmQueues": second_queue(SubnetIds=[HEAD_SUBNET])}},
    "one security group everywhere": {
        "HeadNode": {"Networking": {"SecurityGroups": ["sg-0123456789abcdef0"]}},
        "LoginNodes": {"Pools": [pool(Networking={"SubnetIds": [SUBNET], "SecurityGroups": ["sg-0123456789abcdef0"]})]},
        "Scheduling": {
            "SlurmQueues": [
                {**queue, "Networking": {**queue["Networking"], "SecurityGroups": ["sg-0123456789abcdef0"]}}
                for queue in second_queue()
            ]
        },
    },
    "two file systems for Lustre": storage(
        ("FsxLustre", {"FileSystemId": "fs-0123456789abcdef0"}),
        ("FsxLustre", {"FileSystemId": "fs-0123456789abcdef1"}),
    ),
    "two volumes of OpenZFS": storage(
        ("FsxOpenZfs", {"VolumeId": "fsvol-0123456789abcdef0"}),
        ("FsxOpenZfs", {"VolumeId": "fsvol-0123456789abcdef1"}),
    ),
    "two volumes of ONTAP": storage(
        ("FsxOntap", {"VolumeId": "fsvol-0123456789abcdef0"}),
        ("FsxOntap", {"VolumeId": "fsvol-0123456789abcdef1"}),
    ),
    "two of EFS, one by an access point": storage(
        ("Efs", {"FileSystemId": "fs-0123456789abcdef0"}),
        (
            "Efs",
            {
                "FileSystemId": "fs-0123456789abcdef1",
                "AccessPointId": "fsap-0123456789abcdef0",
                "EncryptionInTransit": True,
            },
        ),
    ),
    "a file system of each kind": storage(
        ("FsxLustre", {"FileSystemId": "fs-0123456789abcdef0"}),
        ("FsxOpenZfs", {"VolumeId": "fsvol-0123456789abcdef0"}),
        ("FsxOntap", {"VolumeId": "fsvol-0123456789abcdef1"}),
        ("Efs", {"FileSystemId": "fs-0123456789abcdef1"}),
        ("Ebs", {"VolumeId": "vol-0123456789abcdef0"}),
    ),
    "two EBS volumes": storage(
        ("Ebs", {"VolumeId": "vol-0123456789abcdef0"}), ("Ebs", {"VolumeId": "vol-0123456789abcdef1"})
    ),
    "an EBS snapshot": storage(("Ebs", {"SnapshotId": "snap-0123456789abcdef0", "Size": 500})),
    "an EBS volume of one's own key": storage(
        ("Ebs", {"Size": 100, "Encrypted": True, "KmsKeyId": "12345678-1234-1234-1234-123456789012"})
    ),
    "a backup of FSx": storage(("FsxLustre", {"BackupId": "backup-0123456789abcdef0"})),
    "a file cache": storage(("FileCache", {"FileCacheId": "fc-0123456789abcdef0"})),
    "an Elastic IP address": {"HeadNode": {"Networking": {"ElasticIp": "198.51.100.7"}}},
    "an AMI": {"Image": {"CustomAmi": "ami-0123456789abcdef0"}},
    "a hosted zone": {"Scheduling": {"SlurmSettings": {"Dns": {"HostedZoneId": "Z0123456789ABCDEFGHIJ"}}}},
    "a secret of the database": {
        "Scheduling": {
            "SlurmSettings": {
                "Database": {"Uri": "db.example.com:3306", "UserName": "slurm", "PasswordSecretArn": SECRET}
            }
        }
    },
    "a secret of MUNGE": {"Scheduling": {"SlurmSettings": {"MungeKeySecretArn": SECRET}}},
    "a directory": {
        "DirectoryService": {
            "DomainName": "corp.example.com",
            "DomainAddr": "ldaps://corp.example.com",
            "PasswordSecretArn": SECRET,
            "DomainReadOnlyUser": "cn=reader,ou=users,dc=corp,dc=example,dc=com",
        }
    },
    "policies, a role's bucket and an object": {
        "HeadNode": {
            "Iam": {
                "AdditionalIamPolicies": [
                    {"Policy": "arn:aws:iam::aws:policy/AmazonS3FullAccess"},
                    {"Policy": f"arn:aws:iam::{ACCOUNT}:policy/ours"},
                ],
                "S3Access": [{"BucketName": "bucket-1", "KeyName": "a/b"}, {"BucketName": "bucket-1"}],
            }
        }
    },
    "an instance profile": {
        "HeadNode": {"Iam": {"InstanceProfile": f"arn:aws:iam::{ACCOUNT}:instance-profile/ours"}},
    },
    "a script on the web": {
        "HeadNode": {"CustomActions": {"OnNodeConfigured": {"Script": "https://example.com/install.sh"}}}
    },
    "a placement group": {
        "Scheduling": {"SlurmQueues": second_queue(PlacementGroup={"Name": "ours"})},
    },
}


def judged(judge: Judge, changes: dict[str, Any], zones: dict[str, str] | None = None) -> DryRun:
    values = merged(base(), deepcopy(changes))
    return judge.dry_run(text(values), account_for(values, zones=zones))


@pytest.mark.parametrize("changes", NAMED.values(), ids=NAMED.keys())
def test_what_a_config_names_is_there(judge: Judge, changes: dict[str, Any]) -> None:
    answer = judged(judge, changes)
    assert answer.accepted, (answer.findings, answer.gaps)
    assert not answer.gaps
    assert not answer.of_aws
    assert "URLError" not in str(answer.raw)


@pytest.mark.parametrize("zone", ["us-east-2b", "use2-az2", "us-east-2z", "us-east-2-chi-1a"])
def test_a_subnet_lies_in_the_zone_that_is_named(judge: Judge, zone: str) -> None:
    answer = judged(judge, NAMED["a file system of each kind"], {SUBNET: zone})
    assert answer.accepted, answer.findings


def block(**more: Any) -> dict[str, Any]:
    queue = deepcopy(base()["Scheduling"]["SlurmQueues"][0])
    queue["Networking"]["PlacementGroup"] = {"Enabled": False}
    resource = {"Name": "c", "MinCount": 4, "MaxCount": 4, "Efa": {"Enabled": True}}
    target = {"CapacityReservationId": "cr-0123456789abcdef0"}
    queue["ComputeResources"] = [{**resource, "CapacityReservationTarget": target}]
    return {**queue, **more}


@pytest.mark.usefixtures("running_judge")
@pytest.mark.parametrize(
    "queues",
    [
        [block(CapacityType="CAPACITY_BLOCK")],
        [block()],
        [block(CapacityType="CAPACITY_BLOCK"), block(CapacityType="CAPACITY_BLOCK", Name="r")],
    ],
    ids=["block", "reservation", "one block in two queues"],
)
def test_a_reservation_tells_the_type_and_is_there(tmp_path: Path, queues: list[dict[str, Any]]) -> None:
    answer = validated(tmp_path, {"Scheduling": {"SlurmQueues": queues}})
    assert not [item for item in answer["findings"] if item["severity"] == "error" and "creation" not in item["about"]]
    assert answer["outcome"] in ("accepted", "undecided")
    assert any("cr-0123456789abcdef0" in note for note in answer["notes"])


@pytest.mark.usefixtures("running_judge")
def test_a_type_that_only_efakit_knows_is_left_undecided(tmp_path: Path) -> None:
    queue = deepcopy(base()["Scheduling"]["SlurmQueues"][0])
    queue["ComputeResources"][0]["InstanceType"] = "p6e-gb200.36xlarge"
    changes = {"HeadNode": {"InstanceType": "m7g.xlarge"}, "Scheduling": {"SlurmQueues": [queue]}}
    answer = validated(tmp_path, changes)
    assert answer["outcome"] == "undecided"
    assert not [item for item in answer["findings"] if item["rule"].startswith("pcluster:")]
    assert any("p6e-gb200.36xlarge" in note for note in answer["notes"])


@pytest.mark.usefixtures("running_judge")
def test_a_type_that_nobody_knows_is_still_refused(tmp_path: Path) -> None:
    assert validated(tmp_path, {"HeadNode": {"InstanceType": "m5.nosuchsize"}})["outcome"] == "refused"


def validated(folder: Path, changes: dict[str, Any]) -> dict[str, Any]:
    path = folder / "cluster.yaml"
    path.write_text(yaml.safe_dump(merged(base(), deepcopy(changes))))
    done = CliRunner().invoke(validate, [str(path), "--format", "json", "--parallelcluster", INSTALLED])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    document: dict[str, Any] = json.loads(done.stdout)
    outcome = next(item["outcome"] for item in document["judged_by"] if item["judge"] == "pcluster")
    return {**document, "code": done.exit_code, "outcome": outcome}


def test_an_exception_s_text_is_no_word_of_a_validator() -> None:
    said = {"level": "ERROR", "type": "SomeValidator", "message": "list index out of range"}
    heard = {"doubts": [{"type": "SomeValidator", "message": "list index out of range", "why": "exception"}]}
    answer = DryRun.from_answer({"configurationValidationErrors": [said], "heard": heard})
    assert (answer.findings, len(answer.gaps)) == ((), 1)
    loop = {**said, "message": "There is no current event loop in thread 'MainThread'."}
    assert not DryRun.from_answer({"configurationValidationErrors": [loop]}).findings
