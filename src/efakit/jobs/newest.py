"""The newest record of each node, from the records folder: what its last jobs found there."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

from efakit.jobs.fields import Record
from efakit.jobs.json_file import Unusable
from efakit.jobs.reader import load_record, node_and_run, record_files, record_id_of
from efakit.node.record import safe_name

MOST_FOLDERS = 2000
"""Of jobs, the latest first: a node without a record in them has been idle for long, or is new."""
MOST_SECONDS = 3.0
_MOST_TRIES = 3


class Newest(NamedTuple):
    """The newest record of a node, and what makes it newer than others: its job, and when its file was written."""

    job_id: int
    written_at: float
    record: Record

    @property
    def age(self) -> tuple[int, float]:
        """What is compared: the greater is the newer."""
        return self.job_id, self.written_at


class Looked(NamedTuple):
    """The newest records by node, and the ids of all records in the folders that were looked at, by cluster and job."""

    found: dict[str, Newest]
    seen: dict[tuple[str, int], set[str]]


def newest_records(
    records_dir: Path,
    nodes: Collection[str],
    *,
    cluster: str | None = None,
    most_folders: int = MOST_FOLDERS,
    most_seconds: float = MOST_SECONDS,
) -> dict[str, Record]:
    """Return the newest record of each node, by its name; a node without one within the bounds is not there.

    Newest is the record whose job has the highest id, and among those the file that was written last. A folder or a
    file that cannot be read is passed over.
    """
    looked = look(records_dir, nodes, cluster=cluster, most_folders=most_folders, most_seconds=most_seconds)
    return {node: one.record for node, one in looked.found.items()}


def look(
    records_dir: Path,
    nodes: Collection[str],
    *,
    cluster: str | None = None,
    most_folders: int = MOST_FOLDERS,
    most_seconds: float = MOST_SECONDS,
) -> Looked:
    """Return the same with what a reader of other records, beside the files, must know."""
    wanted = {safe_name(node): node for node in nodes}
    looked = Looked({}, {})
    ends_at = time.monotonic() + most_seconds
    for number, (job_id, folder) in enumerate(_job_folders(records_dir, cluster)):
        if not wanted or number >= most_folders or time.monotonic() > ends_at:
            break
        try:
            names = record_files(folder)
        except OSError:
            continue
        unit = (folder.parent.name, job_id)
        looked.seen[unit] = {record_id_of(f"{unit[0]}/{job_id}/{name}") for name in names}
        by_node: dict[str, list[Path]] = {}
        for name in names:
            node = node_and_run(name)[0]
            if node in wanted:
                by_node.setdefault(node, []).append(folder / name)
        for node, paths in by_node.items():
            if time.monotonic() > ends_at:
                break
            newest = _newest(paths, job_id)
            if newest is not None:
                looked.found[wanted.pop(node)] = newest
    return looked


def _job_folders(records_dir: Path, cluster: str | None) -> Iterator[tuple[int, Path]]:
    """Give the jobs' ids and folders, of all clusters or one, the highest ids first."""
    try:
        clusters = [path for path in records_dir.iterdir() if not path.name.startswith(".")]
    except OSError:
        return
    jobs: list[tuple[int, Path]] = []
    for folder in clusters:
        if cluster is not None and folder.name != safe_name(cluster):
            continue
        try:
            jobs += [(int(path.name), path) for path in folder.iterdir() if path.name.isdecimal()]
        except OSError:
            continue
    yield from sorted(jobs, reverse=True)


def _newest(paths: list[Path], job_id: int) -> Newest | None:
    """Return the record that was written last of those that can be used."""
    for path in sorted(paths, key=_written_at, reverse=True)[:_MOST_TRIES]:
        try:
            return Newest(job_id, _written_at(path), load_record(path, job_id))
        except Unusable:
            continue
    return None


def _written_at(path: Path) -> float:
    try:
        return path.lstat().st_mtime
    except OSError:
        return 0.0
