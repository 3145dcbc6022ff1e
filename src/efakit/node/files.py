"""Small reads of sysfs and proc files below a root folder.

``os.open`` and ``os.read`` instead of ``open``: a node with 32 devices has over a thousand such files, and the
prolog reads them while a job waits.
"""

from __future__ import annotations

import os

_MOST_BYTES = 4096


def read_text(path: str) -> str:
    """Return the stripped text of a small file; raise OSError where it cannot be read."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, _MOST_BYTES).decode("utf-8", "replace").strip()
    finally:
        os.close(descriptor)


def read_text_or_none(path: str) -> str | None:
    """Return the stripped text of a small file, None where there is none or it cannot be read."""
    try:
        return read_text(path)
    except OSError:
        return None


def list_folder(path: str) -> list[str]:
    """Return the sorted names in a folder, an empty list where there is no such folder."""
    try:
        return sorted(os.listdir(path))
    except OSError:
        return []


def link_name(path: str) -> str | None:
    """Return the last part of a symbolic link's target, None where it is no link."""
    try:
        return os.path.basename(os.readlink(path))
    except OSError:
        return None


def below(root: str, *parts: str) -> str:
    """Join an absolute path's parts below ``root`` (``/`` on a real node, a folder in tests)."""
    return os.path.join(root, *parts)
