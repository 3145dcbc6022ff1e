"""Builds the dataclasses from data that the schema and the further checks found right."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from efakit.catalog import instances
from efakit.spec.model import (
    Cluster,
    ComputeResource,
    Container,
    Hooks,
    Job,
    Queue,
    Signal,
    SoftwareStack,
    Spec,
)
from efakit.spec.sections import sections

_Data = Mapping[str, Any]


def build_spec(data: _Data, bodies: Mapping[str, str], templates: str | None) -> Spec:
    """Return the spec; ``bodies`` holds the text of each file that a job names as its body."""
    there = {name: section for name, section in sections().items() if name in data}
    return Spec(
        cluster=_cluster(data["cluster"]),
        hooks=Hooks(**with_tuples(data.get("hooks") or {})),
        jobs=tuple(_job(job, bodies) for job in data.get("jobs") or ()),
        templates=templates,
        sections={name: section.build(data[name]) for name, section in there.items()},
        platforms=tuple(name for name, section in there.items() if section.platform),
    )


def with_tuples(data: _Data) -> dict[str, Any]:
    """Return a mapping with its lists as tuples."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in data.items()}


def _job(data: _Data, bodies: Mapping[str, str]) -> Job:
    given = with_tuples(data)
    if "slurm" in data:
        given["slurm"] = with_tuples(data["slurm"])
    if "signal" in data:
        given["signal"] = Signal(**data["signal"])
    if "container" in data:
        given["container"] = Container(**with_tuples(data["container"]))
    if "body" in data:
        given["body_text"] = bodies[data["body"]]
    return Job(**given)


def _cluster(data: _Data) -> Cluster:
    stack = SoftwareStack(**data.get("stack", {}))
    return Cluster(tuple(_queue(queue) for queue in data["queues"]), data.get("region"), stack)


def _queue(data: _Data) -> Queue:
    given = dict(data)
    subnet = given.pop("subnet", None)
    given["subnets"] = tuple(data.get("subnets", () if subnet is None else (subnet,)))
    given["compute_resources"] = tuple(_resource(resource) for resource in data["compute_resources"])
    return Queue(**given)


def _resource(data: _Data) -> ComputeResource:
    given = dict(data)
    names = data["instances"] if "instances" in data else [given.pop("instance")]
    given["flexible"] = "instances" in data
    given["instances"] = tuple(instances.get(name) for name in names)
    return ComputeResource(**given)
