"""Counters by files that stay open from one scrape to the next: opening a thousand takes three times the CPU.

A read of a sysfs file at offset 0 shows its present value (linux, Documentation/filesystems/sysfs.rst). Python 3.9.
"""

from __future__ import annotations

import os
import resource
from typing import TYPE_CHECKING

from efakit.node.counters import DEVICE_FOLDER, MOST_BYTES, NO_COUNTER, PORT_FOLDER, TOO_LARGE, read_counters

if TYPE_CHECKING:
    from efakit.node.counters import Reading


# What else this process opens, above all a folder and a file at a time of what is not kept.
_SPARE_FILES = 64
_ENOUGH_FILES = 1 << 16


class KeptFiles:
    """The open files of the folders of counters; for one process, which does nothing else."""

    def __init__(self) -> None:
        self._folders: dict[str, _KeptFolder] = {}

    def read(self, device_path: str) -> tuple[Reading, Reading]:
        """Return as ``read_counters`` does; whatever is not as it was is read by that."""
        try:
            port = self._read(os.path.join(device_path, PORT_FOLDER))
            own = self._read(os.path.join(device_path, DEVICE_FOLDER))
        except (OSError, ValueError):
            return read_counters(device_path)
        return port, own

    def _read(self, path: str) -> Reading:
        """Raise OSError or ValueError where not all of the folder can be read this way."""
        sign = _sign(path)
        kept = self._folders.get(path)
        if kept is None or kept.sign != sign:
            self._drop(path)
            kept = _KeptFolder(path, sign, self._room())
            self._folders[path] = kept
        try:
            return kept.read()
        except (OSError, ValueError):
            self._drop(path)
            raise

    def _room(self) -> int:
        """Return how many more files may be kept open."""
        return most_files() - _SPARE_FILES - sum(len(kept.files) for kept in self._folders.values())

    def _drop(self, path: str) -> None:
        kept = self._folders.pop(path, None)
        if kept is not None:
            kept.close()


def allow_many_files() -> None:
    """Let this process keep as many files open as it may: 32 devices have 1,200 counters; the usual limit is 1,024."""
    try:
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    except (OSError, ValueError):
        pass  # then some are opened each time


def most_files() -> int:
    """Return how many files this process may have open."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _ENOUGH_FILES if limit == resource.RLIM_INFINITY else limit


def _sign(path: str) -> tuple[int, int, int]:
    """Return what changes when the folder is another one, or has other files."""
    status = os.stat(path)
    return status.st_dev, status.st_ino, status.st_mtime_ns


class _KeptFolder:
    """A folder's open files, but for what is no counter; raises ValueError where it has more than ``room``."""

    def __init__(self, path: str, sign: tuple[int, int, int], room: int) -> None:
        self.sign = sign
        self.files: list[tuple[str, int]] = []
        try:
            folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                names = sorted(os.listdir(folder))
                if len(names) > room:
                    raise ValueError(path)
                for name in names:
                    if name != NO_COUNTER:
                        self.files.append((name, os.open(name, os.O_RDONLY | os.O_CLOEXEC, dir_fd=folder)))
            finally:
                os.close(folder)
        except (OSError, ValueError):
            self.close()
            raise

    def read(self) -> Reading:
        counters: dict[str, int] = {}
        read = os.pread
        for name, file in self.files:
            text = read(file, MOST_BYTES, 0)
            if not text.endswith(b"\n") or not text[:-1].isdigit():
                raise ValueError(name)
            counters[name] = number = int(text)
            if number >= TOO_LARGE:
                raise ValueError(name)
        return {"counters": counters, "errors": [], "own_errors": []}

    def close(self) -> None:
        for _, file in self.files:
            os.close(file)
        self.files = []
