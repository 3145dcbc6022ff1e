"""What the store holds at one moment: the newest generation of each day, with its index."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from efakit.store.index import Index, Row, read_index
from efakit.store.layout import INDEX, Generation, newest


class Held:
    """The newest generation of each day, and their indexes, of one moment."""

    def __init__(self, records_dir: Path, known: Mapping[Path, Index] | None = None) -> None:
        self.generations = newest(records_dir)
        self.indexes = {
            one.path: known[one.path] if known and one.path in known else read_index(f"{one.path}/{INDEX}")
            for one in self.generations
        }

    def rows(self, cluster: str, first: int, last: int) -> Iterator[tuple[Generation, Row]]:
        """Give the rows of some jobs' folders, ids from first to last."""
        for one in self.generations:
            index = self.indexes[one.path]
            if one.cluster != cluster or not len(index):
                continue
            if index.first <= last and index.last >= first:
                for row in index.of_jobs(first, last):
                    yield one, row
