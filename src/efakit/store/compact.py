"""Compaction: JSON files into Parquet, one row a record, in generations that readers never see change.

Each run takes the files that the store does not hold, and publishes the next generation of each day that they fall
into. A JSON file goes when a generation that an *earlier* run published holds its record, and a grace time has passed
since. A reader lists the files first and the generations then: whatever file it did not see is in one of these. A run
that is killed at any point leaves what the next one needs to go on.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from efakit.errors import UsageError
from efakit.store.index import Row, write_index
from efakit.store.judged import NODE_COLUMNS, RUN_COLUMNS
from efakit.store.layout import (
    INDEX,
    NODES,
    RECORDS,
    RUNS,
    Draft,
    Generation,
    draft,
    file_clock,
    generations,
    remove,
    sweep,
    writing,
)
from efakit.store.listing import Held, Unit, hold, list_json
from efakit.store.tables import Writer, batches, opened, records_schema, schema_of, without
from efakit.store.take_in import Day, Taken, Work, take_in
from efakit.store.workers import spread

GRACE_SECONDS = 3600
"""Longer than a report takes that has listed the files before."""
_FOLDER_SECONDS = 86_400
"""A hook makes a job's folder and then writes into it: a young one stays."""
_FILES_OF_A_PIECE = 1000
_FILES_OF_A_ROUND = 100_000
_MOST_ROWS_KEPT = 30_000


@dataclass
class Outcome:
    """What a compaction did."""

    records: int = 0
    damaged: int = 0
    newer: int = 0
    misplaced: int = 0
    removed_files: int = 0
    removed_generations: int = 0
    published: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    is_busy: bool = False
    """Another compaction was running, and this one did nothing."""


def compact(records_dir: Path, *, grace_seconds: float = GRACE_SECONDS, workers: int = 1) -> Outcome:
    """Take all new records into the store, and remove what is no longer needed.

    Raises:
        UsageError: the folder is not this user's.
        RecordError: it cannot be read.
    """
    outcome = Outcome()
    units = list_json(records_dir)
    _check_owner(records_dir)
    with writing(records_dir) as is_ours:
        if not is_ours:
            outcome.is_busy = True
            return outcome
        sweep(records_dir)
        now = file_clock(records_dir)
        held = Held(records_dir)
        # What was held before this run, and since when: only that may go.
        hold(units, held)
        _remove_json(records_dir, units, now - grace_seconds, outcome)
        _remove_generations(records_dir, now - grace_seconds, outcome)
        _remove_empty_folders(records_dir, now - max(grace_seconds, _FOLDER_SECONDS))
        new = [unit for unit in units if unit.new_files()]
        newest = max((one.path.stat().st_mtime_ns for one in held.generations), default=0)
        judged = max(int(now * 1e9), newest + 1)
        for one_round in _parts(new, _FILES_OF_A_ROUND):
            _take_round(records_dir, one_round, held, judged, workers, outcome)
            held = Held(records_dir, held.indexes)
    return outcome


def _check_owner(records_dir: Path) -> None:
    owner = records_dir.stat().st_uid
    if os.geteuid() not in (0, owner):
        raise UsageError(f"{records_dir}: belongs to user {owner}: run this as that user or as root")


def _parts(units: Iterable[Unit], most_files: int) -> Iterator[list[Unit]]:
    part: list[Unit] = []
    files = 0
    for unit in units:
        if part and (files + len(unit.files) > most_files or (unit.cluster != part[0].cluster)):
            yield part
            part, files = [], 0
        part.append(unit)
        files += len(unit.files)
    if part:
        yield part


def _take_round(records_dir: Path, units: list[Unit], held: Held, judged: int, workers: int, outcome: Outcome) -> None:
    works = []
    for piece in _parts(units, _FILES_OF_A_PIECE):
        days = {day for unit in piece for day, _ in unit.rows}
        stored = tuple(one.path for one in held.generations if one.cluster == piece[0].cluster and one.day in days)
        works.append(Work(records_dir, tuple(piece), stored, judged, int(judged // 10**9)))
    generation = {(one.cluster, one.day): one for one in held.generations}
    drafts: dict[tuple[str, str], _Draft] = {}
    units_taken: set[int] = set()
    replaced: dict[tuple[str, str], set[tuple[int, str]]] = {}
    try:
        for taken in spread(take_in, works, workers):
            _note(outcome, taken)
            units_taken.update(job_id for _, job_id in taken.units)
            for key, dropped in taken.replaced.items():
                replaced.setdefault(key, set()).update(dropped)
            for key, day in taken.days.items():
                if key not in drafts:
                    drafts[key] = _Draft(records_dir, *key, generation.get(key))
                drafts[key].add(day)
            if sum(one.rows_kept for one in drafts.values()) > _MOST_ROWS_KEPT:
                for one in drafts.values():
                    one.flush()
        for key in replaced.keys() - drafts.keys():
            drafts[key] = _Draft(records_dir, *key, generation.get(key))
        # A job's verdicts are in the last day that got a record of it, and are published last.
        for key in sorted(drafts):
            drafts[key].finish(held, units_taken, replaced.get(key, set()))
            path = drafts[key].draft.publish()
            if path is not None:
                outcome.published.append(str(path))
    finally:
        for one in drafts.values():
            shutil.rmtree(one.draft.path, ignore_errors=True)


def _note(outcome: Outcome, taken: Taken) -> None:
    outcome.records += taken.records
    outcome.damaged += taken.damaged
    outcome.newer += taken.newer
    outcome.misplaced += taken.misplaced
    outcome.faults += taken.faults[: 100 - len(outcome.faults)]


class _Draft:
    """The next generation of a day: new rows as they come, then what the last generation had."""

    def __init__(self, records_dir: Path, cluster: str, day: str, after: Generation | None) -> None:
        self.after = after
        self.draft: Draft = draft(records_dir, cluster, day, after)
        path = self.draft.path
        self._records = Writer(path / RECORDS, records_schema())
        self._judged = {
            RUNS: Writer(path / RUNS, schema_of(RUN_COLUMNS)),
            NODES: Writer(path / NODES, schema_of(NODE_COLUMNS)),
        }
        self._index: list[Row] = []
        self._mode = 0o777

    @property
    def rows_kept(self) -> int:
        return self._records.rows_kept

    def add(self, day: Day) -> None:
        self._records.add(day.records)
        self._judged[RUNS].add(day.runs)
        self._judged[NODES].add(day.nodes)
        self._index += day.index
        self._mode &= day.mode

    def flush(self) -> None:
        self._records.flush()

    def finish(self, held: Held, units_taken: set[int], replaced: set[tuple[int, str]]) -> None:
        """Add what the last generation has and none of this round's rows replaces; write the files' ends."""
        if self.after is not None:
            self._mode &= self.after.file(RECORDS).stat().st_mode & 0o777
            for rows in batches(self.after.file(RECORDS)):
                self._records.add(without(rows, replaced, "folder_job_id", "record_id"))
            for name, writer in self._judged.items():
                with opened(self.after.file(name)) as file:
                    writer.add(without(file.read(), units_taken, "folder_job_id"))
            numbers = {(job_id, int(record_id, 16)) for job_id, record_id in replaced}
            index = held.indexes[self.after.path]
            self._index += [row for row in index if (row.folder_job_id, row.record_id) not in numbers]
        self._records.close()
        for writer in self._judged.values():
            writer.close()
        write_index(self.draft.path / INDEX, self._index)
        for path in self.draft.path.iterdir():
            path.chmod(self._mode)


def _remove_json(records_dir: Path, units: list[Unit], before: float, outcome: Outcome) -> None:
    for unit in units:
        held = {(f"{row.record_id:016x}", row.size, row.mtime_ns) for _, row in unit.rows if row.held_since <= before}
        if not held:
            continue
        folder = records_dir / unit.cluster / str(unit.job_id)
        kept = []
        for file in unit.files:
            if (file.record_id, file.size, file.mtime_ns) in held:
                (folder / file.name).unlink(missing_ok=True)
                outcome.removed_files += 1
            else:
                kept.append(file)
        unit.files = kept


def _remove_empty_folders(records_dir: Path, before: float) -> None:
    for cluster in records_dir.iterdir():
        if cluster.name.startswith((".", "@")) or not cluster.is_dir():
            continue
        for folder in cluster.iterdir():
            with contextlib.suppress(OSError):  # it has files, or is none
                if folder.lstat().st_mtime < before:
                    folder.rmdir()


def _remove_generations(records_dir: Path, before: float, outcome: Outcome) -> None:
    """Remove generations that a newer one replaced before the grace time."""
    everything = generations(records_dir)
    published = [one.path.stat().st_mtime for one in everything]
    for one, following, replaced_at in zip(everything, everything[1:], published[1:], strict=False):
        if (following.cluster, following.day) == (one.cluster, one.day) and replaced_at <= before:
            remove(one.path)
            outcome.removed_generations += 1
