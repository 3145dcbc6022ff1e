"""Reads files that only root, or the hook's own user, can have written: see ``hook.path`` for the rules."""

from __future__ import annotations

import errno

from efakit.hook.folder import LARGE_BYTES, SMALL_BYTES, Folder, open_holder
from efakit.hook.json_text import loads
from efakit.hook.path import Untrusted, close, lstat, open_parent, reason_against

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["distrust", "load_from", "load_or_damage", "load_trusted", "read_trusted"]


def distrust(path: str) -> str | None:
    """Return why ``path`` must not be used, None where it may be; raise OSError where it cannot be looked at.

    For a path that another program uses later; what the hook itself uses it opens by ``open_folder``.
    """
    try:
        parent, name, whole = open_parent(path)
    except Untrusted as error:
        return str(error)
    try:
        return reason_against(lstat(parent, name, whole), whole)
    finally:
        close(parent)


def read_trusted(path: str, most_bytes: int = SMALL_BYTES) -> bytes:
    """Return what is in a file; raise Untrusted where somebody else can have written it, OSError as ``Folder.read``."""
    folder, name = open_holder(path)
    with folder:
        return folder.read(name, most_bytes)


def load_trusted(path: str, most_bytes: int = SMALL_BYTES) -> dict[str, Any] | None:
    """Return the object in a JSON file that only root, or this process's user, can have written; None otherwise."""
    try:
        return _object(read_trusted(path, most_bytes))
    except (OSError, ValueError, RecursionError):
        return None


def load_from(folder: Folder, name: str, most_bytes: int) -> dict[str, Any] | None:
    """Return the object in a JSON file of a folder, None where there is none that can be read."""
    try:
        return _object(folder.read(name, most_bytes))
    except (OSError, ValueError, RecursionError):
        return None


def load_or_damage(folder: Folder, name: str) -> tuple[dict[str, Any] | None, bool]:
    """Return the object in a JSON file of a folder, and whether what is there can never be read as one.

    Neither where it went just now, or where this process or the disk lacks something at the moment. What is no file of
    the hook's own, a FIFO say, stays as it is.
    """
    try:
        value = _object(folder.read(name, LARGE_BYTES))
    except OSError as error:
        return None, error.errno == errno.EFBIG
    except (ValueError, RecursionError):
        return None, True
    return value, value is None


def _object(data: bytes) -> dict[str, Any] | None:
    value = loads(data.decode())
    return value if isinstance(value, dict) else None
