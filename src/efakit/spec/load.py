"""Loads a spec: YAML, then the schema, then what only the catalog and the spec as a whole can tell."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from efakit.catalog import instances
from efakit.catalog.stacks import PARALLELCLUSTER_RELEASES, newest_parallelcluster, parallelcluster_release
from efakit.errors import SpecError, UnknownInstanceType
from efakit.spec.build import build_spec
from efakit.spec.model import Spec
from efakit.spec.schema import nearest, schema_problems, spell
from efakit.spec.yamltext import Document, KeyPath, read_document


def load_spec(path: Path) -> Spec:
    """Return the spec in a file; raise SpecError with every fault that was found, each with its line."""
    return read_spec(read_document(path))


def read_spec(document: Document) -> Spec:
    """Return the spec in a document; raise SpecError as ``load_spec`` does."""
    if document.data is None:
        raise SpecError([f"{document.path}: the file is empty; 'efakit init' writes a spec to begin with"])
    problems = schema_problems(document) or list(_problems(document))
    if problems:
        raise SpecError(problems)
    return build_spec(document.data)


def _problems(document: Document) -> Iterator[str]:
    """Give the faults that the schema cannot see."""

    def at(keys: KeyPath, message: str) -> str:
        return f"{document.where(keys)}: {spell(keys)}: {message}"

    cluster = document.data["cluster"]
    yield from _instance_problems(cluster, at)
    yield from _release_problems(cluster, at)
    yield from _doubles(cluster["queues"], ["cluster", "queues"], "queue", at)
    for number, queue in enumerate(cluster["queues"]):
        keys: list[str | int] = ["cluster", "queues", number]
        yield from _doubles(queue["compute_resources"], [*keys, "compute_resources"], "compute resource", at)
        yield from _capacity_problems(queue, keys, at)
    yield from _doubles(cluster.get("login_nodes", []), ["cluster", "login_nodes"], "login pool", at)
    yield from _storage_problems(cluster.get("storage", []), at)
    jobs = document.data.get("jobs") or []
    yield from _doubles(jobs, ["jobs"], "job", at)
    yield from _job_problems(cluster, jobs, at)


_GPU_TEMPLATES = ("torchrun", "nccl-tests")
_At = Callable[[KeyPath, str], str]


def _instance_problems(cluster: Mapping[str, Any], at: _At) -> Iterator[str]:
    named: list[tuple[list[str | int], str]] = []
    if "instance" in cluster["head_node"]:
        named.append((["cluster", "head_node", "instance"], cluster["head_node"]["instance"]))
    for number, pool in enumerate(cluster.get("login_nodes", [])):
        if "instance" in pool:
            named.append((["cluster", "login_nodes", number, "instance"], pool["instance"]))
    for number, queue in enumerate(cluster["queues"]):
        for place, resource in enumerate(queue["compute_resources"]):
            keys: list[str | int] = ["cluster", "queues", number, "compute_resources", place]
            if "instance" in resource:
                named.append(([*keys, "instance"], resource["instance"]))
            named += [([*keys, "instances", index], name) for index, name in enumerate(resource.get("instances", []))]
            if resource.get("min_nodes", 0) > resource["nodes"]:
                yield at([*keys, "min_nodes"], f"{resource['min_nodes']} is more than nodes ({resource['nodes']})")
            for name in _types(resource):
                if resource.get("efa") == "on" and instances.known(name) and not instances.get(name).efa_capable:
                    yield at([*keys, "efa"], f"{name} has no EFA: write auto or off, or take another type")
    for where, name in named:
        try:
            instances.get(name)
        except UnknownInstanceType as error:
            yield at(where, str(error))


def _types(resource: Mapping[str, Any]) -> list[str]:
    names: list[str] = resource["instances"] if "instances" in resource else [resource["instance"]]
    return names


def _storage_problems(storage: list[Mapping[str, Any]], at: _At) -> Iterator[str]:
    yield from _doubles(storage, ["cluster", "storage"], "storage", at)
    prefixes = {"fsx-lustre": "fs", "efs": "fs", "fsx-openzfs": "fsvol", "fsx-ontap": "fsvol", "ebs": "vol"}
    mounts: set[str] = set()
    for number, item in enumerate(storage):
        keys: list[str | int] = ["cluster", "storage", number]
        prefix = prefixes[item["type"]]
        if "id" in item and not item["id"].startswith(prefix + "-"):
            yield at([*keys, "id"], f"{item['id']!r} is no id of {item['type']}: it begins with {prefix}-")
        mount = item["mount"].rstrip("/")
        if mount in mounts:
            yield at([*keys, "mount"], f"{item['mount']!r} is there twice")
        mounts.add(mount)


def _release_problems(cluster: Mapping[str, Any], at: _At) -> Iterator[str]:
    version = cluster.get("parallelcluster", newest_parallelcluster())
    try:
        release = parallelcluster_release(version)
    except KeyError:
        known = [row.version for row in PARALLELCLUSTER_RELEASES]
        message = f"ParallelCluster {version} is not known{nearest(version, known)} (known: {', '.join(known)})"
        yield at(["cluster", "parallelcluster"], message)
        return
    os_name = cluster.get("os", "alinux2023")
    if os_name not in release.operating_systems:
        supported = ", ".join(release.operating_systems)
        message = f"ParallelCluster {version} does not support {os_name} (it supports: {supported})"
        yield at(["cluster", "os"], message)
    if os_name.startswith("rocky") and "ami" not in cluster:
        yield at(
            ["cluster", "os"], f"AWS publishes no ParallelCluster image for {os_name}: name yours with cluster.ami"
        )


def _capacity_problems(queue: Mapping[str, Any], keys: list[str | int], at: _At) -> Iterator[str]:
    capacity = queue.get("capacity", "on-demand")
    yield from _two_reservations(queue, keys, at)
    for place, resource in enumerate(queue["compute_resources"]):
        where = [*keys, "compute_resources", place]
        yield from _two_reservations(resource, where, at)
        if capacity == "capacity-block" and not ("reservation" in resource or "reservation" in queue):
            yield at(where, "a capacity block needs the key 'reservation' with the block's id (cr-...)")
        if capacity == "spot" and any(key in part for part in (queue, resource) for key in _RESERVATIONS):
            yield at(where, "spot instances cannot come from a reservation: take capacity: on-demand")
        for name in _types(resource):
            offered = instances.get(name).usage_classes if instances.known(name) else None
            if offered and capacity not in offered:
                message = f"{name} is not sold as {capacity} (it is sold as: {', '.join(sorted(offered))})"
                yield at([*where, "instances" if "instances" in resource else "instance"], message)


_RESERVATIONS = ("reservation", "reservation_group")


def _two_reservations(part: Mapping[str, Any], keys: list[str | int], at: _At) -> Iterator[str]:
    if all(key in part for key in _RESERVATIONS):
        yield at([*keys, "reservation_group"], "not together with 'reservation': one of them")


def _doubles(items: list[Mapping[str, Any]], keys: list[str | int], kind: str, at: _At) -> Iterator[str]:
    seen: set[str] = set()
    for number, item in enumerate(items):
        if item["name"] in seen:
            yield at([*keys, number, "name"], f"the {kind} {item['name']!r} is there twice")
        seen.add(item["name"])


def _job_problems(cluster: Mapping[str, Any], jobs: list[Mapping[str, Any]], at: _At) -> Iterator[str]:
    queues = {queue["name"]: queue for queue in cluster["queues"]}
    for number, job in enumerate(jobs):
        name = job.get("queue", cluster["queues"][0]["name"])
        if name not in queues:
            message = f"no queue is named {name!r}{nearest(name, queues)} (queues: {', '.join(queues)})"
            yield at(["jobs", number, "queue"], message)
            continue
        resources = queues[name]["compute_resources"]
        most = sum(resource["nodes"] for resource in resources)
        if job.get("nodes", 1) > most:
            yield at(["jobs", number, "nodes"], f"{job['nodes']} is more than the {most} nodes of queue {name!r}")
        kinds = {name for resource in resources for name in _types(resource)}
        if len({_shape(kind) for kind in kinds}) > 1:
            message = (
                f"queue {name!r} mixes {', '.join(sorted(kinds))}: a job's ranks a node follow from one kind of node"
            )
            yield at(["jobs", number], message)
        for kind in kinds:
            if not instances.known(kind):
                continue
            instance = instances.get(kind)
            ranks = job.get("ranks_per_node", 1)
            if instance.vcpus and ranks > instance.vcpus:
                yield at(
                    ["jobs", number, "ranks_per_node"], f"{ranks} is more than the {instance.vcpus} vCPUs of {kind}"
                )
            if job["template"] in _GPU_TEMPLATES and not instance.gpus:
                yield at(
                    ["jobs", number, "template"], f"{job['template']} needs GPUs, and {kind} of queue {name!r} has none"
                )


def _shape(name: str) -> tuple[int | None, int | None] | None:
    """Return what a job's ranks follow from: GPUs and vCPUs."""
    return (instances.get(name).gpus, instances.get(name).vcpus) if instances.known(name) else None
