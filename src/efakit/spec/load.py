"""Loads a spec: YAML, then the schema, then what only the catalog and the spec as a whole can tell."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from efakit.catalog import instances
from efakit.catalog.stacks import (
    EFA_INSTALLERS,
    PARALLELCLUSTER_RELEASES,
    nearest_installers,
    newest_parallelcluster,
    parallelcluster_release,
)
from efakit.errors import SpecError, UnknownInstanceType
from efakit.spec.build import build_spec
from efakit.spec.job_checks import job_problems
from efakit.spec.job_files import own_templates, read_bodies
from efakit.spec.model import Spec
from efakit.spec.schema import nearest, schema_problems, spell
from efakit.spec.yamltext import Document, KeyPath, read_document

_At = Callable[[KeyPath, str], str]


def load_spec(path: Path, templates: Path | None = None) -> Spec:
    """Return the spec in a file; raise SpecError with every fault that was found, each with its line.

    ``templates``: folder of the user's own job templates, in place of the one that the spec names.
    """
    return read_spec(read_document(path), templates)


def read_spec(document: Document, templates: Path | None = None) -> Spec:
    """Return the spec in a document; raise SpecError as ``load_spec`` does."""
    if document.data is None:
        raise SpecError([f"{document.path}: the file is empty; 'efakit init' writes a spec to begin with"])
    own = _templates_folder(document, templates)
    problems = schema_problems(document, own_templates(own))
    if problems:
        raise SpecError(problems)

    def at(keys: KeyPath, message: str) -> str:
        return f"{document.where(keys)}: {spell(keys)}: {message}"

    bodies, faults = read_bodies(document.data.get("jobs") or [], document.path.parent, at)
    problems = [*_problems(document, own, at), *faults]
    if problems:
        raise SpecError(problems)
    return build_spec(document.data, bodies, own)


def _templates_folder(document: Document, templates: Path | None) -> str | None:
    if templates is not None:
        return str(templates)
    named = document.data.get("templates") if isinstance(document.data, dict) else None
    return str(document.path.parent / named) if isinstance(named, str) else None


def _problems(document: Document, templates: str | None, at: _At) -> Iterator[str]:
    """Give the faults that the schema cannot see."""
    cluster = document.data["cluster"]
    yield from _instance_problems(cluster, at)
    yield from _release_problems(cluster, at)
    yield from _stack_problems(cluster, at)
    yield from _doubles(cluster["queues"], ["cluster", "queues"], "queue", at)
    for number, queue in enumerate(cluster["queues"]):
        keys: list[str | int] = ["cluster", "queues", number]
        yield from _doubles(queue["compute_resources"], [*keys, "compute_resources"], "compute resource", at)
        yield from _capacity_problems(queue, keys, at)
    yield from _doubles(cluster.get("login_nodes", []), ["cluster", "login_nodes"], "login pool", at)
    yield from _storage_problems(cluster.get("storage", []), at)
    jobs = document.data.get("jobs") or []
    yield from _doubles(jobs, ["jobs"], "job", at)
    if templates is not None and not Path(templates).is_dir():
        yield at(["templates"], f"{templates}: no such folder")
    yield from job_problems(cluster, jobs, at)


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


def _stack_problems(cluster: Mapping[str, Any], at: _At) -> Iterator[str]:
    stack = cluster.get("stack", {})
    known = [row.version for row in EFA_INSTALLERS]
    installer = stack.get("installer")
    if installer is not None and installer not in known:
        near = " and ".join(nearest_installers(installer))
        message = f"EFA installer {installer} is not known; the nearest are {near} (known: {', '.join(known)})"
        yield at(["cluster", "stack", "installer"], message)
    if "plugin" in cluster and stack.get("plugin", cluster["plugin"]) != cluster["plugin"]:
        yield at(["cluster", "plugin"], f"{cluster['plugin']} here, and {stack['plugin']} in stack.plugin: one of them")


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
        # Files are named after jobs, and on a Mac Train.sbatch is train.sbatch.
        name = item["name"].lower() if kind == "job" else item["name"]
        if name in seen:
            yield at([*keys, number, "name"], f"the {kind} {item['name']!r} is there twice")
        seen.add(name)
