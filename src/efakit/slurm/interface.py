"""What can be asked of Slurm, whoever asks it: one interface, of which pyslurm and Slurm's commands are two forms.

What is told to Slurm (a job, a comment) goes by its commands whoever asks: ``submission.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from efakit.slurm.config import SlurmConfig
    from efakit.slurm.job import Daemon, JobRef, SlurmJob
    from efakit.slurm.nodes import Node, NodeGroup
    from efakit.slurm.partitions import Partition

# One source's question takes tens of milliseconds; a daemon that is gone takes as long as we let it.
TIMEOUT_SECONDS = 10.0

# Chooses who asks, in place of the choice by what is installed.
SETTING = "EFAKIT_SLURM"
CHOICES = ("auto", "pyslurm", "commands")


class NodeTable(NamedTuple):
    """All nodes that this user may see, from one question."""

    nodes: tuple[Node, ...]
    default_partition: str | None

    def groups(self) -> list[NodeGroup]:
        """Return the nodes as groups of one kind in a partition."""
        from efakit.slurm.nodes import grouped

        return grouped(self.nodes, self.default_partition)

    def of_partition(self, name: str) -> tuple[Node, ...]:
        """Return a partition's nodes."""
        return tuple(node for node in self.nodes if name in node.partitions)


class Slurm(Protocol):
    """Asks Slurm's daemons. Every method raises SourceError where Slurm cannot be asked, within the time-out."""

    @property
    def name(self) -> str:
        """Who asks: ``pyslurm`` or ``commands``."""

    def version(self) -> str:
        """Return the release, such as 24.11.5."""

    def nodes(self) -> NodeTable:
        """Return all nodes, from one question."""

    def instance_types(self) -> dict[str, str]:
        """Return the instance types that slurmd or an administrator told Slurm (23.11 and later), by node."""

    def partitions(self) -> list[Partition]:
        """Return all partitions."""

    def job(self, ref: JobRef, daemon: Daemon) -> SlurmJob | None:
        """Return one job as slurmctld or slurmdbd knows it, None where that one does not know it."""

    def jobs(self, ids: Sequence[int] = (), user: str | None = None) -> list[SlurmJob]:
        """Return the jobs that slurmctld knows: of these ids, with all tasks of an array; of a user; else all."""

    def past_jobs(self, job_id: int) -> list[SlurmJob]:
        """Return what slurmdbd knows of an id: a job, or the tasks of an array."""

    def batch_script(self, job_id: int) -> str | None:
        """Return a batch job's script as it was submitted, None where Slurm does not have it, or not for this user."""

    def config(self) -> SlurmConfig:
        """Return the configuration that runs."""
