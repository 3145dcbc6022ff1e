"""What is wrong with the section that the schema cannot see."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from efakit.catalog.stacks import PARALLELCLUSTER_RELEASES, newest_parallelcluster, parallelcluster_release
from efakit.spec.faults import At, doubles, unknown_type
from efakit.spec.schema import nearest

_Data = Mapping[str, Any]
_HERE = "parallelcluster"


def faults(data: _Data, at: At) -> Iterator[str]:
    """Give the section's faults; ``data`` is the whole spec's."""
    section = data[_HERE]
    yield from _releases(section, at)
    yield from _types(section, at)
    yield from _queues(section.get("queues", {}), data["cluster"]["queues"], at)
    yield from doubles(section.get("login_nodes", []), [_HERE, "login_nodes"], "login pool", at)
    yield from _storage(section.get("storage", []), at)


def _types(section: _Data, at: At) -> Iterator[str]:
    if "instance" in section["head_node"]:
        yield from unknown_type(section["head_node"]["instance"], [_HERE, "head_node", "instance"], at)
    for number, pool in enumerate(section.get("login_nodes", [])):
        if "instance" in pool:
            yield from unknown_type(pool["instance"], [_HERE, "login_nodes", number, "instance"], at)


def _queues(options: _Data, queues: list[_Data], at: At) -> Iterator[str]:
    """Give the names of queues and compute resources that ``cluster`` does not have."""
    known = {queue["name"]: queue for queue in queues}
    for name, own in options.items():
        if name not in known:
            yield _unknown("queue", name, known, [_HERE, "queues", name], at)
            continue
        resources = [resource["name"] for resource in known[name]["compute_resources"]]
        for inner in own.get("compute_resources", {}):
            if inner not in resources:
                keys: list[str | int] = [_HERE, "queues", name, "compute_resources", inner]
                yield _unknown("compute resource", inner, resources, keys, at)


def _unknown(kind: str, name: str, known: Mapping[str, Any] | list[str], keys: list[str | int], at: At) -> str:
    message = f"cluster has no {kind} {name!r}{nearest(name, known)} (it has: {', '.join(known)})"
    return at(keys, message, at_key=True)


def _releases(section: _Data, at: At) -> Iterator[str]:
    version = section.get("version", newest_parallelcluster())
    try:
        release = parallelcluster_release(version)
    except KeyError:
        known = [row.version for row in PARALLELCLUSTER_RELEASES]
        message = f"ParallelCluster {version} is not known{nearest(version, known)} (known: {', '.join(known)})"
        yield at([_HERE, "version"], message)
        return
    os_name = section.get("os", "alinux2023")
    if os_name not in release.operating_systems:
        supported = ", ".join(release.operating_systems)
        message = f"ParallelCluster {version} does not support {os_name} (it supports: {supported})"
        yield at([_HERE, "os"], message)
    if os_name.startswith("rocky") and "ami" not in section:
        message = f"AWS publishes no ParallelCluster image for {os_name}: name yours with parallelcluster.ami"
        yield at([_HERE, "os"], message)


def _storage(storage: list[_Data], at: At) -> Iterator[str]:
    yield from doubles(storage, [_HERE, "storage"], "storage", at)
    prefixes = {"fsx-lustre": "fs", "efs": "fs", "fsx-openzfs": "fsvol", "fsx-ontap": "fsvol", "ebs": "vol"}
    mounts: set[str] = set()
    for number, item in enumerate(storage):
        keys: list[str | int] = [_HERE, "storage", number]
        prefix = prefixes[item["type"]]
        if "id" in item and not item["id"].startswith(prefix + "-"):
            yield at([*keys, "id"], f"{item['id']!r} is no id of {item['type']}: it begins with {prefix}-")
        mount = item["mount"].rstrip("/")
        if mount in mounts:
            yield at([*keys, "mount"], f"{item['mount']!r} is there twice")
        mounts.add(mount)
