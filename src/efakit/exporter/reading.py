"""Takes one reading of a node for each scrape, in a child process: a device that hangs costs its own series only.

Python 3.9: the exporter runs on compute nodes too.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from efakit.exporter.kept import KeptFiles, allow_many_files
from efakit.exporter.worker import Worker
from efakit.hook.baselines import Baselines
from efakit.hook.expectation import expected_devices
from efakit.hook.folder import open_folder
from efakit.hook.liveness import is_at_rest
from efakit.hook.moment import Moment
from efakit.hook.settings import Settings
from efakit.hook.spool import ACTIVE
from efakit.node.bounded import NoChild
from efakit.node.files import below, read_text_or_none
from efakit.node.record import safe_name
from efakit.node.snapshot import assemble, pieces, since_boot

if TYPE_CHECKING:
    from collections.abc import Callable

    from efakit.node.snapshot import Snapshot

_JOBS = "jobs"
_MOST_HUNG = 8


@dataclass(frozen=True)
class Job:
    """A job of which the prolog left a baseline, and which may still run."""

    job_id: int
    user: str
    partition: str
    nodes: int | None
    """How many nodes it has; None: Slurm did not say."""


@dataclass(frozen=True)
class Reading:
    """What one scrape knows of its node."""

    snapshot: Snapshot
    expected: int | None
    """EFA devices that the node should have; None: unknown."""
    jobs: tuple[Job, ...] | None
    """None: the hook's spool could not be read."""
    seconds: float
    unread: tuple[str, ...] = ()
    """Devices that did not answer in time, or hang since an earlier scrape."""


@dataclass
class Reader:
    """Reads a node again and again. A child that hangs is left behind, and its devices with it until it ends."""

    settings: Settings
    node: str
    seconds: float
    """How long a scrape waits for the devices."""
    by_type: Mapping[str, int]
    """Number of EFA interfaces of each instance type."""
    _hung: dict[int, frozenset[str]] = field(default_factory=dict)
    """The processes that have not ended, and the devices that they did not tell of."""
    _left: list[int] = field(default_factory=list)
    _worker: Worker | None = None
    _kept: KeptFiles = field(default_factory=KeptFiles)
    """The files that are open in the worker; none is in this process."""

    def read(self) -> Reading:
        """Take a reading.

        Raises NoChild where the node is short of processes, memory or descriptors, or where so many processes hang that
        another one would only hang with them.
        """
        began = time.monotonic()
        self._forget_ended()
        if len(self._hung) >= _MOST_HUNG:
            raise NoChild(errno.EBUSY, f"{len(self._hung)} processes that read this node hang")
        hung = frozenset(name for names in self._hung.values() for name in names)
        if self._worker is None:
            self._worker = Worker(self._values, self.seconds, self._left, allow_many_files)
        values = self._worker.ask(sorted(hung))
        jobs = next((value[_JOBS] for value in values if _JOBS in value), None)
        snapshot = assemble(value for value in values if _JOBS not in value)
        there = {device["name"] for device in snapshot["devices"]}
        unread = frozenset(snapshot["devices_present"]) - there
        # Without any list of devices nobody knows which one hangs: then nothing is left out next time.
        for process in self._left:
            self._hung[process] = unread - hung
        self._left.clear()
        return Reading(
            snapshot,
            self._expected(snapshot),
            None if jobs is None else tuple(Job(*job) for job in jobs),
            time.monotonic() - began,
            tuple(sorted(unread)),
        )

    def close(self) -> None:
        """Let the process that reads end."""
        if self._worker is not None:
            self._worker.close()

    def _values(self, hung: Container[str]) -> Iterator[dict[str, Any]]:
        settings = self.settings
        yield {_JOBS: running_jobs(settings, self.node)}
        for piece in pieces(settings.root, settings.tcp_interfaces, without=hung, read=self._kept.read):
            yield dict(piece)

    def _expected(self, snapshot: Snapshot) -> int | None:
        found = expected_devices(self.settings, self.node, snapshot["instance_type"], self.by_type)
        number: int | None = found["devices_expected"]
        return number

    def _forget_ended(self) -> None:
        for process in list(self._hung):
            if has_ended(process):
                del self._hung[process]


def has_ended(process: int, wait: Callable[[int, int], tuple[int, int]] = os.waitpid) -> bool:
    """Return whether a child has ended; it is reaped then."""
    try:
        return wait(process, os.WNOHANG)[0] == process
    except ChildProcessError:
        return True


def running_jobs(settings: Settings, node: str) -> list[tuple[int, str, str, int | None]] | None:
    """Return the jobs whose baseline is in the spool and which may still run; None where the spool cannot be read.

    A baseline whose epilog never came stays: so each is held to the node's slurmstepd processes (ROCm/omnistat #240:
    ended jobs stayed "active").
    """
    try:
        with open_folder(f"{settings.spool_dir}/{ACTIVE}") as folder:
            kept = list(Baselines(folder, safe_name(node)).all())
    except OSError:
        return None
    boot_id = read_text_or_none(below(settings.root, "proc/sys/kernel/random/boot_id"))
    now = Moment(settings, boot_id, since_boot(), None)
    found: dict[int, tuple[int, str, str, int | None]] = {}
    for item in kept:
        job = item["job"]
        if not is_at_rest(item, now):
            nodes = job.get("node_count") if type(job.get("node_count")) is int else None
            found[job["job_id"]] = (job["job_id"], _word(job, "user"), _word(job, "partition"), nodes)
    return [found[job_id] for job_id in sorted(found)]


def _word(job: Mapping[str, Any], name: str) -> str:
    value = job.get(name)
    return value if isinstance(value, str) else ""
