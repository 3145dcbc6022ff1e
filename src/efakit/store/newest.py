"""The newest record of each node, from the JSON files and the store as one.

The files tell most of it: what is in the store alone is older, as a rule. The generations' indexes, which are read
without any package, say when the file of each record was written; Parquet is opened only where one is younger than
what the files have of a node.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import NamedTuple

from efakit.errors import RecordError
from efakit.jobs.fields import Record
from efakit.jobs.json_file import Unusable
from efakit.jobs.newest import MOST_FOLDERS, MOST_SECONDS, Looked, look
from efakit.jobs.node_list import NodeLists
from efakit.node.record import safe_name
from efakit.store.held import Held
from efakit.store.index import Index, Row
from efakit.store.layout import RECORDS, STORE, Generation, day_of
from efakit.store.stored import record_of

_NANOSECONDS = 1e9
_LATE_SECONDS = 86_400.0
"""A record may have waited in its node's spool."""
_WITHOUT = (
    "the newest records of some nodes may be in the store, which was not read: that needs the extra 'fleet' (pip "
    "install 'efakit[fleet]')"
)


class Told(NamedTuple):
    """The newest record of each node, and why some may be missing, empty where none is."""

    records: dict[str, Record]
    unread: str = ""


class _Place(NamedTuple):
    """Where the store has a record, and what makes it newer than others: when its file was written."""

    job_id: int
    written_at: float
    generation: Generation
    record_id: str


def newest_records(
    records_dir: Path,
    nodes: Collection[str],
    *,
    cluster: str | None = None,
    most_jobs: int = MOST_FOLDERS,
    most_seconds: float = MOST_SECONDS,
) -> Told:
    """Return the newest record of each node, as ``efakit.jobs.newest.newest_records`` does, and of the store too."""
    looked = look(records_dir, nodes, cluster=cluster, most_folders=most_jobs, most_seconds=most_seconds)
    records = {node: one.record for node, one in looked.found.items()}
    if not os.path.isdir(records_dir / STORE):  # noqa: PTH112 - one that may not be read is none
        return Told(records)
    try:
        places = _places(records_dir, set(nodes), cluster, looked, most_jobs, time.monotonic() + most_seconds)
        records.update(_read(places))
    except ImportError:
        return Told(records, _WITHOUT)
    except (OSError, RecordError) as error:
        return Told(records, f"the newest records of some nodes may be in the store, which was not read: {error}")
    return Told(records)


def _places(
    records_dir: Path, nodes: set[str], cluster: str | None, looked: Looked, most_jobs: int, ends_at: float
) -> dict[str, _Place]:
    """Return where the store has a newer record than the files, by node: the latest days first."""
    held = Held(records_dir)
    folder = safe_name(cluster) if cluster is not None else None
    chosen = [one for one in held.generations if folder in (None, one.cluster) and len(held.indexes[one.path])]
    newest: dict[str, _Place] = {}
    jobs = 0
    for generation in sorted(chosen, key=lambda one: one.day, reverse=True):
        since = {node: at for node in nodes if (at := _needed_since(node, generation.day, looked, newest)) is not None}
        if not since or jobs >= most_jobs or time.monotonic() > ends_at:
            break
        rows, jobs_of_day = _unseen(held.indexes[generation.path], generation.cluster, looked, min(since.values()))
        jobs += jobs_of_day
        node_of = _of_nodes(generation, set(since)) if rows else {}
        for row in rows:
            record_id = f"{row.record_id:016x}"
            node, written_at = node_of.get(record_id, ""), row.mtime_ns / _NANOSECONDS
            if written_at > since.get(node, written_at):
                newest[node] = _Place(row.folder_job_id, written_at, generation, record_id)
                since[node] = written_at
    return newest


def _needed_since(node: str, day: str, looked: Looked, newest: Mapping[str, _Place]) -> float | None:
    """Return from when on a record of this day would be a node's newest; None where no record of it can be."""
    own, stored = looked.found.get(node), newest.get(node)
    # A file is written soon after its job's end, whose day is the generation's.
    if (stored and stored.generation.day > day) or (own and day_of(own.written_at - _LATE_SECONDS) > day):
        return None
    return max(own.written_at if own else 0.0, stored.written_at if stored else 0.0)


def _unseen(index: Index, cluster: str, looked: Looked, since: float) -> tuple[list[Row], int]:
    """Return the rows whose files were written after a moment and are not there any more, and the number of jobs."""
    since_ns, jobs, found = int(since * _NANOSECONDS), set(), []
    for row in index:
        jobs.add(row.folder_job_id)
        seen = looked.seen.get((cluster, row.folder_job_id), ())
        if row.mtime_ns > since_ns and f"{row.record_id:016x}" not in seen:
            found.append(row)
    return found, len(jobs)


def _of_nodes(generation: Generation, nodes: set[str]) -> dict[str, str]:
    from efakit.store.tables import of_nodes

    return of_nodes(generation.file(RECORDS), nodes)


def _read(places: Mapping[str, _Place]) -> dict[str, Record]:
    """Return the records that lie at these places; one that cannot be used is left out."""
    by_generation: dict[Path, dict[str, _Place]] = {}
    for place in places.values():
        by_generation.setdefault(place.generation.file(RECORDS), {})[place.record_id] = place
    found: dict[str, Record] = {}
    nodes = {place.record_id: node for node, place in places.items()}
    for path, wanted in by_generation.items():
        from efakit.store.tables import of_records

        for row in of_records(path, wanted):
            record_id = row["record_id"]
            try:
                found[nodes[record_id]] = record_of(row, wanted[record_id].job_id, NodeLists())
            except Unusable:
                continue
    return found
