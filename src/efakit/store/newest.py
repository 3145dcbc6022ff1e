"""The newest record of each node, from the JSON files and the store as one.

The files tell most of it: what is in the store alone is older, as a rule. The generations' indexes, which are read
without any package, say whether there is such a record of a later job; Parquet is opened only then.
"""

from __future__ import annotations

import heapq
import os
import time
from collections.abc import Collection, Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from efakit.errors import RecordError
from efakit.jobs.fields import Record
from efakit.jobs.json_file import Unusable
from efakit.jobs.newest import MOST_FOLDERS, MOST_SECONDS, Looked, look
from efakit.jobs.node_list import NodeLists
from efakit.node.record import safe_name
from efakit.store.held import Held
from efakit.store.index import Row
from efakit.store.layout import RECORDS, STORE, Generation
from efakit.store.stored import record_of

_NANOSECONDS = 1e9
_WITHOUT = (
    "the newest records of some nodes may be in the store, which was not read: that needs the extra 'fleet' (pip "
    "install 'efakit[fleet]')"
)


class Told(NamedTuple):
    """The newest record of each node, and why some may be missing, empty where none is."""

    records: dict[str, Record]
    unread: str = ""


class _Place(NamedTuple):
    """Where the store has a record, and what makes it newer than others."""

    job_id: int
    written_at: float
    generation: Generation
    record_id: str

    @property
    def age(self) -> tuple[int, float]:
        return self.job_id, self.written_at


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
    """Return where the store has a newer record than the files, by node."""
    held = Held(records_dir)
    of_generation: dict[Path, dict[str, str]] = {}
    newest: dict[str, _Place] = {}
    folder = safe_name(cluster) if cluster is not None else None
    for number, (job_id, rows) in enumerate(groupby(_rows(held, folder), lambda one: one[1].folder_job_id)):
        # The job with the highest id tells: a node that has a later one needs no more.
        open_nodes = {node for node in nodes if job_id >= _job_of(node, looked, newest)}
        if not open_nodes or number >= most_jobs or time.monotonic() > ends_at:
            break
        for generation, row in rows:
            record_id = f"{row.record_id:016x}"
            if record_id in looked.seen.get((generation.cluster, job_id), ()):
                continue
            if generation.path not in of_generation:
                of_generation[generation.path] = _of_nodes(generation, nodes)
            node = of_generation[generation.path].get(record_id, "")
            place = _Place(job_id, row.mtime_ns / _NANOSECONDS, generation, record_id)
            own = looked.found.get(node)
            if node in open_nodes and (own is None or own.age < place.age):
                newest[node] = max(newest.get(node, place), place, key=lambda one: one.age)
    return newest


def _job_of(node: str, looked: Looked, newest: Mapping[str, _Place]) -> int:
    own, stored = looked.found.get(node), newest.get(node)
    return max(own.job_id if own else 0, stored.job_id if stored else 0)


def _rows(held: Held, cluster: str | None) -> Iterator[tuple[Generation, Row]]:
    """Give the rows of all generations, the highest job ids first."""

    def backwards(generation: Generation) -> Iterator[tuple[Generation, Row]]:
        index = held.indexes[generation.path]
        for at in range(len(index) - 1, -1, -1):
            yield generation, index[at]

    chosen = [one for one in held.generations if cluster in (None, one.cluster) and len(held.indexes[one.path])]
    # An index is read when its last job is the next: most are not.
    waiting = sorted(chosen, key=lambda one: held.indexes[one.path].last)
    merged: list[tuple[int, int, Row, Generation, Iterator[tuple[Generation, Row]]]] = []
    while waiting or merged:
        while waiting and (not merged or held.indexes[waiting[-1].path].last >= -merged[0][0]):
            generation = waiting.pop()
            rows = backwards(generation)
            row = next(rows)[1]
            heapq.heappush(merged, (-row.folder_job_id, len(waiting), row, generation, rows))
        _, order, row, generation, rows = heapq.heappop(merged)
        yield generation, row
        following = next(rows, None)
        if following is not None:
            heapq.heappush(merged, (-following[1].folder_job_id, order, following[1], generation, rows))


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
