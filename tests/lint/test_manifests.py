"""eksctl configs and manifests that eksctl's schema or the API server pass, and that fail later; and public reports.

The verdicts were seen on eksctl's own validation (99984adb), and on kube-apiserver 1.36.2 with mpi-operator v0.8.2.
"""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from efakit.cli.main import efakit
from efakit.errors import UsageError
from efakit.lint.manifest import lint_manifests
from efakit.rules.target import any_supported
from efakit.validate.files import judge_file, on_target

EFA, GPU, HUGE = "vpc.amazonaws.com/efa", "nvidia.com/gpu", "hugepages-2Mi"
TYPE = "node.kubernetes.io/instance-type"
CONFIG: dict[str, Any] = {
    "apiVersion": "eksctl.io/v1alpha5",
    "kind": "ClusterConfig",
    "metadata": {"name": "my-cluster", "region": "us-west-2", "version": "1.34"},
    "availabilityZones": ["us-west-2a", "us-west-2b"],
    "managedNodeGroups": [
        {
            "name": "gpu",
            "instanceType": "p5.48xlarge",
            "minSize": 0,
            "desiredCapacity": 2,
            "maxSize": 2,
            "availabilityZones": ["us-west-2a"],
            "efaEnabled": True,
        }
    ],
}
ASKED = {GPU: 8, EFA: 32, HUGE: "5120Mi", "memory": "1600Gi"}
TOLERATION = [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]
JOB: dict[str, Any] = {
    "apiVersion": "kubeflow.org/v2beta1",
    "kind": "MPIJob",
    "metadata": {"name": "nccl-tests"},
    "spec": {
        "slotsPerWorker": 8,
        "runPolicy": {"cleanPodPolicy": "Running"},
        "mpiReplicaSpecs": {
            "Launcher": {
                "replicas": 1,
                "template": {
                    "spec": {
                        "tolerations": TOLERATION,
                        "containers": [
                            {
                                "name": "l",
                                "image": "x",
                                "command": ["mpirun", "--hostfile", "/etc/mpi/hostfile", "-np", "16"],
                            }
                        ],
                    }
                },
            },
            "Worker": {
                "replicas": 2,
                "template": {
                    "spec": {
                        "nodeSelector": {TYPE: "p5.48xlarge"},
                        "tolerations": TOLERATION,
                        "containers": [
                            {"name": "w", "image": "x", "resources": {"limits": dict(ASKED), "requests": dict(ASKED)}}
                        ],
                    }
                },
            },
        },
    },
}
GROUP, META = ("managedNodeGroups", 0), ("metadata",)
ROLES = ("spec", "mpiReplicaSpecs")
WORKER = (*ROLES, "Worker", "template", "spec")
ASKS = (*WORKER, "containers", 0, "resources")


def changed(data: dict[str, Any], *changes: tuple[tuple[Any, ...], Any]) -> dict[str, Any]:
    """Return data with values at paths; None takes the key out."""
    data = copy.deepcopy(data)
    for path, value in changes:
        place: Any = data
        for part in path[:-1]:
            place = place[part]
        if value is None:
            del place[path[-1]]
        else:
            place[path[-1]] = value
    return data


def rules_in(*documents: dict[str, Any]) -> set[str]:
    return {item.rule for item in lint_manifests(yaml.safe_dump_all(documents), "x.yaml")}


def test_what_is_right_is_found_right():
    assert rules_in(CONFIG, JOB) == set()


@pytest.mark.parametrize("value", ["{{ .Values.x }}", "${X}", "$X"])
def test_what_a_template_leaves_open_is_not_called_wrong(value):
    changes = [
        ((*ASKS, "limits", "vpc.amazonaws.com/efa"), value),
        ((*ASKS, "requests", "vpc.amazonaws.com/efa"), value),
        ((*WORKER, "nodeSelector"), {"node.kubernetes.io/instance-type": value}),
    ]
    assert rules_in(changed(JOB, *changes)) == set()
    assert rules_in(changed(CONFIG, (("metadata", "region"), value), (("metadata", "version"), value))) == set()


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("n: {{ .Values.n }}", "a template, and no YAML: lint what it renders to \\('helm template'\\)"),
        ("n: {m: ${N}}", "a template, and no YAML: lint what it renders to \\('envsubst'\\)"),
        ('n: "', "not valid YAML: found unexpected end of stream"),
        ("n: ${N}\n  n: 1", "not valid YAML: duplicate key 'n'"),
    ],
)
def test_what_is_no_yaml_is_called_a_template_or_wrong(line, why, tmp_path):
    (tmp_path / "x.yaml").write_text(f"apiVersion: kubeflow.org/v2beta1\nkind: MPIJob\nspec:\n  {line}\n")
    with pytest.raises(UsageError, match=why):
        judge_file(tmp_path / "x.yaml", on_target(any_supported()))


@pytest.mark.parametrize("groups", [[None], [7], {"name": "a"}, "none"])
def test_what_is_no_node_group_is_not_passed_over(groups):
    assert "eksctl-key" in rules_in(changed(CONFIG, (("managedNodeGroups",), groups)))


BLOCK = {"capacityReservationTarget": {"capacityReservationID": "cr-0123456789abcdef0"}}
ZONES, BOTH = ["us-west-2a", "us-west-2b"], ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]


@pytest.mark.parametrize(
    ("rule", "changes"),
    [
        ("eksctl-key", [((*GROUP, "efaEnable"), True)]),
        (
            "eksctl-key",
            [((*GROUP, "capacityReservation"), {"capacityReservationTarget": {"capacityReservationId": "x"}})],
        ),
        ("eksctl-key", [((*GROUP, "capacityReservation"), {"target": {"capacityReservationID": "x"}})]),
        ("eksctl-key", [((*GROUP, "securityGroups"), {"attachIds": ["sg-0123456789abcdef0"]})]),
        ("eksctl-key", [((*GROUP, "placement"), {"name": "mine"})]),
        ("eksctl-one-zone", [((*GROUP, "availabilityZones"), ZONES)]),
        ("eksctl-one-zone", [((*GROUP, "availabilityZones"), None), ((*GROUP, "subnets"), BOTH)]),
        ("eksctl-one-zone", [((*GROUP, "subnets"), BOTH[:1])]),
        ("eksctl-one-zone", [((*GROUP, "availabilityZones"), None)]),
        ("eksctl-placement", [((*GROUP, "placement"), {})]),
        ("eksctl-sizes", [((*GROUP, "desiredCapacity"), 3)]),
        ("eksctl-taint", [((*GROUP, "taints"), [{"key": "a", "value": "b", "effect": "Foo"}])]),
        ("eksctl-two-zones", [(("availabilityZones",), ["us-west-2a"])]),
        ("eksctl-image", [((*GROUP, "amiFamily"), "AmazonLinux2")]),
        ("eksctl-market", [((*GROUP, "instanceMarketOptions"), {"marketType": "capacity-block"})]),
        (
            "eksctl-market",
            [((*GROUP, "capacityReservation"), BLOCK), ((*GROUP, "instanceMarketOptions"), {"marketType": "spot"})],
        ),
        ("eksctl-launch-template", [((*GROUP, "launchTemplate"), {"id": "lt-0123456789abcdef0"})]),
        (
            "eksctl-launch-template",
            [
                ((*GROUP, "launchTemplate"), {"id": "lt-0123456789abcdef0"}),
                ((*GROUP, "instanceType"), None),
                ((*GROUP, "volumeSize"), 500),
            ],
        ),
        ("eksctl-region", [((*META, "region"), "region-code")]),
        ("eksctl-version", [((*META, "version"), "1.XX")]),
        ("eksctl-version", [((*META, "version"), "1.22")]),
        ("eksctl-type", [((*GROUP, "instanceType"), "p5.96xlarge")]),
        ("eksctl-no-efa", [((*GROUP, "instanceType"), "m5.large")]),
        ("eksctl-driver", [((*GROUP, "amiFamily"), "Ubuntu2404")]),
        ("eksctl-driver", [((*GROUP, "instanceType"), "hpc7a.96xlarge")]),
        ("eksctl-zone", [((*META, "region"), "us-east-1")]),
        ("eksctl-zone", [((*GROUP, "availabilityZones"), ["us-west-2c"])]),
        ("eksctl-name", [((*GROUP, "name"), "my_group")]),
        ("eksctl-addon", [(("addons",), [{"name": "vpc-cnii"}])]),
        *(
            ("eksctl-efa-count", [((*GROUP, "instanceType"), name)])
            for name in ("p6-b300.48xlarge", "i7ie.48xlarge", "i7ie.metal-48xl", "i8ge.48xlarge", "i8ge.metal-48xl")
        ),
    ],
)
def test_what_eksctl_or_aws_refuse_and_the_schema_passes_is_found(rule, changes):
    assert rule in rules_in(changed(CONFIG, *changes))


@pytest.mark.parametrize(
    "changes",
    [
        [
            ((*GROUP, "capacityReservation"), BLOCK),
            ((*GROUP, "instanceMarketOptions"), {"marketType": "capacity-block"}),
        ],
        [((*GROUP, "capacityReservation"), BLOCK), ((*GROUP, "placement"), {"groupName": "mine"})],
        [((*GROUP, "capacityReservation"), {"capacityReservationPreference": "none"})],
        [((*GROUP, "amiFamily"), "Bottlerocket")],
        [
            (
                GROUP[:1],
                [{"name": "gpu", "launchTemplate": {"id": "lt-1"}, "efaEnabled": True, "availabilityZones": ZONES[:1]}],
            )
        ],
    ],
)
def test_what_eksctl_takes_is_found_right(changes):
    assert rules_in(changed(CONFIG, *changes)) == set()


def test_self_managed_groups_are_judged_too():
    groups = CONFIG["managedNodeGroups"]
    config = changed(CONFIG, (("managedNodeGroups",), None), (("nodeGroups",), groups))
    assert rules_in(config) == set()
    assert rules_in(changed(config, (("nodeGroups", 0, "capacityReservation"), BLOCK))) == {"eksctl-reservation-group"}


def both(name: str, value: Any) -> list[tuple[tuple[Any, ...], Any]]:
    return [((*ASKS, "limits", name), value), ((*ASKS, "requests", name), value)]


@pytest.mark.parametrize(
    ("rule", "changes"),
    [
        ("pod-key", [((*WORKER, "imagePullPolicy"), "Always")]),
        ("pod-count", both(EFA, "1.5")),
        ("pod-requests", [((*ASKS, "requests", EFA), 16)]),
        ("pod-requests", [((*ASKS, "limits", EFA), None)]),
        ("pod-requests", [((*ASKS, "requests", HUGE), "1024Mi")]),
        ("mpi-role", [((*ROLES, "Wroker"), JOB["spec"]["mpiReplicaSpecs"]["Worker"]), ((*ROLES, "Worker"), None)]),
        ("mpi-role", [((*ROLES, "Launcher", "replicas"), 2)]),
        ("mpi-policy", [(("spec", "runPolicy", "cleanPodPolicy"), "Sometimes")]),
        ("mpi-policy", [((*ROLES, "Worker", "restartPolicy"), "Always")]),
        ("mpi-policy", [(("spec", "mpiImplementation"), "LAM")]),
        ("mpi-key", [(("spec", "cleanPodPolicy"), "Running")]),
        ("mpi-key", [(("spec", "backoffLimit"), 20)]),
        ("mpi-restart", [((*ROLES, "Launcher", "template", "spec", "restartPolicy"), "Never")]),
        ("mpi-restart", [((*WORKER, "restartPolicy"), "OnFailure")]),
        ("mpi-restart", [((*WORKER, "restartPolicy"), "Never"), ((*ROLES, "Worker", "restartPolicy"), "OnFailure")]),
        ("mpi-name", [(("metadata", "name"), "n" * 60)]),
        ("mpi-name", [(("metadata", "name"), "1nccl")]),
        ("mpi-name", [(("metadata", "name"), "NCCL")]),
        ("pod-too-many", both(EFA, 33)),
        ("pod-resource-name", both("vpc.amazonaws.com/efas", 32)),
        ("pod-hugepages-many", both(HUGE, "12000Mi")),
        ("pod-hugepages", both(HUGE, "5121Mi")),
        ("pod-hugepages", [*both("memory", None)]),
        ("pod-too-many", both("memory", "2100Gi")),
        ("mpi-toleration", [((*ROLES, "Launcher", "template", "spec", "tolerations"), None)]),
        ("pod-mount", [((*WORKER, "containers", 0, "volumeMounts"), [{"name": "shm", "mountPath": "/dev/shm"}])]),
        ("pod-type", [((*WORKER, "nodeSelector", TYPE), "p5.96xlarge")]),
        ("mpi-ranks", [((*ROLES, "Launcher", "template", "spec", "containers", 0, "command", 4), "32")]),
    ],
)
def test_what_the_api_takes_and_the_operator_or_the_scheduler_does_not_is_found(rule, changes):
    assert rule in rules_in(changed(JOB, *changes))


@pytest.mark.parametrize(
    "changes",
    [
        [((*ROLES, "Launcher", "template", "spec", "restartPolicy"), "OnFailure")],
        [((*WORKER, "restartPolicy"), "Never")],
        [((*WORKER, "restartPolicy"), "OnFailure"), ((*ROLES, "Worker", "restartPolicy"), "OnFailure")],
        [(("apiVersion",), "kubeflow.org/v1"), (("spec", "cleanPodPolicy"), "Running")],
        [((*WORKER, "nodeSelector", TYPE), "ml.p5.48xlarge")],
        [((*WORKER, "nodeSelector", TYPE), "ml.${TYPE}.48xlarge")],
        [((*WORKER, "nodeSelector", TYPE), "ml.p3.16xlarge")],
    ],
)
def test_what_says_what_the_operator_or_the_node_has_is_found_right(changes):
    assert rules_in(changed(JOB, *changes)) == set()


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("${HF_TOKEN}", set()),
        ("$HF_TOKEN", set()),
        ("${BUCKET}/data", set()),
        ("/data:$A", {"pod-variable"}),
        ("${A}:/data", {"pod-variable"}),
    ],
)
def test_what_envsubst_fills_in_is_left_to_it_but_for_a_value_built_on_itself(value, found):
    env = (ENV, [{"name": "A", "value": value}])
    assert rules_in(changed(JOB, env, (("metadata", "namespace"), "${NAMESPACE}"))) == found
    assert rules_in(changed(JOB, env, ((*WORKER, "containers", 0, "args"), ["echo ${B}"]))) == {"pod-variable"}


def severity(rule: str, document: dict[str, Any]) -> str:
    found = lint_manifests(yaml.safe_dump(document), "x.yaml")
    return next(str(item.severity) for item in found if item.rule == rule)


def test_mpirun_without_hosts_is_an_info_where_the_workers_do_not_use_efa():
    job = changed(JOB, ((*ROLES, "Launcher", "template", "spec", "containers", 0, "command"), ["mpirun", "-np", "16"]))
    without = [((*ASKS, kind, name), None) for kind in ("limits", "requests") for name in (EFA, HUGE)]
    assert severity("mpi-hosts", job) == "warning"
    assert severity("mpi-hosts", changed(job, *without)) == "info"


def test_a_group_without_zone_is_an_info_where_one_reservation_has_its_nodes():
    group = changed(CONFIG, ((*GROUP, "availabilityZones"), None))
    assert severity("eksctl-one-zone", group) == "error"
    assert severity("eksctl-one-zone", changed(group, ((*GROUP, "capacityReservation"), BLOCK))) == "info"


CLUSTER = """
Region: {region}
Image: {{Os: alinux2023}}
HeadNode:
  InstanceType: m6i.xlarge
  Networking: {{SubnetId: "{subnet}"}}
  Ssh: {{KeyName: key}}
Scheduling:
  Scheduler: slurm
  SlurmQueues:
    - Name: q
      ComputeResources: [{{Name: c, InstanceType: "{type}", MinCount: 0, MaxCount: 4}}]
      Networking: {{SubnetIds: ["{subnet}"]}}
"""


def test_what_envsubst_fills_in_in_a_cluster_config_is_not_called_wrong(tmp_path):
    texts = [
        CLUSTER.format(region="${AWS_REGION}", subnet="subnet-${ID}", type="${TYPE}"),
        CLUSTER.format(region="mars", subnet="subnet-$ID", type="p5.96xlarge"),
    ]
    found = []
    for text in texts:
        (tmp_path / "x.yaml").write_text(text)
        found.append({item.rule for item in judge_file(tmp_path / "x.yaml", on_target(any_supported()))})
    assert found == [set(), {"region-unknown", "value-not-allowed", "instance-unknown"}]


CLAIM = {"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"]}}
MOUNTING = {"containers": [{"name": "c", "image": "x", "volumeMounts": [{"name": "data", "mountPath": "/data"}]}]}
IN_POD = {"template": {"spec": MOUNTING}}
REPLICATED = [{"name": "node", "template": {"spec": IN_POD}}]
POLICIES = [{"templates": [CLAIM]}]


@pytest.mark.parametrize(
    ("kind", "spec", "claims"),
    [
        ("StatefulSet", IN_POD, {"volumeClaimTemplates": [CLAIM]}),
        ("JobSet", {"replicatedJobs": REPLICATED}, {"volumeClaimPolicies": POLICIES}),
        (
            "ClusterTrainingRuntime",
            {"template": {"spec": {"replicatedJobs": REPLICATED}}},
            {"template": {"spec": {"replicatedJobs": REPLICATED, "volumeClaimPolicies": POLICIES}}},
        ),
        (
            "LeaderWorkerSet",
            {"leaderWorkerTemplate": {"workerTemplate": {"spec": MOUNTING}}},
            {"leaderWorkerTemplate": {"workerTemplate": {"spec": MOUNTING}, "volumeClaimTemplates": [CLAIM]}},
        ),
    ],
)
def test_a_volume_of_a_claim_template_is_one_of_the_pods(kind, spec, claims):
    assert rules_in({"apiVersion": "x/v1", "kind": kind, "spec": spec}) == {"pod-mount"}
    assert rules_in({"apiVersion": "x/v1", "kind": kind, "spec": {**spec, **claims}}) == set()


@pytest.mark.parametrize(
    ("kind", "volume", "found"),
    [
        ("TrainingRuntime", "mpi-ssh-auth", set()),
        ("TrainingRuntime", "mpi-hostfile", set()),
        ("TrainingRuntime", "ssh-auth", {"pod-mount"}),
        ("JobSet", "mpi-ssh-auth", {"pod-mount"}),
    ],
)
def test_a_volume_that_the_operator_adds_is_one_of_the_pods(kind, volume, found):
    mounts = [{"name": volume, "mountPath": "/x"}]
    containers = {"containers": [{"name": "c", "image": "x", "volumeMounts": mounts}]}
    replicated = {"replicatedJobs": [{"name": "node", "template": {"spec": {"template": {"spec": containers}}}}]}
    spec = replicated if kind == "JobSet" else {"template": {"spec": replicated}}
    assert rules_in({"apiVersion": "x/v1", "kind": kind, "spec": spec}) == found


def affinity(*values: str, operator: str = "In") -> dict[str, Any]:
    terms = [{"matchExpressions": [{"key": TYPE, "operator": operator, "values": list(values)}]}]
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}


@pytest.mark.parametrize(
    ("placed", "is_known"),
    [
        ({"nodeSelector": {TYPE: "ml.p5.48xlarge"}}, True),
        ({"nodeSelector": {"beta.kubernetes.io/instance-type": "p5.48xlarge"}}, True),
        ({"affinity": affinity("p5.48xlarge")}, True),
        ({"affinity": affinity("p5.48xlarge", "p4d.24xlarge")}, False),
        ({"affinity": affinity("p5.48xlarge", operator="NotIn")}, False),
    ],
)
def test_the_nodes_type_is_read_where_the_pod_names_one(placed, is_known):
    changes = [((*WORKER, "nodeSelector"), None), *(((*WORKER, key), value) for key, value in placed.items())]
    assert ("pod-few" in rules_in(changed(JOB, *changes, *both(EFA, 4)))) == is_known


def claim(count: int) -> dict[str, Any]:
    exactly = {"deviceClassName": "efa.networking.k8s.aws", "count": count}
    spec = {"devices": {"requests": [{"name": "efa", "exactly": exactly}]}}
    return {"apiVersion": "resource.k8s.io/v1", "kind": "ResourceClaimTemplate", "spec": {"spec": spec}}


@pytest.mark.parametrize(("count", "found"), [(32, set()), (33, {"claim-count"})])
def test_a_claim_holds_32_devices(count, found):
    assert rules_in(claim(count)) == found


def test_pods_that_claim_their_devices_are_not_told_to_ask_the_plugin_for_them():
    without = {GPU: 8, "memory": "1600Gi"}
    resources = {"limits": without, "requests": without, "claims": [{"name": "efa"}]}
    assert rules_in(changed(JOB, (ASKS, resources))) == set()


ENV = (*WORKER, "containers", 0, "env")
PYTORCH = {
    "apiVersion": "kubeflow.org/v1",
    "kind": "PyTorchJob",
    "spec": {
        "pytorchReplicaSpecs": {
            "Worker": {"replicas": 2, "template": JOB["spec"]["mpiReplicaSpecs"]["Worker"]["template"]}
        }
    },
}
OF_PYTORCH = ("spec", "pytorchReplicaSpecs", "Worker", "template", "spec")
IN_PYTORCH = (*OF_PYTORCH, "containers", 0, "resources")


def trainjob(**limits: int) -> dict[str, Any]:
    trainer = {"numNodes": 2, "resourcesPerNode": {"limits": limits}}
    return {"apiVersion": "trainer.kubeflow.org/v1alpha1", "kind": "TrainJob", "spec": {"trainer": trainer}}


# A public report, what it had, and the rule that has the right answer.
HOST_DEVICES = (
    ((*WORKER, "nodeSelector", TYPE), "p6-b200.48xlarge"),
    *both(EFA, 8),
    ((*WORKER, "volumes"), [{"name": "devices", "hostPath": {"path": "/dev/infiniband"}}]),
    ((*WORKER, "containers", 0, "volumeMounts"), [{"name": "devices", "mountPath": "/dev/infiniband"}]),
)


def leader_worker_set(changes: Any) -> dict[str, Any]:
    """Return the JOB's pod, with changes, as both kinds of pods of a LeaderWorkerSet."""
    pod: Any = changed(JOB, *changes)
    for part in WORKER:
        pod = pod[part]
    group = {"size": 2, "leaderTemplate": {"spec": pod}, "workerTemplate": {"spec": pod}}
    return {
        "apiVersion": "leaderworkerset.x-k8s.io/v1",
        "kind": "LeaderWorkerSet",
        "metadata": {"name": "nemotron"},
        "spec": {"replicas": 1, "leaderWorkerTemplate": group},
    }


REPORTS = {
    "https://github.com/eksctl-io/eksctl/issues/8685": (
        "eksctl-efa-count",
        changed(CONFIG, ((*GROUP, "instanceType"), "p6-b300.48xlarge")),
    ),
    "https://github.com/eksctl-io/eksctl/issues/7949": (
        "eksctl-reservation-group",
        changed(
            CONFIG,
            (("managedNodeGroups",), None),
            (("nodeGroups",), [{**CONFIG["managedNodeGroups"][0], "capacityReservation": BLOCK}]),
        ),
    ),
    "https://github.com/aws-samples/aws-do-eks/pull/63": ("pod-host-devices", leader_worker_set(HOST_DEVICES)),
    "https://github.com/skypilot-org/skypilot/issues/10055": (
        "pod-without-efa",
        changed(JOB, (ASKS, {"limits": {GPU: 8}, "requests": {GPU: 8}})),
    ),
    "https://github.com/aws/sagemaker-hyperpod-cli/issues/306": (
        "pod-without-efa",
        changed(
            PYTORCH,
            ((*OF_PYTORCH, "nodeSelector", TYPE), "g5.12xlarge"),
            (IN_PYTORCH, {"limits": {GPU: 4}}),
            ((*OF_PYTORCH, "containers", 0, "env"), [{"name": "FI_PROVIDER", "value": "efa"}]),
        ),
    ),
    "https://github.com/aws/sagemaker-hyperpod-cli/pull/318": ("pod-few", changed(JOB, *both(EFA, 1))),
    "https://github.com/skypilot-org/skypilot/issues/8391": (
        "pod-few",
        changed(
            JOB,
            ((*WORKER, "nodeSelector", TYPE), "p4de.24xlarge"),
            (ASKS, {"limits": {GPU: 8, EFA: 1}}),
        ),
    ),
    "https://github.com/NVIDIA/aicr/issues/2275": ("trainjob-resources", trainjob(**{GPU: 8})),
    "https://github.com/awslabs/awsome-distributed-ai/pull/455": (
        "pod-key",
        changed(JOB, ((*WORKER, "imagePullPolicy"), "IfNotPresent")),
    ),
    "https://github.com/kubeflow/mpi-operator/issues/842": (
        "mpi-hosts",
        changed(JOB, ((*ROLES, "Launcher", "template", "spec", "containers", 0, "command"), ["mpirun", "-np", "16"])),
    ),
    "https://github.com/kubeflow/trainer/issues/4028": (
        "mpi-hosts",
        changed(
            JOB,
            ((*ROLES, "Launcher", "template", "spec", "containers", 0, "command"), ["bash", "-c"]),
            ((*ROLES, "Launcher", "template", "spec", "containers", 0, "args"), ["mpirun -np 16 /pi"]),
        ),
    ),
    "https://github.com/aws-samples/aws-do-eks/issues/19": (
        "mpi-role",
        changed(
            JOB,
            ((*ROLES, "launcher"), JOB["spec"]["mpiReplicaSpecs"]["Launcher"]),
            ((*ROLES, "Launcher"), None),
        ),
    ),
    # The template that eksctl makes has an empty target, and no node starts from the block.
    **{
        f"https://github.com/eksctl-io/eksctl/issues/{number}": (
            "eksctl-key",
            changed(
                CONFIG,
                ((*GROUP, "instanceType"), type_),
                (
                    (*GROUP, "capacityReservation"),
                    {"capacityReservationTarget": {"capacityReservationId": "cr-0123456789abcdef0"}},
                ),
                ((*GROUP, "instanceMarketOptions"), {"marketType": "capacity-block"}),
            ),
        )
        for number, type_ in ((8320, "p5en.48xlarge"), (8542, "p5.48xlarge"))
    },
    # The kernel ends a rank, and the log speaks of EFA.
    "https://github.com/awslabs/awsome-distributed-ai/issues/312": (
        "pod-memory-small",
        changed(JOB, *both("memory", "8000Mi")),
    ),
    "https://github.com/awslabs/awsome-distributed-ai/issues/880": (
        "pod-without-efa",
        changed(JOB, ((*WORKER, "nodeSelector", TYPE), "p6e-gb200.36xlarge"), (ASKS, {"limits": {GPU: 4}})),
    ),
    "https://github.com/aws-neuron/aws-neuron-sdk/issues/109": ("pod-hugepages", changed(JOB, *both(HUGE, "256"))),
    "https://github.com/aws/amazon-vpc-cni-k8s/releases/tag/v1.7.10": (
        "eksctl-cni",
        changed(CONFIG, (("addons",), [{"name": "vpc-cni", "version": "v1.7.5"}])),
    ),
}


@pytest.mark.parametrize("address", REPORTS)
def test_a_public_report_gets_the_right_answer(address):
    rule, document = REPORTS[address]
    assert rule in rules_in(document)


def test_the_path_of_public_examples_is_told_to_stay_as_it_is():
    env = [{"name": "PATH", "value": "$PATH:/opt/amazon/efa/bin"}, {"name": "A", "value": "$(B)"}]
    assert rules_in(changed(JOB, (ENV, env))) == {"pod-variable"}


def test_trainjobs_that_name_efa_too_and_those_without_resources_are_right():
    assert rules_in(trainjob(**{GPU: 8, EFA: 32})) == set()
    assert rules_in(trainjob()) == set()


def test_a_finding_has_its_line_in_a_file_of_several_documents():
    text = "# first\n" + yaml.safe_dump(JOB) + "---\nkind: Pod\napiVersion: v1\nspec:\n  image: x\n"
    (found,) = lint_manifests(text, "x.yaml")
    assert text.splitlines()[found.place.line - 1] == "  image: x"


def test_lint_reads_manifests_by_what_is_in_them(tmp_path):
    (tmp_path / "cluster.yaml").write_text(yaml.safe_dump(changed(CONFIG, ((*META, "region"), "region-code"))))
    (tmp_path / "job.yaml").write_text(yaml.safe_dump(changed(JOB, *both(EFA, 33))))
    (tmp_path / "other.yaml").write_text("apiVersion: v1\nkind: Pod\nspec: {image: x}\n")
    done = CliRunner().invoke(efakit, ["lint", str(tmp_path), "--format", "json"])
    assert done.exit_code == 1
    assert {item["rule"] for item in json.loads(done.stdout)} >= {"eksctl-region", "pod-too-many"}
    assert not [item for item in json.loads(done.stdout) if item["file"].endswith("other.yaml")]


POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  imagePullPolicy: Always\n  containers: [{name: a}]\n"
LIST = "apiVersion: v1\nkind: List\nitems:\n- " + POD.replace("\n", "\n  ").rstrip() + "\n"


def linted(path: Any, data: bytes, name: str = "x.yaml") -> Any:
    """Return what lint answers on a file of these bytes."""
    (path / name).write_bytes(data)
    return CliRunner().invoke(efakit, ["lint", str(path / name), "--format", "json"])


@pytest.mark.parametrize(
    ("data", "name", "line"),
    [
        (b"\xef\xbb\xbf" + POD.encode(), "x.yaml", 5),
        (POD.replace("\n", "\r\n").encode(), "x.yaml", 5),
        (POD.replace("\n", "\r").encode(), "x.yaml", 5),
        (b"%YAML 1.2\n# a comment\n---\n" + POD.encode(), "x.yaml", 8),
        (POD.encode() + b"...\n---\n", "x.yaml", 5),
        (b"\n" * 40 + POD.encode(), "x.yml", 45),
        (LIST.encode(), "x.yaml", 8),
        (json.dumps(yaml.safe_load(POD)).encode(), "x.json", 1),
        (json.dumps(yaml.safe_load(LIST), indent=1).encode(), "x.json", 12),
    ],
)
def test_a_manifest_is_read_in_each_form_that_kubectl_takes(tmp_path, data, name, line):
    (found,) = json.loads(linted(tmp_path, data, name).stdout)
    assert (found["rule"], found["line"]) == ("pod-key", line)
    given = CliRunner().invoke(efakit, ["lint", "-", "--format", "json"], input=data)
    assert [item["rule"] for item in json.loads(given.stdout)] == ["pod-key"]


@pytest.mark.thorough
def test_as_many_documents_as_a_file_holds_are_read_each_once(tmp_path):
    found = json.loads(linted(tmp_path, "---\n".join([POD] * 1000).encode()).stdout)
    assert [item["line"] for item in found] == [5 + 7 * number for number in range(1000)]


_TENS = "".join(
    f"{after}: &{after} [{', '.join(['*' + name] * 9)}]\n" for name, after in zip("abcdef", "bcdefg", strict=True)
)


@pytest.mark.parametrize(
    "data",
    [
        b"apiVersion: v1\nkind: Pod\na: &a [x, x]\n" + _TENS.encode() + b"spec: {containers: *g}\n",
        b"apiVersion: v1\nkind: Pod\nspec: &s\n  containers: [*s]\n",
        b"apiVersion: v1\nkind: List\nitems: &s\n  - *s\n",
        b"apiVersion: v1\nkind: Pod\nspec: " + b"[" * 3000 + b"]" * 3000,
        b"apiVersion: v1\nkind: Pod\nspec: {x: " + b"9" * 6000 + b"}\n",
        b"apiVersion: v1\nkind: Pod\nspec: {x: 2020-13-45}\n",
        b'apiVersion: v1\nkind: Pod\nspec: !!python/object/apply:os.system ["id"]\n',
        POD.encode() + b"\x00",
        POD.encode() + b"\xff\xfe",
        POD.encode("utf-16"),
        POD.encode() + b"---\nfoo: [\n",
        POD.encode() + b"x: " + b"x" * (4 * 1024 * 1024),
    ],
)
def test_what_is_no_manifest_or_explodes_is_refused_with_the_file_s_name(tmp_path, data):
    done = linted(tmp_path, data)
    assert isinstance(done.exception, UsageError)
    assert "x.yaml" in str(done.exception)


@pytest.mark.parametrize("text", ["apiVersion: v1\nkind: [\n", "apiVersion: v1\nkind: Pod\nkind: Pod\n"])
def test_a_file_that_is_no_yaml_is_told_with_its_place(tmp_path, text):
    (tmp_path / "job.yaml").write_text(text)
    done = CliRunner().invoke(efakit, ["lint", str(tmp_path / "job.yaml")])
    assert isinstance(done.exception, UsageError)
    assert "job.yaml:" in str(done.exception)


@pytest.mark.parametrize("value", [None, 7, "x", [], [None], {}, {"a": None}, [[1]], True])
def test_data_of_any_shape_are_read(value):
    for document in (CONFIG, JOB, PYTORCH, claim(1), trainjob()):
        for key in document:
            if key not in ("apiVersion", "kind"):
                rules_in({**document, key: value})
    for path in (GROUP[:1], GROUP, (*GROUP, "taints"), ("addons",)):
        rules_in(changed({**CONFIG, "addons": []}, (path, value if value is not None else 0)))
    for path in (
        ROLES,
        (*ROLES, "Worker"),
        WORKER,
        (*WORKER, "containers"),
        ASKS,
        (*ASKS, "limits"),
        (*ASKS, "limits", EFA),
    ):
        rules_in(changed(JOB, (path, value if value is not None else 0)))


def test_devices_of_the_host_are_told_of_where_the_container_may_not_open_all_of_them():
    assert rules_in(changed(JOB, *HOST_DEVICES)) == {"pod-host-devices"}
    # A p5 has EFA devices alone, and a privileged container may open all.
    harmless = [
        [*HOST_DEVICES, ((*WORKER, "nodeSelector", TYPE), "p5.48xlarge"), *both(EFA, 32)],
        [*HOST_DEVICES, ((*WORKER, "containers", 0, "securityContext"), {"privileged": True})],
        [*HOST_DEVICES[:-2], ((*WORKER, "volumes"), [{"name": "d", "hostPath": {"path": "/dev/gdrdrv"}}])],
    ]
    assert [rules_in(changed(JOB, *changes)) for changes in harmless] == [set()] * 3


def test_pods_of_a_leader_worker_set_are_read():
    without = leader_worker_set([(ASKS, {"limits": {GPU: 8}, "requests": {GPU: 8}})])
    assert rules_in(without) == {"pod-without-efa"}
    assert rules_in(leader_worker_set([])) == set()


ENV = (*WORKER, "containers", 0, "env")


def variables(env: dict[str, str], *changes: tuple[tuple[Any, ...], Any]) -> set[str]:
    """Return what is found in the variables of the JOB's workers."""
    items = [{"name": name, "value": value} for name, value in env.items()]
    return rules_in(changed(JOB, (ENV, items), *changes))


# aws-samples/aws-do-eks pulls 50 and 51: gloo was given NCCL's list of what to leave out.
@pytest.mark.parametrize(
    ("env", "rule"),
    [
        ({"NCCL_SOCKET_IFNAME": "^lo,docker,eni", "GLOO_SOCKET_IFNAME": "^lo,docker,eni"}, "gloo-socket-ifname-name"),
        ({"NCCL_SOCKET_IFNAME": "rdmap0s6"}, "nccl-socket-ifname-device"),
        ({"NCCL_SOCKET_IFNAME": "lo,eth0"}, "nccl-socket-ifname-lo"),
        ({"FI_PROVIDER": "efa;ofi_rxm"}, "fi-provider-layered"),
        ({"NCCL_NET_PLUGIN": "aws-ofi-nccl"}, "nccl-net-plugin-other"),
        ({"NCCL_DEBUG": "INFO", "FI_PROVIDER": "efa"}, "fi-provider-redundant"),
    ],
)
def test_a_variable_of_a_container_with_efa_is_judged_by_the_same_rows(env, rule):
    assert variables(env) == {rule}
    assert variables(env, ((*WORKER, "containers", 0, "resources"), {"limits": {GPU: 8}, "requests": {GPU: 8}})) in (
        set(),
        {"pod-without-efa"},
    )


COMMAND = (*ROLES, "Launcher", "template", "spec", "containers", 0, "command")
MPIRUN = JOB["spec"]["mpiReplicaSpecs"]["Launcher"]["template"]["spec"]["containers"][0]["command"]


@pytest.mark.parametrize(
    ("command", "found"),
    [
        ([*MPIRUN, "-x", "NCCL_NET=Socket", "./app"], {"nccl-net-socket"}),
        ([*MPIRUN, "-x", "NCCL_DEBUG=INFO", "-x", "FI_PROVIDER=efa", "./app"], {"fi-provider-redundant"}),
        (["bash", "-c", " ".join([*MPIRUN, "-x NCCL_NET='Socket'", "./app"])], {"nccl-net-socket"}),
        ([*MPIRUN, "-x", "NCCL_NET", "-x", "LD_LIBRARY_PATH", "./app"], set()),
        ([*MPIRUN, "-x", "NCCL_NET=$NET", "./app", "NCCL_NET=Socket"], set()),
        (["bash", "-c", "set -x\nNCCL_NET=Socket " + " ".join([*MPIRUN, "./app"])], set()),
    ],
)
def test_what_mpirun_gives_to_ranks_with_efa_is_judged_by_the_same_rows(command, found):
    assert rules_in(changed(JOB, (COMMAND, command))) == found
    without = [((*ASKS, kind, name), None) for kind in ("limits", "requests") for name in (EFA, HUGE)]
    assert found.isdisjoint(rules_in(changed(JOB, (COMMAND, command), *without)))


@pytest.mark.parametrize(
    "env",
    [
        # In a network of its own a pod's interface is eth0.
        {"NCCL_SOCKET_IFNAME": "eth0", "GLOO_SOCKET_IFNAME": "eth0"},
        {"NCCL_SOCKET_IFNAME": "^lo,docker,veth,eni", "GLOO_SOCKET_IFNAME": "$(INTERFACE)"},
        # NVSHMEM needs what NCCL's plugin does not.
        {"NCCL_DEBUG": "INFO", "NVSHMEM_REMOTE_TRANSPORT": "libfabric", "FI_PROVIDER": "efa"},
        {"FI_PROVIDER": "{{ .Values.provider }}", "NCCL_NET_PLUGIN": "ofi"},
    ],
)
def test_variables_that_are_right_in_a_pod_are_found_right(env):
    assert variables(env) == set()


def test_in_the_host_s_network_the_host_s_names_count():
    host = ((*WORKER, "hostNetwork"), True)
    assert variables({"NCCL_SOCKET_IFNAME": "eth0"}, host) == {"nccl-socket-ifname-fixed"}
    assert variables({"NCCL_SOCKET_IFNAME": "ens5"}, host) == set()
