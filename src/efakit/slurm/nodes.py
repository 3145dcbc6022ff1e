"""The nodes of a cluster, as slurmctld knows them: one ``sinfo`` for all.

ParallelCluster names a node QUEUE-st-RESOURCE-N or QUEUE-dy-RESOURCE-N, and gives it the features ``static`` or
``dynamic``, its instance type (where there is only one), the compute resource's name, ``efa`` and ``gpu`` (source:
``config_renderer.py`` in aws/aws-parallelcluster-cookbook).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from efakit.slurm.table import Column, number, optional

_NODE_NAME = re.compile(r".+-(st|dy)-(.+)-[0-9]+")
_KINDS = {"st": "static", "dy": "dynamic"}
_GPUS = re.compile(r"\bgpu(?::[^:,()]+)?:([0-9]+)")

# sinfo(1), NODE STATE CODES (https://slurm.schedmd.com/sinfo.html#SECTION_NODE-STATE-CODES): words with which a node
# takes no job until somebody does something. A node that is powered down is not among them: Slurm starts it.
_OUT_OF_USE = frozenset(
    ("down", "drain", "drained", "draining", "fail", "failing", "error", "inval", "invalid_reg", "future", "unknown")
)


@dataclass(frozen=True)
class Node:
    """One node, as slurmctld knows it."""

    name: str
    state: tuple[str, ...]
    """Slurm's words in lower case: ``idle``, ``mixed``, ``down``, and flags such as ``cloud``, ``drain``, ``planned``,
    ``powered_down``, ``not_responding``."""
    features: tuple[str, ...]
    reason: str | None
    """Why the node is drained or down, in somebody's words."""
    partitions: tuple[str, ...]
    cpus: int
    memory_mib: int
    gres: str

    @property
    def resource(self) -> str:
        """ParallelCluster's compute resource, empty on other clusters."""
        match = _NODE_NAME.fullmatch(self.name)
        return match[2] if match and _KINDS[match[1]] in self.features else ""

    @property
    def gpus(self) -> int:
        """The number of GPUs that Slurm may give out on the node."""
        return sum(map(int, _GPUS.findall(self.gres)))

    @property
    def out_of_use(self) -> bool:
        """Whether the node takes no job until somebody returns it to service."""
        return not _OUT_OF_USE.isdisjoint(self.state)


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


def _listed(value: str) -> tuple[str, ...]:
    return tuple((optional(value) or "").split(",")) if optional(value) else ()


def _reason(value: str) -> str | None:
    return None if value == "none" else optional(value)


_STATE_WORD = re.compile(r"[a-z_]+")


def state_words(value: str) -> tuple[str, ...]:
    """Return Slurm's words for a node's state: ``IDLE+CLOUD+POWERED_DOWN``, ``idle*``, ``mixed``."""
    words = tuple(_STATE_WORD.findall(value.lower()))
    return (*words, "not_responding") if "*" in value and "not_responding" not in words else words


# A row a node and partition. All names are the same from 22.05 to 26.05 (src/sinfo/opts.c).
NODE_COLUMNS = (
    Column("name", "NodeList"),
    Column("partition", "Partition"),  # the default one with a star
    Column("state", "StateComplete", state_words),
    Column("features", "Features", _listed),
    Column("reason", "Reason", _reason),
    Column("cpus", "CPUs", number),
    Column("memory_mib", "Memory", number),
    Column("gres", "Gres", lambda value: optional(value) or ""),
)


def nodes_of(rows: Iterable[Mapping[str, Any]]) -> tuple[list[Node], str | None]:
    """Return the nodes of sinfo's rows, each once, in the order of their names; and the default partition's name."""
    found: dict[str, Mapping[str, Any]] = {}
    partitions: dict[str, list[str]] = {}
    default = None
    for row in rows:
        partition = row["partition"].rstrip("*")
        if row["partition"].endswith("*"):
            default = partition
        found[row["name"]] = row
        partitions.setdefault(row["name"], []).append(partition)
    nodes = [
        Node(
            name=name,
            state=row["state"],
            features=row["features"],
            reason=row["reason"],
            partitions=tuple(dict.fromkeys(partitions[name])),
            cpus=row["cpus"],
            memory_mib=row["memory_mib"],
            gres=row["gres"],
        )
        for name, row in found.items()
    ]
    return nodes, default


def grouped(nodes: Iterable[Node], default: str | None) -> list[NodeGroup]:
    """Return nodes as groups of one kind in a partition: partitions and groups in the order of their first nodes."""
    counts: Counter[tuple[str, str, tuple[str, ...], int, int]] = Counter()
    places: dict[str, int] = {}
    for node in nodes:
        resource = node.resource
        # Nodes that are always up and nodes that come and go are of one kind.
        kept = tuple(word for word in node.features if not (resource and word in _KINDS.values()))
        for partition in node.partitions:
            places.setdefault(partition, len(places))
            counts[partition, resource, kept, node.cpus, node.gpus] += 1
    groups = [
        NodeGroup(partition, partition == default, resource, kept, cpus, gpus, size)
        for (partition, resource, kept, cpus, gpus), size in counts.items()
    ]
    return sorted(groups, key=lambda group: places[group.partition])
