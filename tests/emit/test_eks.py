"""The target eks: what its files say, and that its scripts hand each value on as a literal."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from efakit.catalog.eks import miscounted
from efakit.catalog.instances import all_efa
from efakit.emit.registry import emit
from efakit.errors import SpecError
from efakit.lint.manifest import lint_manifests
from efakit.plan.eks import EksPlan
from efakit.plan.make import make_plan
from efakit.plan.plan import Plan
from efakit.spec.load import read_spec
from efakit.spec.yamltext import Document
from tests.emit.denied import without_privilege

pytestmark = pytest.mark.thorough

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


def test_where_eksctl_counts_wrong_a_launch_template_has_the_interfaces():
    files = files_of(TRAIN, instance="p6-b300.48xlarge")
    assert [item["name"] for item in yaml.safe_load(files["cluster.yaml"])["managedNodeGroups"]] == ["system"]
    template = yaml.safe_load(files["gpu-n.launch-template.yaml"])["Resources"]
    data = template["LaunchTemplate"]["Properties"]["LaunchTemplateData"]
    kinds = [
        (item["NetworkCardIndex"], item["DeviceIndex"], item["InterfaceType"]) for item in data["NetworkInterfaces"]
    ]
    assert kinds == [(0, 0, "interface"), *((card, 0, "efa-only") for card in range(1, 17))]
    assert template["PlacementGroup"]["Properties"] == {"Strategy": "cluster"}
    own = {"Fn::GetAtt": ["EfaSecurityGroup", "GroupId"]}
    assert template["EfaIn"]["Properties"] == {"GroupId": own, "IpProtocol": "-1", "SourceSecurityGroupId": own}
    assert template["EfaOut"]["Properties"] == {"GroupId": own, "IpProtocol": "-1", "DestinationSecurityGroupId": own}
    (group,) = yaml.safe_load(files["gpu-n.nodegroup.yaml"])["managedNodeGroups"]
    assert group["launchTemplate"] == {"id": "lt-00000000000000000"}
    assert not {"efaEnabled", "instanceType", "volumeSize", "placement", "securityGroups"} & set(group)
    assert 'sed "s/lt-00000000000000000/$template/" gpu-n.nodegroup.yaml' in files["README.md"]


BLOCK = {"capacity": "capacity-block", "reservation": "cr-0123456789abcdef0"}
TARGET = {"capacityReservationTarget": {"capacityReservationID": "cr-0123456789abcdef0"}}


def test_a_capacity_block_s_nodes_are_all_up_and_in_no_placement_group():
    group = group_of(files_of(TRAIN, queue=BLOCK))
    assert (group["minSize"], group["desiredCapacity"], group["maxSize"]) == (4, 4, 4)
    assert (group["capacityReservation"], group["instanceMarketOptions"]) == (TARGET, {"marketType": "capacity-block"})
    assert "placement" not in group
    (said,) = (line for line in told(plan_of(TRAIN, queue=BLOCK)).splitlines() if "no placement group" in line)
    assert "Capacity Block" in said


def test_a_block_of_a_type_with_a_launch_template_is_named_in_the_template_too():
    files = files_of(TRAIN, instance="p6-b300.48xlarge", queue=BLOCK)
    resources = yaml.safe_load(files["gpu-n.launch-template.yaml"])["Resources"]
    data = resources["LaunchTemplate"]["Properties"]["LaunchTemplateData"]
    assert data["InstanceMarketOptions"] == {"MarketType": "capacity-block"}
    assert "Placement" not in data
    assert "PlacementGroup" not in resources
    (group,) = yaml.safe_load(files["gpu-n.nodegroup.yaml"])["managedNodeGroups"]
    assert (group["capacityReservation"], group["instanceMarketOptions"]) == (TARGET, {"marketType": "capacity-block"})


@pytest.mark.parametrize(
    ("queue", "found"),
    [
        ({"placement_group": "none"}, {"capacityReservation": {"capacityReservationPreference": "open"}}),
        ({"placement_group": "mine"}, {"placement": {"groupName": "mine"}}),
        ({}, {}),
        ({"capacity": "spot"}, {"spot": True}),
    ],
)
def test_the_placement_group_is_what_the_spec_wants(queue, found):
    group = group_of(files_of(TRAIN, queue=queue))
    assert {key: group[key] for key in ("capacityReservation", "placement", "spot") if key in group} == found


def test_nodes_of_a_vpc_that_is_there_start_in_the_queue_s_own_subnet():
    subnets = {zone: f"subnet-0123456789abcdef{number}" for number, zone in enumerate(ZONES)}
    files = files_of(TRAIN, queue={"subnet": "subnet-0123456789abcdef1"}, subnets=subnets)
    cluster, group = yaml.safe_load(files["cluster.yaml"]), group_of(files)
    assert cluster["vpc"]["subnets"]["private"] == {zone: {"id": subnet} for zone, subnet in subnets.items()}
    assert (group["subnets"], "availabilityZones" in group) == (["subnet-0123456789abcdef1"], False)


def test_a_queue_s_zone_is_the_one_that_the_section_names_for_it():
    group = group_of(files_of(TRAIN, queue_zones={"gpu": "us-west-2b"}))
    assert group["availabilityZones"] == ["us-west-2b"]


def test_self_managed_groups_are_eksctl_s_own():
    files = files_of(TRAIN, nodes="self-managed")
    cluster = yaml.safe_load(files["cluster.yaml"])
    assert [item["name"] for item in cluster["nodeGroups"]] == ["gpu-n"]
    assert [item["name"] for item in cluster["managedNodeGroups"]] == ["system"]


@pytest.mark.parametrize(
    ("instance", "family", "huge", "accelerators"),
    [
        ("p5en.48xlarge", "AmazonLinux2023", "5120Mi", {"nvidia.com/gpu": 8}),
        ("trn2.48xlarge", "AmazonLinux2023", "5120Mi", {"aws.amazon.com/neuron": 16}),
        ("hpc7a.96xlarge", "Bottlerocket", None, {}),
        ("hpc7g.16xlarge", "Bottlerocket", None, {}),
    ],
)
def test_image_huge_pages_and_accelerators_follow_from_the_type(instance, family, huge, accelerators):
    job = {"name": "solve", "template": "openmpi", "program": "./solver"}
    files = files_of(job, instance=instance)
    assert group_of(files)["amiFamily"] == family
    roles = documents_of(files["solve.job.yaml"])["MPIJob"]["spec"]["mpiReplicaSpecs"]
    limits = roles["Worker"]["template"]["spec"]["containers"][0]["resources"]["limits"]
    assert limits.get("hugepages-2Mi") == huge
    assert {
        key: value for key, value in limits.items() if key in ("nvidia.com/gpu", "aws.amazon.com/neuron")
    } == accelerators
    architecture = "arm64" if instance.startswith("hpc7g") else "amd64"
    assert roles["Launcher"]["template"]["spec"]["nodeSelector"] == {"kubernetes.io/arch": architecture}


def test_the_launcher_tolerates_what_the_workers_do_and_waits_for_them():
    spec = documents_of(files_of(TESTS)["perf-1.job.yaml"])["MPIJob"]["spec"]
    tolerated = [role["template"]["spec"]["tolerations"] for role in spec["mpiReplicaSpecs"].values()]
    assert tolerated[0] == tolerated[1] == [{"key": "aws.amazon.com/efa", "operator": "Exists", "effect": "NoSchedule"}]
    assert spec["launcherCreationPolicy"] == "WaitForWorkersReady"
    untainted = documents_of(files_of(TESTS, taint=False)["perf-1.job.yaml"])["MPIJob"]["spec"]
    assert "tolerations" not in untainted["mpiReplicaSpecs"]["Worker"]["template"]["spec"]


def test_with_dra_a_claim_has_the_number_and_the_pod_asks_the_plugin_for_nothing():
    files = files_of(TESTS, devices="dra")
    documents = documents_of(files["perf-1.job.yaml"])
    (request,) = documents["ResourceClaimTemplate"]["spec"]["spec"]["devices"]["requests"]
    assert request["exactly"]["count"] == 32
    worker = documents["MPIJob"]["spec"]["mpiReplicaSpecs"]["Worker"]["template"]["spec"]
    assert worker["resourceClaims"] == [{"name": "efa", "resourceClaimTemplateName": "perf-1-efa"}]
    (container,) = worker["containers"]
    assert container["resources"]["claims"] == [{"name": "efa"}]
    assert "vpc.amazonaws.com/efa" not in container["resources"]["limits"]
    assert ("values-efa-dra.yaml" in files, "values-efa-device-plugin.yaml" in files) == (True, False)
    assert "eks/aws-dranet --version 1.0.0" in files["README.md"]


def test_the_values_name_the_types_the_label_and_the_taint_of_the_nodes():
    files = files_of(TRAIN)
    values = yaml.safe_load(files["values-efa-device-plugin.yaml"])
    assert values["supportedInstanceLabels"]["values"] == [TYPE]
    assert values["nodeSelector"].items() <= group_of(files)["labels"].items()
    (taint,) = group_of(files)["taints"]
    for name in ("values-efa-device-plugin.yaml", "values-nvidia-device-plugin.yaml"):
        assert taint["key"] in [item["key"] for item in yaml.safe_load(files[name])["tolerations"]]
    neuron = yaml.safe_load(files_of(instance="trn1.32xlarge")["values-neuron.yaml"])
    assert neuron["neuronInstances"] == ["trn1.32xlarge"]
    assert taint["key"] in [item["key"] for item in neuron["devicePlugin"]["tolerations"]]


def test_the_readme_has_the_commands_in_their_order():
    resources = [{"name": name.split(".")[0], "instance": name, "nodes": 2} for name in (TYPE, "p6-b300.48xlarge")]
    text = files_of(TRAIN, TESTS, queue={"compute_resources": resources}, namespace="mine")["README.md"]
    commands = (
        *("eksctl create cluster -f cluster.yaml --install-nvidia-plugin=false", "aws cloudformation deploy"),
        *("eksctl create nodegroup -f -", "kubectl delete daemonset aws-efa-k8s-device-plugin"),
        *(
            "helm upgrade --install aws-efa-k8s-device-plugin",
            "kubectl apply --server-side -f",
            "kubectl create namespace",
        ),
        *("kubectl apply -f train.job.yaml", "eksctl delete cluster -f cluster.yaml"),
    )
    places = [text.find(command) for command in commands]
    assert -1 not in places
    assert places == sorted(places)


def test_an_image_of_the_jobs_own_is_named_as_a_registry_has_it_and_comes_before_the_section_s():
    container = {"runtime": "pyxis", "image": "docker://nvcr.io#nvidia/pytorch:25.10-py3", "workdir": "/work"}
    documents = documents_of(files_of({**TRAIN, "container": container})["train.job.yaml"])
    (node,) = documents["TrainingRuntime"]["spec"]["template"]["spec"]["replicatedJobs"]
    (found,) = node["template"]["spec"]["template"]["spec"]["containers"]
    assert (found["image"], found["workingDir"]) == ("nvcr.io/nvidia/pytorch:25.10-py3", "/work")


@pytest.mark.parametrize(
    ("job", "instance", "image", "why"),
    [
        (TRAIN, TYPE, None, "a pod needs an image"),
        ({"name": "train", "template": "command", "program": "x"}, TYPE, IMAGE, "no operator here starts the ranks"),
        ({**TRAIN, "container": {"runtime": "apptainer", "image": "/x.sif"}}, TYPE, None, "no image files"),
        ({**TRAIN, "container": {"runtime": "pyxis", "image": "/fsx/x.sqsh"}}, TYPE, None, "no image files"),
        ({**TRAIN, "container": {"runtime": "pyxis", "image": "x.sqsh"}}, TYPE, None, "no image files"),
        (TRAIN, "dl1.24xlarge", IMAGE, "no device plugin is installed for the accelerators of dl1.24xlarge"),
        (TRAIN, "p6e-gb300.36xlarge", IMAGE, "no public source says how many EFA interfaces p6e-gb300.36xlarge has"),
    ],
)
def test_a_job_that_cannot_run_is_left_out_with_the_reason_and_refused_where_it_is_named(job, instance, image, why):
    plan = plan_of(job, instance=instance, image=image)
    assert why in told(plan)
    assert not [file for file in emit(plan, ("eks",)) if file.path.endswith(".job.yaml")]
    with pytest.raises(SpecError) as refused:
        plan_of(job, instance=instance, image=image, jobs=["train"])
    assert [item.rule for item in refused.value.findings] == ["eks-job"]


@pytest.mark.parametrize(
    "image", ["My/Image", "an image", "https://x/y", "${IMAGE}", "\u00fc", "x:tag!", "/fsx/x.sqsh"]
)
def test_what_no_registry_can_have_is_refused_as_an_image(image):
    with pytest.raises(SpecError, match="an image's name"):
        plan_of(TRAIN, image=image)


def test_a_kubernetes_version_that_eks_starts_no_more_is_refused_before_eksctl_is_asked():
    with pytest.raises(SpecError, match=r"no cluster with Kubernetes 1\.31; write '1\.32' or later"):
        plan_of(TRAIN, version="1.31")
    plan_of(TRAIN, version="1.32")


def test_in_a_queue_of_several_types_the_devices_that_stay_idle_are_told():
    resources = [
        {"name": "p5", "instance": "p5.48xlarge", "nodes": 2},
        {"name": "en", "instance": "p5en.48xlarge", "nodes": 2},
    ]
    plan = plan_of(TRAIN, queue={"compute_resources": resources})
    assert "16 EFA devices each: as many as each type of the queue has: on p5.48xlarge the others stay idle" in told(
        plan
    )
    assert "all EFA devices of the type" in told(plan_of(TRAIN))


def test_security_groups_of_ones_own_are_attached_and_their_rule_is_told():
    # https://github.com/eksctl-io/eksctl/issues/5382
    plan = plan_of(TRAIN, security_groups=["sg-0123456789abcdef0"])
    group = group_of(files_of(TRAIN, security_groups=["sg-0123456789abcdef0"]))
    assert group["securityGroups"]["attachIDs"] == ["sg-0123456789abcdef0"]
    assert "security group" in told(plan)


def test_a_number_of_efa_devices_that_nobody_knows_is_said_to_be_unknown():
    text = files_of(TRAIN, instance="trn2-ac.24xlarge")["README.md"]
    assert "(trn2-ac.24xlarge: no public source says how many)" in text


def test_the_addresses_that_efa_interfaces_take_are_counted():
    # https://github.com/terraform-aws-modules/terraform-aws-eks/issues/3653
    assert "Each takes an IP address of the subnet: 32 for each node" in told(plan_of(TRAIN))
    assert "Each takes an IP address" not in told(plan_of(TRAIN, instance="g6.8xlarge"))


def test_nodes_that_no_image_reserves_huge_pages_for_can_be_had_without():
    # Karpenter starts no node for a pod that asks for them: https://github.com/aws/karpenter-provider-aws/issues/3315
    assert "hugepages" in files_of(TRAIN)["train.job.yaml"]
    assert "hugepages" not in files_of(TRAIN, hugepages_mib=0)["train.job.yaml"]


def test_names_are_those_of_hosts_and_differ():
    files = files_of(TESTS, {**TESTS, "name": "perf.1"}, {**TESTS, "name": "7" * 60})
    names = [
        documents_of(text)["MPIJob"]["metadata"]["name"] for path, text in files.items() if path.endswith(".job.yaml")
    ]
    assert names == ["perf-1", "perf-1-2", f"j-{'7' * 38}"]


def test_only_the_jobs_that_are_named_get_a_manifest():
    assert [path for path in files_of(TRAIN, TESTS, jobs=["train"]) if path.endswith(".job.yaml")] == ["train.job.yaml"]


def test_what_only_slurm_reads_of_a_job_is_told():
    job = {**TRAIN, "time": "1:00:00", "account": "mine", "requeue": True}
    assert "nothing in Kubernetes reads the job's time, account, requeue" in told(plan_of(job))


def test_claims_of_storage_are_mounted_in_the_pods_of_the_nodes():
    volumes = [{"claim": "fsx", "path": "/fsx"}]
    worker = documents_of(files_of(TESTS, volumes=volumes)["perf-1.job.yaml"])["MPIJob"]["spec"]["mpiReplicaSpecs"][
        "Worker"
    ]
    pod = worker["template"]["spec"]
    assert {"name": "volume-1", "persistentVolumeClaim": {"claimName": "fsx"}} in pod["volumes"]
    assert {"name": "volume-1", "mountPath": "/fsx"} in pod["containers"][0]["volumeMounts"]


# Its scripts, run with stand-ins for the launchers.

LAUNCHER = """#!/bin/bash
for word in "$@"; do [[ $word = */check.sh ]] && exec bash "$word"; done
printf "%s\\0" "$0" "$@" >"$SEEN"
env -0 >"$SEEN.env"
"""
HOSTILE = st.text(
    st.one_of(st.sampled_from("'\"$`\\;&|<>(){}%#!~*?[]-= "), st.characters(codec="utf-8", exclude_categories=["C"])),
    min_size=1,
    max_size=20,
)


def run(
    text: str, folder: Path, devices: int = 32, rank: int = 0, denied: bool = False
) -> tuple[list[str], dict[str, str]]:
    """Return what the launcher was called with, and its environment."""
    for name in ("torchrun", "accelerate", "mpirun"):
        (folder / name).write_text(LAUNCHER)
        (folder / name).chmod(0o755)
    (folder / "dev/infiniband").mkdir(parents=True, exist_ok=True)
    for number in range(devices):
        (folder / f"dev/infiniband/uverbs{number}").touch()
    scripts = documents_of(text)["ConfigMap"]["data"]
    for name, script in scripts.items():
        # No machine here has EFA devices, Open MPI there or the mount: folders and stand-ins take their place.
        for there in (" /dev/infiniband", "/opt/amazon/openmpi/bin/mpirun", " /efakit/"):
            here = {" /efakit/": f" {folder}/", " /dev/infiniband": f" {folder}/dev/infiniband"}
            script = script.replace(there, here.get(there, f"{folder}/mpirun"))
        (folder / name).write_text(script)
    of_operator = {"PET_NNODES": "4", "PET_NODE_RANK": str(rank), "PET_MASTER_ADDR": "train-node-0-0.train"}
    environment = {**of_operator, "PET_MASTER_PORT": "29500", "SEEN": str(folder / "seen")}
    path = f"{folder}:{os.environ['PATH']}"
    command = ["bash", str(folder / "run.sh")]
    (folder / "dev/infiniband").chmod(0 if denied else 0o755)
    command = without_privilege(command) if denied else command
    subprocess.run(command, env={**environment, "PATH": path}, check=True, cwd=folder)
    words = (folder / "seen").read_bytes().decode().split("\0")[:-1]
    lines = (folder / "seen.env").read_bytes().decode().split("\0")[:-1]
    return [Path(words[0]).name, *words[1:]], dict(line.split("=", 1) for line in lines)


@pytest.mark.parametrize(
    ("job", "words"),
    [
        (
            TRAIN,
            ["--nnodes=4", "--nproc-per-node=8", "--node-rank=3", "--master-addr=train-node-0-0.train", "train.py"],
        ),
        (
            {**TRAIN, "template": "accelerate"},
            ["--num_machines", "4", "--machine_rank", "3", "--num_processes", "32", "--main_process_port", "29500"],
        ),
    ],
)
def test_each_node_starts_its_ranks(tmp_path, job, words):
    seen, environment = run(files_of(job)["train.job.yaml"], tmp_path, rank=3)
    assert [word for word in words if word not in seen] == []
    assert environment["NCCL_NET"] == "Libfabric"


def test_the_launcher_starts_all_ranks_by_the_host_file(tmp_path):
    seen, environment = run(files_of({**TESTS, "env": {"MINE": "a b"}})["perf-1.job.yaml"], tmp_path)
    assert seen[:6] == ["mpirun", "--allow-run-as-root", "--hostfile", "/etc/mpi/hostfile", "-n", "32"]
    handed_on = {seen[place + 1] for place, word in enumerate(seen) if word == "-x"}
    assert {"NCCL_NET", "MINE"} <= handed_on
    assert environment["MINE"] == "a b"


@pytest.mark.parametrize("job", [TRAIN, TESTS])
def test_a_pod_that_lacks_an_efa_device_ends_before_the_launch(tmp_path, job):
    (text,) = (text for path, text in files_of(job).items() if path.endswith(".job.yaml"))
    with pytest.raises(subprocess.CalledProcessError):
        run(text, tmp_path, devices=31)
    assert not (tmp_path / "seen").exists()


@pytest.mark.parametrize("job", [TRAIN, TESTS])
def test_a_pod_whose_devices_cannot_be_read_says_that_they_were_not_counted_and_runs(tmp_path, capfd, job):
    (text,) = (text for path, text in files_of(job).items() if path.endswith(".job.yaml"))
    seen, _ = run(text, tmp_path, denied=True)
    assert seen[0] in ("torchrun", "mpirun")
    assert "cannot be read: the EFA devices were not counted" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        ("echo", "the limit of locked memory cannot be read"),
        ("echo much", "the limit of locked memory cannot be read"),
        ("return 1", "the limit of locked memory cannot be read"),
        ("echo 65536", "65536 KiB of memory can be locked"),
        ("echo unlimited", ""),
        ("echo 16777216", ""),
        ("echo 18446744073709551615", ""),
    ],
)
def test_what_ulimit_does_not_tell_is_said_and_never_taken_for_enough(tmp_path, limit, words):
    check = documents_of(files_of(TRAIN)["train.job.yaml"])["ConfigMap"]["data"]["check.sh"]
    (tmp_path / "dev/infiniband").mkdir(parents=True)
    for number in range(32):
        (tmp_path / f"dev/infiniband/uverbs{number}").touch()
    script = f"ulimit() {{ {limit}; }}\n" + check.replace(" /dev/", f" {tmp_path}/dev/")
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True)
    assert done.returncode == 0
    assert (words in done.stderr) if words else (done.stderr == "")


@given(HOSTILE, HOSTILE, HOSTILE)
@settings(max_examples=settings().max_examples * 25 // 100)
def test_values_of_a_job_are_literals(tmp_path_factory, argument, value, script):
    job = {**TRAIN, "args": [argument], "env": {"MINE": value}, "script": script}
    try:
        files = files_of(job)
    except SpecError:
        return  # refused: nothing was written
    seen, environment = run(files["train.job.yaml"], tmp_path_factory.mktemp("run"))
    assert seen[-2:] == [script, argument]
    assert environment["MINE"] == value


@given(HOSTILE, HOSTILE)
@settings(max_examples=settings().max_examples * 50 // 100)
def test_hostile_words_of_the_section_are_refused_or_stay_what_they_are(image, path):
    try:
        files = files_of(TESTS, image=image, volumes=[{"claim": "fsx", "path": f"/{path}"}])
    except SpecError:
        return
    worker = documents_of(files["perf-1.job.yaml"])["MPIJob"]["spec"]["mpiReplicaSpecs"]["Worker"]
    (container,) = worker["template"]["spec"]["containers"]
    assert container["volumeMounts"][-1]["mountPath"] == f"/{path}"
    assert container["image"] in (image, image.removeprefix("docker://").replace("#", "/", 1))


@pytest.mark.parametrize("instance", [TYPE, "p6-b300.48xlarge", "trn2.48xlarge", "hpc7a.96xlarge", "g6e.48xlarge"])
@pytest.mark.parametrize("devices", ["plugin", "dra"])
def test_lint_finds_nothing_in_what_is_rendered(instance, devices):
    jobs = [{"name": "solve", "template": "openmpi", "program": "./solver"}]
    if instance.startswith(("p", "g")):
        jobs += [TRAIN, TESTS]
    files = files_of(*jobs, instance=instance, devices=devices)
    yamls = {
        name: text for name, text in files.items() if name.endswith((".job.yaml", "cluster.yaml", "nodegroup.yaml"))
    }
    assert len(yamls) > len(jobs)
    assert [str(item) for name, text in yamls.items() for item in lint_manifests(text, name)] == []


@pytest.mark.parametrize(
    ("instance", "queue", "found"),
    [
        (TYPE, {}, []),
        ("hpc7a.96xlarge", {}, ["eks-offered"]),
        ("p5en.48xlarge", {"availability_zone": "usw2-az1"}, ["eks-offered"]),
    ],
)
def test_types_that_the_region_or_the_zone_does_not_offer_are_found(instance, queue, found):
    plan = plan_of(instance=instance, queue=queue)
    assert [item.rule for item in plan.job_findings] == found


def test_the_spec_in_the_docs_gives_the_files_that_the_docs_name():
    page = (Path(__file__).resolve().parents[2] / "docs/eks.md").read_text()
    spec = page.split("```yaml\n")[1].split("```")[0]
    paths = {file.path for file in emit(make_plan(read_spec(Document(Path("spec.yaml"), spec))), ("eks",))}
    named = {line.split("`")[1] for line in page.splitlines() if line.startswith("| `eks/")}
    assert named <= paths
    assert paths - named == {"eks/all-reduce.job.yaml"}
    assert {item.name for item in all_efa() if miscounted(item)} == {
        *(
            "p6-b300.48xlarge",
            "p6e-gb200.36xlarge",
            "i7ie.48xlarge",
            "i7ie.metal-48xl",
            "i8ge.48xlarge",
            "i8ge.metal-48xl",
        )
    }


def test_where_eksctl_attaches_no_efa_it_has_installed_no_plugin():
    assert "kubectl delete daemonset" not in files_of(instance="p6-b300.48xlarge")["README.md"]


def worker_of(files: dict[str, str]) -> dict[str, Any]:
    roles = documents_of(files["perf-1.job.yaml"])["MPIJob"]["spec"]["mpiReplicaSpecs"]
    return roles["Worker"]["template"]["spec"]["containers"][0]


def values_of(files: dict[str, str]) -> dict[str, Any]:
    return yaml.safe_load(files["values-efa-device-plugin.yaml"])


# A public report, and what is rendered in its place.
REPORTS = {
    # Reserved instances lie outside of a placement group that nobody asked for.
    "https://github.com/terraform-aws-modules/terraform-aws-eks/pull/3730": lambda: (
        group_of(files_of(TRAIN, queue={"reservation": "cr-0123456789abcdef0"})).keys() & {"placement"} == set()
    ),
    # Device index 2 on a card that has two: eksctl numbers them right since then, and the README asks for a later one.
    "https://github.com/eksctl-io/eksctl/issues/7520": lambda: "For eksctl 0.190.0 or later" in files_of()["README.md"],
    # The plugin's list of types ends before p6: no node offers a device.
    "https://github.com/aws-samples/aws-do-eks/pull/56": lambda: (
        "p6-b200.48xlarge" in values_of(files_of(instance="p6-b200.48xlarge"))["supportedInstanceLabels"]["values"]
    ),
    "https://github.com/aws-ia/terraform-aws-eks-data-addons/issues/53": lambda: (
        "--version v0.5.30" in files_of(instance="p6-b200.48xlarge")["README.md"]
    ),
    # The plugin runs on nodes without EFA attached, and ends anew and anew.
    "https://github.com/zalando-incubator/kubernetes-on-aws/pull/8881": lambda: (
        values_of(files_of(TRAIN))["nodeSelector"] == {"efakit/efa": "true"}
        and "efakit/efa" not in group_of(files_of(queue={"compute_resources": [ALONE]}))["labels"]
    ),
    "https://github.com/aws/sagemaker-hyperpod-cli/issues/367": lambda: (
        values_of(files_of(TRAIN))["supportedInstanceLabels"]["values"] == [TYPE]
    ),
    # The launcher starts before its workers have names.
    "https://github.com/awslabs/awsome-distributed-ai/issues/868": lambda: (
        "launcherCreationPolicy: WaitForWorkersReady" in files_of(TESTS)["perf-1.job.yaml"]
    ),
    # Another number of devices than the type has.
    "https://github.com/aws/sagemaker-hyperpod-cli/pull/318": lambda: (
        worker_of(files_of(TESTS, instance="p4d.24xlarge"))["resources"]["limits"]["vpc.amazonaws.com/efa"] == 4
    ),
    # eksctl's own plugin could not start on any node: the chart's takes its place.
    "https://github.com/eksctl-io/eksctl/issues/6222": lambda: (
        files_of(instance="hpc6a.48xlarge")["README.md"].index("kubectl delete daemonset aws-efa-k8s-device-plugin")
        < files_of(instance="hpc6a.48xlarge")["README.md"].index("helm upgrade --install aws-efa-k8s-device-plugin")
    ),
    # Nodes in a public subnet without a public address do not join.
    "https://github.com/terraform-aws-modules/terraform-aws-eks/issues/3533": lambda: (
        group_of(files_of())["privateNetworking"] is True
    ),
    # resourcesPerNode erases the runtime's EFA request.
    "https://github.com/NVIDIA/aicr/issues/2275": lambda: (
        "resourcesPerNode" not in files_of(TRAIN)["train.job.yaml"]
        and "vpc.amazonaws.com/efa: 32" in files_of(TRAIN)["train.job.yaml"]
    ),
}
ALONE = {"name": "one", "instance": TYPE, "nodes": 1}


@pytest.mark.parametrize("address", REPORTS)
def test_what_a_public_report_had_wrong_is_right_in_what_is_rendered(address):
    assert REPORTS[address]()
