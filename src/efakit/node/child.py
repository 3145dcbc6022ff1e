"""Makes child processes on a node that may be short of processes, memory or descriptors, and sets them apart.

A child must never hold what somebody else waits for: slurmd reads the hook's output to its end, so whoever has
inherited it keeps a whole job waiting. Nothing here raises but NoChild.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found] # signal itself imports enum
import os
import select
import time

# What the node is short of may be there a moment later: a pipe or a process is asked for again up to this part of the
# time, with pauses that grow.
_RETRY_SHARE, _FIRST_PAUSE_SECONDS = 0.1, 0.01
_CHUNK_BYTES = 1 << 18
# Where a descriptor is put in a child, behind stdin, stdout and stderr.
_FIRST_FREE = 3
# The kernel's own limit of a descriptor's number, unless raised (fs.nr_open). Only for a node without /proc.
_MOST_DESCRIPTORS = 1 << 20

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class NoChild(OSError):
    """No child process could be made: the node is short of processes, memory or descriptors."""


def fork_with_pipe(seconds: float, make_ends: Callable[[], tuple[int, int]] = os.pipe) -> tuple[int, int]:
    """Fork; return the child's id, 0 in the child, and an end of a pipe: the parent's to read, the child's to write.

    ``make_ends`` may make something else with two ends, the parent's first. Raises NoChild where neither works within a
    tenth of ``seconds``.
    """
    give_up_at = time.monotonic() + seconds * _RETRY_SHARE
    pause = _FIRST_PAUSE_SECONDS
    while True:
        ends: tuple[int, ...] = ()
        try:
            ends = make_ends()
            child = os.fork()
            break
        except OSError as error:
            for end in ends:
                close(end)
            left = give_up_at - time.monotonic()
            if left <= 0:
                raise NoChild(error.errno, "no child process could be made: %s" % error.strerror) from None
            time.sleep(min(pause, left))
            pause *= 2
    reader, writer = ends
    close(writer if child else reader)
    return child, reader if child else writer


def set_apart(writer: int, *, prints: bool) -> int:
    """Take everything from this child that ties it to others; return the number that ``writer`` has from now on.

    It gets a session of its own, since who kills the hook kills its process group, and keeps no descriptor but the
    pipe. Its stdin, stdout and stderr are /dev/null; with ``prints`` the last two are the pipe.
    """
    try:
        os.setsid()
    except OSError:
        pass  # then it shares the hook's, and its end
    if writer != _FIRST_FREE and _copy(writer, _FIRST_FREE):
        writer = _FIRST_FREE
    try:
        nothing = os.open(os.devnull, os.O_RDWR)
    except OSError:
        nothing = -1
    for standard in (0, 1, 2):
        source = writer if prints and standard else nothing
        if standard != writer and (source < 0 or not _copy(source, standard)):
            close(standard)  # better none than one that slurmd waits for
    close_inherited(writer)
    return writer


def close_inherited(but: int = -1) -> None:
    """Close all descriptors above stderr, ``but`` one."""
    try:
        numbers = [int(name) for name in os.listdir("/proc/self/fd")]
    except (OSError, ValueError):
        os.closerange(_FIRST_FREE, max(but, _FIRST_FREE))
        os.closerange(max(but + 1, _FIRST_FREE), _MOST_DESCRIPTORS)
        return
    for number in numbers:
        if number >= _FIRST_FREE and number != but:
            close(number)


def close(descriptor: int) -> None:
    """Close a descriptor, open or not; Linux has closed it whatever close(2) says."""
    os.closerange(descriptor, descriptor + 1)


def read_in_time(reader: int, ends_at: float) -> bytes | None:
    """Return what comes next from a pipe, b"" at its end; None where nothing has come by ``ends_at`` (monotonic)."""
    poll = select.poll()  # select() takes no descriptor above 1023
    poll.register(reader, select.POLLIN)
    while True:
        left = ends_at - time.monotonic()
        try:
            if not poll.poll(max(0, int(left * 1000) + 1)):
                return None
            return os.read(reader, _CHUNK_BYTES)
        except OSError:
            if left <= 0:
                return None
            time.sleep(min(_FIRST_PAUSE_SECONDS, left))


def end_by_alarm(seconds: int) -> None:
    """Let the kernel end this process after ``seconds``."""
    # Whoever runs the hook may have blocked or ignored the signal, and a program inherits that.
    _signal.signal(_signal.SIGALRM, _signal.SIG_DFL)
    _signal.pthread_sigmask(_signal.SIG_UNBLOCK, [_signal.SIGALRM])
    _signal.alarm(seconds)


def _copy(source: int, target: int) -> bool:
    for _ in range(2):  # dup2(2) may be interrupted
        try:
            os.dup2(source, target)
            return True
        except OSError:
            pass
    return False
