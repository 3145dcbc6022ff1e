"""What is wrong with the section that the schema cannot see."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from efakit.catalog.stacks import (
    PARALLELCLUSTER_RELEASES,
    newest_parallelcluster,
    parallelcluster_release,
)
from efakit.finding import Finding
from efakit.spec.faults import At, doubles, unknown_name, unknown_type

_Data = Mapping[str, Any]
_HERE = "parallelcluster"


def faults(data: _Data, at: At) -> Iterator[Finding]:
    """Give the section's faults; ``data`` is the whole spec's."""
    section = data[_HERE]
    yield from _releases(section, at)
    yield from _types(section, at)
    yield from _queues(section.get("queues", {}), data["cluster"]["queues"], at)
    yield from doubles(section.get("login_nodes", []), [_HERE, "login_nodes"], "login pool", at)
    yield from doubles(section.get("storage", []), [_HERE, "storage"], "storage", at)


def _types(section: _Data, at: At) -> Iterator[Finding]:
    if "instance" in section["head_node"]:
        yield from unknown_type(section["head_node"]["instance"], [_HERE, "head_node", "instance"], at)
    for number, pool in enumerate(section.get("login_nodes", [])):
        if "instance" in pool:
            yield from unknown_type(pool["instance"], [_HERE, "login_nodes", number, "instance"], at)


def _queues(options: _Data, queues: list[_Data], at: At) -> Iterator[Finding]:
    """Give the names of queues and compute resources that ``cluster`` does not have."""
    known = {queue["name"]: queue for queue in queues}
    for name, own in options.items():
        if name not in known:
            yield unknown_name("queue", name, known, [_HERE, "queues", name], at, at_key=True)
            continue
        resources = [resource["name"] for resource in known[name]["compute_resources"]]
        for inner in own.get("compute_resources", {}):
            if inner not in resources:
                keys: list[str | int] = [_HERE, "queues", name, "compute_resources", inner]
                yield unknown_name("compute resource", inner, resources, keys, at, at_key=True)


def _releases(section: _Data, at: At) -> Iterator[Finding]:
    version = section.get("version", newest_parallelcluster())
    try:
        parallelcluster_release(version)
    except KeyError:
        known = [row.version for row in PARALLELCLUSTER_RELEASES]
        message = f"ParallelCluster {version} is not known"
        # The name that is most like a release's is no other release that would do.
        fix = f"write one of {', '.join(known)}; a newer release needs a newer efakit"
        yield at("release-unknown", [_HERE, "version"], message, fix)
