"""What Slurm knows of a job: one interface, pyslurm behind it, and Slurm's own commands where pyslurm is absent."""

from efakit.slurm.config import SlurmConfig, running_config
from efakit.slurm.job import Attempt, SlurmAnswer, SlurmJob
from efakit.slurm.lookup import find_job

__all__ = ["Attempt", "SlurmAnswer", "SlurmConfig", "SlurmJob", "find_job", "running_config"]
