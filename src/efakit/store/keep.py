"""Keeps the store: looks whether it is whole, removes what is old, takes records in from elsewhere."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from efakit.errors import MissingExtra, RecordError, UsageError
from efakit.jobs.fields import check_record
from efakit.jobs.json_file import Unusable, parse_json, read_bytes
from efakit.jobs.node_list import NodeLists
from efakit.jobs.reader import node_and_run, usable
from efakit.node.record import record_path
from efakit.printable import printable
from efakit.store.held import Held
from efakit.store.index import read_index
from efakit.store.layout import (
    INDEX,
    NODES,
    RECORDS,
    RUNS,
    STORE,
    Generation,
    day_of,
    file_clock,
    newest,
    remove,
    writing,
)
from efakit.store.listing import list_json

_MOST_FAULTS = 100


@dataclass
class Check:
    """What ``verify`` found: records and generations that are whole, and what is broken."""

    generations: int = 0
    records: int = 0
    json_files: int = 0
    not_held: int = 0
    faults: list[str] = field(default_factory=list)


def verify(records_dir: Path) -> Check:
    """Read all of the store: each row must be a record, of its day, and stand in the index."""
    try:
        import pyarrow  # noqa: F401 - before work is done
    except ImportError as error:
        raise MissingExtra("fleet", "efakit records verify") from error
    from efakit.store.tables import UnreadableFile

    check = Check()
    units = list_json(records_dir)
    check.json_files = sum(len(unit.files) for unit in units)
    for generation in newest(records_dir):
        check.generations += 1
        try:
            faults = list(_faults_of(generation, check))
        except UnreadableFile as error:
            faults = [error.told]
        except Exception as error:  # whatever a broken file makes its reader raise
            faults = [f"cannot be read: {printable(error, 300)}"]
        check.faults += [f"{printable(generation.path)}: {fault}" for fault in faults]
    with contextlib.suppress(RecordError):
        held = Held(records_dir)
        for unit in units:
            unit.rows = [(one.day, row) for one, row in held.rows(unit.cluster, unit.job_id, unit.job_id)]
    check.not_held = sum(len(unit.new_files()) for unit in units)
    return check


def _faults_of(generation: Generation, check: Check) -> Iterator[str]:
    from efakit.store.columns import value_of
    from efakit.store.tables import batches, opened

    index = read_index(generation.file(INDEX))
    listed = {(row.folder_job_id, row.record_id) for row in index}
    seen: set[tuple[int, int]] = set()
    lists = NodeLists()
    for rows in batches(generation.file(RECORDS)):
        for row in rows.to_pylist():
            name = f"record {printable(row['record_id'], 40)} of job {row['folder_job_id']}"
            try:
                record = usable(value_of(row), row["source"] or "", row["folder_job_id"], lists)
            except (Unusable, ValueError, TypeError) as error:
                yield f"{name} {printable(error, 200)}"
                continue
            key = (row["folder_job_id"], int(record["record_id"], 16))
            if key in seen:
                yield f"{name} is there twice"
            seen.add(key)
            if day_of(record["ended_at"]) != generation.day:
                yield f"{name} is of another day"
            check.records += 1
    if seen != listed:
        yield f"{len(seen - listed)} records are not in the index, and {len(listed - seen)} of the index are no records"
    for file in (RUNS, NODES):
        with opened(generation.file(file)) as table:
            table.read()


@dataclass
class Old:
    """What is older than a limit: days of the store, and JSON files."""

    days: list[Path] = field(default_factory=list)
    records: int = 0
    files: list[Path] = field(default_factory=list)
    size_bytes: int = 0


def find_old(records_dir: Path, before: float) -> Old:
    """Return the days that end before a moment, and the JSON files that were written on such days.

    Of one run all files stay as long as one does: a part of it would look like a run that lost records.
    """
    old = Old()
    limit = day_of(max(before, 0.0))
    for generation in newest(records_dir):
        if generation.day < limit:
            day = generation.path.parent
            old.days.append(day)
            old.records += len(read_index(generation.file(INDEX)))
            old.size_bytes += sum(path.lstat().st_size for path in day.rglob("*") if path.is_file())
    for unit in list_json(records_dir):
        kept = {node_and_run(file.name)[1] for file in unit.files if day_of(file.mtime_ns / 1e9) >= limit}
        for file in unit.files:
            if node_and_run(file.name)[1] not in kept:
                old.files.append(records_dir / unit.cluster / str(unit.job_id) / file.name)
                old.size_bytes += file.size
    return old


def prune(records_dir: Path, before: float) -> Old:
    """Remove what ``find_old`` finds; no compaction runs meanwhile."""
    with writing(records_dir) as is_ours:
        if not is_ours:
            raise UsageError(f"{records_dir}: a compaction is running: try again when it has ended")
        file_clock(records_dir)
        old = find_old(records_dir, before)
        # The files first: a day without its files would leave them to be taken in again.
        for path in old.files:
            path.unlink(missing_ok=True)
        for day in old.days:
            remove(day)
    return old


@dataclass
class Imported:
    """What came of an import."""

    records: int = 0
    there_already: int = 0
    damaged: int = 0
    faults: list[str] = field(default_factory=list)


def import_records(records_dir: Path, source: Path, *, dry_run: bool = False) -> Imported:
    """Copy the records below another folder to where the hooks publish them; what is there already stays as it is."""
    if not source.is_dir():
        raise UsageError(f"{source}: no such folder; name one that has record files (*.json) below it")
    imported = Imported()
    held = Held(records_dir)
    for path in sorted(source.rglob("*.json")):
        if STORE in path.relative_to(source).parts or path.name.startswith("."):
            continue
        try:
            data = read_bytes(path)
            value = parse_json(data)
            target = _target(records_dir, path, value)
        except Unusable as error:
            imported.damaged += 1
            if len(imported.faults) < _MOST_FAULTS:
                imported.faults.append(f"{printable(path)}: {printable(error, 300)}")
            continue
        if target.exists() or _is_held(held, target, value):
            imported.there_already += 1
            continue
        imported.records += 1
        if not dry_run:
            _write(target, data, path)
    return imported


def _target(records_dir: Path, path: Path, value: Any) -> Path:
    record = check_record(value)
    cluster, job, name = record_path(value)
    if record["schema_version"] == 1:
        name = path.name
    usable(value, f"{cluster}/{job}/{name}", int(job), NodeLists())
    return records_dir / cluster / job / name


def _is_held(held: Held, target: Path, value: Any) -> bool:
    job_id, record_id = int(target.parent.name), value.get("record_id")
    if not isinstance(record_id, str):
        return False
    rows = held.rows(target.parent.parent.name, job_id, job_id)
    return any(row.record_id == int(record_id, 16) for _, row in rows)


def _write(target: Path, data: bytes, source: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    about = source.stat()
    temporary = target.with_name(f".{target.name}.import-{os.getpid()}")
    try:
        temporary.write_bytes(data)
        temporary.chmod(about.st_mode & 0o777)
        os.utime(temporary, ns=(about.st_atime_ns, about.st_mtime_ns))
        temporary.rename(target)
    finally:
        temporary.unlink(missing_ok=True)
