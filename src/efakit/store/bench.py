"""The benchmark results that are kept below the records folder: ``RECORDS/@bench/CLUSTER.JOB.RUN.DIGEST.json``.

Nothing there is overwritten: the file's name holds a digest of its content, and a name that is taken is left alone. No
cluster's folder has an ``@`` in its name, so no reader of records looks there.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from efakit.errors import RecordError, UsageError
from efakit.jobs.bench_results import KeptRun, kept_run
from efakit.jobs.json_file import MOST_BYTES, Newer, Unusable, read_json, why_unreadable
from efakit.jobs.reader import Fault
from efakit.node.record import safe_name
from efakit.printable import printable

FOLDER = "@bench"
MOST_FILES = 5_000
"""Of a cluster, the newest: what is older says little of today."""
_LETTERS_OF_DIGEST = 16
_NEW = ".new-"
"""How the name of a file begins that is being written."""


@dataclass
class Kept:
    """What is there: the runs that can be used, and the files that cannot."""

    runs: list[KeptRun] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    left_out: int = 0


def keep(records_dir: Path, run: KeptRun) -> tuple[Path, bool]:
    """Publish the results of a run; return the file, and whether it is new.

    Raises:
        OSError: the folder cannot be made or written.
        UsageError: the results are too large to be read again.
    """
    content = (json.dumps(run.as_data(), separators=(",", ":")) + "\n").encode()
    mode = records_dir.stat().st_mode
    folder = records_dir / FOLDER
    folder.mkdir(mode=mode & 0o777, exist_ok=True)
    if not stat.S_ISDIR(folder.lstat().st_mode):
        raise NotADirectoryError(20, "is a link, not a folder", str(folder))
    if len(content) > MOST_BYTES:
        raise UsageError(
            f"the results have {len(content)} bytes, and at most {MOST_BYTES} are read again: name fewer logs"
        )
    digest = hashlib.sha256(content).hexdigest()[:_LETTERS_OF_DIGEST]
    target = folder / f"{safe_name(run.cluster)}.{run.job_id}.{safe_name(run.run)}.{digest}.json"
    if os.path.lexists(target):
        return target, False
    descriptor, name = tempfile.mkstemp(prefix=_NEW, dir=folder)
    try:
        with os.fdopen(descriptor, "wb") as new:
            new.write(content)
            new.flush()
            os.fchmod(new.fileno(), mode & 0o444 | 0o600)
            os.fsync(new.fileno())
        os.link(name, target)  # fails where the name is taken meanwhile
    except FileExistsError:
        return target, False
    finally:
        Path(name).unlink()
    return target, True


def kept(records_dir: Path, cluster: str) -> Kept:
    """Return what is kept of a cluster; an unreadable folder is a fault, a missing one holds nothing."""
    found, folder = Kept(), records_dir / FOLDER
    begins = f"{safe_name(cluster)}."
    try:
        with os.scandir(folder) as entries:
            files = [
                (entry.stat(follow_symlinks=False).st_mtime, entry.name)
                for entry in entries
                if entry.name.startswith(begins) and entry.name.endswith(".json")
            ]
    except FileNotFoundError:
        return found
    except OSError as error:
        found.faults.append(Fault(printable(folder), why_unreadable(error)))
        return found
    files.sort(reverse=True)
    found.left_out = max(0, len(files) - MOST_FILES)
    for _, name in files[:MOST_FILES]:
        try:
            run = kept_run(read_json(folder / name))
        except Unusable as error:
            found.faults.append(Fault(printable(folder / name), printable(error, 300)))
            continue
        if run.cluster == cluster:
            found.runs.append(run)
    return found


@dataclass
class Counted:
    """All results below a records folder: files that can be used, that a newer efakit wrote, and that are broken."""

    usable: int = 0
    newer: int = 0
    faults: list[str] = field(default_factory=list)


def count_results(records_dir: Path) -> Counted:
    """Read every result of every cluster; raise RecordError where the folder cannot be read."""
    counted = Counted()
    for entry in _entries(records_dir):
        if not entry.name.endswith(".json") or entry.name.startswith("."):
            continue
        path = records_dir / FOLDER / entry.name
        try:
            kept_run(read_json(path))
            counted.usable += 1
        except Newer:
            counted.newer += 1
        except Unusable as error:
            counted.faults.append(f"{printable(path)}: {printable(error, 300)}")
    return counted


@dataclass
class OldResults:
    """Files of results that are older than a limit."""

    files: list[Path] = field(default_factory=list)
    size_bytes: int = 0


def find_old_results(records_dir: Path, before: float) -> OldResults:
    """Return the results of runs that ended before a moment, and of files that tell no run those written before it.

    Raises:
        RecordError: the folder cannot be read.
    """
    old = OldResults()
    for entry in _entries(records_dir):
        is_result = entry.name.endswith(".json") and not entry.name.startswith(".")
        if not is_result and not entry.name.startswith(_NEW):
            continue  # nothing that efakit wrote
        path = records_dir / FOLDER / entry.name
        try:
            about = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            continue  # its writer has published it, or gave up
        if stat.S_ISREG(about.st_mode) and (_ended_at(path) if is_result else about.st_mtime) < before:
            old.files.append(path)
            old.size_bytes += about.st_size
    return old


def prune_results(records_dir: Path, before: float) -> OldResults:
    """Remove what ``find_old_results`` finds."""
    old = find_old_results(records_dir, before)
    if not old.files:
        return old
    # By the folder itself: its name may lead elsewhere by now.
    folder = os.open(records_dir / FOLDER, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        for path in old.files:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path.name, dir_fd=folder)
    finally:
        os.close(folder)
    return old


def _ended_at(path: Path) -> float:
    """Return when a result's run ended; of a file that does not tell it, when it was written."""
    try:
        return kept_run(read_json(path)).ended_at
    except Unusable:
        try:
            return path.lstat().st_mtime
        except FileNotFoundError:
            return math.inf


def _entries(records_dir: Path) -> Iterator[os.DirEntry[str]]:
    """Give the entries of the folder of results by name; of a folder that is missing or is a link, none."""
    folder = records_dir / FOLDER
    try:
        if not stat.S_ISDIR(folder.lstat().st_mode):
            raise RecordError(f"{printable(folder)}: is a link or a file, not a folder")
        with os.scandir(folder) as entries:
            yield from sorted(entries, key=lambda entry: entry.name)
    except FileNotFoundError:
        return
    except OSError as error:
        raise RecordError(f"{printable(folder)}: {why_unreadable(error)}") from error
