"""What a lab leaves on the machine while it runs, and how to take it away, also after its starter was killed.

There is little: one process (process 1 of the head node's PID namespace, with which the kernel ends all the others, and
with them every mount and interface), and folders that were made as mount points outside of the work directory.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from .labspec import SLOTS

STOP_SECONDS = 60.0


@dataclass(frozen=True)
class Process:
    """A process by id and start time, since ids are used again."""

    pid: int
    start_ticks: int

    @classmethod
    def find(cls, pid: int) -> Process | None:
        """The running process with this id; None also for a zombie, of which nothing is left but its exit status."""
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return None
        state, *fields = stat.rpartition(")")[2].split()
        return None if state in "ZX" else cls(pid, int(fields[18]))

    def is_alive(self) -> bool:
        return Process.find(self.pid) == self


@dataclass(frozen=True)
class LabState:
    """Contents of `lab.state.json`."""

    slot: int
    init: Process | None
    owner: Process | None  # the lab ends with this process; None for a lab started from the command line
    made_folders: tuple[str, ...]  # mount points to remove, the outermost first

    @staticmethod
    def path(work_dir: Path) -> Path:
        return work_dir / "lab.state.json"

    def save(self, work_dir: Path) -> None:
        temporary = self.path(work_dir).with_suffix(".tmp")
        temporary.write_text(json.dumps(asdict(self)))
        temporary.replace(self.path(work_dir))

    @classmethod
    def load(cls, work_dir: Path) -> LabState | None:
        try:
            values = json.loads(cls.path(work_dir).read_text())
        except FileNotFoundError:
            return None
        processes = {key: values[key] and Process(**values[key]) for key in ("init", "owner")}
        return cls(slot=values["slot"], made_folders=tuple(values["made_folders"]), **processes)

    def is_running(self) -> bool:
        return self.init is not None and self.init.is_alive()


def claim_slot() -> tuple[int, socket.socket]:
    """A lab number which no other running lab has, held for as long as the socket is open.

    An abstract socket is a lock which leaves no file and which the kernel frees with its last holder.
    """
    for slot in SLOTS:
        lock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            lock.bind(f"\0efakit-lab-{slot}")
        except OSError:
            lock.close()
        else:
            return slot, lock
    raise OSError(f"all {len(SLOTS)} lab numbers are in use")


def missing_folders(targets: Iterable[Path]) -> list[Path]:
    """The folders that have to be made so that all targets exist, the outermost first."""
    missing: set[Path] = set()
    for target in targets:
        missing.update(path for path in (target, *target.parents) if not path.exists())
    return sorted(missing, key=lambda path: (len(path.parts), path))


def clean_up(work_dir: Path) -> None:
    """End the lab of this work directory, if any, and remove what it made outside. Logs and results stay."""
    state = LabState.load(work_dir)
    if state is None:
        return
    if state.init is not None:
        _kill(state.init)
    for folder in reversed(state.made_folders):
        try:
            Path(folder).rmdir()
        except OSError:
            continue  # gone, or somebody else keeps something in it by now
    LabState.path(work_dir).unlink(missing_ok=True)


def _kill(process: Process) -> None:
    deadline = time.monotonic() + STOP_SECONDS
    while process.is_alive():
        with contextlib.suppress(ProcessLookupError):  # it may end between the look and the signal
            os.kill(process.pid, signal.SIGKILL)
        if time.monotonic() > deadline:
            # Process 1 of a PID namespace is gone only after everything in it: something hangs in the kernel.
            raise TimeoutError(f"the lab's process {process.pid} does not end; see `ps -o pid,stat,wchan,args`")
        time.sleep(0.02)
