"""The index of a generation: which record of which job came from which file; it is read without any package.

A row a record, sorted by job: the folder's job id, the job's own id (a component's may differ), the record's id, and
size and time of the JSON file that it was read from, and since when the store has it. A file is held where all of it
agrees: a record that the hook published again has another time.
"""

from __future__ import annotations

import os
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from struct import Struct
from typing import NamedTuple

from efakit.errors import RecordError

_MAGIC = b"efakit-index-1\n\0"
_ROW = Struct("<IIQIQI")


class Row(NamedTuple):
    """One record of a generation."""

    folder_job_id: int
    job_id: int
    record_id: int
    size: int
    mtime_ns: int
    held_since: int
    """When the record came into the store, in seconds, by the file system's clock."""


class Index:
    """The rows of one generation, in order; most of its file is read when it is asked for a job within its range.

    Raises:
        FileNotFoundError: it is not there, or, when it is asked, not any more.
        RecordError: it is no index.
    """

    def __init__(self, path: Path | str) -> None:
        self._path = path
        # Each report opens the indexes of years of days: by descriptor, in half of the time of a file's object.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            start = os.pread(descriptor, len(_MAGIC) + _ROW.size, 0)
            size = os.fstat(descriptor).st_size - len(_MAGIC)
            if not start.startswith(_MAGIC) or size % _ROW.size:
                raise RecordError(f"{path}: is not an index of efakit's store; 'efakit records verify' says more")
            self._count = size // _ROW.size
            if self._count:
                end = os.pread(descriptor, _ROW.size, len(_MAGIC) + size - _ROW.size)
                self.first: int = _ROW.unpack_from(start, len(_MAGIC))[0]
                self.last: int = _ROW.unpack(end)[0]
        finally:
            os.close(descriptor)

    @cached_property
    def _data(self) -> bytes:
        return Path(self._path).read_bytes()

    def __len__(self) -> int:
        """Return how many records the generation has."""
        return self._count

    def __getitem__(self, at: int) -> Row:
        """Return one row."""
        return Row(*_ROW.unpack_from(self._data, len(_MAGIC) + at * _ROW.size))

    def __iter__(self) -> Iterator[Row]:
        """Give all rows."""
        return map(Row._make, _ROW.iter_unpack(memoryview(self._data)[len(_MAGIC) :]))

    def of_jobs(self, first: int, last: int) -> list[Row]:
        """Return the rows of the folders of these jobs, both included."""
        jobs = _Jobs(self)
        return [self[at] for at in range(bisect_left(jobs, first), bisect_right(jobs, last))]


class _Jobs:
    def __init__(self, index: Index) -> None:
        self._index = index

    def __len__(self) -> int:
        return len(self._index)

    def __getitem__(self, at: int) -> int:
        return self._index[at].folder_job_id


def read_index(path: Path | str) -> Index:
    """Return a generation's index; raise RecordError where it is none."""
    return Index(path)


def write_index(path: Path, rows: Iterable[Row]) -> None:
    """Write the index of a generation."""
    path.write_bytes(b"".join((_MAGIC, *(_ROW.pack(*row) for row in sorted(rows)))))
