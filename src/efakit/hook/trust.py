"""Decides whether root code may use a file or folder.

Root reads and writes nothing that somebody else could have put there: the path itself and every folder above it must
belong to root or to the hook's own user and must not be writable by others. A folder above it that others may
write is fine where it is sticky, as /tmp is, since there nobody can replace another's entry. The same holds of each
link above it, and of the folder in which that lies: who can turn a link decides where the path leads.
"""

from __future__ import annotations

import errno
import os
import stat

from efakit.hook.json_text import loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# As many as the kernel follows (path_resolution(7)).
_MOST_LINKS = 40
_MOST_BYTES = 1 << 20


def distrust(path: str) -> str | None:
    """Return why ``path`` must not be used, None where it may be; raise OSError where it cannot be looked at."""
    own = (0, os.geteuid())
    # Not abspath: it would drop "link/..", which the kernel follows.
    path = path.rstrip("/") if path.startswith("/") else os.path.join(os.getcwd(), path)
    path = path or "/"
    status = os.lstat(path)
    if stat.S_ISLNK(status.st_mode):
        return "%s is a symbolic link" % path
    if status.st_uid not in own:
        return "%s belongs to user %d" % (path, status.st_uid)
    if status.st_mode & 0o022:
        return "%s may be written by others (mode %04o)" % (path, stat.S_IMODE(status.st_mode))
    # What counts is who may change the way to it: the folders really passed through, and those that hold a link on it.
    for passed in _passed(os.path.dirname(path)):
        status = os.lstat(passed)
        if status.st_uid not in own:
            return "%s belongs to user %d" % (passed, status.st_uid)
        if stat.S_ISDIR(status.st_mode) and status.st_mode & 0o022 and not status.st_mode & stat.S_ISVTX:
            return "%s may be written by others (mode %04o)" % (passed, stat.S_IMODE(status.st_mode))
    return None


def load_trusted(path: str) -> dict[str, Any] | None:
    """Return the object in a JSON file that only root, or this process's user, can have written; None otherwise."""
    try:
        if distrust(path):
            return None
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            value = loads(os.read(descriptor, _MOST_BYTES).decode())
        finally:
            os.close(descriptor)
    except (OSError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _passed(folder: str) -> list[str]:
    """Return each folder and each link that the kernel passes on its way to a folder's entries; raise OSError."""
    passed = ["/"]
    here, to_go, links = "/", folder.split("/")[::-1], 0
    while to_go:
        part = to_go.pop()
        if part in ("", "."):
            continue
        if part == "..":
            here = os.path.dirname(here)
            continue
        entry = os.path.join(here, part)
        passed.append(entry)
        if not stat.S_ISLNK(os.lstat(entry).st_mode):
            here = entry
            continue
        links += 1
        if links > _MOST_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), entry)
        target = os.readlink(entry)
        here = "/" if target.startswith("/") else here
        to_go += target.split("/")[::-1]
    return passed
