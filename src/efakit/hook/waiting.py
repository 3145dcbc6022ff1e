"""The records that wait in the spool's folder ``outbox`` until they are published.

The spool never fills the node's disk: it has a limit of size and of age. What cannot be read is set aside and holds up
nothing. Records are dropped last, the oldest first, and counted.
"""

from __future__ import annotations

import stat

from efakit.hook.folder import LARGE_BYTES
from efakit.hook.json_text import dumps
from efakit.hook.trust import load_from, load_or_damage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from efakit.hook.folder import Folder


# What seems older was written while the node's clock began at the epoch.
_SANE_SECONDS = 10 * 365 * 86400.0


class Waiting:
    """The waiting records of one node; methods raise OSError. ``damaged``: how many files were set aside."""

    def __init__(self, folder: Folder, aside: Folder, node: str) -> None:
        self._folder = folder
        self.aside = aside
        self._node = node
        self.damaged = 0

    def keep(self, record: Mapping[str, Any]) -> None:
        """Keep a record until it is published."""
        self._folder.write(self._name_of(record), dumps(record).encode(), 0o600)

    def load(self, record: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return what waits of a record, by its ``job_id`` and ``record_id``; None where it does not."""
        return load_from(self._folder, self._name_of(record), LARGE_BYTES)

    def _name_of(self, record: Mapping[str, Any]) -> str:
        return "%s.%d.%s.json" % (self._node, record["job_id"], record["record_id"])

    def records(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Give the name and content of each record that is not published yet, the newest first.

        Behind many that wait, the job that ended just now would else not get its turn before the deadline. What is no
        record at all is set aside: it could never be published.
        """
        for _, size, name in sorted(self._files(), reverse=True):
            record, damaged = load_or_damage(self._folder, name) if size else (None, True)
            if record is not None:
                yield name, record
            elif damaged:
                self.set_aside(name)

    def is_waiting(self, name: str) -> bool:
        """Return whether a record of that name waits, or may: where the spool cannot be looked at."""
        try:
            self._folder.stat(name)
        except FileNotFoundError:
            return False
        except OSError:
            pass
        return True

    def forget(self, name: str) -> bool:
        """Remove a record that is published; return whether it still waited: another run of the hook may be first."""
        return self._folder.remove(name)

    def set_aside(self, name: str) -> None:
        """Move what is no record out of the way."""
        try:
            self.damaged += self._folder.move(name, self.aside)
        except OSError:
            pass  # on a disk that is read-only, say: what cannot be read holds up nothing

    def sync_newest(self) -> Iterator[str]:
        """Put the record that came last on stable storage; give its name.

        What stays on the node is not made durable before it is published: a sync waits for all that the job has left to
        write, many seconds on a busy disk, and the record could miss its deadline.
        """
        for _, _, name in sorted(self._files(), reverse=True)[:1]:
            self._folder.sync(name)
            self._folder.sync()
            yield name

    def tidy(self, limit_bytes: float, max_age_seconds: float, newest: str | None) -> int:
        """Clear up what killed hooks left, and drop the oldest of what is beyond the limits.

        Returns how many records were dropped. What was set aside goes before any record does, and the record of the id
        ``newest`` stays, whatever the clock says of its age.
        """
        for _, size, name in self._files():
            if size == 0:
                self.set_aside(name)
        for name in self._folder.names():
            if name.startswith("."):
                self._folder.remove_orphan(name)
        dropped = 0
        kept, aside = sorted(self._files()), sorted(_files(self.aside))
        too_much = sum(size for _, size, _ in kept + aside) - limit_bytes
        for folder, files in ((self.aside, aside), (self._folder, kept)):
            for _, size, name in files:
                if newest is not None and newest in name:
                    continue
                if too_much > 0 or max_age_seconds < folder.age_seconds(name) < _SANE_SECONDS:
                    too_much -= size
                    dropped += _removed(folder, name) and folder is self._folder
        return dropped

    def _files(self) -> list[tuple[float, int, str]]:
        return _files(self._folder)


def _removed(folder: Folder, name: str) -> bool:
    try:
        return folder.remove(name)
    except OSError:
        return False  # a folder, say, which is none of ours


def _files(folder: Folder) -> list[tuple[float, int, str]]:
    """Return time of modification, size in bytes and name of each file, but of those that are being written."""
    found = []
    for name in folder.names():
        if not name.startswith("."):
            try:
                status = folder.stat(name)
            except OSError:
                continue  # published just now
            if stat.S_ISREG(status.st_mode):
                found.append((status.st_mtime, status.st_size, name))
    return found
