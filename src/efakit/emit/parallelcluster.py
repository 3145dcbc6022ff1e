"""Target parallelcluster: cluster.yaml for ``pcluster create-cluster``, each decision as a comment where it stands."""

from __future__ import annotations

import textwrap
from typing import Any

import yaml

from efakit.emit.registry import File, target
from efakit.plan.cluster import QueuePlan, ResourcePlan
from efakit.plan.decision import Decision
from efakit.plan.hooks import Publication
from efakit.plan.plan import Plan

_CAPACITY = {"on-demand": "ONDEMAND", "spot": "SPOT", "capacity-block": "CAPACITY_BLOCK"}
_HEADER = """\
# ParallelCluster {version} config, written by efakit {efakit}. DECISIONS.md holds each decision with its source.
#   pcluster create-cluster --cluster-name NAME --cluster-configuration cluster.yaml
"""
_WIDTH = 116


@target("parallelcluster")
def emit_parallelcluster(plan: Plan) -> list[File]:
    """Return cluster.yaml."""
    from efakit import __version__

    config = cluster_config(plan)
    text = yaml.safe_dump(config, sort_keys=False, default_flow_style=False, width=1000, allow_unicode=True)
    header = _HEADER.format(version=plan.spec.cluster.parallelcluster, efakit=__version__)
    decisions = plan.cluster.decisions + plan.hooks.decisions
    return [File("cluster.yaml", (header + _with_comments(text, decisions)).encode())]


def cluster_config(plan: Plan) -> dict[str, Any]:
    """Return the config as data."""
    cluster = plan.cluster.cluster
    head: dict[str, Any] = {
        "InstanceType": plan.cluster.head_instance,
        "Networking": {"SubnetId": cluster.head_node.subnet},
        "Ssh": {"KeyName": cluster.key},
    }
    if plan.hooks.publication:
        head.update(_installation(plan.hooks.publication))
    return {
        "Region": cluster.region,
        "Image": {"Os": cluster.os},
        "HeadNode": head,
        "Scheduling": {
            "Scheduler": "slurm",
            "SlurmSettings": {
                # One item a setting: ParallelCluster takes an item of two keys for a custom node and checks neither.
                "CustomSlurmSettings": [{name: value} for name, value in plan.cluster.slurm_settings.items()]
            },
            "SlurmQueues": [_queue(queue) for queue in plan.cluster.queues],
        },
    }


def _installation(publication: Publication) -> dict[str, Any]:
    action = {"Script": publication.address, "Args": ["--custom-action"]}
    return {
        "CustomActions": {"OnNodeConfigured": action, "OnNodeUpdated": {**action, "Args": ["--custom-action"]}},
        "Iam": {"S3Access": [{"BucketName": publication.bucket, "KeyName": publication.key}]},
    }


def _queue(queue: QueuePlan) -> dict[str, Any]:
    return {
        "Name": queue.queue.name,
        "CapacityType": _CAPACITY[queue.queue.capacity],
        "JobExclusiveAllocation": queue.queue.exclusive,
        "Networking": {"SubnetIds": [queue.queue.subnet]},
        "ComputeResources": [_resource(resource) for resource in queue.resources],
    }


def _resource(plan: ResourcePlan) -> dict[str, Any]:
    resource = plan.resource
    section: dict[str, Any] = {
        "Name": resource.name,
        "InstanceType": resource.instance.name,
        "MinCount": plan.min_nodes,
        "MaxCount": resource.nodes,
        "Efa": {"Enabled": plan.efa},
        "Networking": {"PlacementGroup": plan.placement_group},
    }
    if resource.reservation:
        section["CapacityReservationTarget"] = {"CapacityReservationId": resource.reservation}
    if plan.slurm_settings:
        section["CustomSlurmSettings"] = dict(plan.slurm_settings)
    return section


def _with_comments(text: str, decisions: tuple[Decision, ...]) -> str:
    """Write each decision above the line where it stands."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    lines = text.splitlines()
    comments: dict[int, list[str]] = {}
    for decision in decisions:
        key = _key_node(root, decision.place)
        if key is not None:
            indent = " " * key.start_mark.column
            note = f"{decision.choice}: {decision.reason}"
            comments.setdefault(key.start_mark.line, []).extend(
                textwrap.wrap(note, _WIDTH, initial_indent=indent + "# ", subsequent_indent=indent + "# ")
            )
    written = [line for number, line in enumerate(lines) for line in (*comments.get(number, []), line)]
    return "\n".join(written) + "\n"


def _key_node(node: Any, place: tuple[str | int, ...]) -> Any:
    key = None
    for part in place:
        if isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            node = node.value[part]
            continue
        found = next((pair for pair in getattr(node, "value", []) if pair[0].value == part), None)
        if found is None:
            return None
        key, node = found
    return key
