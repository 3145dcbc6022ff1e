"""A spec without a key pair lets people in by sessions; null in overrides removes what efakit writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from efakit.emit.parallelcluster import cluster_config
from efakit.emit.parallelcluster.sections import merged
from efakit.plan.make import make_plan
from efakit.plan.plan import Plan
from efakit.spec.load import read_spec
from efakit.spec.yamltext import Document

SPEC = """
cluster:
  region: REGION
  queues:
    - name: gpu
      subnet: subnet-0123456789abcdef1
      compute_resources: [{name: p5, instance: p5.48xlarge, nodes: 4}]
parallelcluster:
  version: "VERSION"
  head_node: {subnet: subnet-0123456789abcdef0MORE}
OWN
"""


def planned(region: str = "us-east-1", version: str = "3.16.3", more: str = "", own: str = "") -> Plan:
    text = SPEC.replace("REGION", region).replace("VERSION", version).replace("MORE", more).replace("OWN", own)
    return make_plan(read_spec(Document(Path("spec.yaml"), text)))


@pytest.mark.parametrize(
    ("region", "partition"), [("us-east-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")]
)
def test_without_a_key_pair_the_head_node_may_open_sessions(region: str, partition: str):
    plan = planned(region)
    head = cluster_config(plan)["HeadNode"]
    assert "Ssh" not in head
    policy = f"arn:{partition}:iam::aws:policy/AmazonSSMManagedInstanceCore"
    assert head["Iam"]["AdditionalIamPolicies"] == [{"Policy": policy}]
    assert any(decision.subject == "log-in to the head node" for decision in plan.decisions)


def test_a_role_of_the_user_s_own_is_left_alone():
    role = "arn:aws:iam::123456789012:role/ours"
    head = cluster_config(planned(more=f", iam: {{role: '{role}'}}"))["HeadNode"]
    assert head["Iam"] == {"InstanceRole": role}


def test_with_a_key_pair_nothing_is_added():
    head = cluster_config(planned(own="  key: mine"))["HeadNode"]
    assert head["Ssh"] == {"KeyName": "mine"}
    assert "Iam" not in head


def test_null_removes_a_key():
    own = "  overrides:\n    HeadNode: {Iam: null}\n    Scheduling: {SlurmSettings: {CustomSlurmSettings: null}}"
    config: dict[str, Any] = cluster_config(planned(own=own))
    assert "Iam" not in config["HeadNode"]
    assert "CustomSlurmSettings" not in config["Scheduling"]["SlurmSettings"]
    assert config["Scheduling"]["Scheduler"] == "slurm"


def test_null_of_what_is_not_there_adds_nothing():
    assert merged({"a": {"b": 1}}, {"a": {"b": None, "c": None}, "d": {"e": None}, "f": None}) == {"a": {}, "d": {}}


def test_a_release_without_a_row_says_as_which_it_is_taken():
    subjects = {decision.subject: decision.choice for decision in planned(version="3.16.2").decisions}
    assert subjects["software of ParallelCluster 3.16.2"] == "the same as 3.16.1: EFA installer 1.49.0"
    assert not [name for name in {item.subject for item in planned().decisions} if name.startswith("software of")]
