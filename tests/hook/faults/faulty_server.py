"""Serves a FUSE file system for FaultyMount: faulty_server.py MOUNTPOINT BACKING RULES

RULES is a JSON list of [operation, pattern of a path, error number], where the number 0 means that the operation is not
answered until the rule is gone. It is read anew for each operation.
"""

from __future__ import annotations

import fnmatch
import json
import os
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import mfusepy

HANG = 0
STARTED = b"mounted\n"
_ATTRIBUTES = ("st_mode", "st_nlink", "st_uid", "st_gid", "st_size", "st_ino")


class Passthrough(mfusepy.Operations):  # type: ignore[misc]
    """Shows the backing folder; before each operation it looks at the rules."""

    use_ns = True

    def __init__(self, backing: str, rules_file: str) -> None:
        self.backing, self.rules_file = backing, Path(rules_file)

    def init(self, path: str) -> None:
        os.write(1, STARTED)
        os.close(1)

    def getattr(self, path: str, fh: int | None = None) -> dict[str, Any]:
        status = self.at("getattr", path).lstat()
        return {name: getattr(status, name) for name in _ATTRIBUTES} | {"st_mtime": status.st_mtime_ns}

    def readdir(self, path: str, fh: int) -> list[str]:
        return [".", "..", *(entry.name for entry in self.at("readdir", path).iterdir())]

    def readlink(self, path: str) -> str:
        return str(self.at("readlink", path).readlink())

    def open(self, path: str, flags: int) -> int:
        return os.open(self.at("open", path), flags & ~os.O_CREAT)

    def create(self, path: str, mode: int, fi: Any = None) -> int:
        return os.open(self.at("create", path), os.O_RDWR | os.O_CREAT, mode)

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        self.at("read", path)
        return os.pread(fh, size, offset)

    def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
        self.at("write", path)
        return os.pwrite(fh, data, offset)

    def fsync(self, path: str, datasync: int, fh: int) -> int:
        self.at("fsync", path)
        return 0

    def flush(self, path: str, fh: int) -> int:
        self.at("flush", path)
        return 0

    def release(self, path: str, fh: int) -> int:
        os.close(fh)
        return 0

    def truncate(self, path: str, length: int, fh: int | None = None) -> int:
        os.truncate(self.at("truncate", path), length)
        return 0

    def mkdir(self, path: str, mode: int) -> int:
        self.at("mkdir", path).mkdir(mode)
        return 0

    def chmod(self, path: str, mode: int) -> int:
        self.at("chmod", path).chmod(mode)
        return 0

    def rename(self, old: str, new: str) -> int:
        self.at("rename", old).rename(self.backing + new)
        return 0

    def unlink(self, path: str) -> int:
        self.at("unlink", path).unlink()
        return 0

    def at(self, operation: str, path: str) -> Path:
        """Return where a path lies behind the mount; before that, do what the rules say of the operation."""
        while (code := self._fault(operation, path)) == HANG:
            time.sleep(0.05)
        if code is not None:
            raise OSError(code, os.strerror(code))
        return Path(self.backing + path)

    def _fault(self, operation: str, path: str) -> int | None:
        for of, pattern, code in json.loads(self.rules_file.read_text()):
            if of == operation and fnmatch.fnmatch(path, pattern):
                return int(code)
        return None


def main(mountpoint: str, backing: str, rules_file: str) -> None:
    """Serve until the file system is unmounted or its connection aborted."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.umask(0)
    # Each request reaches the server: no caches. A thread that hangs is not there for the next request.
    options: Mapping[str, Any] = {
        "attr_timeout": 0,
        "entry_timeout": 0,
        "negative_timeout": 0,
        "direct_io": True,
        "foreground": True,
        "nothreads": False,
        "max_threads": 1000,
        "fsname": "faulty",
    }
    mfusepy.FUSE(Passthrough(backing, rules_file), mountpoint, **options)


if __name__ == "__main__":
    main(*sys.argv[1:])
