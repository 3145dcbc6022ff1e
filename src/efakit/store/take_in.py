"""Takes the new JSON files of some jobs: their records as rows by day, and the verdicts of the jobs' runs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from efakit.jobs.fields import Record
from efakit.jobs.json_file import Unusable, read_bytes
from efakit.jobs.json_text import prepare_for_many
from efakit.jobs.node_list import NodeLists
from efakit.jobs.reader import Fault, Found, add_records, in_order_of_files
from efakit.store.decode import Quick, decode
from efakit.store.index import Row as IndexRow
from efakit.store.judged import NODE_COLUMNS, RUN_COLUMNS, judged_rows
from efakit.store.layout import RECORDS, day_of
from efakit.store.listing import JsonFile, Unit
from efakit.store.quick_rows import quick_tables
from efakit.store.stored import record_of
from efakit.store.tables import of_jobs, records_schema, schema_of, streamed, table, unstreamed

_MOST_FAULTS = 100


@dataclass(frozen=True)
class Work:
    """Jobs of one cluster, with the files of the store that hold records of them."""

    records_dir: Path
    units: tuple[Unit, ...]
    stored: tuple[Path, ...]
    judged: int
    now: int


@dataclass
class Day:
    """What comes into one day of a cluster."""

    records: pa.Table
    index: list[IndexRow]
    mode: int
    runs: pa.Table
    nodes: pa.Table

    def __reduce__(self) -> tuple[Any, ...]:
        """Return what another process makes the same of: a column pickled by itself takes as long as some records."""
        return _day, (streamed(self.records), self.index, self.mode, streamed(self.runs), streamed(self.nodes))


def _day(records: pa.Buffer, index: list[IndexRow], mode: int, runs: pa.Buffer, nodes: pa.Buffer) -> Day:
    return Day(unstreamed(records), index, mode, unstreamed(runs), unstreamed(nodes))


@dataclass
class Taken:
    """What came of a piece of work: by cluster's folder and day."""

    days: dict[tuple[str, str], Day] = field(default_factory=dict)
    units: list[tuple[str, int]] = field(default_factory=list)
    replaced: dict[tuple[str, str], set[tuple[int, str]]] = field(default_factory=dict)
    """By cluster's folder and day, the rows (folder's job, record id) whose file was published again."""
    records: int = 0
    damaged: int = 0
    faults: list[str] = field(default_factory=list)
    newer: int = 0
    misplaced: int = 0


class _Rows:
    def __init__(self) -> None:
        self.records: list[Mapping[str, Any]] = []
        self.quick: list[tuple[int, Quick]] = []
        self.index: list[IndexRow] = []
        self.runs: list[tuple[Any, ...]] = []
        self.nodes: list[tuple[Any, ...]] = []
        self.mode = 0o777

    def add(self, row: Mapping[str, Any] | Quick, unit: Unit, day: str) -> None:
        if isinstance(row, Quick):
            self.quick.append((unit.job_id, row))
        else:
            self.records.append({**row, "day": day, "cluster_folder": unit.cluster, "folder_job_id": unit.job_id})


def take_in(work: Work) -> Taken:
    """Read the new files of the work's jobs."""
    prepare_for_many()
    taken = Taken()
    held: dict[int, dict[str, Mapping[str, Any]]] = {}
    jobs = [unit.job_id for unit in work.units if unit.rows]
    for path in work.stored:
        for row in of_jobs(path / RECORDS, jobs):
            held.setdefault(row["folder_job_id"], {})[row["record_id"]] = row
    days: defaultdict[tuple[str, str], _Rows] = defaultdict(_Rows)
    for unit in work.units:
        _take_unit(work, unit, held.get(unit.job_id, {}), days, taken)
    for key, rows in days.items():
        taken.days[key] = Day(
            _records(key, rows),
            rows.index,
            rows.mode,
            table(rows.runs, schema_of(RUN_COLUMNS)),
            table(rows.nodes, schema_of(NODE_COLUMNS)),
        )
    return taken


def _records(key: tuple[str, str], rows: _Rows) -> pa.Table:
    tables = quick_tables({"cluster_folder": key[0], "day": key[1]}, rows.quick)
    if rows.records or not tables:
        tables.append(table(rows.records, records_schema()))
    return pa.concat_tables(tables)


def _take_unit(
    work: Work,
    unit: Unit,
    held: Mapping[str, Mapping[str, Any]],
    days: defaultdict[tuple[str, str], _Rows],
    taken: Taken,
) -> None:
    found = Found()
    folder = work.records_dir / unit.cluster / str(unit.job_id)
    good: list[tuple[str, Record]] = []
    bad: list[tuple[str, str]] = []
    new: dict[str, tuple[Any, Mapping[str, Any] | Quick]] = {}
    for file in unit.new_files():
        below = f"{unit.cluster}/{unit.job_id}/{file.name}"
        try:
            row, record = _read(f"{folder}/{file.name}", below, file, unit.job_id, found.lists)
        except Unusable as error:
            if not isinstance(error.__cause__, FileNotFoundError):
                bad.append((file.name, str(error)))
            continue
        if record["record_id"] != file.record_id:
            taken.misplaced += 1  # a copy by hand; its id may be another file's
            continue
        good.append((file.name, record))
        new[file.name] = file, row
    known = {record["record_id"] for _, record in good}
    for record_id, held_row in held.items():
        if record_id not in known:
            stored = _stored(held_row, unit, found)
            if stored is not None:
                good.append(("", stored))
    good.sort(key=in_order_of_files)
    before = len(bad)
    add_records(found, folder, unit.cluster, unit.job_id, good, bad)
    strangers = {name for name, _ in bad[before:]}
    taken.damaged += len([name for name, _ in bad if name])
    taken.newer += sum("newer efakit" in why for _, why in bad)
    taken.faults += [str(fault) for fault in found.faults[: _MOST_FAULTS - len(taken.faults)]]
    mine = [(name, record) for name, record in good if name in new and name not in strangers]
    for name, record in mine:
        file, new_row = new[name]
        day = day_of(record["ended_at"])
        rows = days[unit.cluster, day]
        rows.add(new_row, unit, day)
        number = int(file.record_id, 16)
        rows.index.append(IndexRow(unit.job_id, record["job_id"], number, file.size, file.mtime_ns, work.now))
        rows.mode &= file.mode
        taken.records += 1
        for old_day, old in unit.rows:
            if old.record_id == number:
                taken.replaced.setdefault((unit.cluster, old_day), set()).add((unit.job_id, file.record_id))
    if mine:
        last = day_of(max(record["ended_at"] for _, record in found.records))
        rows = days[unit.cluster, last]
        # Damaged files stay where they are, and a query sees them there.
        found.damaged.clear()
        runs, nodes = judged_rows(found, unit.cluster, unit.job_id, work.judged)
        rows.runs += runs
        rows.nodes += nodes
        taken.units.append((unit.cluster, unit.job_id))


def _read(
    path: str, below: str, file: JsonFile, folder_job_id: int, lists: NodeLists
) -> tuple[dict[str, Any] | Quick, Record]:
    row, record = decode(read_bytes(path), below, folder_job_id, lists)
    if isinstance(row, dict) and record["schema_version"] == 1:
        row |= {"record_id": file.record_id, "source": below}  # the id follows from the path
    return row, record


def _stored(row: Mapping[str, Any], unit: Unit, found: Found) -> Record | None:
    """Return the record of a stored row; None, with a fault, where it is no record."""
    try:
        return record_of(row, unit.job_id, found.lists)
    except Unusable as error:
        found.faults.append(Fault(f"store: record {row['record_id']}", str(error)))
        return None
