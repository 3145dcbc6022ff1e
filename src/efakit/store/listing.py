"""The JSON files below a records folder, and which of them the store holds already."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from efakit.errors import RecordError
from efakit.jobs.json_file import why_unreadable
from efakit.jobs.reader import record_id_of
from efakit.printable import printable
from efakit.store.held import Held as Held
from efakit.store.index import Row


class JsonFile(NamedTuple):
    """A record's file; ``record_id`` follows from its name."""

    name: str
    record_id: str
    size: int
    mtime_ns: int
    mode: int


@dataclass
class Unit:
    """The folder of one job: its files, and the rows that the store holds of it, by day."""

    cluster: str
    job_id: int
    files: list[JsonFile] = field(default_factory=list)
    rows: list[tuple[str, Row]] = field(default_factory=list)

    def new_files(self) -> list[JsonFile]:
        """Return the files that the store does not hold as they are."""
        held = {(f"{row.record_id:016x}", row.size, row.mtime_ns) for _, row in self.rows}
        return [file for file in self.files if (file.record_id, file.size, file.mtime_ns) not in held]


def list_json(records_dir: Path) -> list[Unit]:
    """Return each job's folder that has JSON files, in the order of cluster and job.

    Raises:
        RecordError: the records folder cannot be read.
    """
    units = []
    for cluster in _folders(records_dir, needed=True):
        if not cluster.startswith((".", "@")):
            # 007 is not the folder of job 7, whose files would be taken twice.
            names = (name for name in _folders(records_dir / cluster) if name.isascii() and name.isdigit())
            jobs = sorted(int(name) for name in names if name[0] != "0")
            for job_id in jobs:
                files = _files(records_dir / cluster / str(job_id), f"{cluster}/{job_id}")
                if files:
                    units.append(Unit(cluster, job_id, files))
    return units


def hold(units: list[Unit], held: Held) -> None:
    """Give each unit the rows that the store holds of it."""
    if held.generations:
        for unit in units:
            unit.rows = [(one.day, row) for one, row in held.rows(unit.cluster, unit.job_id, unit.job_id)]


def _folders(folder: Path, *, needed: bool = False) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
    except OSError as error:
        if not needed:
            return []
        what = "no such folder; --records names the folder that the hooks publish to"
        known = isinstance(error, (FileNotFoundError, NotADirectoryError))
        raise RecordError(f"{printable(folder)}: {what if known else why_unreadable(error)}") from error


def _files(folder: Path, below: str) -> list[JsonFile]:
    found = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith(".") or not entry.name.endswith(".json"):
                    continue
                try:
                    about = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                mode = stat.S_IMODE(about.st_mode) & 0o777 if stat.S_ISREG(about.st_mode) else 0
                record_id = record_id_of(f"{below}/{entry.name}")
                # As wide as the index has them: a file may be of before 1970.
                size, written_at = about.st_size & 0xFFFFFFFF, min(max(about.st_mtime_ns, 0), (1 << 64) - 1)
                found.append(JsonFile(entry.name, record_id, size, written_at, mode))
    except OSError:
        return []
    return sorted(found, key=lambda file: file.name)
