"""The store beside the JSON files: every reader of a job's records sees both as one.

Which records the store has of a job is in the generations' indexes, which are read without any package; Parquet is
opened where a record is no file any more.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from efakit.errors import MissingExtra, RecordError
from efakit.jobs.columns import packed as pack_columns
from efakit.jobs.devices import pack
from efakit.jobs.fields import COLUMNS_SINCE, MOST_COMPONENTS, Record
from efakit.jobs.json_file import Unusable
from efakit.jobs.node_list import NodeLists
from efakit.jobs.reader import Found, read_folder, usable
from efakit.jobs.records import JobRun
from efakit.jobs.records import find_runs as find_runs_in
from efakit.store.held import Held
from efakit.store.index import Index
from efakit.store.layout import RECORDS, STORE, Generation, clusters

_MOST_TRIES = 10


def find_runs(records_dir: Path, job_id: int) -> list[JobRun]:
    """Return all runs of a job, from its JSON files and from the store; as ``efakit.jobs.records.find_runs`` does."""
    if not os.path.isdir(records_dir / STORE):  # noqa: PTH112 - one that may not be read is none
        return find_runs_in(records_dir, job_id)
    return find_runs_in(records_dir, job_id, StoredRecords(records_dir))


def read_unit(records_dir: Path, cluster: str, job_id: int) -> Found:
    """Return what there is in one job's folder, files and store."""
    found = Found()
    stored = StoredRecords(records_dir) if os.path.isdir(records_dir / STORE) else None  # noqa: PTH112
    read_folder(records_dir, cluster, job_id, found, stored)
    return found


class StoredRecords:
    """The records of the store, as ``efakit.jobs.reader`` asks for them."""

    def __init__(self, records_dir: Path) -> None:
        self._records_dir = records_dir
        self._indexes: dict[Path, Index] = {}

    def clusters(self) -> Iterable[str]:
        """Return the names of the clusters' folders."""
        return clusters(self._records_dir)

    def leaders(self, cluster: str, job_id: int) -> Iterable[int]:
        """Return the ids of other jobs in whose folder records of this job lay."""
        for _ in range(_MOST_TRIES):
            rows = self._held().rows(cluster, max(job_id - MOST_COMPONENTS, 0) + 1, job_id - 1)
            try:
                return {row.folder_job_id for _, row in rows if _is_leader_of(row.folder_job_id, row.job_id, job_id)}
            except FileNotFoundError:
                continue  # as in records()
        raise RecordError(f"{self._records_dir / STORE}: changes faster than it can be read: try again")

    def records(
        self, cluster: str, job_id: int, known: Collection[str], lists: NodeLists
    ) -> tuple[list[Record], set[str]]:
        """Return the records of a job's folder but those of these ids, and the ids of all that there are."""
        for _ in range(_MOST_TRIES):
            try:
                rows = list(self._held().rows(cluster, job_id, job_id))
                ids = {f"{row.record_id:016x}" for _, row in rows}
                lacking = ids - set(known)
                files = {one.path: one for one, row in rows if f"{row.record_id:016x}" in lacking}
                found = _latest(list(files.values()), job_id) if files else {}
            except FileNotFoundError:
                continue  # a newer generation took this one's place a grace time ago: this reader was slow
            return [
                record
                for record_id, row in found.items()
                if record_id in lacking and (record := _record(row, job_id, lists)) is not None
            ], ids
        raise RecordError(f"{self._records_dir / STORE}: changes faster than it can be read: try again")

    def _held(self) -> Held:
        for _ in range(_MOST_TRIES):
            try:
                held = Held(self._records_dir, self._indexes)
            except FileNotFoundError:
                continue
            self._indexes = dict(held.indexes)
            return held
        raise RecordError(f"{self._records_dir / STORE}: changes faster than it can be read: try again")


def _is_leader_of(folder_job_id: int, component: int, job_id: int) -> bool:
    # Of one start of a heterogeneous job each record lies in the leader's folder.
    return component == job_id or (component > folder_job_id and component != job_id)


def _latest(files: list[Generation], job_id: int) -> dict[str, dict[str, Any]]:
    """Return the rows of a job by record id, of one that is there twice the one that was published last."""
    try:
        from efakit.store.tables import of_jobs
    except ImportError as error:
        raise MissingExtra("fleet", f"reading records of job {job_id}, which are in the store,") from error
    return {row["record_id"]: row for one in files for row in of_jobs(one.file(RECORDS), [job_id])}


def record_of(row: Mapping[str, Any], job_id: int, lists: NodeLists) -> Record:
    """Return the record of a stored row, as its JSON file is read; raise Unusable where it is none."""
    from efakit.store.columns import value_of

    value = value_of(row)
    record = usable(value, row["source"] or "", job_id, lists)
    packed = None
    if record["schema_version"] > 1:
        with contextlib.suppress(KeyError, OverflowError, TypeError):
            packed = (pack_columns if record["schema_version"] >= COLUMNS_SINCE else pack)(value["devices"])
    return record if packed is None else {**record, "devices": packed}


def _record(row: Mapping[str, Any], job_id: int, lists: NodeLists) -> Record | None:
    try:
        return record_of(row, job_id, lists)
    except Unusable:
        return None
