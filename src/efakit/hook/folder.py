"""Folders that root trusts, held by descriptor: what was judged is what is used, whoever renames in the meantime.

Whom root trusts on the way to a folder, ``hook.path`` tells.
"""

from __future__ import annotations

import errno
import os
import stat
import time

from efakit.hook.path import (
    LIST,
    Untrusted,
    call,
    close,
    give_mode,
    lstat,
    open_last,
    open_parent,
    reason_against,
    refuse,
    walk,
)
from efakit.node.unique import random_hex

__all__ = ["LARGE_BYTES", "SMALL_BYTES", "Folder", "Untrusted", "open_folder", "open_holder"]

# At most so much is read of a file: settings, exports and notes; baselines and records.
SMALL_BYTES, LARGE_BYTES = 1 << 20, 1 << 24

# No hook writes a file for so long: its deadline is 60 seconds at most.
_ORPHAN_SECONDS = 3600.0
# A temporary file's name has three more parts than the file's, and 255 bytes at most.
_MOST_LETTERS = 200
# Not to wait for a FIFO's writer.
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_APPEND = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Folder:
    """A folder that root may use, held by its descriptor; every method raises OSError.

    Names are of entries of this folder alone. ``path`` is for messages. Not for use in a child of ``node.bounded``,
    which closes what it inherits.
    """

    def __init__(self, descriptor: int, path: str) -> None:
        self.path = path
        self._descriptor = descriptor
        self._process = os.getpid()

    def names(self) -> list[str]:
        """Return the names of all entries, in no order."""
        descriptor = call(self.path, os.open, ".", LIST, dir_fd=self._descriptor)
        try:
            found: list[str] = call(self.path, os.listdir, descriptor)
        finally:
            close(descriptor)
        return found

    def stat(self, name: str) -> os.stat_result:
        """Return what is known of an entry; of a link itself, not of what it names."""
        return lstat(self._descriptor, name, self._path_of(name))

    def has_file(self, name: str) -> bool:
        """Return whether an entry is a regular file; not where it cannot be looked at."""
        try:
            return stat.S_ISREG(self.stat(name).st_mode)
        except OSError:
            return False

    def read(self, name: str, most_bytes: int) -> bytes:
        """Return what is in a regular file that only root or the own user can have written.

        Raises Untrusted for any other, and OSError (EFBIG) for one of more than ``most_bytes``. What a disk refuses is
        asked for once more: a baseline that is not read costs a job all that was counted.
        """
        try:
            return self._read_once(name, most_bytes)
        except (FileNotFoundError, Untrusted):
            raise
        except OSError as error:
            if error.errno == errno.EFBIG:
                raise
        return self._read_once(name, most_bytes)

    def _read_once(self, name: str, most_bytes: int) -> bytes:
        path = self._path_of(name)
        try:
            descriptor = call(path, os.open, name, _READ, dir_fd=self._descriptor)
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise Untrusted("%s is a symbolic link" % path) from None
            raise
        try:
            status = call(path, os.fstat, descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise Untrusted("%s is not a regular file" % path)
            refuse(reason_against(status, path))
            return _read_all(descriptor, path, status.st_size, most_bytes)
        finally:
            close(descriptor)

    def write(self, name: str, data: bytes, mode: int, *, durable: bool = False) -> None:
        """Write a file so that a reader sees all of it or nothing; with ``durable`` also after a crash of the machine.

        Where that fails nothing of it is left, and what had the name before is as it was.
        """
        path = self._path_of(name)
        temporary = ".%s.%d.%s" % (name[:_MOST_LETTERS], os.getpid(), random_hex(4))
        descriptor = -1
        try:
            descriptor = call(path, os.open, temporary, _CREATE, mode, dir_fd=self._descriptor)
            give_mode(descriptor, path, mode)
            view = memoryview(data)
            while view:
                view = view[call(path, os.write, descriptor, view) :]
            if durable:
                call(path, os.fsync, descriptor)
            written, descriptor = descriptor, -1
            close(written, path)
            here = self._descriptor
            call(path, os.rename, temporary, name, src_dir_fd=here, dst_dir_fd=here)
        except BaseException:
            if descriptor >= 0:
                close(descriptor)
            try:
                call(path, os.unlink, temporary, dir_fd=self._descriptor)
            except OSError:
                pass  # the first failure is the one to tell
            raise
        if durable:
            self.sync()

    def append(self, name: str, data: bytes, mode: int, most_bytes: int) -> None:
        """Add to a file, made where it is missing; one with more than ``most_bytes`` begins anew."""
        path = self._path_of(name)
        descriptor = call(path, os.open, name, _APPEND, mode, dir_fd=self._descriptor)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise Untrusted("%s is not a regular file" % path)
            refuse(reason_against(status, path))
            if status.st_size > most_bytes:
                call(path, os.ftruncate, descriptor, 0)
            call(path, os.write, descriptor, data)
        finally:
            close(descriptor)

    def remove(self, name: str) -> bool:
        """Remove a file or a link; return whether it was there."""
        try:
            call(self._path_of(name), os.unlink, name, dir_fd=self._descriptor)
        except FileNotFoundError:
            return False
        return True

    def move(self, name: str, to: Folder) -> bool:
        """Move an entry to another folder, over what has its name there; return whether it was here."""
        path = self._path_of(name)
        try:
            call(path, os.rename, name, name, src_dir_fd=self._descriptor, dst_dir_fd=to._descriptor)
        except FileNotFoundError:
            return False
        return True

    def age_seconds(self, name: str) -> float:
        """Return how long ago an entry was written, by the node's clock; 0 where it cannot be looked at."""
        try:
            return time.time() - self.stat(name).st_mtime
        except OSError:
            return 0.0

    def remove_orphan(self, name: str) -> None:
        """Remove what is of use to one run of a hook alone, where it is older than any that runs may be."""
        if abs(self.age_seconds(name)) > _ORPHAN_SECONDS:
            try:
                self.remove(name)
            except OSError:
                pass  # a folder, say, which is none of ours

    def sync(self, name: str | None = None) -> None:
        """Put a file's content, or without a name the folder's own entries, on stable storage."""
        path = self.path if name is None else self._path_of(name)
        part, flags = (".", LIST) if name is None else (name, _READ)
        descriptor = call(path, os.open, part, flags, dir_fd=self._descriptor)
        try:
            call(path, os.fsync, descriptor)
        finally:
            close(descriptor)

    def sub(self, name: str, make_mode: int | None = None, *, on_the_way: bool = False) -> Folder:
        """Open a folder in this one, as ``open_folder`` does.

        One that is only ``on_the_way`` to another may be sticky, and a link of root's, which is followed.
        """
        path = self._path_of(name)
        if on_the_way:
            return Folder(*walk(os.dup(self._descriptor), self.path, [name], make_mode))
        return Folder(open_last(self._descriptor, name, path, make_mode), path)

    def close(self) -> None:
        """Let go of the folder."""
        descriptor, self._descriptor = self._descriptor, -1
        # In a child the number may be another file's by now.
        if descriptor >= 0 and self._process == os.getpid():
            close(descriptor)

    def __enter__(self) -> Folder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()

    def _path_of(self, name: str) -> str:
        path = os.path.join(self.path, name)
        if "/" in name or name in ("", ".", ".."):
            raise OSError(errno.EINVAL, "not the name of an entry", path)
        return path


def open_folder(path: str, make_mode: int | None = None) -> Folder:
    """Open a folder that root may use; raise Untrusted where it may not, OSError where it cannot.

    With ``make_mode`` it is made with that mode where it is missing; the folders above it with 0755.
    """
    parent, name, whole = open_parent(path, make=make_mode is not None)
    try:
        return Folder(open_last(parent, name, whole, make_mode), whole)
    finally:
        close(parent)


def open_holder(path: str) -> tuple[Folder, str]:
    """Open the folder that holds a file, which may itself be sticky or a link of root's; return the file's name too."""
    parent, name, whole = open_parent(path)
    return Folder(parent, os.path.dirname(whole)), name


def _read_all(descriptor: int, path: str, size: int, most_bytes: int) -> bytes:
    parts: list[bytes] = []
    left = most_bytes
    # One byte more than there should be: the end of the file comes with the second read.
    chunk = min(size, most_bytes) + 1
    while True:
        part = call(path, os.read, descriptor, chunk)
        if not part:
            return b"".join(parts)
        parts.append(part)
        left -= len(part)
        if left < 0:
            raise OSError(errno.EFBIG, "more than %d bytes" % most_bytes, path)
        chunk = min(left + 1, 1 << 20)
