"""Decides whether root code may use a file or folder.

Root reads and writes nothing that somebody else could have put there: the path itself and every folder above it must
belong to root or to the hook's own user and must not be writable by others. A folder above it that others may
write is fine where it is sticky, as /tmp is, since there nobody can replace another's entry.
"""

from __future__ import annotations

import os
import stat


def distrust(path: str) -> str | None:
    """Return why ``path`` must not be used, None where it may be; raise OSError where it cannot be looked at."""
    own = (0, os.geteuid())
    path = os.path.abspath(path)
    status = os.lstat(path)
    if stat.S_ISLNK(status.st_mode):
        return "%s is a symbolic link" % path
    if status.st_uid not in own:
        return "%s belongs to user %d" % (path, status.st_uid)
    if status.st_mode & 0o022:
        return "%s may be written by others (mode %04o)" % (path, stat.S_IMODE(status.st_mode))
    # Links above it (such as /var/run) are resolved: what counts is who may write the folders really passed through.
    folder = os.path.realpath(os.path.dirname(path))
    while True:
        status = os.lstat(folder)
        if status.st_uid not in own:
            return "%s belongs to user %d" % (folder, status.st_uid)
        if status.st_mode & 0o022 and not status.st_mode & stat.S_ISVTX:
            return "%s may be written by others (mode %04o)" % (folder, stat.S_IMODE(status.st_mode))
        if folder == os.path.dirname(folder):
            return None
        folder = os.path.dirname(folder)
