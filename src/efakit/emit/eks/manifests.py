"""A job's manifests: its scripts, its claims, and the MPIJob, or the runtime and its TrainJob."""

from __future__ import annotations

from typing import Any

from efakit.catalog import eks as rows
from efakit.emit.eks.cluster import QUEUE_LABEL
from efakit.emit.eks.script import FOLDER, check_script, run_script
from efakit.emit.eks.values import toleration
from efakit.emit.writing import comment, yaml_text
from efakit.plan.eks import EksPlan
from efakit.plan.eks.jobs import Pods

_CLAIM, _SHM = "efa", "/dev/shm"  # noqa: S108 (a mount in the container)


def manifest(section: EksPlan, pods: Pods) -> str:
    """Return the job's documents in one file."""
    documents = [_scripts(section, pods)]
    if section.section.devices == "dra" and pods.efa:
        documents.append(_claim(section, pods))
    documents += [_mpi_job(section, pods)] if pods.by_mpirun else _train_job(section, pods)
    head = comment(f"Job {pods.plan.job.name}: {pods.plan.template.what}. DECISIONS.md says why.")
    return "---\n".join([f"{head}\n", *map(yaml_text, documents)])


def _meta(section: EksPlan, name: str) -> dict[str, Any]:
    return {"name": name, "namespace": section.section.namespace}


def _scripts(section: EksPlan, pods: Pods) -> dict[str, Any]:
    data = {"run.sh": run_script(pods)}
    check = check_script(pods)
    if check:
        data["check.sh"] = check
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": _meta(section, _script_map(pods)), "data": data}


def _script_map(pods: Pods) -> str:
    return f"{pods.name}-scripts"


def _claim(section: EksPlan, pods: Pods) -> dict[str, Any]:
    exactly = {"deviceClassName": rows.DEVICE_CLASS, "allocationMode": "ExactCount", "count": pods.efa}
    requests = [{"name": _CLAIM, "exactly": exactly}]
    return {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "ResourceClaimTemplate",
        "metadata": _meta(section, f"{pods.name}-{_CLAIM}"),
        "spec": {"spec": {"devices": {"requests": requests}}},
    }


def _mpi_job(section: EksPlan, pods: Pods) -> dict[str, Any]:
    small = {"cpu": "1", "memory": "2Gi"}
    launcher = {
        **_container(section, pods, "launcher"),
        "command": ["bash", f"{FOLDER}/run.sh"],
        "resources": {"requests": small, "limits": {"memory": "2Gi"}},
        "volumeMounts": [_mount_of_scripts()],
    }
    worker = {
        **_container(section, pods, "worker"),
        # sshd in the foreground, as the operator starts it by itself.
        "command": ["/usr/sbin/sshd", "-De"],
        **_own_node(section, pods),
    }
    architecture = pods.groups[0].instances[0].architecture
    selector = {"kubernetes.io/arch": "arm64" if architecture == "arm64" else "amd64"}
    return {
        "apiVersion": "kubeflow.org/v2beta1",
        "kind": "MPIJob",
        "metadata": _meta(section, pods.name),
        "spec": {
            "mpiImplementation": "OpenMPI",
            "slotsPerWorker": pods.plan.layout.ranks_per_node,
            "launcherCreationPolicy": "WaitForWorkersReady",
            "runPolicy": {"cleanPodPolicy": "Running", "backoffLimit": 0},
            "mpiReplicaSpecs": {
                "Launcher": {
                    "replicas": 1,
                    "restartPolicy": "Never",
                    "template": {"spec": _pod(section, [launcher], [_volume_of_scripts(pods)], selector)},
                },
                "Worker": {
                    "replicas": pods.plan.nodes,
                    "restartPolicy": "Never",
                    "template": {"spec": _node_pod(section, pods, worker)},
                },
            },
        },
    }


def _train_job(section: EksPlan, pods: Pods) -> list[dict[str, Any]]:
    node = {
        **_container(section, pods, "node"),
        "command": ["bash", f"{FOLDER}/run.sh"],
        **_own_node(section, pods),
    }
    pod = {
        "spec": {"backoffLimit": 0, "template": {"spec": {**_node_pod(section, pods, node), "restartPolicy": "Never"}}}
    }
    step = {"labels": {"trainer.kubeflow.org/trainjob-ancestor-step": "trainer"}}
    replicated = [{"name": "node", "template": {"metadata": step, **pod}}]
    kind, api = "TrainingRuntime", "trainer.kubeflow.org"
    runtime = {
        "apiVersion": f"{api}/v1alpha1",
        "kind": kind,
        "metadata": {**_meta(section, pods.name), "labels": {f"{api}/framework": "torch"}},
        "spec": {
            "mlPolicy": {"numNodes": pods.plan.nodes, "torch": {}},
            "template": {"spec": {"failurePolicy": {"maxRestarts": 0}, "replicatedJobs": replicated}},
        },
    }
    job = {
        "apiVersion": f"{api}/v1alpha1",
        "kind": "TrainJob",
        "metadata": _meta(section, pods.name),
        "spec": {
            "runtimeRef": {"apiGroup": api, "kind": kind, "name": pods.name},
            # Without 'trainer' the operator tells no node its rank.
            "trainer": {"numNodes": pods.plan.nodes, "numProcPerNode": pods.plan.layout.ranks_per_node},
        },
    }
    return [runtime, job]


def _container(section: EksPlan, pods: Pods, name: str) -> dict[str, Any]:
    data: dict[str, Any] = {"name": name, "image": pods.image, "imagePullPolicy": "IfNotPresent"}
    container = pods.plan.job.container
    if container and container.workdir:
        data["workingDir"] = container.workdir
    return data


def _own_node(section: EksPlan, pods: Pods) -> dict[str, Any]:
    """Return what a container that has a node to itself asks for and mounts."""
    asked: dict[str, Any] = {"memory": f"{pods.memory_mib}Mi"}
    if pods.accelerators:
        asked[pods.accelerators[0]] = pods.accelerators[1]
    resources: dict[str, Any] = {}
    if pods.efa and section.section.devices == "dra":
        resources["claims"] = [{"name": _CLAIM}]
    elif pods.efa:
        asked[rows.EFA_RESOURCE] = pods.efa
    if pods.hugepages_mib:
        asked[rows.HUGE_PAGES_RESOURCE] = f"{pods.hugepages_mib}Mi"
    mounts = [{"name": "shm", "mountPath": _SHM}, _mount_of_scripts()]
    mounts += [
        {"name": f"volume-{number}", "mountPath": volume.path}
        for number, volume in enumerate(section.section.volumes, 1)
    ]
    return {"resources": {**resources, "requests": dict(asked), "limits": dict(asked)}, "volumeMounts": mounts}


def _node_pod(section: EksPlan, pods: Pods, container: dict[str, Any]) -> dict[str, Any]:
    volumes: list[dict[str, Any]] = [
        {"name": "shm", "emptyDir": {"medium": "Memory"}},
        _volume_of_scripts(pods),
        *(
            {"name": f"volume-{number}", "persistentVolumeClaim": {"claimName": volume.claim}}
            for number, volume in enumerate(section.section.volumes, 1)
        ),
    ]
    selector = {QUEUE_LABEL: pods.groups[0].label}
    if len(pods.types) == 1:
        selector = {"node.kubernetes.io/instance-type": pods.types[0], **selector}
    pod = _pod(section, [container], volumes, selector)
    if section.section.devices == "dra" and pods.efa:
        pod["resourceClaims"] = [{"name": _CLAIM, "resourceClaimTemplateName": f"{pods.name}-{_CLAIM}"}]
    return pod


def _pod(
    section: EksPlan, containers: list[dict[str, Any]], volumes: list[dict[str, Any]], selector: dict[str, str]
) -> dict[str, Any]:
    pod: dict[str, Any] = {"nodeSelector": selector}
    if toleration(section):
        pod["tolerations"] = toleration(section)
    if section.section.image_pull_secret:
        pod["imagePullSecrets"] = [{"name": section.section.image_pull_secret}]
    return {**pod, "containers": containers, "volumes": volumes}


def _volume_of_scripts(pods: Pods) -> dict[str, Any]:
    return {"name": "scripts", "configMap": {"name": _script_map(pods)}}


def _mount_of_scripts() -> dict[str, Any]:
    return {"name": "scripts", "mountPath": FOLDER}
