"""Opens a file that may be a pipe: one that has a writer is read to its end, one without is not waited for."""

from __future__ import annotations

import os
import re
import select
import stat
import time
from io import BufferedReader, FileIO
from pathlib import Path
from typing import Any

SECONDS_FOR_A_WRITER = 2.0
"""A shell starts reader and writer of a pipe at the same moment."""
_MILLISECONDS_BETWEEN = 20
# What a shell puts in the place of <(command): a pipe that is open already.
_OWN = re.compile(r"/(?:dev|proc/self)/fd/([0-9]{1,6})", re.ASCII)


class NoWriter(Exception):
    """Nobody has opened the pipe for writing."""


def opened(path: Path) -> BufferedReader:
    """Open a file for reading; a pipe has a writer then, or data.

    Raises:
        NoWriter: it is a pipe that nobody writes to.
        OSError: it cannot be opened.
    """
    own = _OWN.fullmatch("/dev/fd/0" if str(path) == "/dev/stdin" else str(path))
    if own and stat.S_ISFIFO(path.stat().st_mode):
        # Opened anew by its name it would be waited for: its writer may have ended, with all that it said in the pipe.
        return BufferedReader(FileIO(os.dup(int(own[1]))))
    file = _Pipe(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY))
    reader: BufferedReader = BufferedReader(file)
    try:
        if stat.S_ISFIFO(os.fstat(file.fileno()).st_mode):
            _wait_for_a_writer(file, reader)
        os.set_blocking(file.fileno(), True)
    except BaseException:
        reader.close()
        raise
    return reader


class _Pipe(FileIO):
    """A file that is read without waiting."""

    has_writer = False
    """Whether the last read found data, or somebody who may yet write some."""

    def readinto(self, buffer: Any, /) -> int | None:
        count = super().readinto(buffer)
        self.has_writer = count != 0  # None: it would have to wait
        return count


def _wait_for_a_writer(file: _Pipe, reader: BufferedReader) -> None:
    changes = select.poll()
    changes.register(file, select.POLLIN)
    until = time.monotonic() + SECONDS_FOR_A_WRITER
    while not reader.peek(1) and not file.has_writer:
        if time.monotonic() > until:
            raise NoWriter
        # One that opens the pipe and writes nothing yet wakes nobody up.
        if changes.poll(_MILLISECONDS_BETWEEN) and not reader.peek(1):
            return  # it was written to, and nothing came: an empty log
