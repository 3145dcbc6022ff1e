"""The node's spool: what the hook must keep between its runs, on the node's own disk.

``active/``  one baseline for each job that runs here now, and a note for each job that overlapped with it
``outbox/``  records that are not published yet
``ended/``   what Slurm told the epilogs that have left a record: one that runs again leaves none
``aside/``   what could not be read
``runs``  a line for each run of a hook, for the exporter; begun anew now and then
``lost.json``, ``given-up.json``  what was set aside, dropped or given up since the last record; the next one tells it
"""

from __future__ import annotations

import time

from efakit.hook.baselines import Baselines
from efakit.hook.folder import SMALL_BYTES, open_folder
from efakit.hook.json_text import dumps
from efakit.hook.same_run import is_surely_same, is_told_alike
from efakit.hook.trust import load_from
from efakit.hook.waiting import Waiting
from efakit.node.record import safe_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from efakit.hook.folder import Folder
    from efakit.hook.moment import Moment

ACTIVE, OUTBOX, ENDED, ASIDE = "active", "outbox", "ended", "aside"
FOLDER_MODE = 0o700
# What the health check leaves for the prologs.
HEALTH_FILE = "health.json"
RUNS_FILE = "runs"
LOST_FILE, GIVEN_UP_FILE = "lost.json", "given-up.json"
# Slurm runs an epilog again where the node did not answer, as when slurmd was restarted under it: soon. Before 23.02
# nothing tells that from the epilog of another job of the same id whose prolog left no baseline.
_AGAIN_SECONDS = 900.0
_KEEP_ENDED_SECONDS = 86400.0
_MOST_ENDED = 256
_MOST_NOTED = 20
# Some ten thousand runs.
MOST_RUNS_BYTES = 1 << 18


def note_run(folder: Folder, hook: str, result: str, seconds: float) -> None:
    """Note in a spool that a run of a hook has come so far, and after how many seconds; nothing where that fails."""
    line = "%s %s %.3f %d\n" % (hook, result, seconds, time.time())
    try:
        folder.append(RUNS_FILE, line.encode(), 0o600, MOST_RUNS_BYTES)
    except OSError:
        pass  # nobody but the exporter reads it


class Ended:
    """A run whose epilog has left its record: where that lies, and whether it may be another run than the one meant."""

    def __init__(self, record: dict[str, Any], *, in_doubt: bool) -> None:
        self.record = record
        self.in_doubt = in_doubt


def _names_a_record(place: Mapping[str, Any]) -> bool:
    texts = all(isinstance(place.get(name), str) for name in ("cluster", "node", "run", "record_id"))
    return texts and type(place.get("job_id")) is int and type(place.get("het_job_id")) in (int, type(None))


class Spool:
    """The spool of one node in the folder ``path``; methods raise OSError (Untrusted) where it cannot be used.

    Each process calls ``prepare`` first: the children of ``node.bounded`` inherit no folder.
    """

    baselines: Baselines
    waiting: Waiting
    _folder: Folder
    _ended: Folder

    def __init__(self, path: str, node: str) -> None:
        self.path = path
        self._node = safe_name(node)

    def prepare(self) -> None:
        """Make the spool's folders (0700) where they are missing; raise Untrusted where others may write there."""
        self._folder = open_folder(self.path, FOLDER_MODE)
        self.baselines = Baselines(self._folder.sub(ACTIVE, FOLDER_MODE), self._node)
        aside = self._folder.sub(ASIDE, FOLDER_MODE)
        self.waiting = Waiting(self._folder.sub(OUTBOX, FOLDER_MODE), aside, self._node)
        self._ended = self._folder.sub(ENDED, FOLDER_MODE)

    def note_ended(self, told: Mapping[str, Any], record: Mapping[str, Any], now: Moment) -> None:
        """Note that the epilog which was ``told`` this of its job has left its record."""
        place = {name: record.get(name) for name in ("cluster", "job_id", "het_job_id", "node", "run", "record_id")}
        note = {
            "told": dict(told),
            "boot_id": now.boot_id,
            "since_boot_seconds": now.since_boot_seconds,
            "record": place,
        }
        self._ended.write("%s%s" % (self._start_of(told), record["record_id"]), dumps(note).encode(), 0o600)
        names = self._ended.names()
        if len(names) > _MOST_ENDED:
            self._forget_ended(names)

    def note_run(self, hook: str, result: str, seconds: float) -> None:
        """Note that a run of a hook has come so far: ``note_run`` in this spool."""
        note_run(self._folder, hook, result, seconds)

    def ended(self, told: Mapping[str, Any], now: Moment) -> Ended | None:
        """Return what there is of an epilog that was told the same of its job and has left its record; None: nothing.

        Where neither SLUID nor start time says that it is one run, only within a quarter of an hour, in one boot and
        with all that Slurm tells alike, and then it is in doubt: it may be another job of the same id.
        """
        start = self._start_of(told)
        found: Ended | None = None
        for name in self._ended.names():
            is_own = name.startswith(start) and "." not in name[len(start) :]
            note = load_from(self._ended, name, SMALL_BYTES) if is_own else None
            before, place = (note.get("told"), note.get("record")) if note else (None, None)
            if note is None or not isinstance(before, dict) or not isinstance(place, dict):
                continue
            if is_surely_same(before, told):
                return Ended(place, in_doubt=False)
            if not _names_a_record(place):
                continue  # of another version, say: a record too many is better than none
            then: Any = note.get("since_boot_seconds")
            known = isinstance(then, (int, float)) and now.since_boot_seconds is not None
            # Of two epilogs at once, the one may have looked at the clock before the one that ended first.
            soon = known and abs(now.since_boot_seconds - then) < _AGAIN_SECONDS
            if soon and note.get("boot_id") == now.boot_id is not None and is_told_alike(before, told):
                found = Ended(place, in_doubt=True)
        return found

    def tidy(self, limit_bytes: float, max_age_seconds: float, newest: str | None) -> None:
        """Clear up what killed hooks left, and keep the spool within its limits: see ``Waiting.tidy``."""
        damaged = self.baselines.set_aside_damaged(self.waiting.aside)
        dropped = self.waiting.tidy(limit_bytes, max_age_seconds, newest)
        self._forget_ended(self._ended.names())
        self.note_lost(damaged, dropped)

    def note_lost(self, damaged: int = 0, dropped: int = 0) -> None:
        """Count what was set aside, by ``waiting`` too, and what was dropped, for the next record."""
        counts = {"damaged": damaged + self.waiting.damaged, "dropped": dropped}
        self.waiting.damaged = 0
        if any(counts.values()):
            told = self.lost()
            for name, count in counts.items():
                told[name] = told.get(name, 0) + count
            self._folder.write(LOST_FILE, dumps(told).encode(), 0o600)

    def note_given_up(self, texts: list[str]) -> None:
        """Note which jobs' baselines were given up, for the next record."""
        noted = self.given_up() + texts
        self._folder.write(GIVEN_UP_FILE, dumps({"texts": noted[-_MOST_NOTED:]}).encode(), 0o600)

    def given_up(self) -> list[str]:
        """Return which jobs' baselines were given up since a record told it, and why."""
        texts = (load_from(self._folder, GIVEN_UP_FILE, SMALL_BYTES) or {}).get("texts")
        return [text for text in texts if isinstance(text, str)] if isinstance(texts, list) else []

    def lost(self) -> dict[str, int]:
        """Return how many files were ``damaged`` (set aside) and how many records ``dropped`` since it was told."""
        told = load_from(self._folder, LOST_FILE, SMALL_BYTES) or {}
        return {name: count for name, count in told.items() if type(count) is int and count > 0}

    def forget_told(self) -> None:
        """Forget what a record has told: what was lost, and what was given up."""
        self._folder.remove(LOST_FILE)
        self._folder.remove(GIVEN_UP_FILE)

    def sync_newest(self) -> Iterator[str]:
        """Put the record that came last, which could not be published, on stable storage; give its name."""
        self.prepare()
        yield from self.waiting.sync_newest()

    def _start_of(self, job: Mapping[str, Any]) -> str:
        return "%s.%d." % (self._node, job["job_id"])

    def _forget_ended(self, names: list[str]) -> None:
        by_age = sorted((self._ended.age_seconds(name), name) for name in names)
        for place, (age, name) in enumerate(by_age):
            if age > _KEEP_ENDED_SECONDS or place >= _MOST_ENDED:
                self._ended.remove(name)
