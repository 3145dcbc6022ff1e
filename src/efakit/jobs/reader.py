"""Reads the files of a job from the records folder: CLUSTER/JOB/NODE.RUN.RECORDID.json, as the hook publishes them.

Whatever lies there, the good records are read, and each file that cannot be used is told as a fault. A component of a
heterogeneous job has its records in the folder of the leader, whose id is the lowest of all.
"""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from efakit.errors import RecordError
from efakit.jobs.fields import MOST_COMPONENTS, Record, check_record
from efakit.jobs.json_file import Unusable, parse_json, read_bytes, why_unreadable
from efakit.jobs.json_text import prepare_for_many
from efakit.jobs.many import read_all
from efakit.jobs.node_list import NodeLists
from efakit.jobs.quick import read_quickly
from efakit.jobs.version_1 import id_by_path, lift
from efakit.node.record import record_path, run_key, safe_name
from efakit.printable import printable

MOST_FILES = 200_000
"""Of one job's records: three runs on ten thousand nodes are a seventh of it."""
_MOST_FOLDERS = 10_000
_MANY_FILES = 512
_FILES_LOOKED_AT = 4
"""In each job's folder that could be a leader's: so many of the latest runs, and so many files besides."""
_HEX = frozenset("0123456789abcdef")
_LETTERS_OF_AN_ID = (16, 32)
"""Of a record of version 1 that waited for its publication, a digest stands in the id's place."""


class Fault(NamedTuple):
    """A file or folder that cannot be used, and why: texts that are safe to print."""

    file: str
    why: str

    def __str__(self) -> str:
        return f"{self.file}: {self.why}"


class DamagedRecord(NamedTuple):
    """A record that cannot be used, as far as its file's name tells of it: ``node`` and ``run`` are safe names."""

    folder: str
    job_id: int
    node: str
    run: str
    modified_at: float
    fault: Fault


@dataclass
class Found:
    """What lies in the folders of one job.

    ``records`` holds each record with the name of the cluster's folder; ``cut`` says where a folder had more files than
    are read.
    """

    records: list[tuple[str, Record]] = field(default_factory=list)
    damaged: list[DamagedRecord] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    cut: set[str] = field(default_factory=set)
    lists: NodeLists = field(default_factory=NodeLists)


class Stored(Protocol):
    """Records that lie elsewhere than in JSON files; a record of both is the file's."""

    def clusters(self) -> Iterable[str]:
        """Return the names of the clusters' folders."""

    def leaders(self, cluster: str, job_id: int) -> Iterable[int]:
        """Return the ids of other jobs in whose folder records of this job lay."""

    def records(
        self, cluster: str, job_id: int, known: Collection[str], lists: NodeLists
    ) -> tuple[list[Record], set[str]]:
        """Return the records of a job's folder but those of these ids, and the ids of all that there are.

        It is asked after the files were listed: what is no file any more is in its answer.
        """


def read_records(records_dir: Path, job_id: int, stored: Stored | None = None) -> Found:
    """Return the records of a job of this id, of all clusters, with those of a heterogeneous job that it is part of.

    Raises:
        RecordError: the records folder itself cannot be read.
    """
    found = Found()
    for cluster in _clusters(records_dir, found, stored):
        read: set[int] = set()
        wanted = {job_id, *_leaders(records_dir, cluster, job_id)}
        if stored:
            wanted.update(stored.leaders(cluster, job_id))
        while wanted - read:
            for number in sorted(wanted - read):
                read.add(number)
                read_folder(records_dir, cluster, number, found, stored)
            wanted = _related(found, cluster, job_id)
    return found


def _clusters(records_dir: Path, found: Found, stored: Stored | None) -> list[str]:
    try:
        names = sorted(path.name for path in records_dir.iterdir())
    except (FileNotFoundError, NotADirectoryError) as error:
        message = f"{printable(records_dir)}: no such folder; --records names the folder that the hooks publish to"
        raise RecordError(message) from error
    except OSError as error:
        raise RecordError(f"{printable(records_dir)}: {why_unreadable(error)}") from error
    # A name with a dot in front is the hooks' own, one with an @ the store's.
    folders = [name for name in names if not name.startswith((".", "@"))]
    if stored:
        folders = sorted({*folders, *stored.clusters()})
    if len(folders) > _MOST_FOLDERS:
        found.faults.append(_fault(records_dir, f"more than {_MOST_FOLDERS} clusters: the others are not read"))
    return folders[:_MOST_FOLDERS]


def _leaders(records_dir: Path, cluster: str, job_id: int) -> Iterator[int]:
    """Give the ids of heterogeneous jobs in whose folder a record of this job may lie.

    All records of one start of a heterogeneous job name its leader, and Slurm gives the components ids in a row: so a
    few files of each folder tell. A folder of the job's own is no proof that there is no leader, since ids begin anew
    with a cluster.
    """
    below = f"{records_dir / cluster}"
    for leader in range(job_id - 1, max(job_id - MOST_COMPONENTS, 0), -1):
        folder = f"{below}/{leader}"
        try:
            names = [name for name in record_files(folder) if _has_record_id(name)]
        except OSError:
            continue  # it is not this job's folder, and most ids have none
        if any(_names_leader(Path(folder, name), leader) for name in _sample(names)):
            yield leader


def _sample(names: Sequence[str]) -> list[str]:
    by_run = {node_and_run(name)[1]: name for name in names}
    latest = [by_run[run] for run in sorted(by_run)[-_FILES_LOOKED_AT:]]
    step = max(1, len(names) // _FILES_LOOKED_AT)
    return list(dict.fromkeys([*latest, *names[::step][:_FILES_LOOKED_AT]]))


def _names_leader(path: Path, leader: int) -> bool:
    """Whether the record names this leader; a file of megabytes takes no longer than its reading."""
    try:
        _, _, rest = read_bytes(path).partition(b'"het_job_id"')
    except Unusable:
        return False
    value, named = rest[:40].lstrip(b" \t\r\n:"), b"%d" % leader
    return value.startswith(named) and not value[len(named) :][:1].isdigit()


def _related(found: Found, cluster: str, job_id: int) -> set[int]:
    """Return the ids of the job and of all that belong to one heterogeneous job with it, as far as records tell."""
    related = {job_id}
    parts = [
        (record["het_job_id"], record["job_id"])
        for folder, record in found.records
        if folder == cluster and record["het_job_id"] is not None
    ]
    leaders = {leader for leader, own in parts if job_id in (leader, own)}
    related.update(leaders)
    related.update(own for leader, own in parts if leader in leaders)
    return related


def read_folder(records_dir: Path, cluster: str, job_id: int, found: Found, stored: Stored | None = None) -> None:
    """Add all records of one job's folder to what was found; one that is not there holds nothing."""
    folder = records_dir / cluster / str(job_id)
    names: list[str] = []
    try:
        names = record_files(folder)
    except (FileNotFoundError, NotADirectoryError):
        if not stored:
            return
    except OSError as error:
        found.faults.append(_fault(folder, why_unreadable(error)))
        return
    if len(names) > MOST_FILES:
        found.faults.append(_fault(folder, f"has {len(names)} files, and {MOST_FILES} of them are read"))
        found.cut.add(cluster)
    good: list[tuple[str, Record]] = []
    bad: list[tuple[str, str]] = []
    below = f"{cluster}/{job_id}/"
    if len(names) >= _MANY_FILES:
        prepare_for_many()
    for name, record in read_all(names[:MOST_FILES], lambda name: _read(f"{folder}/{name}", below + name)):
        try:
            if isinstance(record, Unusable):
                raise record
            check_place(record, cluster, job_id, found.lists)
            good.append((name, record))
        except Unusable as error:
            if not stored or os.path.lexists(folder / name):  # else it has come into the store meanwhile
                bad.append((name, str(error)))
    elsewhere: set[str] = set()
    if stored:
        records, elsewhere = stored.records(cluster, job_id, {record["record_id"] for _, record in good}, found.lists)
        good += [("", record) for record in records]
        if records:
            good.sort(key=in_order_of_files)
    add_records(found, folder, cluster, job_id, good, bad, elsewhere)


def in_order_of_files(one: tuple[str, Record]) -> str:
    """Return what sorts records, of which some have no file any more, as their files were read.

    What is told of several nodes is in this order, and which run a record without a baseline is of may follow from it.
    """
    name, record = one
    if name:
        return name
    if record["schema_version"] > 1:
        return record_path(record)[-1]
    return f"{safe_name(record['node'])}.{safe_name(run_key(record['sluid'], None, record['restart_count']))}.json"


def add_records(
    found: Found,
    folder: Path,
    cluster: str,
    job_id: int,
    good: Sequence[tuple[str, Record]],
    bad: list[tuple[str, str]],
    elsewhere: Collection[str] = (),
) -> None:
    """Add the records of one folder, each with its file's name, and those that cannot be used, with why.

    A damaged file whose record is also ``elsewhere`` (ids) is a fault, and no node's record is lost by it.
    """
    own = _own_cluster(cluster, Counter(record["cluster"] for _, record in good))
    for name, record in good:
        if record["cluster"] == own:
            found.records.append((cluster, record))
        else:
            bad.append((name, f"is a record of cluster {record['cluster']}, in the folder of {own}"))
    for name, why in sorted(bad):
        fault = _fault(folder / name, why)
        found.faults.append(fault)
        node, run = node_and_run(name)
        if node and record_id_of(f"{cluster}/{job_id}/{name}") not in elsewhere:
            found.damaged.append(DamagedRecord(cluster, job_id, node, run, _modified_at(folder / name), fault))


def _own_cluster(folder: str, names: Counter[str]) -> str | None:
    """Return the cluster whose folder this is: of the names in the records the one that it has, else the commonest.

    A folder may have been renamed; that one damaged record made another cluster would ask for a choice.
    """
    return max(names, key=lambda name: (folder in (name, safe_name(name)), names[name], name), default=None)


def usable(value: Any, below: str, folder_job_id: int, lists: NodeLists) -> Record:
    """Return the record that a JSON value is; ``below`` is its path below the records folder.

    Raises:
        Unusable: it is no record of this efakit's, or none of this folder's job.
    """
    record = _checked(value, below)
    check_place(record, below.partition("/")[0], folder_job_id, lists)
    return record


def _checked(value: Any, below: str) -> Record:
    record = check_record(value)
    return lift(record, below) if record["schema_version"] == 1 else record


def _read(path: Path | str, below: str) -> Record:
    data = read_bytes(path)
    record = read_quickly(data)
    return _checked(parse_json(data), below) if record is None else record


def check_place(record: Record, cluster: str, folder_job_id: int, lists: NodeLists) -> None:
    """Raise Unusable where a record is not of this folder, or its node lists are none."""
    leader, job_id = record["het_job_id"], record["job_id"]
    if leader is not None and not leader <= job_id < leader + MOST_COMPONENTS:
        raise Unusable(f"is damaged: job {job_id} is not a component of job {leader}")
    if folder_job_id not in (job_id, leader):
        raise Unusable(f"is a record of job {job_id}, in the folder of another")
    try:
        for node_list in (record["node_list"], record["node_list_at_end"]):
            if node_list:
                lists.use(node_list, (cluster, job_id, record["run"]))
    except RecordError as error:
        raise Unusable(f"is damaged: {error}") from error


def load_record(path: Path, folder_job_id: int) -> Record:
    """Return one record; raise Unusable where it cannot be used."""
    cluster = path.parent.parent.name
    record = _read(path, f"{cluster}/{folder_job_id}/{path.name}")
    check_place(record, cluster, folder_job_id, NodeLists())
    return record


def record_files(folder: Path | str) -> list[str]:
    """Return the names of a job's records, sorted; raise OSError where the folder cannot be read."""
    # A name with a dot in front is a file that is being written.
    names = os.listdir(folder)  # noqa: PTH208 - of hundreds of folders, for each report
    return sorted(name for name in names if name.endswith(".json") and not name.startswith("."))


def _has_record_id(name: str) -> bool:
    """Whether a file's name ends as today's hooks let it; the first hooks' end with the run."""
    parts = name.removesuffix(".json").split(".")
    return len(parts) > 2 and len(parts[-1]) in _LETTERS_OF_AN_ID and _HEX.issuperset(parts[-1])


def record_id_of(below: str) -> str:
    """Return the id of the record that a file holds, by its path below the records folder."""
    last = below.rpartition("/")[2].removesuffix(".json").rpartition(".")[2]
    return last if len(last) == _LETTERS_OF_AN_ID[0] and _HEX.issuperset(last) else id_by_path(below)


def node_and_run(name: str) -> tuple[str, str]:
    """Return node and run as a file's name has them, empty where it has not: NODE.RUN.json, NODE.RUN.RECORDID.json."""
    parts = name.removesuffix(".json").split(".")[: -1 if _has_record_id(name) else None]
    return ".".join(parts[:-1]), parts[-1]


def _modified_at(path: Path) -> float:
    try:
        about = path.lstat()
    except OSError:
        return 0.0
    return about.st_mtime if stat.S_ISREG(about.st_mode) else 0.0


def _fault(path: Path, why: str) -> Fault:
    return Fault(printable(path), printable(why, 300))
