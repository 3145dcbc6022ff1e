"""Runs a program that may hang, and leaves at a deadline.

As in ``node.bounded``: the program has a session of its own and none of our descriptors, so that slurmd never waits for
one that the kernel holds, and nobody waits here for its end.
"""

from __future__ import annotations

import os
import select
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_MOST_BYTES = 1 << 22
_CHUNK_BYTES = 65536
_SIGKILL = 9


def run_program(argv: Sequence[str], environment: Mapping[str, str], seconds: float) -> tuple[int | None, str]:
    """Run ``argv[0]`` for at most ``seconds``; return its exit status and what it printed on stdout and stderr.

    The status is None where it did not come to its end, 127 where it cannot be run, and negative for a signal.
    """
    ends_at = time.monotonic() + seconds
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        _become(argv, environment, writer)
    os.close(writer)
    output = b""
    ended = False
    while len(output) < _MOST_BYTES:
        if not select.select([reader], [], [], max(0.0, ends_at - time.monotonic()))[0]:
            break
        chunk = os.read(reader, _CHUNK_BYTES)
        if not chunk:
            ended = True
            break
        output += chunk
    os.close(reader)
    return _status(child, ended, ends_at), output.decode("utf-8", "replace")


def _become(argv: Sequence[str], environment: Mapping[str, str], writer: int) -> None:
    try:
        os.setsid()
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(nothing, 0)
        os.dup2(writer, 1)
        os.dup2(writer, 2)
        most = os.sysconf("SC_OPEN_MAX")  # -1: no limit
        os.closerange(3, most if 0 < most < 65536 else 65536)
        os.execve(argv[0], list(argv), dict(environment))  # noqa: S606 - an argv list, and no shell is wanted
    finally:
        os._exit(127)


def _status(child: int, ended: bool, ends_at: float) -> int | None:
    """Reap the child; kill it where it goes on, and do not wait: it may be beyond killing."""
    try:
        while True:
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                return -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
            if not ended or time.monotonic() > ends_at:
                os.killpg(child, _SIGKILL)
                os.waitpid(child, os.WNOHANG)
                return None
            time.sleep(0.001)  # its output is closed: it is about to end
    except OSError:
        return None
