"""Folders that root trusts, held by descriptor: what was judged is what is used, whoever renames in the meantime.

``open_folder`` goes from ``/`` part by part. Each folder on the way must belong to root or to the hook's own user, and
must not be writable by others, unless it is sticky, as /tmp is: there nobody replaces another's entry. A link on the
way is followed where root or the own user made it: who can turn a link decides where the path leads. The folder itself
is no link, and others never write there. What is missing is made with its mode in one step, below what passed.

No name is ever resolved twice and nothing is changed by name, so a user who swaps entries gains nothing: a chmod by
name would hit a file of the user's choice.
"""

from __future__ import annotations

import errno
import os
import stat
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

# At most so much is read of a file: settings, exports and notes; baselines and records.
SMALL_BYTES, LARGE_BYTES = 1 << 20, 1 << 24

# As many as the kernel follows (path_resolution(7)).
_MOST_LINKS = 40
# No hook writes a file for so long: its deadline is 60 seconds at most.
_ORPHAN_SECONDS = 3600.0
# After a signal; a file system in user space may be interrupted in any call.
_MOST_TRIES = 100
# A temporary file's name has three more parts than the file's, and 255 bytes at most.
_MOST_LETTERS = 200
# PATH_MAX: part by part a longer path could be made, and nobody could name it afterwards.
_PATH_LETTERS = 4096
_PARENTS_MODE = 0o755
# O_PATH needs no permission to list a folder. O_DIRECTORY has an automount done, which O_PATH alone has not (open(2);
# ``follow_automount`` in Linux, fs/namei.c).
_FOLDER = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_LIST = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Not to wait for a FIFO's writer.
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Untrusted(OSError):
    """A folder or file that root code must not use."""


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
        descriptor = _call(self.path, os.open, ".", _LIST, dir_fd=self._descriptor)
        try:
            found: list[str] = _call(self.path, os.listdir, descriptor)
        finally:
            _close(descriptor)
        return found

    def stat(self, name: str) -> os.stat_result:
        """Return what is known of an entry; of a link itself, not of what it names."""
        return _lstat(self._descriptor, name, self._path_of(name))

    def has_file(self, name: str) -> bool:
        """Return whether an entry is a regular file; not where it cannot be looked at."""
        try:
            return stat.S_ISREG(self.stat(name).st_mode)
        except OSError:
            return False

    def read(self, name: str, most_bytes: int) -> bytes:
        """Return what is in a regular file that only root or the own user can have written.

        Raises Untrusted for any other, and OSError (EFBIG) for one of more than ``most_bytes``.
        """
        path = self._path_of(name)
        try:
            descriptor = _call(path, os.open, name, _READ, dir_fd=self._descriptor)
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise Untrusted("%s is a symbolic link" % path) from None
            raise
        try:
            status = _call(path, os.fstat, descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise Untrusted("%s is no regular file" % path)
            _refuse(reason_against(status, path))
            return _read_all(descriptor, path, status.st_size, most_bytes)
        finally:
            _close(descriptor)

    def write(self, name: str, data: bytes, mode: int, *, durable: bool = False) -> None:
        """Write a file so that a reader sees all of it or nothing; with ``durable`` also after a crash of the machine.

        Where that fails nothing of it is left, and what had the name before is as it was.
        """
        path = self._path_of(name)
        temporary = ".%s.%d.%s" % (name[:_MOST_LETTERS], os.getpid(), os.urandom(4).hex())
        descriptor = -1
        try:
            descriptor = _call(path, os.open, temporary, _CREATE, mode, dir_fd=self._descriptor)
            _give_mode(descriptor, path, mode)
            view = memoryview(data)
            while view:
                view = view[_call(path, os.write, descriptor, view) :]
            if durable:
                _call(path, os.fsync, descriptor)
            written, descriptor = descriptor, -1
            _close(written, path)
            here = self._descriptor
            _call(path, os.rename, temporary, name, src_dir_fd=here, dst_dir_fd=here)
        except BaseException:
            if descriptor >= 0:
                _close(descriptor)
            try:
                _call(path, os.unlink, temporary, dir_fd=self._descriptor)
            except OSError:
                pass  # the first failure is the one to tell
            raise
        if durable:
            self.sync()

    def remove(self, name: str) -> bool:
        """Remove a file or a link; return whether it was there."""
        try:
            _call(self._path_of(name), os.unlink, name, dir_fd=self._descriptor)
        except FileNotFoundError:
            return False
        return True

    def move(self, name: str, to: Folder) -> bool:
        """Move an entry to another folder, over what has its name there; return whether it was here."""
        path = self._path_of(name)
        try:
            _call(path, os.rename, name, name, src_dir_fd=self._descriptor, dst_dir_fd=to._descriptor)
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
        """Remove a file under whose name ``write`` began, where the hook that wrote it must have been killed."""
        if abs(self.age_seconds(name)) > _ORPHAN_SECONDS:
            try:
                self.remove(name)
            except OSError:
                pass  # a folder, say, which is none of ours

    def sync(self, name: str | None = None) -> None:
        """Put a file's content, or without a name the folder's own entries, on stable storage."""
        path = self.path if name is None else self._path_of(name)
        part, flags = (".", _LIST) if name is None else (name, _READ)
        descriptor = _call(path, os.open, part, flags, dir_fd=self._descriptor)
        try:
            _call(path, os.fsync, descriptor)
        finally:
            _close(descriptor)

    def sub(self, name: str, make_mode: int | None = None, *, on_the_way: bool = False) -> Folder:
        """Open a folder in this one, as ``open_folder`` does.

        One that is only ``on_the_way`` to another may be sticky, and a link of root's, which is followed.
        """
        path = self._path_of(name)
        if on_the_way:
            return Folder(*_walk(os.dup(self._descriptor), self.path, [name], make_mode))
        return Folder(_open_last(self._descriptor, name, path, make_mode), path)

    def close(self) -> None:
        """Let go of the folder."""
        descriptor, self._descriptor = self._descriptor, -1
        # In a child the number may be another file's by now.
        if descriptor >= 0 and self._process == os.getpid():
            _close(descriptor)

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
        return Folder(_open_last(parent, name, whole, make_mode), whole)
    finally:
        _close(parent)


def open_parent(path: str, *, make: bool = False) -> tuple[int, str, str]:
    """Return a descriptor of the folder that holds ``path``, the name there, and the path with its links followed.

    Of ``/`` and of a path that ends in two dots that is the folder itself, with the name ``.``. Only the way is judged,
    not what the name means. Raises Untrusted, or OSError.
    """
    # Not abspath: it would drop "link/..", which the kernel follows.
    if len(path) >= _PATH_LETTERS:
        raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG), path)
    to_go = _parts(_absolute(path))
    name = to_go.pop(0) if to_go and to_go[0] != ".." else "."
    descriptor, here = _walk(_open_passed(None, "/", "/", None), "/", to_go, _PARENTS_MODE if make else None)
    return descriptor, name, here if name == "." else os.path.join(here, name)


def reason_against(status: os.stat_result, path: str, *, passed: bool = False) -> str | None:
    """Return why what has this status must not be used, None where it may; ``passed`` where it is only on the way."""
    if status.st_uid not in (0, os.geteuid()):
        return "%s belongs to user %d" % (path, status.st_uid)
    is_link = stat.S_ISLNK(status.st_mode)
    if is_link and not passed:
        return "%s is a symbolic link" % path
    is_kept = is_link or status.st_mode & stat.S_ISVTX
    if status.st_mode & 0o022 and not (passed and is_kept):
        return "%s may be written by others (mode %04o)" % (path, stat.S_IMODE(status.st_mode))
    return None


def distrust(path: str) -> str | None:
    """Return why ``path`` must not be used, None where it may be; raise OSError where it cannot be looked at.

    For a path that another program uses later; what the hook itself uses it opens by ``open_folder``.
    """
    try:
        parent, name, whole = open_parent(path)
    except Untrusted as error:
        return str(error)
    try:
        return reason_against(_lstat(parent, name, whole), whole)
    finally:
        _close(parent)


def _walk(descriptor: int, here: str, to_go: list[str], make_mode: int | None) -> tuple[int, str]:
    """Go from a folder, whose descriptor this closes, through the parts ``to_go``, the next one last.

    Returns the descriptor and the path of where that leads; a link is followed where it may be.
    """
    links = 0
    try:
        while to_go:
            part = to_go.pop()
            entry = os.path.dirname(here) if part == ".." else os.path.join(here, part)
            try:
                found = _open_passed(descriptor, part, entry, make_mode)
            except OSError as error:
                # What is no folder may be a link: ENOTDIR says Linux, ELOOP another system.
                target = _follow(descriptor, part, entry) if error.errno in (errno.ENOTDIR, errno.ELOOP) else None
                if target is None:
                    raise
                links += 1
                if links > _MOST_LINKS:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), entry) from None
                to_go += _parts(target)
                if not target.startswith("/"):
                    continue
                entry = "/"
                found = _open_passed(None, "/", "/", None)
            _close(descriptor)
            descriptor, here = found, entry
    except BaseException:
        _close(descriptor)
        raise
    return descriptor, here


def _parts(path: str) -> list[str]:
    """Return the parts of a path, the first one last."""
    return [part for part in path.split("/")[::-1] if part not in ("", ".")]


def _absolute(path: str) -> str:
    return path if path.startswith("/") else os.path.join(os.getcwd(), path)


def _open_passed(parent: int | None, name: str, path: str, make_mode: int | None) -> int:
    """Open a folder on the way, made where it is missing; raise Untrusted where it may lead anywhere."""
    return _judged(_open_or_make(parent, name, path, make_mode), path, passed=True)


def _open_last(parent: int, name: str, path: str, make_mode: int | None) -> int:
    """Open the folder that is meant, made where it is missing; raise Untrusted."""
    try:
        descriptor = _open_or_make(parent, name, path, make_mode)
    except OSError as error:
        if error.errno in (errno.ENOTDIR, errno.ELOOP):
            _refuse(reason_against(_lstat(parent, name, path), path))
        raise
    return _judged(descriptor, path, passed=False)


def _judged(descriptor: int, path: str, *, passed: bool) -> int:
    try:
        _refuse(reason_against(_call(path, os.fstat, descriptor), path, passed=passed))
    except BaseException:
        _close(descriptor)
        raise
    return descriptor


def _open_or_make(parent: int | None, name: str, path: str, make_mode: int | None) -> int:
    try:
        found: int = _call(path, os.open, name, _FOLDER, dir_fd=parent)
    except FileNotFoundError:
        if make_mode is None:
            raise
        _make(parent, name, path, make_mode)
        found = _call(path, os.open, name, _FOLDER, dir_fd=parent)
    return found


def _make(parent: int | None, name: str, path: str, mode: int) -> None:
    """Make a folder with exactly this mode, whatever the umask: one of 0700 that a killed hook left would stay so."""
    before = os.umask(~mode & 0o777)
    try:
        _call(path, os.mkdir, name, mode, dir_fd=parent)
    except FileExistsError:
        return  # another run of the hook made it, or it is judged as somebody else's
    finally:
        os.umask(before)
    descriptor = _call(path, os.open, name, _LIST, dir_fd=parent)
    try:
        _give_mode(descriptor, path, mode)
    finally:
        _close(descriptor)


def _give_mode(descriptor: int, path: str, mode: int) -> None:
    """Give what was made just now its mode where it has another: the umask took of it, or the parent's default ACL."""
    status = _call(path, os.fstat, descriptor)
    if status.st_mode & 0o777 != mode and status.st_uid == os.geteuid():
        _call(path, os.fchmod, descriptor, mode | status.st_mode & stat.S_ISGID)


def _follow(parent: int, name: str, path: str) -> str | None:
    """Return where a link on the way leads, None where it is no link; raise Untrusted where another made it."""
    status = _lstat(parent, name, path)
    if not stat.S_ISLNK(status.st_mode):
        return None
    _refuse(reason_against(status, path, passed=True))
    target: str = _call(path, os.readlink, name, dir_fd=parent)
    return target


def _lstat(parent: int, name: str, path: str) -> os.stat_result:
    status: os.stat_result = _call(path, os.stat, name, dir_fd=parent, follow_symlinks=False)
    return status


def _refuse(reason: str | None) -> None:
    if reason:
        raise Untrusted(reason)


def _read_all(descriptor: int, path: str, size: int, most_bytes: int) -> bytes:
    parts: list[bytes] = []
    left = most_bytes
    # One byte more than there should be: the end of the file comes with the second read.
    chunk = min(size, most_bytes) + 1
    while True:
        part = _call(path, os.read, descriptor, chunk)
        if not part:
            return b"".join(parts)
        parts.append(part)
        left -= len(part)
        if left < 0:
            raise OSError(errno.EFBIG, "more than %d bytes" % most_bytes, path)
        chunk = min(left + 1, 1 << 20)


def _close(descriptor: int, path: str | None = None) -> None:
    """Close a descriptor; raise OSError only where ``path`` was written, since a close may tell that this failed."""
    try:
        os.close(descriptor)
    except InterruptedError:
        pass  # it is closed all the same, and its number may be another's (close(2))
    except OSError as error:
        if path is not None:
            raise OSError(error.errno, error.strerror, path) from None


def _call(path: str, function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """Call ``function``, again where a signal interrupted it; an error names the whole path, not its last part."""
    for tries in range(_MOST_TRIES):
        try:
            return function(*arguments, **options)
        except InterruptedError:
            if tries == _MOST_TRIES - 1:
                raise
        except OSError as error:
            raise OSError(error.errno, error.strerror, path) from None
        except ValueError as error:  # a zero byte, or what is no text
            raise OSError(errno.EINVAL, "not a path: %s" % error, path) from None
    return None
