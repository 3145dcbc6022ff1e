"""What is decided for ParallelCluster's config alone, and where its file shows it."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest
import yaml

from efakit.emit.parallelcluster import cluster_config, emit_parallelcluster
from efakit.emit.parallelcluster.comments import place_of
from efakit.plan.decision import Decision
from efakit.plan.make import make_plan
from efakit.plan.plan import Plan
from efakit.spec.load import load_spec
from tests.emit.jobscript import plan_of

CONFIGS = Path(__file__).resolve().parents[2] / "cluster-configs"
READY = [path for path in sorted(CONFIGS.glob("*.yaml")) if "\nparallelcluster:" in path.read_text()]
JOB = {"template": "torchrun", "script": "train.py"}


def section(**own) -> Plan:
    base = {"key": "my-key", "head_node": {"subnet": "subnet-0123456789abcdef0"}}
    return plan_of(JOB, hooks={"bucket": "s3://my-bucket/efakit"}, parallelcluster={**base, **own})


def decided(plan: Plan, topic: str) -> dict[str, str]:
    found = {item.subject: item.choice for item in plan.decisions if item.topic == topic}
    assert all(item.reason for item in plan.decisions if item.topic == topic)
    return found


def lustre(**more) -> dict:
    return {"name": "scratch", "mount": "/fsx", "type": "fsx-lustre", **more}


@pytest.mark.parametrize(
    ("storage", "throughput", "decision"),
    [
        (lustre(size_gb=1200), 125, {"throughput of scratch": "125 MB/s for each TiB"}),
        (lustre(size_gb=1200, deployment="PERSISTENT_1"), 50, {"throughput of scratch": "50 MB/s for each TiB"}),
        (lustre(size_gb=1200, throughput=500), 500, {}),
        (lustre(size_gb=1200, deployment="SCRATCH_2"), None, {}),
        (lustre(id="fs-0123456789abcdef0"), None, {}),
    ],
)
def test_a_new_file_system_has_the_least_throughput_and_the_reason_is_told(storage, throughput, decision):
    plan = section(storage=[storage])
    (written,) = cluster_config(plan)["SharedStorage"]
    assert written["FsxLustreSettings"].get("PerUnitStorageThroughput") == throughput
    assert decided(plan, "throughput") == decision


@pytest.mark.parametrize(
    ("storage", "policy"),
    [
        ({"name": "a", "mount": "/a", "type": "efs"}, "Retain"),
        ({"name": "a", "mount": "/a", "type": "ebs", "keep": False}, "Delete"),
        ({"name": "a", "mount": "/a", "type": "efs", "id": "fs-0123456789abcdef0"}, None),
    ],
)
def test_what_becomes_of_a_new_file_system_is_told(storage, policy):
    plan = section(storage=[storage])
    (written,) = cluster_config(plan)["SharedStorage"]
    settings = written.get("EfsSettings") or written.get("EbsSettings")
    assert settings.get("DeletionPolicy") == policy
    assert decided(plan, "deletion-policy") == ({"deletion policy of a": policy} if policy else {})


@pytest.mark.parametrize(
    ("iam", "access"),
    [
        ({}, [{"BucketName": "my-bucket", "KeyName": "efakit/install-hooks.sh"}]),
        ({"profile": "arn:aws:iam::123456789012:instance-profile/mine"}, None),
    ],
)
def test_the_access_to_the_installer_is_a_decision(iam, access):
    plan = section(head_node={"subnet": "subnet-0123456789abcdef0", "iam": iam})
    (choice,) = decided(plan, "installer-access").values()
    assert cluster_config(plan)["HeadNode"]["Iam"].get("S3Access") == access
    assert choice == ("to read s3://my-bucket/efakit/install-hooks.sh" if access else f"that of {iam['profile']}")


def test_login_nodes_without_a_type_have_the_head_node_s_and_the_reason_is_told():
    pool = {"name": "login", "subnet": "subnet-0123456789abcdef0"}
    plan = section(login_nodes=[pool, {**pool, "name": "big", "instance": "m6i.8xlarge"}])
    types = [item["InstanceType"] for item in cluster_config(plan)["LoginNodes"]["Pools"]]
    assert types == ["m6i.xlarge", "m6i.8xlarge"]
    assert decided(plan, "login-nodes") == {"login nodes of login": "m6i.xlarge"}


def test_a_decision_knows_no_place_in_any_file():
    assert [field.name for field in fields(Decision)] == ["subject", "choice", "reason", "source", "topic", "of"]


@pytest.mark.parametrize("path", READY, ids=lambda path: path.stem)
def test_each_place_of_a_decision_is_in_the_config(path):
    plan = make_plan(load_spec(path))
    config = yaml.safe_load(emit_parallelcluster(plan)[0].content)
    placed = [place for place in (place_of(item, plan) for item in plan.decisions) if place]
    assert placed
    for place in placed:
        node = config
        for step in place:
            node = node[step]


def test_who_makes_the_placement_group_is_said_only_where_efakit_asks_for_one():
    (asked_by_nobody,) = [item for item in section().decisions if item.topic == "placement-group"]
    assert asked_by_nobody.reason.endswith("; ParallelCluster creates and deletes the group")
