"""Who asks Slurm here: pyslurm where it is installed, else Slurm's commands; or as ``EFAKIT_SLURM`` says."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from efakit.errors import UsageError
from efakit.slurm.by_commands import Commands
from efakit.slurm.interface import CHOICES, SETTING, TIMEOUT_SECONDS, Slurm
from efakit.slurm.job import SourceError
from efakit.slurm.pyslurm_backend import Pyslurm

if TYPE_CHECKING:
    from efakit.slurm.config import SlurmConfig
    from efakit.slurm.interface import NodeTable
    from efakit.slurm.job import Daemon, JobRef, SlurmJob
    from efakit.slurm.nodes import NodeGroup
    from efakit.slurm.partitions import Partition

_Given = TypeVar("_Given")


def choice() -> str:
    """Return what the setting says: auto, pyslurm or commands.

    Raises:
        UsageError: it says something else.
    """
    said = os.environ.get(SETTING, "").strip().lower() or CHOICES[0]
    if said not in CHOICES:
        raise UsageError(f"{SETTING}={said}: must be one of {', '.join(CHOICES)}")
    return said


def askers(timeout_seconds: float = TIMEOUT_SECONDS) -> tuple[Slurm, ...]:
    """Return who may ask Slurm, the first that one should try first; raise UsageError as ``choice`` does."""
    chosen = choice()
    if chosen == "commands":
        return (Commands(timeout_seconds),)
    if chosen == "pyslurm":
        return (Pyslurm(timeout_seconds),)
    return (Pyslurm(timeout_seconds), Commands(timeout_seconds))


def missing_configuration() -> str:
    """Why no command of Slurm's should be tried, empty where one may be.

    Slurm's clients wait a whole minute for a file that SLURM_CONF names and that is not there (22.05 to 26.05).
    """
    named = os.environ.get("SLURM_CONF")
    return f"SLURM_CONF names {named}, which is not there" if named and not Path(named).exists() else ""


class SlurmHere:
    """Asks the one that can, whoever that is; ``asked`` says who answered last."""

    def __init__(self, timeout_seconds: float = TIMEOUT_SECONDS, askers_: Sequence[Slurm] | None = None) -> None:
        """``timeout_seconds`` bounds each question; raise UsageError where the setting is wrong."""
        self._askers = askers(timeout_seconds) if askers_ is None else tuple(askers_)
        self.asked = ""

    @property
    def name(self) -> str:
        """Who answered last; before the first answer, who would be asked first."""
        return self.asked or self._askers[0].name

    def version(self) -> str:
        """Return the release."""
        return self._ask(lambda one: one.version())

    def nodes(self) -> NodeTable:
        """Return all nodes."""
        return self._ask(lambda one: one.nodes())

    def instance_types(self) -> dict[str, str]:
        """Return the instance types that Slurm was told, by node."""
        return self._ask(lambda one: one.instance_types())

    def partitions(self) -> list[Partition]:
        """Return all partitions."""
        return self._ask(lambda one: one.partitions())

    def job(self, ref: JobRef, daemon: Daemon) -> SlurmJob | None:
        """Return one job as a daemon knows it."""
        return self._ask(lambda one: one.job(ref, daemon))

    def jobs(self, ids: Sequence[int] = (), user: str | None = None) -> list[SlurmJob]:
        """Return the jobs that slurmctld knows."""
        return self._ask(lambda one: one.jobs(ids, user))

    def past_jobs(self, job_id: int) -> list[SlurmJob]:
        """Return what slurmdbd knows of an id."""
        return self._ask(lambda one: one.past_jobs(job_id))

    def batch_script(self, job_id: int) -> str | None:
        """Return a batch job's script as it was submitted."""
        return self._ask(lambda one: one.batch_script(job_id))

    def config(self) -> SlurmConfig:
        """Return the configuration that runs."""
        return self._ask(lambda one: one.config())

    def _ask(self, question: Callable[[Slurm], _Given]) -> _Given:
        """Ask until one answers; raise the last one's SourceError: whoever is not installed says less than the other.

        One that timed out ends it: the next would ask the same daemon.
        """
        missing = missing_configuration()
        if missing:
            raise SourceError(missing)
        failure: SourceError | None = None
        for asker in self._askers:
            try:
                answer = question(asker)
            except SourceError as error:
                failure = error
                if error.timed_out:
                    break
                continue
            self.asked = asker.name
            return answer
        raise failure or SourceError("nobody can be asked")


def running_config(*, timeout_seconds: float = TIMEOUT_SECONDS) -> SlurmConfig:
    """Ask slurmctld for its configuration.

    Raises:
        SourceError: nothing here can ask, or slurmctld does not answer.
    """
    return SlurmHere(timeout_seconds).config()


def node_groups(*, timeout_seconds: float = TIMEOUT_SECONDS) -> list[NodeGroup]:
    """Ask slurmctld for the nodes of all partitions that this user may see.

    Raises:
        SourceError: nothing here can ask, or slurmctld does not answer.
    """
    return SlurmHere(timeout_seconds).nodes().groups()
