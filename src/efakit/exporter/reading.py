"""Takes one reading of a node for each scrape, in a child process: a device that hangs costs its own series only.

Python 3.9: the exporter runs on compute nodes too.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from efakit.exporter.hooks import SpoolReader
from efakit.exporter.kept import KeptFiles, allow_many_files
from efakit.exporter.worker import Worker
from efakit.hook.expectation import expected_devices
from efakit.hook.settings import Settings
from efakit.node.bounded import NoChild
from efakit.node.snapshot import assemble, pieces

if TYPE_CHECKING:
    from collections.abc import Callable

    from efakit.node.snapshot import Snapshot

_SPOOL = "spool"
_MOST_HUNG = 8


@dataclass(frozen=True)
class Job:
    """A job of which the prolog left a baseline, and which may still run."""

    job_id: int
    user: str
    partition: str
    nodes: int | None
    """How many nodes it has; None: Slurm did not say."""


class Hooks(NamedTuple):
    """What the hook's spool tells of its runs; None: not known."""

    runs: dict[str, list[float]] | None
    """"HOOK RESULT" -> number of runs, seconds that they took, when the last one was."""
    waiting: int | None
    """Records that are not published yet."""
    dropped: int | None
    """Records that were dropped since a record last told it."""
    ended: int | None
    """Baselines of jobs that surely do not run any more: their epilog never came."""
    without: int | None
    """Jobs that have processes here, and no baseline."""


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
    hooks: Hooks | None = None
    """None: the hook's spool could not be read."""


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
    _spool_reader: SpoolReader | None = None
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
        spool = next((value[_SPOOL] for value in values if _SPOOL in value), None)
        snapshot = assemble(value for value in values if _SPOOL not in value)
        jobs = spool["jobs"] if spool else None
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
            None if spool is None else Hooks(*(spool[name] for name in Hooks._fields)),
        )

    def close(self) -> None:
        """Let the process that reads end."""
        if self._worker is not None:
            self._worker.close()

    def _values(self, hung: Container[str]) -> Iterator[dict[str, Any]]:
        settings = self.settings
        yield {_SPOOL: self._spool().read()}
        for piece in pieces(settings.root, settings.tcp_interfaces, without=hung, read=self._kept.read):
            yield dict(piece)

    def _spool(self) -> SpoolReader:
        """Return what only the worker uses."""
        if self._spool_reader is None:
            self._spool_reader = SpoolReader(self.settings, self.node)
        return self._spool_reader

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
