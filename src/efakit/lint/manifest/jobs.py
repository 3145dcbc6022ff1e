"""Rules for the operators' jobs: what the API takes, and the operator refuses, overwrites or runs on one node alone.

mpi-operator's own rules: pkg/apis/kubeflow/validation (https://github.com/kubeflow/mpi-operator, v0.8.2).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from efakit.catalog import eks as rows
from efakit.lint.manifest.pods import PodAt, amount, pods_of, type_name, uses_efa
from efakit.lint.manifest.problem import Path, Problem, at, is_template, items, mapping
from efakit.lint.manifest.variables import forwarded_by, variable_problems
from efakit.nearness import choice
from efakit.printable import as_text, as_written

_Data = Mapping[str, Any]
_ROLES = ("Launcher", "Worker")
_CLEANED = ("None", "Running", "All")
_RESTARTED = ("Never", "OnFailure")
_BY_DEFAULT = {"Launcher": "OnFailure", "Worker": "Never"}
_OF_RUN_POLICY = (
    "cleanPodPolicy",
    "ttlSecondsAfterFinished",
    "activeDeadlineSeconds",
    "backoffLimit",
    "schedulingPolicy",
    "suspend",
)
_MPIS = ("OpenMPI", "Intel", "MPICH")
_HOST_NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_MOST_OF_HOST_NAME = 63
_OPEN_MPI_4 = "/opt/amazon/openmpi/"
"""Where the EFA installer puts it; it reads what the operator sets."""
_HOST_FILES = ("--hostfile", "-hostfile", "--machinefile", "-machinefile", "--host", "-H")


def job_problems(data: _Data) -> Iterator[Problem]:
    """Give what is wrong with an MPIJob or a TrainJob."""
    if data.get("kind") == "MPIJob" and str(data.get("apiVersion", "")).startswith("kubeflow.org/"):
        yield from _keys(data)
        yield from _roles(data)
        yield from _policies(data)
        yield from _name(data)
        yield from _tolerated(data)
        yield from _launch(data)
        yield from _forwarded(data)
    elif data.get("kind") == "TrainJob":
        yield from _train_job(data)


def _roles(data: _Data) -> Iterator[Problem]:
    path: Path = ("spec", "mpiReplicaSpecs")
    roles = mapping(data, *path)
    for name in roles:
        if name not in _ROLES:
            message = f"unknown role {as_written(name)}: the operator ignores its pods"
            yield Problem("mpi-role", (*path, str(name)), message, choice(name, _ROLES, "roles"))
    if "Launcher" not in roles:
        yield Problem("mpi-role", path, "no Launcher", "write one, with the command that starts mpirun")
    elif mapping(roles, "Launcher").get("replicas", 1) != 1:
        yield Problem("mpi-role", (*path, "Launcher", "replicas"), "more than one launcher", "write 1")
    if "Worker" in roles and mapping(roles, "Worker").get("replicas", 1) == 0:
        yield Problem("mpi-role", (*path, "Worker", "replicas"), "no worker", "write the number of nodes")


def _keys(data: _Data) -> Iterator[Problem]:
    for key in mapping(data, "spec"):
        if key in _OF_RUN_POLICY and data.get("apiVersion") == "kubeflow.org/v2beta1":
            message = f"{key} is a key of runPolicy, not of spec"
            yield Problem("mpi-key", ("spec", key), message, "move it into runPolicy")


def _policies(data: _Data) -> Iterator[Problem]:
    clean = at(data, "spec", "runPolicy", "cleanPodPolicy")
    if clean is not None and clean not in _CLEANED:
        fix = choice(clean, _CLEANED, "policies")
        yield Problem("mpi-policy", ("spec", "runPolicy", "cleanPodPolicy"), f"unknown policy {as_written(clean)}", fix)
    kind = at(data, "spec", "mpiImplementation")
    if kind is not None and kind not in _MPIS:
        yield Problem(
            "mpi-policy", ("spec", "mpiImplementation"), f"unknown MPI {as_written(kind)}", choice(kind, _MPIS, "MPIs")
        )
    for name, role in mapping(data, "spec", "mpiReplicaSpecs").items():
        path: Path = ("spec", "mpiReplicaSpecs", name)
        policy, own = at(role, "restartPolicy"), at(role, "template", "spec", "restartPolicy")
        if policy is not None and policy not in _RESTARTED:
            fix = choice(policy, _RESTARTED, "policies")
            yield Problem("mpi-policy", (*path, "restartPolicy"), f"unknown policy {as_written(policy)}", fix)
        then = _BY_DEFAULT.get(name) if policy is None else policy
        if own is not None and own != then:
            message = f"the operator overwrites the pod's restartPolicy with the role's: {as_text(then)}"
            yield Problem("mpi-restart", (*path, "template", "spec", "restartPolicy"), message, f"write it into {name}")


def _name(data: _Data) -> Iterator[Problem]:
    name, workers = (
        as_text(at(data, "metadata", "name") or ""),
        at(data, "spec", "mpiReplicaSpecs", "Worker", "replicas"),
    )
    if not name:
        return
    last = f"{name}-worker-{max(workers - 1, 0) if isinstance(workers, int) else 0}"
    if not _HOST_NAME.fullmatch(last) or len(last) > _MOST_OF_HOST_NAME:
        message = f"{last!r}, the last worker's name, is not a valid host name"
        fix = (
            f"use lower-case letters, digits and hyphens; begin with a letter; at most {_MOST_OF_HOST_NAME} "
            "characters with -worker-N"
        )
        yield Problem("mpi-name", ("metadata", "name"), message, fix)


def _tolerated(data: _Data) -> Iterator[Problem]:
    roles = mapping(data, "spec", "mpiReplicaSpecs")
    path: Path = ("template", "spec", "tolerations")
    worker = {str(item.get("key")) for _, item in items(roles.get("Worker"), *path)}
    launcher = [item for _, item in items(roles.get("Launcher"), *path)]
    missing = sorted(worker - {str(item.get("key")) for item in launcher})
    if missing and not any(item.get("operator") == "Exists" and "key" not in item for item in launcher):
        message = (
            f"the workers tolerate {', '.join(missing)}, but the launcher does not: without other nodes it "
            "stays pending"
        )
        where: Path = ("spec", "mpiReplicaSpecs", "Launcher", "template", "spec")
        yield Problem("mpi-toleration", where, message, "add the same toleration, or nodes without the taint")


def _launch(data: _Data) -> Iterator[Problem]:
    path: Path = ("spec", "mpiReplicaSpecs", "Launcher", "template", "spec", "containers")
    workers = at(data, "spec", "mpiReplicaSpecs", "Worker", "replicas")
    slots = at(data, "spec", "slotsPerWorker")
    for where, container in items(data, *path):
        words = _words(container)
        if not _starts_mpi(words):
            continue
        is_4 = any(word.startswith(_OPEN_MPI_4) for word in words)
        if not is_4 and not any(word.partition("=")[0] in _HOST_FILES for word in words):
            message = (
                "mpirun has no host list: if it is Open MPI 5, which does not read the operator's variables, it starts "
                "all ranks on the launcher"
            )
            fix = "write --hostfile /etc/mpi/hostfile, and use Open MPI 4"
            severity, source = ("", "") if _efa_workers(data) else ("info", rows.OPEN_MPI_5)
            yield Problem("mpi-hosts", where, message, fix, severity, source)
        ranks = _ranks(words)
        if ranks and isinstance(workers, int) and isinstance(slots, int) and ranks > workers * slots:
            message = f"{ranks} ranks, but {workers} workers with {slots} slots each"
            yield Problem("mpi-ranks", where, message, f"write {workers * slots}, or raise slotsPerWorker or replicas")


def _forwarded(data: _Data) -> Iterator[Problem]:
    """Judge what mpirun gives to ranks in pods that use EFA."""
    worker = _efa_workers(data)
    if worker is None:
        return
    path: Path = ("spec", "mpiReplicaSpecs", "Launcher", "template", "spec", "containers")
    for where, container in items(data, *path):
        if _starts_mpi(_words(container)):
            given = forwarded_by(container, where)
            yield from variable_problems(given, type_name(worker), worker.several, worker.spec.get("hostNetwork"))


def _efa_workers(data: _Data) -> PodAt | None:
    """Return the workers' pod of an MPIJob, None where it asks for no EFA devices."""
    worker = next((pod for pod in pods_of(data) if pod.path[2] == "Worker"), None)
    uses = worker is not None and any(uses_efa(container) for _, container in items(worker.spec, "containers"))
    return worker if uses else None


def _starts_mpi(words: list[str]) -> bool:
    return any(word.rpartition("/")[2] in ("mpirun", "mpiexec") for word in words)


def _words(container: _Data) -> list[str]:
    """Return the words of a container's command, and of a script in it."""
    listed = [*_list(container, "command"), *_list(container, "args")]
    return [part for word in listed for part in (word.split() if any(mark in word for mark in " \n") else [word])]


def _list(container: _Data, key: str) -> list[str]:
    found = container.get(key)
    return [str(item) for item in found] if isinstance(found, list) else []


def _ranks(words: list[str]) -> int | None:
    for flag, value in pairwise(words):
        if flag in ("-np", "-n", "--np") and value.isdigit():
            return int(value)
    return None


def _train_job(data: _Data) -> Iterator[Problem]:
    path: Path = ("spec", "trainer", "resourcesPerNode")
    asked = {**mapping(data, *path, "requests"), **mapping(data, *path, "limits")}
    gpus = any(name in asked for name in ("nvidia.com/gpu", "aws.amazon.com/neuron"))
    efa = asked.get(rows.EFA_RESOURCE)
    if gpus and amount(efa) is None and not is_template(efa):
        message = (
            "resourcesPerNode replaces the runtime's resources and requests no EFA device: the job uses TCP "
            "without an error"
        )
        fix = f"write {rows.EFA_RESOURCE} too, or remove resourcesPerNode"
        yield Problem("trainjob-resources", path, message, fix)
