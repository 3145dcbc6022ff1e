"""The nodes of a cluster by partition, as slurmctld knows them: ``sinfo``.

ParallelCluster names a node QUEUE-st-RESOURCE-N or QUEUE-dy-RESOURCE-N, and gives it the features ``static`` or
``dynamic``, its instance type (where there is only one), the compute resource's name, ``efa`` and ``gpu`` (source:
``config_renderer.py`` in aws/aws-parallelcluster-cookbook).
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from efakit.slurm.commands import new_separator, number, run_command, split_rows
from efakit.slurm.job import SourceError
from efakit.slurm.lookup import TIMEOUT_SECONDS, missing_configuration

# Partition (the default one with a star), node, features, CPUs, generic resources.
_FIELDS = ("%P", "%N", "%f", "%c", "%G")
_NODE_NAME = re.compile(r".+-(st|dy)-(.+)-[0-9]+")
_KINDS = {"st": "static", "dy": "dynamic"}
_GPUS = re.compile(r"\bgpu(?::[^:,()]+)?:([0-9]+)")


@dataclass(frozen=True)
class NodeGroup:
    """Nodes of one kind in a partition. ``resource`` is ParallelCluster's compute resource, empty on other clusters."""

    partition: str
    default: bool
    resource: str
    features: tuple[str, ...]
    cpus: int
    gpus: int
    nodes: int


def node_groups(*, timeout_seconds: float = TIMEOUT_SECONDS) -> list[NodeGroup]:
    """Ask slurmctld for the nodes of all partitions that this user may see.

    Raises:
        SourceError: sinfo is not here, or slurmctld does not answer.
    """
    missing = missing_configuration()
    if missing:
        raise SourceError(missing)
    separator = new_separator()
    form = "".join(field + separator for field in _FIELDS)
    done = run_command("sinfo", ["--noheader", "--local", "--Node", f"--format={form}"], timeout_seconds)
    if done.exit_code:
        raise SourceError(done.complaint())
    return grouped(split_rows(done.stdout, separator, len(_FIELDS)))


def grouped(rows: list[list[str]]) -> list[NodeGroup]:
    """Return the groups of sinfo's rows, in the order of their first nodes."""
    counts = Counter(_group(row) for row in {(row[0], row[1]): row for row in rows}.values())
    return [NodeGroup(*group, nodes) for group, nodes in counts.items()]


def _group(row: list[str]) -> tuple[str, bool, str, tuple[str, ...], int, int]:
    partition, name, features, cpus, resources = row
    match = _NODE_NAME.fullmatch(name)
    words = [] if features == "(null)" else features.split(",")
    resource = match[2] if match and _KINDS[match[1]] in words else ""
    # Nodes that are always up and nodes that come and go are of one kind.
    kept = tuple(word for word in words if not (resource and word in _KINDS.values()))
    gpus = sum(map(int, _GPUS.findall(resources)))
    return partition.rstrip("*"), partition.endswith("*"), resource, kept, number(cpus), gpus
