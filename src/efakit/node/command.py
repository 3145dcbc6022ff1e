"""Runs a program that may hang, and leaves at a deadline.

As in ``node.bounded``: the program has a session of its own and none of our descriptors, so that slurmd never waits for
one that the kernel holds, and nobody waits here for its end.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found] # signal itself imports enum
import os
import time

from efakit.node.child import NoChild, close, fork_with_pipe, read_in_time, set_apart

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["NoChild", "run_program"]

_MOST_BYTES = 1 << 22


def run_program(argv: Sequence[str], environment: Mapping[str, str], seconds: float) -> tuple[int | None, str]:
    """Run ``argv[0]`` for at most ``seconds``; return its exit status and what it printed on stdout and stderr.

    The status is None where it did not come to its end, 127 where it cannot be run, and negative for a signal. Raises
    NoChild.
    """
    ends_at = time.monotonic() + seconds
    # Where whoever runs the hook ignores it, the kernel keeps no child's status.
    _signal.signal(_signal.SIGCHLD, _signal.SIG_DFL)
    child, end = fork_with_pipe(seconds)
    if child == 0:
        _become(argv, environment, end)
    output = bytearray()
    chunk: bytes | None = None
    while len(output) < _MOST_BYTES and time.monotonic() < ends_at:
        chunk = read_in_time(end, ends_at)
        if not chunk:
            break
        output += chunk
    # Before its pipe is closed: a program that prints on would end by SIGPIPE, which is our doing and not its own.
    status = _status(child, chunk == b"", ends_at)
    close(end)
    return status, output.decode("utf-8", "replace")


def _become(argv: Sequence[str], environment: Mapping[str, str], writer: int) -> None:
    try:
        close(set_apart(writer, prints=True))  # it prints there all the same
        os.execve(argv[0], list(argv), dict(environment))  # noqa: S606 - an argv list, and no shell is wanted
    finally:
        os._exit(127)


def _status(child: int, ended: bool, ends_at: float) -> int | None:
    """Reap the child; kill it where it goes on, and do not wait: it may be beyond killing."""
    while True:
        try:
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                return -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
        except ChildProcessError:
            return None
        except OSError:
            pass
        if not ended or time.monotonic() > ends_at:
            _kill(child)
            return None
        time.sleep(0.001)  # its output is closed: it is about to end


def _kill(child: int) -> None:
    # Its group, and itself where it could get no group of its own.
    for kill in (os.killpg, os.kill):
        try:
            kill(child, _signal.SIGKILL)
        except OSError:
            pass
    try:
        os.waitpid(child, os.WNOHANG)
    except OSError:
        pass
