"""Who wrote a line: NCCL's host and process, PyTorch's rank, srun's and mpirun's label; and when, where it says so."""

from __future__ import annotations

import re
import sys
from datetime import datetime
from typing import NamedTuple

_HOST = re.compile(rb"([\w.-]{1,255}):(\d{1,10}):\d{1,10}$")
# Open MPI's, before the lines of it that tell of the network alone: others begin with a time in such brackets.
_OPEN_MPI = re.compile(
    rb"\[([\w.-]{1,255}):(\d{1,10})\] (?:\S*mtl_ofi_component\.c:\d+: mtl:ofi:|select: component |mca: bml: Using )"
)
_LEVELS = (b" INFO ", b" WARN ")
_TORCH = re.compile(rb"\[[Rr]ank\s?(\d{1,7})\]")
_SRUN = re.compile(rb"\s{0,8}(\d{1,7}): ")
# Of Open MPI 4 and 5: with the time before it, and of 5 with the job's whole name, host and process, or the rank alone.
_MPIRUN = re.compile(
    rb"\s{0,8}(?:\[?\w{3} \w{3} [ \d]\d [\d:]{8} \d{4}\]?)?"
    rb"\[(?:[\w.@-]{1,255},)?(\d{1,7})\](?:\[[\w.-]{1,255}:\w{1,10}\])?<std(?:out|err|diag)>:"
)
_EXITED = re.compile(rb"srun: error: ([^\s:]{1,300}): tasks? ([\d,\[\]-]{1,200}):")
_MPI_RANK = re.compile(rb"process rank (\d{1,7}) with PID (?:\d{1,10}|0) on node ([\w.-]{1,255})")
_STEP_HOST = re.compile(rb"STEP [\w.+]+ ON ([\w.-]{1,255}) ")
_LIBRARIES = (b"NCCL", b"CCOM", b"RCCL", b"NVSHMEM")
_LONGEST_PREFIX = 500
_COLOUR = re.compile(rb"\x1b\[[0-9;:]*[A-Za-z]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")
_ISO = re.compile(rb"(20\d\d-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:[.,](\d{1,6}))?")
_GLOG = re.compile(rb"\b[EWIF](\d{1,2})(\d\d) (\d\d:\d\d:\d\d)\.(\d{1,9})")


class Speaker(NamedTuple):
    """A process of the job, as far as a line tells it."""

    host: str = ""
    pid: int = 0
    rank: int = -1
    """The rank of MPI or PyTorch, or NCCL's in its largest communicator; -1: unknown."""
    task: int = -1
    """The task by srun's label; it need not be the rank. -1: unknown."""

    def __str__(self) -> str:
        """Return it in words; "" where nothing is known."""
        who = f"rank {self.rank}" if self.rank >= 0 else f"task {self.task}" if self.task >= 0 else ""
        if self.host and self.pid and not who:
            return f"process {self.pid} on {self.host}"
        return f"{who} on {self.host}" if who and self.host else who or (f"on {self.host}" if self.host else "")


UNKNOWN = Speaker()


def plain(line: bytes) -> bytes:
    """Return a line without colours and without what ends it."""
    if b"\x1b" in line:
        line = _COLOUR.sub(b"", line)
    return line.rstrip(b"\r\n")


def speaker_of(line: bytes, place: int) -> Speaker:
    """Return who wrote what stands at ``place``: two processes may have written into one line."""
    process = _nccl(line, place) or _open_mpi(line, place)
    label = _SRUN.match(line)
    task = int(label.group(1)) if label else -1
    rank = -1
    if b"ank" in line and (torch := _TORCH.search(line)):
        rank = int(torch.group(1))
    elif b"<std" in line and (mpirun := _MPIRUN.match(line)):
        rank = int(mpirun.group(1))
    if process is not None:
        return Speaker(*process, rank, task)
    if b"srun: error: " in line and (exited := _EXITED.search(line)):
        return Speaker(_text(exited.group(1)), 0, -1, _first(exited.group(2)))
    if b"with PID" in line and (mpi := _MPI_RANK.search(line)):
        return Speaker(_text(mpi.group(2)), 0, int(mpi.group(1)))
    if b"STEP " in line and (step := _STEP_HOST.search(line)):
        return Speaker(_text(step.group(1)))
    return Speaker("", 0, rank, task) if rank >= 0 or task >= 0 else UNKNOWN


def _nccl(line: bytes, place: int) -> tuple[str, int] | None:
    """Return host and process of the last of NCCL's prefixes before a place: ``HOST:PID:TID [GPU] NCCL INFO``."""
    # A text that is looked for may begin with NCCL WARN.
    place += len(b"NCCL WARN ")
    end = max(line.rfind(_LEVELS[0], 0, place), line.rfind(_LEVELS[1], 0, place))
    if end < 0:
        return None
    # WARN names the file and its line behind the GPU; releases before 2.3 do not say NCCL.
    words = line[max(0, end - _LONGEST_PREFIX) : end].split()
    if words and words[-1] in _LIBRARIES:
        words.pop()
    if len(words) > 1 and not words[-1].endswith(b"]"):
        words.pop()
    if len(words) < 2 or not words[-1].startswith(b"["):
        return None
    found = _HOST.search(words[-2])
    return (sys.intern(_text(found.group(1))), int(found.group(2))) if found else None


def _open_mpi(line: bytes, place: int) -> tuple[str, int] | None:
    """Return host and process of Open MPI's prefix right before a place: ``[HOST:PID]``."""
    if b"mtl:ofi:" not in line and b"select: component " not in line and b"mca: bml: " not in line:
        return None
    begin = line.rfind(b"[", 0, line.rfind(b"] ", 0, place) + 1)
    found = _OPEN_MPI.match(line, begin) if begin >= 0 else None
    return (sys.intern(_text(found.group(1))), int(found.group(2))) if found else None


def moment_of(line: bytes) -> float | None:
    """Return when a line was written, in seconds by the clock of its node; None where it does not say so."""
    try:
        if iso := _ISO.search(line):
            day, clock, part = iso.groups()
            return _seconds(f"{_text(day)} {_text(clock)}", part)
        if glog := _GLOG.search(line):
            month, day, clock, part = glog.groups()
            # glog names no year: 2000 had each day.
            return _seconds(f"2000-{_text(month)}-{_text(day)} {_text(clock)}", part)
    except ValueError:
        pass
    return None


def _seconds(text: str, part: bytes | None) -> float:
    moment = datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(year=2000)
    since = (moment - datetime(2000, 1, 1)).total_seconds()
    return since + (float(f"0.{_text(part)}") if part else 0.0)


def _first(tasks: bytes) -> int:
    found = re.search(rb"\d+", tasks)
    return int(found.group()) if found else -1


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
