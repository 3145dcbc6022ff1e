"""What Slurm knows: nodes, partitions, jobs now and past, its configuration; and what is told to it: jobs, comments.

``Slurm`` is the interface. ``SlurmHere`` asks by pyslurm (extra ``slurm``) or by Slurm's own commands.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from efakit.slurm.config import SlurmConfig
    from efakit.slurm.here import SlurmHere, node_groups, running_config
    from efakit.slurm.interface import NodeTable, Slurm
    from efakit.slurm.job import Attempt, SlurmAnswer, SlurmJob
    from efakit.slurm.lookup import find_job
    from efakit.slurm.nodes import Node, NodeGroup
    from efakit.slurm.partitions import Partition

_HOME = {
    "Attempt": "job",
    "Node": "nodes",
    "NodeGroup": "nodes",
    "NodeTable": "interface",
    "Partition": "partitions",
    "Slurm": "interface",
    "SlurmAnswer": "job",
    "SlurmConfig": "config",
    "SlurmHere": "here",
    "SlurmJob": "job",
    "find_job": "lookup",
    "node_groups": "here",
    "running_config": "here",
}
"""The module of each name: a report asks about one job, and imports nothing of nodes and configuration."""


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


__all__ = [
    "Attempt",
    "Node",
    "NodeGroup",
    "NodeTable",
    "Partition",
    "Slurm",
    "SlurmAnswer",
    "SlurmConfig",
    "SlurmHere",
    "SlurmJob",
    "find_job",
    "node_groups",
    "running_config",
]
