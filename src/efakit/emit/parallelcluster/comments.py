"""Where decisions stand in cluster.yaml, as rows, and the comments there."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any

import yaml

from efakit.plan.decision import Decision
from efakit.plan.parallelcluster.plan import ParallelClusterPlan
from efakit.plan.plan import Plan

Place = tuple[str | int, ...]
_WIDTH = 116
_QUEUE = ("Scheduling", "SlurmQueues")
_SETTINGS = ("Scheduling", "SlurmSettings", "CustomSlurmSettings")
# Topic of a decision -> its place in cluster.yaml; for one of a queue or compute resource the place within that.
_PLACES: dict[str, Place] = {
    "head-node": ("HeadNode", "InstanceType"),
    "installation": ("HeadNode", "CustomActions"),
    "pyxis": ("HeadNode", "CustomActions"),
    "exporter": (*_QUEUE, 0, "CustomActions"),
    "prolog-flags": _SETTINGS,
    "task-prolog": _SETTINGS,
    "health-check": _SETTINGS,
    "efa-interface-type": ("DevSettings", "EfaInterfaceType"),
}
_QUEUE_PLACES = {"whole-nodes": "JobExclusiveAllocation"}
_RESOURCE_PLACES = {
    "efa": "Efa",
    "placement-group": "Networking",
    "capacity": "InstanceType",
    "min-nodes": "MinCount",
    "sockets": "CustomSlurmSettings",
}
# What is as without efakit, of which no line says more.
_UNWRITTEN = {("capacity", "on-demand"), ("task-prolog", "off"), ("task-prolog", "not yet"), ("health-check", "off")}


def place_of(decision: Decision, plan: Plan) -> Place:
    """Return where cluster.yaml says what was decided; empty where it does not say it."""
    if (decision.topic, decision.choice) in _UNWRITTEN:
        return ()
    if not decision.of or decision.topic in _PLACES:
        return _PLACES.get(decision.topic, ())
    names = [queue.queue.name for queue in plan.cluster.queues]
    if decision.of[0] not in names:
        return ()
    number = names.index(decision.of[0])
    if decision.topic in _QUEUE_PLACES:
        return (*_QUEUE, number, _QUEUE_PLACES[decision.topic])
    if decision.topic in _RESOURCE_PLACES:
        resources = [item.resource.name for item in plan.cluster.queues[number].resources]
        inner = _RESOURCE_PLACES[decision.topic]
        return (*_QUEUE, number, "ComputeResources", resources.index(decision.of[1]), inner)
    return ()


def with_comments(text: str, plan: Plan) -> str:
    """Return cluster.yaml with each decision above the line where it stands."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    lines = text.splitlines()
    comments: dict[int, list[str]] = {}
    for decision in _decisions(plan):
        key = _key_node(root, place_of(decision, plan))
        if key is not None:
            indent = " " * key.start_mark.column
            note = f"{decision.choice}: {decision.reason}"
            comments.setdefault(key.start_mark.line, []).extend(
                textwrap.wrap(note, _WIDTH, initial_indent=indent + "# ", subsequent_indent=indent + "# ")
            )
    written = [line for number, line in enumerate(lines) for line in (*comments.get(number, []), line)]
    return "\n".join(written) + "\n"


def _decisions(plan: Plan) -> Iterator[Decision]:
    section = plan.section(ParallelClusterPlan)
    yield from plan.cluster.decisions
    yield from section.decisions if section else ()
    yield from plan.slurm.hooks.decisions if plan.slurm else ()


def _key_node(node: Any, place: Place) -> Any:
    key = None
    for part in place:
        if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            continue
        found = None
        if isinstance(node, yaml.MappingNode):
            found = next((pair for pair in node.value if pair[0].value == part), None)
        if found is None:
            return None
        key, node = found
    return key
