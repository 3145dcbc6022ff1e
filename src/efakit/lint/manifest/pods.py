"""Rules for pods: what the API server or the scheduler says of devices, huge pages and memory, and what runs over TCP.

By https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/#extended-resources and
https://kubernetes.io/docs/tasks/manage-hugepages/scheduling-hugepages/
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from efakit.catalog import eks as rows
from efakit.catalog import instances
from efakit.catalog.instances import Instance
from efakit.lint.manifest.problem import Path, Problem, at, is_template, items, mapping
from efakit.lint.manifest.variables import set_by, variable_problems
from efakit.printable import as_text, as_written

_Data = Mapping[str, Any]
_OF_CONTAINERS = ("image", "imagePullPolicy", "command", "args", "env", "envFrom", "resources", "volumeMounts", "ports")
_VPC_RESOURCES = (rows.EFA_RESOURCE, "vpc.amazonaws.com/pod-eni", "vpc.amazonaws.com/PrivateIPv4Address")
_ACCELERATORS = ("nvidia.com/gpu", "aws.amazon.com/neuron", "aws.amazon.com/neuroncore", "aws.amazon.com/neurondevice")
_SUFFIXES = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
_QUANTITY = re.compile(r"([0-9]+(?:\.[0-9]+)?)([kMGT]i?|Ki|)")
_SHELL_NAME = re.compile(r"\$(\{[A-Za-z_][A-Za-z0-9_]*\}|[A-Za-z_][A-Za-z0-9_]*)")
_TYPE_LABELS = ("node.kubernetes.io/instance-type", "beta.kubernetes.io/instance-type")
_READ_BY_OTHERS = ("env", "command", "args", "data", "stringData", "annotations", "lifecycle", "exec")
# Volumes that an operator adds to the pods of a kind: mpi-operator's controller and Kubeflow Trainer's plugin for MPI
# (pkg/constants of each).
_ADDED = {
    "MPIJob": ("ssh-auth", "mpi-job-config"),
    "TrainingRuntime": ("mpi-ssh-auth", "mpi-hostfile"),
    "ClusterTrainingRuntime": ("mpi-ssh-auth", "mpi-hostfile"),
}
_WITH_CLAIMS: tuple[Path, ...] = (("spec",), ("spec", "leaderWorkerTemplate"), ("spec", "template", "spec"))
_OF_SAGEMAKER = "ml."
"""What HyperPod's nodes have before the type's name."""


class PodAt(NamedTuple):
    """A pod, or a template of one; ``several``: it is one of several that work together."""

    path: Path
    spec: _Data
    several: bool


def pod_problems(data: _Data) -> Iterator[Problem]:
    """Give what is wrong with the pods of a document."""
    if data.get("kind") == "ResourceClaimTemplate":
        yield from _claims(data)
    added, is_filled_in = set(_added_volumes(data)), _is_filled_in(data)
    for pod in pods_of(data):
        yield from _pod(pod)
        for kind in ("initContainers", "containers"):
            for where, container in items(pod.spec, kind):
                path = (*pod.path, *where)
                yield from _resources(container, path, pod)
                yield from _mounts(container, path, pod, added)
                yield from _host_devices(container, path, pod)
                yield from _variables(container, path, is_filled_in)
                if uses_efa(container):
                    host_network = pod.spec.get("hostNetwork")
                    yield from variable_problems(set_by(container, path), type_name(pod), pod.several, host_network)


def pods_of(data: _Data) -> Iterator[PodAt]:
    """Give the pods of a document: of Kubernetes' own kinds, and of the operators'."""
    kind = data.get("kind")
    if kind == "Pod":
        yield PodAt(("spec",), mapping(data, "spec"), False)
    elif kind in ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"):
        yield _template(data, ("spec",), several=False)
    elif kind == "Job":
        yield _template(data, ("spec",), several=_number(at(data, "spec", "parallelism")) > 1)
    elif kind in ("MPIJob", "PyTorchJob"):
        key = "mpiReplicaSpecs" if kind == "MPIJob" else "pytorchReplicaSpecs"
        roles = mapping(data, "spec", key)
        counted = [_number(mapping(role).get("replicas", 1)) for name, role in roles.items() if name != "Launcher"]
        for name in roles:
            yield _template(data, ("spec", key, name), several=name != "Launcher" and sum(counted) > 1)
    elif kind in ("TrainingRuntime", "ClusterTrainingRuntime", "JobSet"):
        base: Path = ("spec", "template", "spec") if kind != "JobSet" else ("spec",)
        nodes = _number(at(data, "spec", "mlPolicy", "numNodes")) if kind != "JobSet" else 2
        for path, _ in items(data, *base, "replicatedJobs"):
            yield _template(data, (*path, "template", "spec"), several=nodes > 1)
    elif kind == "LeaderWorkerSet":
        group: Path = ("spec", "leaderWorkerTemplate")
        for name in ("leaderTemplate", "workerTemplate"):
            where = (*group, name, "spec")
            yield PodAt(where, mapping(data, *where), _number(at(data, *group, "size")) > 1)


def _template(data: _Data, path: Path, *, several: bool) -> PodAt:
    where = (*path, "template", "spec")
    return PodAt(where, mapping(data, *where), several)


def _pod(pod: PodAt) -> Iterator[Problem]:
    for key in _OF_CONTAINERS:
        if key in pod.spec:
            message = f"{key} is a key of a container, not of a pod"
            yield Problem("pod-key", (*pod.path, key), message, "move it into the container")
    type_, label = _type(pod), _type_label(pod)
    if isinstance(type_, str) and label is not None:
        message = f"unknown EC2 instance type {type_}: no node has it, if it is not newer than efakit's catalog"
        fix = "write the node group's type; 'efakit catalog update' renews what efakit knows"
        yield Problem("pod-type", (*pod.path, *label[0]), message, fix)


def _type(pod: PodAt) -> Instance | str | None:
    """Return the type that the pod's nodes must be of; its name where nobody knows it, None where any will do."""
    label = _type_label(pod)
    if label is None or "$" in label[1] or is_template(label[1]):
        return None
    name = label[1].removeprefix(_OF_SAGEMAKER)
    if instances.known(name):
        return instances.get(name)
    return name if name == label[1] else None  # SageMaker has types that EC2 no longer offers


def _type_label(pod: PodAt) -> tuple[Path, str] | None:
    """Return the label of the one instance type that a pod's nodes must have, and where it stands."""
    selector = mapping(pod.spec, "nodeSelector")
    for name in _TYPE_LABELS:
        if name in selector:
            return ("nodeSelector", name), str(selector[name])
    required: Path = ("affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution")
    terms = at(pod.spec, *required, "nodeSelectorTerms")
    if not isinstance(terms, list) or len(terms) != 1:
        return None
    for where, asked in items(pod.spec, *required, "nodeSelectorTerms", 0, "matchExpressions"):
        values = asked.get("values")
        is_type = asked.get("key") in _TYPE_LABELS and asked.get("operator") == "In"
        if is_type and isinstance(values, list) and len(values) == 1:
            return (*where, "values", 0), str(values[0])
    return None


def type_name(pod: PodAt) -> str | None:
    """Return the name of the one EC2 type that a pod's nodes are of, where efakit knows it."""
    type_ = _type(pod)
    return type_.name if isinstance(type_, Instance) else None


def _resources(container: _Data, path: Path, pod: PodAt) -> Iterator[Problem]:
    limits, requests = mapping(container, "resources", "limits"), mapping(container, "resources", "requests")
    for kind, asked in (("limits", limits), ("requests", requests)):
        for name, value in asked.items():
            where = (*path, "resources", kind, name)
            yield from _one(name, value, where)
            if name not in limits and _is_exact(name):
                yield Problem("pod-requests", where, f"{name} is in the requests only", "add it to the limits")
            elif kind == "limits" and _is_exact(name) and amount(requests.get(name, value)) != amount(value):
                if is_template(requests.get(name)):
                    continue
                message = f"{name}: the limit is {as_text(value)}, but the request is {as_text(requests[name])}"
                yield Problem("pod-requests", where, message, "write the same value in both")
    all_asked = {**requests, **limits}
    huge = [name for name in all_asked if name.startswith("hugepages-")]
    if huge and not {"cpu", "memory"} & set(all_asked):
        message = f"{huge[0]} without memory or cpu"
        yield Problem("pod-hugepages", (*path, "resources"), message, "request memory too")
    type_ = _type(pod)
    yield from _on_type(all_asked, path, pod, type_ if isinstance(type_, Instance) else None, container)


def _is_exact(name: str) -> bool:
    """Return whether requests and limits of a resource must be the same: devices and huge pages."""
    return "/" in name or name.startswith("hugepages-")


def _one(name: str, value: Any, where: Path) -> Iterator[Problem]:
    """Give what is wrong with one resource by itself."""
    number = amount(value)
    if name.startswith("vpc.amazonaws.com/") and name not in _VPC_RESOURCES:
        message = f"no device plugin offers {name}: the pod would stay pending forever"
        yield Problem("pod-resource-name", where, message, f"write {rows.EFA_RESOURCE}")
    elif "/" in name and (number is None or number != int(number)):
        yield Problem("pod-count", where, f"{name}: {as_written(value)} is not a whole number", "write a whole number")
    elif name == rows.HUGE_PAGES_RESOURCE and number is not None and number % 2**21:
        yield Problem("pod-hugepages", where, f"{value} is not a multiple of 2Mi", "write a multiple of 2Mi")
    elif name == rows.HUGE_PAGES_RESOURCE and number is not None and number > rows.LEAST_HUGE_PAGES_MIB * 2**20:
        message = f"{value} of huge pages: images with the EFA driver reserve {rows.LEAST_HUGE_PAGES_MIB}Mi and more"
        fix = f"request {rows.HUGE_PAGES_MIB}Mi, or check what your nodes offer (kubectl describe node)"
        yield Problem("pod-hugepages-many", where, message, fix)


def _on_type(asked: _Data, path: Path, pod: PodAt, type_: Instance | None, container: _Data) -> Iterator[Problem]:
    """Give what does not go with the instance type that the pod's nodes are of."""
    efa, accelerators = amount(asked.get(rows.EFA_RESOURCE)), [name for name in _ACCELERATORS if name in asked]
    where = (*path, "resources", "limits")
    has = type_.efa_interfaces if type_ else None
    if type_ and has is not None and efa is not None and efa > has:
        message = f"{int(efa)} EFA devices requested: {type_.name} has {has}"
        yield Problem("pod-too-many", (*where, rows.EFA_RESOURCE), message, f"write {has}")
    elif type_ and has and efa and efa < has and accelerators and pod.several:
        message = f"{int(efa)} of {type_.name}'s {has} EFA devices requested: the others stay idle"
        yield Problem("pod-few", (*where, rows.EFA_RESOURCE), message, f"write {has}")
    claims = bool(at(container, "resources", "claims"))
    wants = any(
        str(item.get("name")) == "FI_PROVIDER" and item.get("value") == "efa" for _, item in items(container, "env")
    )
    on_efa = type_ is not None and type_.efa_capable
    unknown = is_template(asked.get(rows.EFA_RESOURCE))
    if efa is None and not unknown and not claims and pod.several and (on_efa or wants) and (accelerators or wants):
        message = "the pods work together but request no EFA device: they use TCP without an error"
        number = has or "the number of the type's EFA interfaces"
        fix = (
            f"write {rows.EFA_RESOURCE}: {number} into limits and requests; with NCCL_NET=Libfabric a "
            "missing plugin is an error"
        )
        yield Problem("pod-without-efa", path, message, fix)
    memory = amount(asked.get("memory"))
    if type_ and type_.memory_mib and memory and memory > type_.memory_mib * 2**20:
        message = f"{asked['memory']} of memory requested: {type_.name} has {type_.memory_mib // 1024} GiB"
        yield Problem("pod-too-many", (*where, "memory"), message, "request four fifths of it")
    gpus = amount(asked.get("nvidia.com/gpu"))
    if memory and gpus and pod.several and memory <= gpus * 2**30:
        message = f"{asked['memory']} of memory requested for {int(gpus)} GPUs: the kernel kills ranks that need more"
        yield Problem("pod-memory-small", (*where, "memory"), message, "request four fifths of the node's memory")


def _added_volumes(data: _Data) -> Iterator[str]:
    """Give the volumes that a document's pods get from its claim templates, or from their operator."""
    yield from _ADDED.get(str(data.get("kind")), ())
    for base in _WITH_CLAIMS:
        policies = [policy for _, policy in items(data, *base, "volumeClaimPolicies")]  # JobSet's
        for owner, key in ((mapping(data, *base), "volumeClaimTemplates"), *((one, "templates") for one in policies)):
            yield from (as_text(at(claim, "metadata", "name")) for _, claim in items(owner, key))


def _mounts(container: _Data, path: Path, pod: PodAt, added: set[str]) -> Iterator[Problem]:
    volumes = added | {as_text(volume.get("name")) for _, volume in items(pod.spec, "volumes")}
    for where, mount in items(container, "volumeMounts"):
        if as_text(mount.get("name")) not in volumes:
            message = f"the pod has no volume {as_written(mount.get('name'))}"
            yield Problem("pod-mount", (*path, *where, "name"), message, "add it to volumes")


def _host_devices(container: _Data, path: Path, pod: PodAt) -> Iterator[Problem]:
    """Give the mounts that show a container RDMA devices of the host which it may not open."""
    type_ = _type(pod)
    own = isinstance(type_, Instance) and type_.name not in rows.OTHER_RDMA_DEVICES
    if own or at(container, "securityContext", "privileged") is True or not uses_efa(container):
        return
    paths = {
        as_text(volume.get("name")): str(at(volume, "hostPath", "path")) for _, volume in items(pod.spec, "volumes")
    }
    for where, mount in items(container, "volumeMounts"):
        if paths.get(as_text(mount.get("name")), "").rstrip("/") in ("/dev", "/dev/infiniband"):
            others = " and ".join(rows.OTHER_RDMA_DEVICES)
            message = (
                f"the mount shows all RDMA devices of the host, those of other vendors too ({others}); the container "
                "may not open these, and libfabric then offers no EFA device: TCP without an error"
            )
            fix = f"remove the mount: the device plugin gives the container what {rows.EFA_RESOURCE} requests"
            yield Problem("pod-host-devices", (*path, *where), message, fix)


def uses_efa(container: _Data) -> bool:
    """Return whether a container asks for EFA devices."""
    named = {**mapping(container, "resources", "limits"), **mapping(container, "resources", "requests")}
    return rows.EFA_RESOURCE in named or bool(at(container, "resources", "claims"))


def _variables(container: _Data, path: Path, is_filled_in: bool) -> Iterator[Problem]:
    """``is_filled_in``: a program such as envsubst fills the document in; a value built on itself is wrong even so."""
    for where, variable in items(container, "env"):
        name, value = str(variable.get("name")), str(variable.get("value", ""))
        found = _SHELL_NAME.search(value)
        on_itself = any(match[1].strip("{}") == name and match[0] != value for match in _SHELL_NAME.finditer(value))
        if found and (on_itself or not is_filled_in):
            message = f"{found[0]} in {name} is not expanded: Kubernetes expands $(NAME) only"
            fix = "write the whole value, or leave the variable to the image"
            yield Problem("pod-variable", (*path, *where, "value"), message, fix)


def _is_filled_in(data: Any) -> bool:
    """Return whether a document has ``${NAME}`` where nothing of Kubernetes' or a shell's would read it."""
    if isinstance(data, Mapping):
        return any(_is_filled_in(value) for key, value in data.items() if key not in _READ_BY_OTHERS)
    if isinstance(data, list):
        return any(_is_filled_in(value) for value in data)
    return isinstance(data, str) and re.search(r"\$\{[A-Za-z_]\w*\}", data) is not None


def _claims(data: _Data) -> Iterator[Problem]:
    path: Path = ("spec", "spec", "devices", "requests")
    for where, request in items(data, *path):
        count = _number(at(request, "exactly", "count"))
        if count > rows.MOST_CLAIMED:
            message = f"{count} devices in one claim: at most {rows.MOST_CLAIMED} are allowed"
            yield Problem(
                "claim-count", (*where, "exactly", "count"), message, "write the instance type's number of devices"
            )


def amount(value: Any) -> float | None:
    """Return a quantity as a number; None where it is none."""
    if isinstance(value, bool) or value is None:
        return None
    found = _QUANTITY.fullmatch(str(value))
    number = float(found[1]) * _SUFFIXES[found[2]] if found and found[2] in _SUFFIXES else math.inf
    return number if math.isfinite(number) else None  # Kubernetes counts in 64 bits


def _number(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
