"""Target parallelcluster: cluster.yaml for ``pcluster create-cluster``, each decision as a comment where it stands."""

from __future__ import annotations

import textwrap
from typing import Any

import yaml

from efakit.emit.parallelcluster_sections import (
    head_node,
    login_nodes,
    merged,
    monitoring,
    queue,
    shared_storage,
    slurm_settings,
)
from efakit.emit.registry import File, target
from efakit.plan.decision import Decision
from efakit.plan.plan import Plan

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
    """Return the config as data, the spec's overrides merged last."""
    cluster = plan.cluster.cluster
    image: dict[str, Any] = {"Os": cluster.os}
    if cluster.ami:
        image["CustomAmi"] = cluster.ami
    config: dict[str, Any] = {"Region": cluster.region, "Image": image}
    if cluster.imds:
        config["Imds"] = {"ImdsSupport": f"{cluster.imds}.0"}
    config["HeadNode"] = head_node(plan)
    if cluster.login_nodes:
        config["LoginNodes"] = login_nodes(plan)
    config["Scheduling"] = {
        "Scheduler": "slurm",
        "SlurmSettings": slurm_settings(plan),
        "SlurmQueues": [queue(item) for item in plan.cluster.queues],
    }
    if cluster.storage:
        config["SharedStorage"] = [shared_storage(item) for item in cluster.storage]
    config.update(monitoring(cluster.monitoring))
    if cluster.tags:
        config["Tags"] = [{"Key": key, "Value": value} for key, value in cluster.tags.items()]
    if cluster.efa_interface_type:
        config["DevSettings"] = {"EfaInterfaceType": cluster.efa_interface_type}
    return merged(config, cluster.overrides)


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
