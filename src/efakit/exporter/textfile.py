"""Writes a file for node_exporter: whole or not at all, and nothing of it is left by a process that was killed.

The folder may belong to another user, and the writer is root: no name is opened that somebody could have made before,
and no link is followed.
"""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

_OLD_SECONDS = 60.0
"""A file of a killed process: between its name and its place lies no moment in which anything is written."""


def replace_file(path: Path, content: bytes) -> None:
    """Put a file with ``content``, which everybody may read, in the place of ``path``; raise OSError."""
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        begin = f".{path.name}."
        _sweep(folder, begin)
        name = begin + os.urandom(8).hex()
        descriptor = _new_file(folder, name)
        try:
            with open(descriptor, "wb", closefd=False) as file:
                file.write(content)
            os.fchmod(descriptor, 0o644)
            if not os.fstat(descriptor).st_nlink:
                os.link(f"/proc/self/fd/{descriptor}", name, dst_dir_fd=folder)
            os.rename(name, path.name, src_dir_fd=folder, dst_dir_fd=folder)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(name, dir_fd=folder)
            raise
        finally:
            os.close(descriptor)
    finally:
        os.close(folder)


def _new_file(folder: int, name: str) -> int:
    """Return a descriptor of a file that has no name yet; of ``name`` where the file system knows only such."""
    unnamed = getattr(os, "O_TMPFILE", None)
    if unnamed is not None and Path("/proc/self/fd").is_dir():
        with contextlib.suppress(OSError):
            return os.open(".", os.O_WRONLY | unnamed | os.O_CLOEXEC, 0o600, dir_fd=folder)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.open(name, flags, 0o600, dir_fd=folder)


def _sweep(folder: int, begin: str) -> None:
    """Remove what processes left that were killed before they renamed their file."""
    for name in os.listdir(folder):
        if name.startswith(begin):
            with contextlib.suppress(OSError):
                if time.time() - os.lstat(name, dir_fd=folder).st_mtime > _OLD_SECONDS:
                    os.unlink(name, dir_fd=folder)
