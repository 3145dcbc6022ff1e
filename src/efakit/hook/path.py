"""The way to a folder that root may use, gone part by part with a descriptor in hand.

Each folder on the way must belong to root or to the hook's own user, and must not be writable by others, unless it is
sticky, as /tmp is: there nobody replaces another's entry. A link on the way is followed where root or the own user made
it: who can turn a link decides where the path leads. The folder itself is no link, and others never write there. What
is missing is made with its mode in one step, below what passed.

No name is ever resolved twice and nothing is changed by name, so a user who swaps entries gains nothing: a chmod by
name would hit a file of the user's choice.
"""

from __future__ import annotations

import errno
import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

LIST = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# As many as the kernel follows (path_resolution(7)).
_MOST_LINKS = 40
# After a signal; a file system in user space may be interrupted in any call.
_MOST_TRIES = 100
# PATH_MAX: part by part a longer path could be made, and nobody could name it afterwards.
_PATH_LETTERS = 4096
_PARENTS_MODE = 0o755
# O_PATH needs no permission to list a folder. O_DIRECTORY has an automount done, which O_PATH alone has not (open(2);
# ``follow_automount`` in Linux, fs/namei.c).
_FOLDER = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Untrusted(OSError):
    """A folder or file that root code must not use."""


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
    descriptor, here = walk(_open_passed(None, "/", "/", None), "/", to_go, _PARENTS_MODE if make else None)
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


def walk(descriptor: int, here: str, to_go: list[str], make_mode: int | None) -> tuple[int, str]:
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
            close(descriptor)
            descriptor, here = found, entry
    except BaseException:
        close(descriptor)
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


def open_last(parent: int, name: str, path: str, make_mode: int | None) -> int:
    """Open the folder that is meant, made where it is missing; raise Untrusted."""
    try:
        descriptor = _open_or_make(parent, name, path, make_mode)
    except OSError as error:
        if error.errno in (errno.ENOTDIR, errno.ELOOP):
            refuse(reason_against(lstat(parent, name, path), path))
        raise
    return _judged(descriptor, path, passed=False)


def _judged(descriptor: int, path: str, *, passed: bool) -> int:
    try:
        refuse(reason_against(call(path, os.fstat, descriptor), path, passed=passed))
    except BaseException:
        close(descriptor)
        raise
    return descriptor


def _open_or_make(parent: int | None, name: str, path: str, make_mode: int | None) -> int:
    try:
        found: int = call(path, os.open, name, _FOLDER, dir_fd=parent)
    except FileNotFoundError:
        if make_mode is None:
            raise
        _make(parent, name, path, make_mode)
        found = call(path, os.open, name, _FOLDER, dir_fd=parent)
    return found


def _make(parent: int | None, name: str, path: str, mode: int) -> None:
    """Make a folder with exactly this mode, whatever the umask: one of 0700 that a killed hook left would stay so."""
    before = os.umask(~mode & 0o777)
    try:
        call(path, os.mkdir, name, mode, dir_fd=parent)
    except FileExistsError:
        return  # another run of the hook made it, or it is judged as somebody else's
    finally:
        os.umask(before)
    descriptor = call(path, os.open, name, LIST, dir_fd=parent)
    try:
        give_mode(descriptor, path, mode)
    finally:
        close(descriptor)


def give_mode(descriptor: int, path: str, mode: int) -> None:
    """Give what was made just now its mode where it has another: the umask took of it, or the parent's default ACL."""
    status = call(path, os.fstat, descriptor)
    if status.st_mode & 0o777 != mode and status.st_uid == os.geteuid():
        call(path, os.fchmod, descriptor, mode | status.st_mode & stat.S_ISGID)


def _follow(parent: int, name: str, path: str) -> str | None:
    """Return where a link on the way leads, None where it is no link; raise Untrusted where another made it."""
    status = lstat(parent, name, path)
    if not stat.S_ISLNK(status.st_mode):
        return None
    refuse(reason_against(status, path, passed=True))
    target: str = call(path, os.readlink, name, dir_fd=parent)
    return target


def lstat(parent: int, name: str, path: str) -> os.stat_result:
    """Return what is known of an entry; of a link itself, not of what it names."""
    status: os.stat_result = call(path, os.stat, name, dir_fd=parent, follow_symlinks=False)
    return status


def refuse(reason: str | None) -> None:
    """Raise Untrusted where there is a reason."""
    if reason:
        raise Untrusted(reason)


def close(descriptor: int, path: str | None = None) -> None:
    """Close a descriptor; raise OSError only where ``path`` was written, since a close may tell that this failed."""
    try:
        os.close(descriptor)
    except InterruptedError:
        pass  # it is closed all the same, and its number may be another's (close(2))
    except OSError as error:
        if path is not None:
            raise OSError(error.errno, error.strerror, path) from None


def call(path: str, function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
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
