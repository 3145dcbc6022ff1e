"""Builds the dataclasses from data that the schema and the further checks found right."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from efakit.catalog import instances
from efakit.catalog.stacks import newest_parallelcluster
from efakit.spec.model import (
    Accounting,
    Cluster,
    ComputeResource,
    Container,
    CustomAction,
    HeadNode,
    Hooks,
    Iam,
    Job,
    LoginPool,
    Monitoring,
    Queue,
    S3Access,
    Signal,
    SoftwareStack,
    Spec,
    Storage,
)

_Data = Mapping[str, Any]


def build_spec(data: _Data, bodies: Mapping[str, str], templates: str | None) -> Spec:
    """Return the spec; ``bodies`` holds the text of each file that a job names as its body."""
    hooks = dict(data.get("hooks") or {})
    return Spec(
        cluster=_cluster(data["cluster"]),
        hooks=Hooks(**_with_tuples(hooks)),
        jobs=tuple(_job(job, bodies) for job in data.get("jobs") or ()),
        templates=templates,
    )


def _job(data: _Data, bodies: Mapping[str, str]) -> Job:
    given = _with_tuples(data)
    if "slurm" in data:
        given["slurm"] = _with_tuples(data["slurm"])
    if "signal" in data:
        given["signal"] = Signal(**data["signal"])
    if "container" in data:
        given["container"] = Container(**_with_tuples(data["container"]))
    if "body" in data:
        given["body_text"] = bodies[data["body"]]
    return Job(**given)


def _cluster(data: _Data) -> Cluster:
    given = dict(data)
    given.setdefault("os", "alinux2023")
    given.setdefault("parallelcluster", newest_parallelcluster())
    plugin = given.pop("plugin", None)
    given["stack"] = SoftwareStack(**{"plugin": plugin, **data.get("stack", {})})
    given["head_node"] = HeadNode(**_node(data["head_node"]))
    given["queues"] = tuple(_queue(queue) for queue in data["queues"])
    given["login_nodes"] = tuple(LoginPool(**_node(pool)) for pool in data.get("login_nodes", ()))
    given["storage"] = tuple(Storage(**storage) for storage in data.get("storage", ()))
    given["accounting"] = Accounting(**data["accounting"]) if "accounting" in data else None
    given["monitoring"] = Monitoring(**data.get("monitoring", {}))
    return Cluster(**given)


def _queue(data: _Data) -> Queue:
    given = _node(data)
    given["subnets"] = tuple(data["subnets"]) if "subnets" in data else (given.pop("subnet"),)
    given["compute_resources"] = tuple(_resource(resource) for resource in data["compute_resources"])
    return Queue(**given)


def _resource(data: _Data) -> ComputeResource:
    given = dict(data)
    names = data["instances"] if "instances" in data else [given.pop("instance")]
    given["flexible"] = "instances" in data
    given["instances"] = tuple(instances.get(name) for name in names)
    return ComputeResource(**given)


def _node(data: _Data) -> dict[str, Any]:
    given = _with_tuples(data)
    if "instance" in data:
        given["instance"] = instances.get(data["instance"])
    if "iam" in data:
        iam = _with_tuples(data["iam"])
        iam["s3_access"] = tuple(S3Access(**access) for access in data["iam"].get("s3_access", ()))
        given["iam"] = Iam(**iam)
    if "custom_actions" in data:
        given["custom_actions"] = {event: _actions(value) for event, value in data["custom_actions"].items()}
    return given


def _actions(value: _Data | list[_Data]) -> tuple[CustomAction, ...]:
    listed = value if isinstance(value, list) else [value]
    return tuple(CustomAction(**_with_tuples(action)) for action in listed)


def _with_tuples(data: _Data) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in data.items()}
