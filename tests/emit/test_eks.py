"""The target eks: what its files say, and that its scripts hand each value on as a literal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from efakit.emit.registry import emit
from efakit.plan.eks import EksPlan
from efakit.plan.plan import Plan, make_plan
from efakit.spec.load import read_spec
from efakit.spec.yamltext import Document

TRAIN = {"name": "train", "template": "torchrun", "script": "train.py"}
TESTS = {"name": "Perf_1", "template": "nccl-tests"}
TYPE, IMAGE = "p5.48xlarge", "123456789012.dkr.ecr.us-west-2.amazonaws.com/efa:1"
ZONES = ["us-west-2a", "us-west-2b"]


def spec_of(
    *jobs: dict[str, Any], instance: str = TYPE, queue: dict[str, Any] | None = None, **section: Any
) -> dict[str, Any]:
    resource = {"name": "n", "instance": instance, "nodes": 4}
    queues = [{"name": "gpu", "compute_resources": [resource], **(queue or {})}]
    own = {"name": "my-cluster", "image": IMAGE, **({} if "subnets" in section else {"zones": ZONES}), **section}
    eks = {key: value for key, value in own.items() if value is not None}
    return {"cluster": {"region": "us-west-2", "queues": queues}, "eks": eks, "jobs": list(jobs)}


def plan_of(*jobs: dict[str, Any], **more: Any) -> Plan:
    return make_plan(read_spec(Document(Path("spec.yaml"), yaml.safe_dump(spec_of(*jobs, **more)))))


def files_of(*jobs: dict[str, Any], **more: Any) -> dict[str, str]:
    files = emit(plan_of(*jobs, **more), ("eks",))
    return {file.path.removeprefix("eks/"): file.content.decode() for file in files}


def documents_of(text: str) -> dict[str, Any]:
    return {data["kind"]: data for data in yaml.safe_load_all(text) if data}


def group_of(files: dict[str, str]) -> dict[str, Any]:
    cluster = yaml.safe_load(files["cluster.yaml"])
    groups = [*cluster["managedNodeGroups"], *cluster.get("nodeGroups", [])]
    return next(item for item in groups if item["name"] != "system")


def told(plan: Plan) -> str:
    section = plan.section(EksPlan)
    assert section is not None
    return "\n".join(f"{item.subject}: {item.choice}: {item.reason}" for item in section.decisions)


def test_a_compute_resource_is_an_efa_node_group_in_one_zone_with_a_taint():
    assert group_of(files_of(TRAIN)) == {
        "name": "gpu-n",
        "instanceType": TYPE,
        "amiFamily": "AmazonLinux2023",
        "minSize": 0,
        "desiredCapacity": 4,
        "maxSize": 4,
        "availabilityZones": ["us-west-2a"],
        "privateNetworking": True,
        "volumeSize": 500,
        "efaEnabled": True,
        "labels": {"efakit/queue": "gpu", "efakit/efa": "true", "nvidia.com/gpu.present": "true"},
        "taints": [{"key": "aws.amazon.com/efa", "value": "present", "effect": "NoSchedule"}],
    }


def test_a_pod_asks_for_all_efa_devices_of_its_type_and_its_requests_equal_its_limits():
    documents = documents_of(files_of(TESTS)["perf-1.job.yaml"])
    worker = documents["MPIJob"]["spec"]["mpiReplicaSpecs"]["Worker"]
    (container,) = worker["template"]["spec"]["containers"]
    limits = container["resources"]["limits"]
    assert limits == container["resources"]["requests"]
    assert {key: value for key, value in limits.items() if key != "memory"} == {
        "vpc.amazonaws.com/efa": 32,
        "nvidia.com/gpu": 8,
        "hugepages-2Mi": "5120Mi",
    }
    assert worker["replicas"] == 4


def test_a_trainjob_s_runtime_holds_the_request_and_the_job_has_none_of_its_own():
    documents = documents_of(files_of({**TRAIN, "nodes": 2})["train.job.yaml"])
    runtime, job = documents["TrainingRuntime"]["spec"], documents["TrainJob"]["spec"]
    (node,) = runtime["template"]["spec"]["replicatedJobs"]
    (container,) = node["template"]["spec"]["template"]["spec"]["containers"]
    assert container["resources"]["limits"]["vpc.amazonaws.com/efa"] == 32
    assert runtime["mlPolicy"] == {"numNodes": 2, "torch": {}}
    assert job["trainer"] == {"numNodes": 2, "numProcPerNode": 8}
    assert job["runtimeRef"]["name"] == documents["TrainingRuntime"]["metadata"]["name"]
