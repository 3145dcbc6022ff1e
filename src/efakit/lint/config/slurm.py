"""Slurm's settings: what ParallelCluster refuses, what Slurm does not know, and jobs larger than their queue."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from efakit.catalog.slurm_settings import DEFINITIONS, denied, settings
from efakit.lint.config.node import Node, shown
from efakit.lint.config.rule import Problem, rule
from efakit.lint.config.view import ClusterView
from efakit.nearness import did_you_mean, near
from efakit.rules import cluster

_DEFINITIONS = frozenset(name.lower() for name in DEFINITIONS)
_LEVELS = {"cluster": "slurm.conf", "partition": "a partition", "node": "a node"}
_INSTEAD = {
    "prolog": "put the script into /opt/slurm/etc/scripts/prolog.d on the head node",
    "epilog": "put the script into /opt/slurm/etc/scripts/epilog.d on the head node",
    "suspendtime": "set SlurmSettings/ScaledownIdletime",
    "oversubscribe": "set JobExclusiveAllocation on the queue",
    "weight": "set StaticNodePriority and DynamicNodePriority",
}


def _items(view: ClusterView) -> list[Node]:
    return view.slurm.at("CustomSlurmSettings").items


def _defines(item: Node) -> bool:
    """Say whether an item defines a node, a node set or a partition of one's own."""
    return isinstance(item.value, Mapping) and any(str(key).lower() in _DEFINITIONS for key in item.value)


def _levels(view: ClusterView) -> Iterator[tuple[str, Node]]:
    """Give each custom setting with its level, those in definitions of own nodes left out."""
    for item in _items(view):
        if not _defines(item):
            yield from (("cluster", entry) for entry in item.entries)
    for queue in view.queues:
        yield from (("partition", entry) for entry in queue.node.at("CustomSlurmSettings").entries)
    for resource in view.resources:
        yield from (("node", entry) for entry in resource.node.at("CustomSlurmSettings").entries)


@rule("slurm-denied")
def slurm_denied(view: ClusterView) -> Iterator[Problem]:
    """Refuse what stands on ParallelCluster's deny list of the level."""
    for level, entry in _denied(view):
        if not _hidden(view, entry):
            yield _refusal(level, entry)


@rule("slurm-denied-hidden")
def slurm_denied_hidden(view: ClusterView) -> Iterator[Problem]:
    """Refuse a denied setting that an item of several keys hides from pcluster."""
    for level, entry in _denied(view):
        if _hidden(view, entry):
            yield _refusal(level, entry)


def _denied(view: ClusterView) -> Iterator[tuple[str, Node]]:
    accounting = bool(view.slurm.at("Database").value)
    for level, entry in _levels(view):
        if entry.key.lower() in denied(level, view.version, accounting=accounting):
            yield level, entry


def _hidden(view: ClusterView, entry: Node) -> bool:
    item = next((item for item in _items(view) if item.path == entry.path[:-1]), None)
    return item is not None and len(item.entries) > 1


def _refusal(level: str, entry: Node) -> Problem:
    message = f"ParallelCluster sets {entry.key} itself and does not allow another value in {_LEVELS[level]}"
    return Problem(entry.path, message, _INSTEAD.get(entry.key.lower(), "remove it"))


@rule("slurm-several-keys")
def slurm_several_keys(view: ClusterView) -> Iterator[Problem]:
    """Point out items of several keys: ParallelCluster writes them on one line and checks none."""
    for item in _items(view):
        if len(item.entries) > 1 and not _defines(item):
            message = "ParallelCluster treats an item with several keys as a custom node and checks none of the keys"
            yield Problem(item.path, message, "write one item for each setting")


@rule("slurm-unknown")
def slurm_unknown(view: ClusterView) -> Iterator[Problem]:
    """Refuse settings that the release's Slurm does not know at their level; the nearest one is named."""
    slurm = view.release.slurm if view.release else None
    for level, entry in _levels(view):
        rows = settings(level)
        row = rows.get(entry.key.lower())
        if row is None:
            here = [item.name for item in rows.values() if slurm is None or item.in_release(slurm)]
            message = f"unknown Slurm parameter {shown(entry.key)} in {_LEVELS[level]}"
            yield Problem(
                entry.path,
                message,
                _elsewhere(level, entry.key) or did_you_mean(map(repr, near(entry.key, here))) or "remove it",
            )
        elif slurm is not None and not row.in_release(slurm):
            when = f"{row.until} dropped it" if row.until else f"{row.since} added it"
            message = f"Slurm {slurm} of ParallelCluster {view.version} does not have {row.name}: {when}"
            yield Problem(entry.path, message, "remove it, or use another release of ParallelCluster")


def _elsewhere(level: str, name: str) -> str:
    places = {"cluster": "SlurmSettings", "partition": "the queue", "node": "the compute resource"}
    found = [place for other, place in places.items() if other != level and name.lower() in settings(other)]
    return f"it belongs to CustomSlurmSettings of {' or '.join(found)}" if found else ""


@rule("slurm-empty")
def slurm_empty(view: ClusterView) -> Iterator[Problem]:
    """Refuse nothing, lists and mappings as the value of a setting."""
    for _level, entry in _levels(view):
        if entry.value is None or isinstance(entry.value, Mapping | list):
            yield Problem(entry.path, f"{entry.key} is {shown(entry.value)}", "write a number or a string")


@rule("slurm-node-name")
def slurm_node_name(view: ClusterView) -> Iterator[Problem]:
    """Refuse -st- and -dy- in the names of own nodes."""
    for entry in (entry for item in _items(view) for entry in item.entries):
        name = entry.text or ""
        if entry.key.lower() == "nodename" and ("-st-" in name or "-dy-" in name):
            yield Problem(entry.path, f"the node name {shown(name)} contains -st- or -dy-", "take another name")


@rule("slurm-include-file")
def slurm_include_file(view: ClusterView) -> Iterator[Problem]:
    """Refuse CustomSlurmSettings beside CustomSlurmSettingsIncludeFile."""
    include = view.slurm.at("CustomSlurmSettingsIncludeFile")
    if include.text is not None and view.slurm.at("CustomSlurmSettings").value:
        message = "CustomSlurmSettings and CustomSlurmSettingsIncludeFile exclude each other"
        yield Problem(include.path, message, "move the settings into the file, or the file's settings into the list")


@rule("job-too-large")
def job_too_large(view: ClusterView) -> Iterator[Problem]:
    """Refuse a job of the spec that asks for more nodes than the config gives its queue."""
    for job in view.jobs:
        queue = next((item for item in view.queues if job.queue in (None, item.name)), None)
        if queue is None or not queue.resources:
            continue
        most = sum(resource.max_count for resource in queue.resources)
        fault = cluster.job_too_large(job.name, job.nodes, queue.name, most)
        if fault is not None:
            yield Problem((*job.keys, "nodes"), *fault)
