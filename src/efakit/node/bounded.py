"""Runs work that may never return in a child process, and leaves at a deadline.

A read of an EFA counter can wait in the kernel for 30 s, and so can a write to a dead mount; SIGKILL does not end
either, and a thread in that state keeps its whole process from ending. So the work runs in a child with a session of
its own and without our descriptors: slurmd, which waits for the end of our output, never waits for the child.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found] # signal itself imports enum
import marshal
import os
import time

from efakit.node.child import NoChild, close, end_by_alarm, fork_with_pipe, read_in_time, set_apart

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

__all__ = ["DONE", "NoChild", "leave", "run_bounded", "run_here", "take_values", "write_value"]

_LENGTH_BYTES = 4
# What a child may say in all: a snapshot of 32 devices has less than 1 MiB.
_MOST_BYTES = 1 << 24
# What was in the pipe when the time came is still taken: two reads empty it.
_LATE_READS = 2
_WRITE_ATTEMPTS = 3
# The child's last value. Without it the child died on the way.
DONE = "bounded: done"
# A child outlives its time only where it cannot be killed; one whose parent was killed ends by itself.
_GRACE_SECONDS = 5
# Where the first alarm falls into code that swallows it, another follows.
_NEXT_ALARM_SECONDS = 0.5


class _OutOfTime(BaseException):
    """The alarm of ``run_here``. No Exception: work handles those."""


def run_bounded(
    work: Callable[[], Iterable[Any]], seconds: float, left: list[int] | None = None
) -> tuple[list[Any], bool]:
    """Run ``work`` in a child process for at most ``seconds``.

    ``work`` gives values of JSON's types. Returns those that arrived in time, and whether the child came to its end. An
    exception in the child ends its values; nothing is raised here but NoChild. A child that has not ended is put into
    ``left``: a caller that lives on reaps it.
    """
    ends_at = time.monotonic() + seconds
    child, end = fork_with_pipe(seconds)
    if child == 0:
        _be_the_child(work, end, seconds)
    values: list[Any] = []
    rest = bytearray()
    taken, late = 0, 0
    # Not until the pipe's end: a child that has said its last word may take its time to go.
    while values[-1:] != [DONE] and taken < _MOST_BYTES and late < _LATE_READS:
        chunk = read_in_time(end, ends_at)
        if not chunk:
            break
        taken += len(chunk)
        late += time.monotonic() > ends_at
        rest += chunk
        if not take_values(rest, values):
            break
    close(end)
    if not leave(child) and left is not None:
        left.append(child)
    finished = values[-1:] == [DONE]
    return values[:-1] if finished else values, finished


def run_here(work: Callable[[], Iterable[Any]], seconds: float) -> tuple[list[Any], bool]:
    """Run ``work`` in this process where no child can be made; return as ``run_bounded`` does.

    After ``seconds`` what can be interrupted is interrupted. A read that the kernel holds cannot: this is for work of
    which nothing is known to hang.
    """
    values: list[Any] = []
    finished = False
    before = _signal.signal(_signal.SIGALRM, _raise_out_of_time)
    try:
        try:
            _signal.pthread_sigmask(_signal.SIG_UNBLOCK, [_signal.SIGALRM])
            _signal.setitimer(_signal.ITIMER_REAL, seconds, _NEXT_ALARM_SECONDS)
            for value in work():
                values.append(value)
            finished = True
        finally:
            _signal.setitimer(_signal.ITIMER_REAL, 0)
    except (_OutOfTime, Exception):  # noqa: S110 - as in a child: its values end here
        pass
    # Again, since the alarm may have come just before it was turned off.
    _signal.setitimer(_signal.ITIMER_REAL, 0)
    _signal.signal(_signal.SIGALRM, _signal.SIG_DFL if before is None else before)
    return values, finished


def _raise_out_of_time(_number: int, _frame: Any) -> None:
    raise _OutOfTime


def take_values(data: bytearray, values: list[Any]) -> bool:
    """Move the whole values at the beginning of ``data`` to ``values``; return whether they can be read."""
    begin = 0
    while len(data) - begin >= _LENGTH_BYTES:
        content = begin + _LENGTH_BYTES
        end = content + int.from_bytes(data[begin:content], "big")
        if end > len(data):
            break
        try:
            values.append(marshal.loads(data[content:end]))  # noqa: S302 - our own child wrote it
        except (EOFError, MemoryError, TypeError, ValueError):
            return False  # a child whose memory is damaged
        begin = end
    del data[:begin]
    return True


def _be_the_child(work: Callable[[], Iterable[Any]], writer: int, seconds: float) -> None:
    status = 1
    try:
        writer = set_apart(writer, prints=False)
        end_by_alarm(int(seconds) + _GRACE_SECONDS)
        for value in work():
            write_value(writer, value)
        write_value(writer, DONE)
        status = 0
    finally:
        # No clean-up of the parent's interpreter, whatever happened.
        os._exit(status)


def write_value(writer: int, value: Any) -> None:
    """Write one value for ``take_values`` at the other end; raise OSError."""
    content = marshal.dumps(value)
    data = len(content).to_bytes(_LENGTH_BYTES, "big") + content
    failures = 0
    while data:
        try:
            data = data[os.write(writer, data) :]
        except OSError:
            failures += 1
            if failures == _WRITE_ATTEMPTS:
                raise


def leave(child: int) -> bool:
    """Reap the child if it has ended; otherwise kill it and do not wait, since it may be beyond killing.

    Returns whether it has ended.
    """
    try:
        if os.waitpid(child, os.WNOHANG)[0] == 0:
            os.kill(child, _signal.SIGKILL)
            return os.waitpid(child, os.WNOHANG)[0] != 0
    except OSError:
        pass
    return True
