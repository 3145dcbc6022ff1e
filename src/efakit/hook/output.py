"""Writes what the hook has to say to stdout: slurmd's log, or the job's output."""

from __future__ import annotations

import os


def say(text: str) -> None:
    """Print one line in printable ASCII, with efakit's name before it."""
    from efakit.hook.summary import printable

    write_out("efakit: %s\n" % printable(text))


def write_out(text: str) -> None:
    """Print text as it is; a stdout that does not take it is no failure."""
    # slurmd may have gone away, or its log's disk may be full.
    # Not through sys.stdout: what it cannot write it tries again at the end, and that failure is an exit code.
    data = text.encode("ascii", "backslashreplace")
    try:
        while data:
            data = data[os.write(1, data) :]
    except OSError:
        pass
