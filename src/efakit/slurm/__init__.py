"""What Slurm knows of a job and of its nodes: pyslurm, or Slurm's own commands where pyslurm is absent."""

from efakit.slurm.config import SlurmConfig, running_config
from efakit.slurm.job import Attempt, SlurmAnswer, SlurmJob
from efakit.slurm.lookup import find_job
from efakit.slurm.nodes import NodeGroup, node_groups

__all__ = [
    "Attempt",
    "NodeGroup",
    "SlurmAnswer",
    "SlurmConfig",
    "SlurmJob",
    "find_job",
    "node_groups",
    "running_config",
]
