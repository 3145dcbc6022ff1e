"""What a plan finds wrong with a spec's jobs: signals that never come, containers that the cluster cannot start."""

from __future__ import annotations

from pathlib import Path

import pytest

from efakit.plan.make import make_plan
from efakit.spec.load import read_spec
from efakit.spec.yamltext import Document

QUEUES = """\
cluster:
  region: us-east-1
  queues:
    - name: gpu
      subnet: subnet-0123456789abcdef1
      compute_resources: [{name: p5, instance: p5.48xlarge, nodes: 4}]
"""
CLUSTER = (
    QUEUES
    + """\
parallelcluster:
  key: my-key
  head_node: {subnet: subnet-0123456789abcdef0}
"""
)
JOB = "jobs: [{name: train, template: torchrun, script: train.py, %s}]\n"
PYXIS = JOB % "container: {runtime: pyxis, image: /shared/a.sqsh}"
ACTION = "{script: 's3://b-1/a.sh'}"


def found(text: str) -> list[str]:
    findings = make_plan(read_spec(Document(Path("spec.yaml"), text))).findings
    return [finding.rule for finding in findings if "creation" not in finding.about]


@pytest.mark.parametrize("cluster", [QUEUES, CLUSTER])
def test_a_signal_without_a_time_limit_is_found(cluster):
    assert found(cluster + JOB % "signal: {seconds: 300}") == ["signal-no-time"]


@pytest.mark.parametrize(
    ("queue", "job"),
    [
        ("", "signal: {seconds: 300}, time: '8:00:00'"),
        ("  queues: {gpu: {slurm_settings: {MaxTime: '1-0'}}}\n", "signal: {seconds: 300}"),
        ("  queues: {gpu: {slurm_settings: {defaulttime: '8:00:00'}}}\n", "signal: {seconds: 300}"),
        ("", "requeue: true"),
    ],
)
def test_a_signal_with_a_limit_of_the_job_s_or_of_the_partition_s_is_fine(queue, job):
    assert found(CLUSTER + queue + JOB % job) == []


@pytest.mark.parametrize("version", ["3.11.1", "3.12.0", "3.16.3"])
def test_a_pyxis_job_is_found_where_the_release_has_pyxis_off(version):
    assert found(CLUSTER + f"  version: '{version}'\n" + PYXIS) == ["pyxis-off"]


def test_the_one_release_that_ships_pyxis_on_is_fine():
    assert found(CLUSTER + "  version: '3.11.0'\n" + PYXIS) == []


def test_apptainer_needs_no_pyxis():
    assert found(CLUSTER + PYXIS.replace("pyxis", "apptainer")) == []


def test_of_a_cluster_that_is_up_nothing_is_said_of_pyxis():
    assert found(QUEUES + PYXIS) == []


@pytest.mark.parametrize(
    ("more", "missing"),
    [
        ("", "the head node and queue gpu have no"),
        (f"  queues: {{gpu: {{custom_actions: {{on_node_start: {ACTION}}}}}}}\n", "the head node has no"),
        ("  queues: {gpu: {ami: ami-0123456789abcdef0}}\n", "the head node has no"),
    ],
)
def test_what_is_missing_for_pyxis_is_said(more, missing):
    (finding,) = make_plan(read_spec(Document(Path("spec.yaml"), CLUSTER + more + PYXIS))).findings
    assert missing in finding.message
    assert finding.place.keys == ("jobs", 0, "container", "runtime")


@pytest.mark.parametrize(
    "more",
    [
        "  ami: ami-0123456789abcdef0\n",
        f"  queues: {{gpu: {{custom_actions: {{on_node_start: {ACTION}}}}}}}\n",
    ],
)
def test_an_action_or_image_of_the_user_s_own_may_switch_pyxis_on(more):
    text = (CLUSTER + more + PYXIS).replace("abcdef0}", f"abcdef0, custom_actions: {{on_node_configured: {ACTION}}}}}")
    assert found(text) == []


@pytest.mark.parametrize(
    ("env", "rules"),
    [
        ("NCCL_NET: Libfabric", ["nccl-net-without-efa"]),
        ("FI_PROVIDER: efa", ["provider-without-efa"]),
        ("FI_PROVIDER: tcp", []),
        ("NCCL_SOCKET_IFNAME: eth0", []),
    ],
)
def test_of_a_job_on_nodes_without_efa_only_what_wants_efa_is_found(env, rules):
    plan = make_plan(
        read_spec(Document(Path("spec.yaml"), CLUSTER.replace("p5.48xlarge", "g5.xlarge") + JOB % f"env: {{{env}}}"))
    )
    assert [finding.rule for finding in plan.job_findings] == rules
