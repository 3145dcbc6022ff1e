"""Runs the built hook as slurmd does and lets one call into libc fail (see fail_at.c)."""

from __future__ import annotations

import atexit
import errno
import functools
import mmap
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

_SOURCES = Path(__file__).parent
# struct state in fail_at.c.
_MOST_PROCESSES, _WHAT_BYTES, _TRACE_BYTES = 64, 512, 1 << 20
_HEAD = struct.Struct(f"4i{_MOST_PROCESSES}i")
_HANGS = 125

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
    state: Path, marker: Path, name: str, part: str, error: int, *, process: int = -1, times: int = 0
) -> dict[str, str]:
    """Return the variables with which each call of a name to a path fails (see fail_at.c), as often as said."""
    state.write_bytes(bytes(_HEAD.size + _WHAT_BYTES + _TRACE_BYTES))
    return {
        "LD_PRELOAD": str(library()),
        "FAIL_STATE": str(state),
        "FAIL_MARKER": str(marker),
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


class Preloaded:
    """Programs run with the library; ``folder`` holds the tools and gets the state."""

    def __init__(self, tools: Path, folder: Path, marker: Path) -> None:
        self._tools, self._marker = tools, marker
        self._path = folder / "fail-at.state"
        with self._path.open("wb") as file:
            file.truncate(_HEAD.size + _WHAT_BYTES + _TRACE_BYTES)
        with self._path.open("r+b") as file:
            self._state = mmap.mmap(file.fileno(), 0)

    def close(self) -> None:
        self._state.close()

    def trace(self, argv: Sequence[str], environment: dict[str, str]) -> list[Call]:
        """Run to the end and return all calls, those of the hook itself first."""
        self._run(argv, environment, "")
        length = _HEAD.unpack_from(self._state)[3]
        assert length < _TRACE_BYTES, "the trace has no more room"
        begin = _HEAD.size + _WHAT_BYTES
        lines = self._state[begin : begin + length].decode("utf-8", "replace").splitlines()
        calls = [Call(int(process), int(number), name, path) for process, number, name, path in map(_parts, lines)]
        return sorted(calls, key=lambda call: (call.process, call.number))

    def run(self, argv: Sequence[str], environment: dict[str, str], point: Point) -> Outcome:
        """Run with one fault, to the end of all that is left behind."""
        call = point.call
        done = self._run(argv, environment, f"{call.process}:{call.number}:{point.fault}")
        fired = _HEAD.unpack_from(self._state)[1]
        what = self._state[_HEAD.size : _HEAD.size + _WHAT_BYTES].partition(b"\0")[0].decode().strip()
        return Outcome(done.returncode, done.stdout, done.stderr, what if fired else "")

    def _run(self, argv: Sequence[str], environment: dict[str, str], at: str) -> subprocess.CompletedProcess[str]:
        self._state[: _HEAD.size + _WHAT_BYTES] = bytes(_HEAD.size + _WHAT_BYTES)
        more = {"FAIL_STATE": str(self._path), "FAIL_MARKER": str(self._marker), "FAIL_AT": at}
        done = subprocess.run(
            [self._tools / "as_slurmd", self._tools / "fail_at.so", *argv],
            env={**environment, **more},
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        assert done.returncode != _HANGS, f"something is still there after a minute: {at}"
        return done


def _parts(line: str) -> tuple[str, str, str, str]:
    process, number, name, path = line.split(" ", 3)
    return process, number, name, path


def points(calls: Sequence[Call], own: Path, archive: Path) -> Iterator[Point]:
    """Give the points at which a run is to be disturbed.

    Each call of the hook's own meets all its faults, and is killed. Of the hundreds by which Python loads its modules,
    and of the reads of one counter after the other, which are all alike, each meets one, in turn.
    """
    seen: set[tuple[int, str, str]] = set()
    for turn, call in enumerate(calls):
        kills = (KILL, KILL_GROUP)
        faults = call.faults()
        # Alike: the same call on another counter, device or entry of a folder.
        kind = (call.process, call.name, call.path.rpartition("/")[0] if "hw_counters" in call.path else call.path)
        is_alike = kind in seen or "hw_counters" in call.path or ("/" not in call.path and call.name == "openat64")
        is_loading = call.path == str(archive) or (call.path.startswith("/") and not _is_below(call.path, own))
        seen.add(kind)
        if is_loading or is_alike:
            yield Point(call, ([*faults, kills[turn % 2]] if turn % 2 else faults)[turn % len(faults)])
        else:
            for fault in faults:
                yield Point(call, fault)
            yield Point(call, kills[turn % 2])


def _is_below(path: str, folder: Path) -> bool:
    return path.startswith((str(folder) + "/", "/proc/", "/dev/"))
