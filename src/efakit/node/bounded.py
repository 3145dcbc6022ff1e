"""Runs work that may never return in a child process, and leaves at a deadline.

A read of an EFA counter can wait in the kernel for 30 s, and so can a write to a dead mount; SIGKILL does not end
either, and a thread in that state keeps its whole process from ending. So the work runs in a child with a session of
its own and without our descriptors: slurmd, which waits for the end of our output, never waits for the child.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found] # signal itself imports enum
import marshal
import os
import select
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

_CHUNK_BYTES = 1 << 18
_LENGTH_BYTES = 4
# The child's last value. Without it the child died on the way.
_DONE = "bounded: done"
# A child outlives its time only where it cannot be killed; one whose parent was killed ends by itself.
_GRACE_SECONDS = 5


def run_bounded(work: Callable[[], Iterable[Any]], seconds: float) -> tuple[list[Any], bool]:
    """Run ``work`` in a child process for at most ``seconds``.

    ``work`` gives values of JSON's types. Returns those that arrived in time, and whether the child came to its end. An
    exception in the child ends its values; nothing is raised here but OSError where no child can be made.
    """
    ends_at = time.monotonic() + seconds
    reader, writer = os.pipe()
    try:
        child = os.fork()
    except OSError:
        os.close(reader)
        os.close(writer)
        raise
    if child == 0:
        _be_the_child(work, writer, seconds)
    os.close(writer)
    values: list[Any] = []
    rest = b""
    # Not until the pipe's end: a child that has said its last word may take its time to go.
    while values[-1:] != [_DONE]:
        if not select.select([reader], [], [], max(0.0, ends_at - time.monotonic()))[0]:
            break
        chunk = os.read(reader, _CHUNK_BYTES)
        if not chunk:
            break
        rest = _take_values(rest + chunk, values)
    os.close(reader)
    _leave(child)
    finished = values[-1:] == [_DONE]
    return values[:-1] if finished else values, finished


def _take_values(data: bytes, values: list[Any]) -> bytes:
    """Append the whole values at the beginning of ``data`` and return what is left of it."""
    begin = 0
    while len(data) - begin >= _LENGTH_BYTES:
        content = begin + _LENGTH_BYTES
        end = content + int.from_bytes(data[begin:content], "big")
        if end > len(data):
            break
        values.append(marshal.loads(data[content:end]))  # noqa: S302 - our own child wrote it
        begin = end
    return data[begin:]


def _be_the_child(work: Callable[[], Iterable[Any]], writer: int, seconds: float) -> None:
    status = 1
    try:
        os.setsid()
        _end_by_alarm(int(seconds) + _GRACE_SECONDS)
        nothing = os.open(os.devnull, os.O_RDWR)
        for standard in (0, 1, 2):
            os.dup2(nothing, standard)
        if writer != 3:
            os.dup2(writer, 3)
        _close_from(4)
        for value in work():
            _write_value(value)
        _write_value(_DONE)
        status = 0
    finally:
        # No clean-up of the parent's interpreter, whatever happened.
        os._exit(status)


def _end_by_alarm(seconds: int) -> None:
    # Whoever runs the hook may have blocked or ignored the signal, and a program inherits that.
    _signal.signal(_signal.SIGALRM, _signal.SIG_DFL)
    _signal.pthread_sigmask(_signal.SIG_UNBLOCK, [_signal.SIGALRM])
    _signal.alarm(seconds)


def _close_from(first: int) -> None:
    try:
        descriptors = [int(name) for name in os.listdir("/proc/self/fd")]
    except (OSError, ValueError):
        most = os.sysconf("SC_OPEN_MAX")  # -1: no limit
        os.closerange(first, most if 0 < most < 65536 else 65536)
        return
    for descriptor in descriptors:
        if descriptor >= first:
            os.closerange(descriptor, descriptor + 1)  # closes what is open and says nothing where it is not


def _write_value(value: Any) -> None:
    content = marshal.dumps(value)
    data = len(content).to_bytes(_LENGTH_BYTES, "big") + content
    while data:
        data = data[os.write(3, data) :]


def _leave(child: int) -> None:
    """Reap the child if it has ended; otherwise kill it and do not wait, since it may be beyond killing."""
    try:
        if os.waitpid(child, os.WNOHANG)[0] == 0:
            os.kill(child, _signal.SIGKILL)
            os.waitpid(child, os.WNOHANG)
    except OSError:
        pass
