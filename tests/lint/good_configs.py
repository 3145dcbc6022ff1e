"""Configs that are right, or at least allowed, and ways to change them at random."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from hypothesis import strategies as st

from tests.pcluster.simulated import Account, config, standard_account

ROLE = "arn:aws:iam::123456789012:role/x"
POLICY = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"
SCRIPT = {"Script": Account.hook_address, "Args": ["one", "two"]}

EVERYTHING: Mapping[str, Any] = config(
    standard_account(),
    {
        "Image": {"Os": "alinux2023"},
        "Imds": {"ImdsSupport": "v2.0"},
        "HeadNode": {
            "DisableSimultaneousMultithreading": False,
            "Networking": {"ElasticIp": True, "AdditionalSecurityGroups": [Account.open_group]},
            "Ssh": {"AllowedIps": "10.0.0.0/8"},
            "LocalStorage": {
                "RootVolume": {"Size": 100, "VolumeType": "gp3", "Encrypted": True, "Iops": 3000, "Throughput": 125},
                "EphemeralVolume": {"MountDir": "/scratch"},
            },
            "SharedStorageType": "Ebs",
            "Dcv": {"Enabled": False, "Port": 8443, "AllowedIps": "10.0.0.0/8"},
            "CustomActions": {"OnNodeStart": SCRIPT, "OnNodeConfigured": {"Sequence": [SCRIPT, SCRIPT]}},
            "Iam": {"S3Access": [{"BucketName": Account.bucket, "KeyName": "*", "EnableWriteAccess": False}]},
            "Imds": {"Secured": True},
        },
        "LoginNodes": {
            "Pools": [
                {
                    "Name": "login",
                    "InstanceType": "m5.xlarge",
                    "Count": 2,
                    "GracetimePeriod": 10,
                    "Networking": {"SubnetIds": [Account.head_subnet]},
                    "Ssh": {"AllowedIps": "10.0.0.0/8"},
                    "Iam": {"AdditionalIamPolicies": [{"Policy": POLICY}]},
                }
            ]
        },
        "Scheduling": {
            "ScalingStrategy": "all-or-nothing",
            "SlurmSettings": {
                "ScaledownIdletime": 10,
                "QueueUpdateStrategy": "DRAIN",
                "EnableMemoryBasedScheduling": False,
                "Dns": {"DisableManagedDns": False, "UseEc2Hostnames": False},
                "CustomSlurmSettings": [
                    {"PrologFlags": "Alloc"},
                    {"KillWait": 60},
                    {"TaskProlog": "/opt/slurm/etc/task-prolog"},
                    {"HealthCheckProgram": "/opt/slurm/etc/health-check"},
                    {"NodeName": "own[1-2]", "CPUs": 4},
                    {"PartitionName": "own", "Nodes": "own[1-2]", "Default": "NO"},
                ],
            },
        },
        "queue": {
            "CapacityType": "ONDEMAND",
            "JobExclusiveAllocation": True,
            "CustomSlurmSettings": {"MaxTime": "1-00:00:00", "GraceTime": 60},
            "HealthChecks": {"Gpu": {"Enabled": True}},
            "Tags": [{"Key": "team", "Value": "one"}],
            "CustomActions": {"OnNodeConfigured": SCRIPT},
            "ComputeSettings": {"LocalStorage": {"RootVolume": {"Size": 200, "VolumeType": "gp3"}}},
            "Networking": {"AssignPublicIp": False, "AdditionalSecurityGroups": [Account.open_group]},
        },
        "resource": {
            "MinCount": 0,
            "DisableSimultaneousMultithreading": False,
            "SchedulableMemory": 1900000,
            "HealthChecks": {"Gpu": {"Enabled": "yes"}},
            "CustomSlurmSettings": {"Sockets": 2, "CoresPerSocket": 48, "ThreadsPerCore": 2, "RealMemory": 1900000},
            "Tags": [{"Key": "kind", "Value": "gpu"}],
            "StaticNodePriority": 1,
            "DynamicNodePriority": 1000,
        },
        "SharedStorage": [
            {
                "Name": "fsx",
                "MountDir": "/fsx",
                "StorageType": "FsxLustre",
                "FsxLustreSettings": {
                    "StorageCapacity": "2400",
                    "DeploymentType": "PERSISTENT_2",
                    "PerUnitStorageThroughput": 250,
                    "DataCompressionType": "LZ4",
                    "DeletionPolicy": "Retain",
                },
            },
            {
                "Name": "data",
                "MountDir": "data",
                "StorageType": "Ebs",
                "EbsSettings": {"VolumeType": "gp3", "Size": 100, "Encrypted": True, "DeletionPolicy": "Snapshot"},
            },
            {"Name": "efs", "MountDir": "/efs", "StorageType": "Efs", "EfsSettings": {"ThroughputMode": "bursting"}},
        ],
        "Monitoring": {
            "DetailedMonitoring": True,
            "Logs": {"CloudWatch": {"Enabled": True, "RetentionInDays": 30}, "Rotation": {"Enabled": True}},
            "Dashboards": {"CloudWatch": {"Enabled": True}},
            "Alarms": {"Enabled": True},
        },
        "Tags": [{"Key": "project", "Value": "x"}],
        "Iam": {"ResourcePrefix": "efakit-"},
        "DevSettings": {"Timeouts": {"HeadNodeBootstrapTimeout": 3600, "ComputeNodeBootstrapTimeout": 3600}},
        "DeploymentSettings": {"DisableSudoAccessForDefaultUser": False, "DefaultUserHome": "Shared"},
    },
)

ODD = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-5, 5),
        st.integers(),
        st.floats(),
        st.text(max_size=8),
        st.dates(),
        st.sampled_from(["", "yes", "7", "p5.48xlarge", "default", "x" * 300, 10**4000, "[", "cr-0", "null"]),
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8) | st.integers(), inner, max_size=3),
    max_leaves=6,
)


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Give the path of every value of a config."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places(inner, (*path, key))


PLACES = list(places(EVERYTHING))


@st.composite
def changed_configs(draw: st.DrawFn, values: st.SearchStrategy[Any] = ODD) -> Any:
    """Draw the config with everything, with one to three of its values replaced, removed, renamed or doubled."""
    root: dict[str, Any] = {"config": copy.deepcopy(dict(EVERYTHING))}
    for _ in range(draw(st.integers(1, 3))):
        *above, last = ("config", *draw(st.sampled_from(PLACES)))
        parent: Any = root
        try:
            for key in above:
                parent = parent[key]
            old = parent[last] if isinstance(parent, dict | list) else parent[None]
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change has taken the place away
        what = draw(st.sampled_from(["replace", "remove", "rename", "double"]))
        if what == "remove" and above:
            del parent[last]
        elif what == "rename" and isinstance(parent, dict) and above:
            parent[str(last) + "X"] = parent.pop(last)
        elif what == "double" and isinstance(parent, list):
            parent.append(copy.deepcopy(old))
        else:
            parent[last] = draw(values)
    return root["config"]
