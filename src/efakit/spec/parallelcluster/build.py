"""Builds the section's dataclasses from data that the schema and the further checks found right."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from efakit.catalog import instances
from efakit.catalog.stacks import newest_parallelcluster
from efakit.spec.build import with_tuples
from efakit.spec.parallelcluster.model import (
    Accounting,
    CustomAction,
    HeadNode,
    Iam,
    LoginPool,
    Monitoring,
    ParallelCluster,
    QueueOptions,
    ResourceOptions,
    S3Access,
    Storage,
)

_Data = Mapping[str, Any]


def build(data: _Data) -> ParallelCluster:
    """Return the section."""
    given = dict(data)
    given.setdefault("os", "alinux2023")
    given.setdefault("version", newest_parallelcluster())
    given["head_node"] = HeadNode(**_node(data["head_node"]))
    given["login_nodes"] = tuple(LoginPool(**_node(pool)) for pool in data.get("login_nodes", ()))
    given["queues"] = {name: _queue(options) for name, options in data.get("queues", {}).items()}
    given["storage"] = tuple(Storage(**storage) for storage in data.get("storage", ()))
    given["accounting"] = Accounting(**data["accounting"]) if "accounting" in data else None
    given["monitoring"] = Monitoring(**data.get("monitoring", {}))
    return ParallelCluster(**given)


def _queue(data: _Data) -> QueueOptions:
    given = _node(data)
    resources = data.get("compute_resources", {})
    given["compute_resources"] = {name: ResourceOptions(**options) for name, options in resources.items()}
    return QueueOptions(**given)


def _node(data: _Data) -> dict[str, Any]:
    given = with_tuples(data)
    if "instance" in data:
        given["instance"] = instances.get(data["instance"])
    if "iam" in data:
        iam = with_tuples(data["iam"])
        iam["s3_access"] = tuple(S3Access(**access) for access in data["iam"].get("s3_access", ()))
        given["iam"] = Iam(**iam)
    if "custom_actions" in data:
        given["custom_actions"] = {event: _actions(value) for event, value in data["custom_actions"].items()}
    return given


def _actions(value: _Data | list[_Data]) -> tuple[CustomAction, ...]:
    listed = value if isinstance(value, list) else [value]
    return tuple(CustomAction(**with_tuples(action)) for action in listed)
