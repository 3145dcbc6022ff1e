"""Target parallelcluster: cluster.yaml for ``pcluster create-cluster``, each decision as a comment where it stands."""

from __future__ import annotations

from typing import Any

import yaml

from efakit.emit.parallelcluster.comments import with_comments
from efakit.emit.parallelcluster.sections import (
    head_node,
    login_nodes,
    monitoring,
    queue,
    shared_storage,
    slurm_settings,
)
from efakit.emit.registry import File, target
from efakit.emit.writing import merged
from efakit.plan.parallelcluster.plan import ParallelClusterPlan
from efakit.plan.plan import Plan

_HEADER = """\
# ParallelCluster {version} config, written by efakit {efakit}. DECISIONS.md holds each decision with its source.
#   pcluster create-cluster --cluster-name NAME --cluster-configuration cluster.yaml
"""


@target("parallelcluster")
def emit_parallelcluster(plan: Plan) -> list[File]:
    """Return cluster.yaml."""
    from efakit import __version__

    config = cluster_config(plan)
    text = yaml.safe_dump(config, sort_keys=False, default_flow_style=False, width=1000, allow_unicode=True)
    header = _HEADER.format(version=plan.stack.parallelcluster, efakit=__version__)
    return [File("cluster.yaml", (header + with_comments(text, plan)).encode())]


def cluster_config(plan: Plan) -> dict[str, Any]:
    """Return the config as data, the spec's overrides merged last."""
    decided = plan.section(ParallelClusterPlan)
    if decided is None:
        raise LookupError("the plan has no section 'parallelcluster'")
    section = decided.section
    image: dict[str, Any] = {"Os": section.os}
    if section.ami:
        image["CustomAmi"] = section.ami
    config: dict[str, Any] = {"Region": decided.region, "Image": image}
    if section.imds:
        config["Imds"] = {"ImdsSupport": f"{section.imds}.0"}
    config["HeadNode"] = head_node(decided.head_node, section.key)
    if decided.login_nodes:
        config["LoginNodes"] = login_nodes(decided.login_nodes)
    config["Scheduling"] = {
        "Scheduler": "slurm",
        "SlurmSettings": slurm_settings(decided.slurm_settings, section.accounting),
        "SlurmQueues": [queue(item) for item in decided.queues],
    }
    if decided.storage:
        config["SharedStorage"] = [shared_storage(item) for item in decided.storage]
    config.update(monitoring(section.monitoring))
    if section.tags:
        config["Tags"] = [{"Key": key, "Value": value} for key, value in section.tags.items()]
    if section.efa_interface_type:
        config["DevSettings"] = {"EfaInterfaceType": section.efa_interface_type}
    return merged(config, section.overrides)
