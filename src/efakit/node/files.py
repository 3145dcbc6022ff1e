"""Small reads of sysfs and proc files below a root folder.

``os.open`` and ``os.read`` instead of ``open``: a node with 32 devices has over a thousand such files, and the
prolog reads them while a job waits.
"""

from __future__ import annotations

import errno
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    Value = TypeVar("Value")

_MOST_BYTES = 4096
# What this process lacks, or is not let do. It says nothing of what was to be read, and may be over a moment later.
OWN_LACK = frozenset(
    (
        *(errno.EACCES, errno.EAGAIN, errno.EINTR, errno.EMFILE, errno.ENFILE),
        *(errno.ENOBUFS, errno.ENOMEM, errno.EPERM, errno.ETIMEDOUT),
    )
)


def read_text(path: str) -> str:
    """Return the stripped text of a small file; raise OSError where it cannot be read."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        data = os.read(descriptor, _MOST_BYTES)
        if data[-1:] != b"\n":
            data = read_rest(descriptor, data, _MOST_BYTES)
        return data.decode("utf-8", "replace").strip()
    finally:
        os.closerange(descriptor, descriptor + 1)  # it does not fail: what was read is read


def read_rest(descriptor: int, data: bytes, most_bytes: int) -> bytes:
    """Return ``data`` and what follows it up to the file's end: a read that was cut short would be another number."""
    while data and len(data) < most_bytes:
        more = os.read(descriptor, most_bytes - len(data))
        if not more:
            break
        data += more
    return data


def read_text_or_none(path: str) -> str | None:
    """Return the stripped text of a small file, None where there is none or it cannot be read."""
    return told(read_text, path)[0]


def again(read: Callable[[str], Value], path: str) -> Value:
    """Return what ``read`` gives for a path; ask once more where this process is short of something."""
    try:
        return read(path)
    except OSError as error:
        if error.errno not in OWN_LACK:
            raise
    return read(path)


def told(read: Callable[[str], Value], path: str) -> tuple[Value | None, str | None]:
    """Return what ``read`` gives for a path, None where there is nothing; and why that is not known."""
    try:
        return again(read, path), None
    except (FileNotFoundError, NotADirectoryError):
        return None, None
    except OSError as error:
        return None, error.strerror or str(error)


def link_target(path: str) -> str:
    """Return the last part of a symbolic link's target; raise OSError where it cannot be read."""
    return os.path.basename(os.readlink(path))


def names_in(path: str) -> list[str]:
    """Return the sorted names in a folder; raise OSError where it cannot be listed."""
    return sorted(os.listdir(path))


def list_folder(path: str) -> list[str]:
    """Return the sorted names in a folder, an empty list where there is none or it cannot be listed."""
    return told(names_in, path)[0] or []


def link_name(path: str) -> str | None:
    """Return the last part of a symbolic link's target, None where it is no link or cannot be read."""
    return told(link_target, path)[0]


def below(root: str, *parts: str) -> str:
    """Join an absolute path's parts below ``root`` (``/`` on a real node, a folder in tests)."""
    return os.path.join(root, *parts)
