"""Where the store lies, and how its files come and go: no reader ever sees a file that changes.

``RECORDS/@store/CLUSTER/DAY/NNNNNNNN/`` is a generation of one day: what it holds is written in a folder of another
name, and published whole by a rename that the kernel refuses where that number is taken. A newer generation holds all
that the older one did; the older one stays as long as a reader may need it. No cluster's folder has an ``@`` in its
name (``efakit.node.record.safe_name``), and DAY is the UTC day of a record's own end, which never changes.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from collections.abc import Iterator
from datetime import datetime, timezone
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

STORE = "@store"
RECORDS, RUNS, NODES, INDEX = "records.parquet", "runs.parquet", "nodes.parquet", "index"
_LOCK = ".compact.lock"
_UNFINISHED, _GONE = ".new-", ".gone-"
_DIGITS = 8


class Generation(NamedTuple):
    """One generation of a day of a cluster's folder."""

    cluster: str
    day: str
    number: int
    path: Path

    def file(self, name: str) -> Path:
        """Return the path of one of its files."""
        return self.path / name


def day_of(seconds: float) -> str:
    """Return the UTC day of a moment: 2026-11-29."""
    # datetime rounds to microseconds.
    return _day(int(round(seconds, 6) // 86_400))


@lru_cache(maxsize=4096)
def _day(number: int) -> str:
    return datetime.fromtimestamp(number * 86_400, timezone.utc).strftime("%Y-%m-%d")


def clusters(records_dir: Path) -> list[str]:
    """Return the clusters' folders of the store; one may have no generation."""
    return sorted(_names(str(records_dir / STORE)))


def newest(records_dir: Path) -> list[Generation]:
    """Return the newest generation of each day, in the order of cluster and day; empty where there is no store."""
    return [_generation(day, numbers[-1]) for day, numbers in _days(records_dir)]


def generations(records_dir: Path) -> list[Generation]:
    """Return all generations, the newest of each day last."""
    return [_generation(day, number) for day, numbers in _days(records_dir) for number in numbers]


def _days(records_dir: Path) -> Iterator[tuple[tuple[str, str, str], list[str]]]:
    """Give each day that has generations, as its folder, cluster and day, with their numbers in order."""
    store = str(records_dir / STORE)
    # Each report of a job lists years of days: a Path for each of them would take most of the time.
    for cluster in sorted(_names(store)):
        for day in sorted(_names(f"{store}/{cluster}")):
            folder = f"{store}/{cluster}/{day}"
            numbers = sorted(name for name in _names(folder) if name.isdigit() and len(name) == _DIGITS)
            if numbers:
                yield (folder, cluster, day), numbers


def _generation(of_day: tuple[str, str, str], number: str) -> Generation:
    folder, cluster, day = of_day
    return Generation(cluster, day, int(number), Path(folder, number))


def _names(folder: str) -> list[str]:
    try:
        return [name for name in os.listdir(folder) if not name.startswith(".")]  # noqa: PTH208 - names, thousands
    except (FileNotFoundError, NotADirectoryError):
        return []


@contextlib.contextmanager
def writing(records_dir: Path) -> Iterator[bool]:
    """Hold the store's lock, which one process has at a time; give False where another has it."""
    store = records_dir / STORE
    store.mkdir(mode=records_dir.stat().st_mode & 0o777, exist_ok=True)
    descriptor = os.open(store / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise
            yield False
            return
        yield True
    finally:
        os.close(descriptor)


def file_clock(records_dir: Path) -> float:
    """Return the time of the file system that holds the store, which another machine's clock may keep."""
    lock = records_dir / STORE / _LOCK
    os.utime(lock)
    return lock.stat().st_mtime


class Draft(NamedTuple):
    """A generation that is being written: its folder has a name that no reader takes."""

    day_folder: Path
    number: int
    path: Path

    def publish(self) -> Path | None:
        """Give it its number, with all its files; None where another process was faster, and it is gone then."""
        for entry in self.path.iterdir():
            _sync(entry)
        _sync(self.path)
        target = self.day_folder / f"{self.number:0{_DIGITS}d}"
        try:
            # A folder takes no other's place unless that one is empty, and no generation is.
            self.path.rename(target)
        except OSError as error:
            _remove_all(self.path)
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                return None
            raise
        _sync(self.day_folder)
        return target


def draft(records_dir: Path, cluster: str, day: str, after: Generation | None) -> Draft:
    """Return a new draft of the generation that follows ``after``."""
    import tempfile  # as shutil: a report of one job needs neither

    mode = records_dir.stat().st_mode & 0o777
    folder = records_dir / STORE
    for name in (cluster, day):
        folder /= name
        folder.mkdir(mode=mode, exist_ok=True)
    path = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=folder))
    path.chmod(mode)
    return Draft(folder, after.number + 1 if after else 1, path)


def remove(path: Path) -> None:
    """Remove a generation or a day: it has another name before the first of its files goes."""
    gone = path.with_name(f"{_GONE}{path.name}-{os.getpid()}")
    path.rename(gone)
    _remove_all(gone)


def sweep(records_dir: Path) -> None:
    """Remove what killed processes left unfinished; only who holds the lock may call it."""
    for pattern in ("*/*/.*", "*/.*"):
        for path in (records_dir / STORE).glob(pattern):
            if path.name.startswith((_UNFINISHED, _GONE)):
                _remove_all(path)


def _remove_all(path: Path) -> None:
    import shutil

    shutil.rmtree(path, ignore_errors=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
