"""What Slurm knows: nodes, partitions, jobs now and past, its configuration; and what is told to it: jobs, comments.

``Slurm`` is the interface. ``SlurmHere`` asks by pyslurm (extra ``slurm``) or by Slurm's own commands.
"""

from efakit.slurm.config import SlurmConfig
from efakit.slurm.here import SlurmHere, node_groups, running_config
from efakit.slurm.interface import NodeTable, Slurm
from efakit.slurm.job import Attempt, SlurmAnswer, SlurmJob
from efakit.slurm.lookup import find_job
from efakit.slurm.nodes import Node, NodeGroup
from efakit.slurm.partitions import Partition

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
