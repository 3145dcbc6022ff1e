"""Names and numbers of queues, compute resources, login pools and shared storage."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from efakit.lint.config.node import Node, shown
from efakit.lint.config.rule import Problem, rule
from efakit.lint.config.view import ClusterView

# validators/cluster_validators.py NameValidator, constants.py
_NAME = r"^[a-z][a-z0-9\-]*$"
_LONGEST_NAME = 25
_LONGEST_STORAGE_NAME = 30
_STORAGE_NAME = r"^([\w\+\-\=\.\_\:\@/]{0,256})$"
_MOST_QUEUES = 50
_MOST_RESOURCES = 50
_MOST_POOLS = 10


@rule("name-form")
def name_form(view: ClusterView) -> Iterator[Problem]:
    """Refuse names of queues, compute resources and login pools that are not lower case or too long."""
    nodes = [queue.node for queue in view.queues] + [resource.node for resource in view.resources]
    for node in [item.at("Name") for item in [*nodes, *view.pools]]:
        if node.text is None:
            continue
        if not re.match(_NAME, node.text):
            message = (
                f"the name {shown(node.text)} must begin with a lower-case letter and contain only lower-case "
                "letters, digits and hyphens"
            )
            yield Problem(node.path, message, f"write {_tidied(node.text)!r}")
        elif len(node.text) > _LONGEST_NAME:
            message = (
                f"the name {shown(node.text)} has {len(node.text)} characters; at most {_LONGEST_NAME} are allowed"
            )
            yield Problem(node.path, message, f"write at most {_LONGEST_NAME} characters")
        elif node.text == "default":
            yield Problem(node.path, "the name 'default' is reserved", "take another name")


def _tidied(name: str) -> str:
    tidied = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:_LONGEST_NAME]
    return tidied if re.match("[a-z]", tidied) else f"q-{tidied}"[:_LONGEST_NAME].rstrip("-")


@rule("name-twice")
def name_twice(view: ClusterView) -> Iterator[Problem]:
    """Refuse two queues, two compute resources of a queue, or two storages of one name."""
    yield from _doubles([queue.node for queue in view.queues], "queue")
    for queue in view.queues:
        yield from _doubles([resource.node for resource in queue.resources], f"compute resource of queue {queue.name}")
    yield from _doubles(view.root.at("SharedStorage").items, "shared storage")


def _doubles(nodes: Sequence[Node], kind: str) -> Iterator[Problem]:
    seen: set[str] = set()
    for node in (item.at("Name") for item in nodes):
        if node.text in seen:
            yield Problem(node.path, f"duplicate name {shown(node.text)} of a {kind}", "give each its own name")
        seen.update([node.text] if node.text else [])


@rule("too-many")
def too_many(view: ClusterView) -> Iterator[Problem]:
    """Refuse more than 50 queues, 50 compute resources in the cluster, 10 login pools."""
    queues = view.root.at("Scheduling", "SlurmQueues").path
    for path, count, most, kind in (
        (queues, len(view.queues), _MOST_QUEUES, "queues"),
        (queues, len(view.resources), _MOST_RESOURCES, "compute resources"),
        (("LoginNodes", "Pools"), len(view.pools), _MOST_POOLS, "pools of login nodes"),
    ):
        if count > most:
            yield Problem(
                path, f"{count} {kind}; a cluster can have at most {most}", "remove some, or use a second cluster"
            )


@rule("storage-name-form")
def storage_name_form(view: ClusterView) -> Iterator[Problem]:
    """Refuse storage names that are too long, reserved, or hold other letters."""
    for node in (item.at("Name") for item in view.root.at("SharedStorage").items):
        name = node.text
        if name is not None and (
            not re.match(_STORAGE_NAME, name) or len(name) > _LONGEST_STORAGE_NAME or name == "default"
        ):
            message = f"the storage name {shown(name)} is not allowed"
            fix = f"use at most {_LONGEST_STORAGE_NAME} of letters, digits and + - = . _ : @ /; 'default' is reserved"
            yield Problem(node.path, message, fix)
