"""What a node has of efakit's exporter, by files alone: no program is run and no port is asked.

Whether its unit runs is read off its control group, which systemd makes while it does (systemd.exec(5), cgroups(7)).
"""

from __future__ import annotations

import os

from efakit.node.files import below, read_text, told

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypedDict

    from efakit.node.inventory import Unread

    class ExporterState(TypedDict):
        """What is known of the exporter; None: not known, or, of ``version`` and ``listen``, not there.

        ``installed``: the program that ``install-exporter.sh`` puts there. ``unit``: ``ours`` runs it, ``other`` is
        somebody's of the same name, ``none``. ``listen`` is where it answers, such as 127.0.0.1:9764.
        """

        installed: bool | None
        version: str | None
        unit: str | None
        enabled: bool | None
        active: bool | None
        listen: str | None


PROGRAM, UNIT = "/opt/efakit/efakit-exporter.pyz", "efakit-exporter.service"
DEFAULT_LISTEN = "127.0.0.1:9764"
_UNITS = "etc/systemd/system"
_SLICES = ("sys/fs/cgroup/system.slice", "sys/fs/cgroup/systemd/system.slice", "sys/fs/cgroup/unified/system.slice")
_VERSION = b'\n__version__ = "'
_MOST_BYTES, _MOST_LETTERS = 1 << 24, 64


def exporter_state(root: str, unread: list[Unread]) -> ExporterState:
    """Return what the node below ``root`` has of the exporter."""
    data, why = told(_read, below(root, PROGRAM.lstrip("/")))
    if why is not None:
        unread.append({"what": PROGRAM, "why": why})
    text, why_unit = told(read_text, below(root, _UNITS, UNIT))
    if why_unit is not None:
        unread.append({"what": "/%s/%s" % (_UNITS, UNIT), "why": why_unit})
    line = _command(text or "")
    unit = None if why_unit is not None else "none" if text is None else "ours" if PROGRAM in line else "other"
    return {
        "installed": None if why is not None else data is not None,
        "version": _version(data or b""),
        "unit": unit,
        "enabled": _enabled(root),
        "active": _active(root),
        "listen": _listen(line) if unit == "ours" and not _changed(root) else None,
    }


def _read(path: str) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        data = bytearray()
        while len(data) < _MOST_BYTES:
            chunk = os.read(descriptor, 1 << 20)
            if not chunk:
                break
            data += chunk
        return bytes(data)
    finally:
        os.closerange(descriptor, descriptor + 1)


def _version(data: bytes) -> str | None:
    """Return the version in the program, whose modules are stored as they are (``emit/exporter_archive.py``)."""
    _, found, rest = data.partition(_VERSION)
    version = rest[:_MOST_LETTERS].partition(b'"')[0]
    return version.decode("ascii", "replace") if found and version and b"\n" not in version else None


def _command(text: str) -> str:
    lines = [line.partition("=")[2] for line in text.splitlines() if line.startswith("ExecStart=")]
    return lines[-1] if lines else ""


def _listen(line: str) -> str:
    words = line.split()
    place = words.index("--listen") + 1 if "--listen" in words else len(words)
    return words[place] if place < len(words) else DEFAULT_LISTEN


def _changed(root: str) -> bool:
    """Return whether the site changes the unit by files of its own."""
    return any(told(os.stat, below(root, folder, UNIT + ".d"))[0] for folder in (_UNITS, "run/systemd/system"))


def _enabled(root: str) -> bool | None:
    there, why = told(os.lstat, below(root, _UNITS, "multi-user.target.wants", UNIT))
    return None if why is not None else there is not None


def _active(root: str) -> bool | None:
    seen = False
    for folder in _SLICES:
        if told(os.stat, below(root, folder))[0] is None:
            continue
        processes, why = told(read_text, below(root, folder, UNIT, "cgroup.procs"))
        if processes:
            return True
        seen = seen or why is None
    return False if seen else None
