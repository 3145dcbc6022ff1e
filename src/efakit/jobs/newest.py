"""The newest record of each node, from the records folder: what its last jobs found there."""

from __future__ import annotations

import os
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
_MOST_FOLDERS_BY_TIME = 20_000
"""So many folders are asked for the time of their latest file; that takes 50 ms, and on a slow file system seconds."""


class Newest(NamedTuple):
    """The newest record of a node, its job, and what makes it newer than others: when its file was written."""

    job_id: int
    written_at: float
    record: Record


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

    Newest is the file that was written last: the hooks publish a record when the job ends on the node, and Slurm's job
    ids begin anew where a cluster has lost its state. In a records folder of more than 20,000 jobs, whose folders are
    not all asked for their times, the job with the highest id is the newest. A folder or a file that cannot be read is
    passed over.
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
    unfound, oldest, read = set(wanted.values()), 0.0, 0
    for changed_at, job_id, folder in _job_folders(records_dir, cluster):
        # No file is younger than the latest change of its folder.
        done = not unfound and (changed_at is None or changed_at <= oldest)
        if done or read >= most_folders or time.monotonic() > ends_at:
            break
        try:
            names = record_files(folder)
        except OSError:
            continue
        read += bool(names)
        unit = (folder.parent.name, job_id)
        looked.seen[unit] = {record_id_of(f"{unit[0]}/{job_id}/{name}") for name in names}
        by_node: dict[str, list[Path]] = {}
        for name in names:
            node = wanted.get(node_and_run(name)[0])
            if node is not None and _may_be_newer(looked.found.get(node), changed_at):
                by_node.setdefault(node, []).append(folder / name)
        for node, paths in by_node.items():
            if time.monotonic() > ends_at:
                break
            newest = _newest(paths, job_id)
            if newest is not None and _may_be_newer(looked.found.get(node), newest.written_at):
                looked.found[node] = newest
        if by_node:
            unfound.difference_update(looked.found)
            oldest = min((one.written_at for one in looked.found.values()), default=0.0)
    return looked


def _may_be_newer(found: Newest | None, changed_at: float | None) -> bool:
    return found is None or (changed_at is not None and changed_at > found.written_at)


def _job_folders(records_dir: Path, cluster: str | None) -> Iterator[tuple[float | None, int, Path]]:
    """Give the jobs' folders, of all clusters or one, with their ids and the times of their latest changes.

    The latest come first; without the times, where there are too many, the highest ids.
    """
    try:
        clusters = [path for path in records_dir.iterdir() if not path.name.startswith(".")]
    except OSError:
        return
    jobs: list[tuple[int, str]] = []
    for folder in clusters:
        if cluster is not None and folder.name != safe_name(cluster):
            continue
        try:
            below = str(folder)
            names = os.listdir(below)  # noqa: PTH208 - thousands of names
        except OSError:
            continue
        jobs += [(int(name), f"{below}/{name}") for name in names if name.isdecimal()]
    if len(jobs) > _MOST_FOLDERS_BY_TIME:
        yield from ((None, job_id, Path(path)) for job_id, path in sorted(jobs, reverse=True))
        return
    for changed_at, job_id, path in sorted(((_written_at(path), job_id, path) for job_id, path in jobs), reverse=True):
        yield changed_at, job_id, Path(path)


def _newest(paths: list[Path], job_id: int) -> Newest | None:
    """Return the record that was written last of those that can be used."""
    for path in sorted(paths, key=_written_at, reverse=True)[:_MOST_TRIES]:
        try:
            return Newest(job_id, _written_at(path), load_record(path, job_id))
        except Unusable:
            continue
    return None


def _written_at(path: Path | str) -> float:
    try:
        return os.lstat(path).st_mtime
    except OSError:
        return 0.0
