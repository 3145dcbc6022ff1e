"""Runs work that may never return in a child process, and leaves at a deadline.

A read of an EFA counter can wait in the kernel for 30 s, and so can a write to a dead mount; SIGKILL does not end
either, and a thread in that state keeps its whole process from ending. So the work runs in a child with a session of
its own and without our descriptors: slurmd, which waits for the end of our output, never waits for the child.
"""

from __future__ import annotations

import json
import os
import select
import signal
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

_CHUNK_BYTES = 65536


def run_bounded(work: Callable[[], Iterable[Any]], seconds: float) -> tuple[list[Any], bool]:
    """Run ``work`` in a child process for at most ``seconds``.

    ``work`` gives JSON values. Returns the values that arrived in time, and whether the child came to its end. An
    exception in the child ends its values; nothing is raised here but OSError where no child can be made.
    """
    ends_at = time.monotonic() + seconds
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        _be_the_child(work, writer)
    os.close(writer)
    values: list[Any] = []
    rest = b""
    finished = False
    while True:
        ready = select.select([reader], [], [], max(0.0, ends_at - time.monotonic()))[0]
        if not ready:
            break
        chunk = os.read(reader, _CHUNK_BYTES)
        if not chunk:
            finished = True
            break
        *lines, rest = (rest + chunk).split(b"\n")
        values += [json.loads(line) for line in lines]
    os.close(reader)
    _leave(child)
    return values, finished and values[-1:] == [_DONE] and values.pop() == _DONE


# The child's last line. Without it the child died on the way.
_DONE = {"bounded": "done"}


def _be_the_child(work: Callable[[], Iterable[Any]], writer: int) -> None:
    status = 1
    try:
        os.setsid()
        nothing = os.open(os.devnull, os.O_RDWR)
        for standard in (0, 1, 2):
            os.dup2(nothing, standard)
        if writer != 3:
            os.dup2(writer, 3)
        most = os.sysconf("SC_OPEN_MAX")  # -1: no limit
        os.closerange(4, most if 0 < most < 65536 else 65536)
        for value in work():
            _write_all(3, json.dumps(value).encode() + b"\n")
        _write_all(3, json.dumps(_DONE).encode() + b"\n")
        status = 0
    finally:
        # No clean-up of the parent's interpreter, whatever happened.
        os._exit(status)


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def _leave(child: int) -> None:
    """Reap the child if it has ended; otherwise kill it and do not wait, since it may be beyond killing."""
    try:
        if os.waitpid(child, os.WNOHANG)[0] == 0:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, os.WNOHANG)
    except OSError:
        pass
