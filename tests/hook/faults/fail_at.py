"""Runs the built hook as slurmd does and lets one call into libc fail (see fail_at.c)."""

from __future__ import annotations

import atexit
import errno
import functools
import mmap
import os
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.hook.forked import Ended, ForkServer

_SOURCES = Path(__file__).parent
# struct state in fail_at.c.
_MOST_PROCESSES, _WHAT_BYTES, _TRACE_BYTES = 64, 512, 1 << 20
_HEAD = struct.Struct(f"4i{_MOST_PROCESSES}i")
_HANGS = 125

# Set, each call meets each fault: for an hour's search.
EVERY_FAULT = bool(os.environ.get("EFAKIT_EVERY_FAULT"))
# One of so many is disturbed.
_LOADING, _ALIKE = 8, 4

SHORT, KILL, KILL_GROUP = "short", "kill", "killgroup"
# What the kernel may answer, and what a node that is short of something does. A name stands for its like too: open64.
_OPEN = (errno.EMFILE, errno.EIO, errno.ENOMEM, errno.EINTR, errno.EACCES)
_LOOK = (errno.EIO, errno.ENOMEM, errno.EINTR)
_CHANGE = (errno.ENOSPC, errno.EIO, errno.EINTR, errno.ENOMEM)
_FAULTS: dict[str, Sequence[int | str]] = {
    **dict.fromkeys(("open", "opendir", "fdopendir", "socket"), _OPEN),
    **dict.fromkeys(
        ("stat", "lstat", "fstat", "fstatat", "access", "readlink", "readlinkat", "lseek", "readdir"), _LOOK
    ),
    **dict.fromkeys(("mkdir", "mkdirat", "rename", "renameat", "link", "linkat", "fsync", "fdatasync"), _CHANGE),
    **dict.fromkeys(("unlink", "unlinkat", "rmdir", "chmod", "fchmod", "fchown", "ftruncate"), _LOOK),
    "openat": _OPEN,
    "read": (errno.EIO, SHORT, errno.EINTR, errno.EAGAIN),
    "pread": (errno.EIO, errno.EINTR),
    "write": (errno.ENOSPC, SHORT, errno.EIO, errno.EINTR, errno.EAGAIN),
    "send": (errno.EAGAIN, errno.ENOBUFS),
    "connect": (errno.EAGAIN, errno.ECONNREFUSED),
    "close": (errno.EIO, errno.EINTR),
    "close_range": (errno.EINTR,),
    "pipe": (errno.EMFILE, errno.ENFILE),
    "pipe2": (errno.EMFILE, errno.ENFILE),
    "fork": (errno.EAGAIN, errno.ENOMEM),
    "pthread_create": (errno.EAGAIN,),
    "execve": (errno.ENOMEM, errno.EAGAIN),
    "poll": (errno.EINTR, errno.ENOMEM),
    "select": (errno.EINTR, errno.ENOMEM),
    "waitpid": (errno.EINTR,),
    "wait3": (errno.EINTR,),
    "dup2": (errno.EINTR, errno.EMFILE),
    "dup3": (errno.EINTR, errno.EMFILE),
    "fcntl": (errno.EINTR, errno.ENOMEM),
    "setsid": (errno.EPERM,),
    "kill": (errno.EPERM,),
    "killpg": (errno.EPERM,),
    "getrandom": (errno.EAGAIN,),
}


def missing_for_preload() -> list[str]:
    """Return what it takes to preload a library and is not here, for a test's skip message."""
    reasons = [] if sys.platform == "linux" else ["Linux"]
    if shutil.which("cc") is None:
        reasons.append("a C compiler (apt-get install gcc libc6-dev)")
    return reasons


@functools.cache
def library() -> Path:
    """Return the library, compiled once in a test process."""
    folder = Path(tempfile.mkdtemp(prefix="efakit-fail-at"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    compile_tools(folder)
    return folder / "fail_at.so"


def always(
    state: Path, marker: Path | None, name: str, part: str, error: int, *, process: int = -1, times: int = 0
) -> dict[str, str]:
    """Return the variables with which each call of a name to a path fails (see fail_at.c), as often as said."""
    with state.open("wb") as file:
        file.truncate(_HEAD.size + _WHAT_BYTES + _TRACE_BYTES)
    return {
        "LD_PRELOAD": str(library()),
        "FAIL_STATE": str(state),
        "FAIL_MARKER": "" if marker is None else str(marker),
        "FAIL_ALWAYS": f"{name}:{part}:{error}:{process}:{times}",
    }


def compile_tools(folder: Path) -> None:
    """Compile the library and the program that stands for slurmd into a folder."""
    shared = ["-shared", "-fPIC", str(_SOURCES / "fail_at.c"), "-o", str(folder / "fail_at.so"), "-ldl"]
    program = [str(_SOURCES / "as_slurmd.c"), "-o", str(folder / "as_slurmd")]
    for arguments in (shared, program):
        subprocess.run(["cc", "-O1", "-Wall", "-Wextra", "-Werror", *arguments], check=True)


@dataclass(frozen=True)
class Call:
    """A call into libc: the number of its process and its own, from 1."""

    process: int
    number: int
    name: str
    path: str

    def faults(self) -> Sequence[int | str]:
        """Return the error numbers and other faults that this call may meet, but for being killed."""
        return _FAULTS[self.name.removesuffix("64")]


@dataclass(frozen=True)
class Point:
    """One fault at one call."""

    call: Call
    fault: int | str

    def place(self) -> str:
        """Return it as FAIL_AT has it."""
        return f"{self.call.process}:{self.call.number}:{self.fault}"

    def __str__(self) -> str:
        name = self.fault if isinstance(self.fault, str) else errno.errorcode[self.fault]
        call = self.call
        return f"{name} at call {call.number} of process {call.process}: {call.name} {call.path}"


@dataclass(frozen=True)
class Outcome:
    """What came of a run: its status, what it said, and at which call the fault came, as ``PROCESS CALL NAME PATH``."""

    status: int
    output: str
    errors: str
    fired: str


class LikeSlurmd:
    """Runs programs as slurmd does, with /run and /var/spool of their own below ``folder``, and lets calls fail.

    ``marker`` is the path from whose opening on a process counts its calls; None: from its beginning.
    """

    def __init__(self, tools: Path, folder: Path, marker: Path | None) -> None:
        self._tools, self._folder, self._marker = tools, folder, marker
        for name in ("run", "spool"):
            (folder / name).mkdir(parents=True)
        self._path = folder / "fail-at.state"
        with self._path.open("wb") as file:
            file.truncate(_HEAD.size + _WHAT_BYTES + _TRACE_BYTES)
        with self._path.open("r+b") as file:
            self._state = mmap.mmap(file.fileno(), 0)

    def close(self) -> None:
        self._state.close()

    def clear(self) -> None:
        """Empty what stands for /run and /var/spool."""
        for name in ("run", "spool"):
            shutil.rmtree(self._folder / name)
            (self._folder / name).mkdir()

    def trace(self, argv: Sequence[str], environment: dict[str, str]) -> list[Call]:
        """Run to the end and return all calls, process by process."""
        self._run(argv, environment, "")
        return self._traced()

    def trace_forked(
        self, server: ForkServer, archive: Path, argv: Sequence[str], environment: dict[str, str]
    ) -> list[Call]:
        """Run the hook in a forked process to its end, and return all calls after the import of its modules."""
        server.run(archive, argv, {**environment, **self._variables("")})
        return self._traced()

    def _traced(self) -> list[Call]:
        length = _HEAD.unpack_from(self._state)[3]
        assert length < _TRACE_BYTES, "the trace has no more room"
        begin = _HEAD.size + _WHAT_BYTES
        lines = self._state[begin : begin + length].decode("utf-8", "replace").splitlines()
        calls = [Call(int(process), int(number), name, path) for process, number, name, path in map(_parts, lines)]
        return sorted(calls, key=lambda call: (call.process, call.number))

    def run(self, argv: Sequence[str], environment: dict[str, str], point: Point | None = None) -> Outcome:
        """Run, with one fault or none, to the end of all that is left behind."""
        if point is None:
            done = self._start("", argv, environment)
            return Outcome(done.returncode, done.stdout, done.stderr, "")
        return self._outcome(self._run(argv, environment, point.place()))

    def run_forked(
        self, server: ForkServer, archive: Path, argv: Sequence[str], environment: dict[str, str], point: Point
    ) -> Outcome:
        """Run the hook in a forked process, with one fault, to the end of all that is left behind."""
        return self._outcome(server.run(archive, argv, {**environment, **self._variables(point.place())}))

    def _outcome(self, done: Ended | subprocess.CompletedProcess[str]) -> Outcome:
        fired = _HEAD.unpack_from(self._state)[1]
        what = self._state[_HEAD.size : _HEAD.size + _WHAT_BYTES].partition(b"\0")[0].decode().strip()
        return Outcome(done.returncode, done.stdout, done.stderr, what if fired else "")

    def _run(self, argv: Sequence[str], environment: dict[str, str], at: str) -> subprocess.CompletedProcess[str]:
        return self._start(str(self._tools / "fail_at.so"), argv, {**environment, **self._variables(at)})

    def _variables(self, at: str) -> dict[str, str]:
        """Return what the library is told for a run that begins now."""
        self._state[: _HEAD.size + _WHAT_BYTES] = bytes(_HEAD.size + _WHAT_BYTES)
        marker = "" if self._marker is None else str(self._marker)
        return {"FAIL_STATE": str(self._path), "FAIL_MARKER": marker, "FAIL_AT": at}

    def _start(
        self, library: str, argv: Sequence[str], environment: dict[str, str]
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [self._tools / "as_slurmd", self._folder, library, *argv],
            env=environment,
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        assert done.returncode != _HANGS, f"something is still there after a minute: {environment}"
        return done


def _parts(line: str) -> tuple[str, str, str, str]:
    process, number, name, path = line.split(" ", 3)
    return process, number, name, path


def points(calls: Sequence[Call], own: Path, archive: Path, faults_each: int = 2) -> Iterator[Point]:
    """Give the points at which a run is to be disturbed: faults that take turns.

    Each call of the hook's own meets ``faults_each``. Of those that are alike, one counter after the other, and of the
    hundreds by which Python loads its modules, a part meets one.
    """
    seen: set[tuple[int, str, str]] = set()
    loading = alike = 0
    for turn, call in enumerate(calls):
        faults = [*call.faults(), KILL if turn % 4 < 2 else KILL_GROUP]
        chosen = [Point(call, faults[(turn + more) % len(faults)]) for more in range(faults_each)]
        in_counters = "hw_counters" in call.path or ("/" not in call.path and call.name == "openat64")
        kind = (call.process, call.name, call.path)
        if EVERY_FAULT:
            yield from (Point(call, fault) for fault in faults)
        elif is_loading(call, own, archive):
            loading += 1
            yield from chosen[:1] if loading % _LOADING == 0 else ()
        elif kind in seen or in_counters:
            alike += 1
            yield from chosen[:1] if alike % _ALIKE == 0 else ()
        else:
            yield from chosen
        seen.add(kind)


def is_loading(call: Call, own: Path, archive: Path) -> bool:
    """Say whether Python makes this call to load a module: it reads the hook's file, or a file of Python's own."""
    return call.path == str(archive) or (call.path.startswith("/") and not _is_below(call.path, own))


def _is_below(path: str, folder: Path) -> bool:
    return path.startswith((str(folder) + "/", "/proc/", "/dev/", "/run/", "/var/"))


def points_at_start(calls: Sequence[Call], archive: Path) -> Iterator[Point]:
    """Give points before the hook's first line: in the shell that runs its script, and in Python.

    Not where the shell reads that script: who cannot do that runs no hook at all.
    """
    first = next(call.process for call in calls if call.path == str(archive))
    begun = {call.process for call in calls if call.process > first}
    turn = 0
    for call in calls:
        if call.process in begun or (call.process == first and call.path == str(archive)):
            begun.add(call.process)
            continue
        if call.process == 0 and call.name not in ("fork", "wait3", "execve"):
            continue
        turn += 1
        if call.process < first or turn % _LOADING == 0 or EVERY_FAULT:
            faults = [*call.faults(), *([KILL] if call.process else [])]
            yield Point(call, faults[turn % len(faults)])
