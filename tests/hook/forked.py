"""Runs the built hook in a process that is forked from one that has loaded it: in a third of the time of a whole run.

It is the hook's own file, with its arguments, environment and descriptors, and it ends as ever; what differs is that
Python's start and the import of its modules are behind it (``test_forked``). Tests of these run it whole.
"""

from __future__ import annotations

import atexit
import functools
import marshal
import os
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from efakit.bytecode import with_bytecode
from efakit.emit.hooks import hook_archive

_SERVER = Path(__file__).with_name("fork_server.py")
_CHUNK_BYTES = 1 << 16
# What comes back in place of a status: what the hook left behind was still there after this time.
_MOST_SECONDS = 60
_TOO_LATE = (-1).to_bytes(4, "little", signed=True)
# Python reads these when it starts.
_FOR_PYTHON = ("LC_", "LANG", "PYTHON", "LD_", "MALLOC_", "GLIBC_")


@functools.cache
def built_hook() -> bytes:
    """Return the hook as the installer leaves it, compiled for this Python; made once in a test process."""
    return with_bytecode(hook_archive())


@dataclass(frozen=True)
class Ended:
    """How a run of the hook ended: its status (a signal: as in ``subprocess``), and what it said."""

    returncode: int
    stdout: str
    stderr: str


class ForkServer:
    """Forks the hook's processes.

    ``preload`` is a library for them. ``prepare`` is a file with a function of this name, which runs in each first.
    With ``folder`` a run is as slurmd's: a session with /run and /var/spool of its own below it, to the end of all that
    it leaves behind.
    """

    def __init__(self, preload: Path | None = None, prepare: Path | None = None, folder: Path | None = None) -> None:
        self._folder = "" if folder is None else str(folder)
        ours, theirs = socket.socketpair()
        program = [sys.executable, "-I", "-S", str(_SERVER), str(theirs.fileno()), str(_archive())]
        with theirs:
            self._process = subprocess.Popen(
                [*program, *([str(prepare)] if prepare else [])],
                env={"LD_PRELOAD": str(preload)} if preload else {},
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
            )
        self._socket = ours

    def close(self) -> None:
        """End the server."""
        self._socket.close()
        self._process.wait()

    def run(
        self,
        archive: Path,
        arguments: Sequence[str],
        environment: dict[str, str],
        *,
        prepare: Sequence[str] = (),
        seconds: float = 90,
    ) -> Ended:
        """Run the hook; ``archive`` is what it takes for its own file. Raises ``subprocess.TimeoutExpired``."""
        request = marshal.dumps(
            {
                "argv": [str(archive), *arguments],
                "environment": environment,
                "folder": self._folder,
                "prepare": list(prepare),
                "seconds": _MOST_SECONDS if self._folder else 0,
                "umask": _umask(),
            }
        )
        (out, out_writer), (errors, errors_writer) = os.pipe(), os.pipe()
        nothing = os.open(os.devnull, os.O_RDONLY)
        given = [nothing, out_writer, errors_writer]
        try:
            socket.send_fds(self._socket, [len(request).to_bytes(4, "little") + request], given)
        finally:
            for descriptor in given:
                os.close(descriptor)
        status, said = self._read([out, errors], time.monotonic() + seconds, arguments)
        assert status != _TOO_LATE, f"something is still there after a minute: {environment}"
        return Ended(os.waitstatus_to_exitcode(int.from_bytes(status, "little")), *said)

    def _read(self, pipes: list[int], ends_at: float, arguments: Sequence[str]) -> tuple[bytes, list[str]]:
        """Return the status, and what came through the pipes until nobody holds them any more."""
        poll, found = select.poll(), dict.fromkeys((*pipes, self._socket.fileno()), b"")
        for descriptor in found:
            poll.register(descriptor, select.POLLIN)
        waited = set(found)
        try:
            while waited:
                ready = poll.poll(max(0.0, ends_at - time.monotonic()) * 1000)
                if not ready:
                    self._process.kill()
                    raise subprocess.TimeoutExpired(list(arguments), 0)
                for descriptor, _ in ready:
                    data = os.read(descriptor, _CHUNK_BYTES)
                    found[descriptor] += data
                    if not data or descriptor not in pipes:
                        poll.unregister(descriptor)
                        waited.remove(descriptor)
        finally:
            for pipe in pipes:
                os.close(pipe)
        status = found[self._socket.fileno()]
        assert status, "the server has ended"
        return status, [found[pipe].decode() for pipe in pipes]


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def as_forked(environment: dict[str, str]) -> bool:
    """Say whether a forked process finds this environment as a whole one would: Python itself reads none of it."""
    return not any(name.startswith(_FOR_PYTHON) for name in environment)


@functools.cache
def plain_server() -> ForkServer:
    """Return a server of this test process, for runs with nothing odd about them."""
    server = ForkServer()
    atexit.register(server.close)
    return server


@functools.cache
def _archive() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="efakit-forked-", dir=os.environ.get("PYTEST_DEBUG_TEMPROOT") or None))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = folder / "efakit-hook.pyz"
    path.write_bytes(built_hook())
    return path
