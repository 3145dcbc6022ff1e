"""What a result table says: plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

NCCL_TESTS, OSU, NCCOM = "nccl-tests", "osu", "nccom-test"


class Row(NamedTuple):
    """One line of a table: a size, and what was measured. None: not measured, or no number."""

    size_bytes: int
    value: float | None
    """GB/s or GiB/s of bus bandwidth out of place, MB/s or microseconds, as the table's ``unit`` says."""
    in_place: float | None = None
    time_us: float | None = None
    data_type: str = ""
    operation: str = ""
    root: str = ""
    wrong: float | None = None
    """Wrong values, in place and out of place; of OSU 1 where the validation failed. None: not checked."""
    line: int = 0

    @property
    def best(self) -> float | None:
        """The out-of-place number, else the in-place one."""
        return self.value if self.value is not None else self.in_place


@dataclass
class Table:
    """One table of a log."""

    tool: str
    file: str
    line: int
    label: str = ""
    """What srun, mpirun or another launcher puts before each line."""
    test: str = ""
    """``all_reduce``; OSU's title such as ``Bi-Directional Bandwidth``; "" where the table does not tell it."""
    variant: str = ""
    """Of OSU: CUDA, where the buffers are, how many pairs; of nccl-tests: into how many groups its ranks are split."""
    unit: str = "GB/s"
    ranks: int = 0
    """0: unknown."""
    groups: int = 0
    nodes: int | None = None
    """How many nodes the table is of, where its command says it and the log need not name them. None: unknown."""
    hosts: Mapping[str, int] = field(default_factory=dict)
    """The hosts' names in the order of ranks, and how many ranks each has; empty where the log does not tell."""
    rows: list[Row] = field(default_factory=list)
    average: float | None = None
    minimum_failed: bool = False
    """Whether the average is below what NCCL_TESTS_MIN_BW asks for."""
    wrong_values: int | None = None
    """nccl-tests' own count: Out of bounds values. None: the log does not tell it."""
    ended: bool = False
    """Whether the table has its end; OSU's have none."""
    no_numbers: int = 0
    """Rows with NaN or infinity in place of a number, or whose test failed."""
    is_alone: bool = False
    """Whether each process ran for itself, as where nccl-tests was built without MPI."""

    @property
    def is_latency(self) -> bool:
        """Whether less is better."""
        return self.unit == "us"

    def judged_row(self) -> Row | None:
        """Return the row that tells most: the largest size of a bandwidth, the smallest of a latency."""
        known = [row for row in self.rows if row.best is not None]
        if not known:
            return None
        if self.is_latency:
            return min(known, key=lambda row: row.size_bytes)
        return max(known, key=lambda row: (row.size_bytes, row.best or 0))

    def by_size(self) -> dict[int, float | None]:
        """Return the best number of each size, of the data type that is judged; None where a size has no number."""
        judged = self.judged_row()
        best = min if self.is_latency else max
        values: dict[int, float | None] = {}
        for row in self.rows:
            if judged is not None and row.data_type != judged.data_type:
                continue
            known = [value for value in (row.best, values.get(row.size_bytes)) if value is not None]
            values[row.size_bytes] = best(known) if known else None
        return dict(sorted(values.items()))
