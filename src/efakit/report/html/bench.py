"""Benchmarks on a page: each result table as a drawing by size and in figures, judged as the text judges them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from efakit.diagnose.bench.judge import Judged, name_of, number, sentence, size_words
from efakit.diagnose.bench.tables import OSU, Row, Table
from efakit.jobs.findings import Limits
from efakit.report.bench import MOST_TABLES, BenchReport
from efakit.report.html.bench_chart import MOST_POINTS, NOT_KNOWN, Chart, draw, part_of

_MOST_DRAWN = 8
_MOST_FIGURES = 640
"""Points and rows of the drawn tables together: a page stays under 500 KB. Further tables are sentences."""
_MOST_ROWS = 100


@dataclass(frozen=True)
class Figures:
    """A table's rows as text: the names of the columns, and the cells of each row."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    left_out: int


@dataclass(frozen=True)
class Benchmark:
    """One result table: what it is of, where it stands in the log, and what can be said of it."""

    name: str
    place: str
    sentence: str
    notes: Sequence[str] = ()
    chart: Chart | None = None
    figures: Figures | None = None


def benchmarks(report: BenchReport) -> list[Benchmark]:
    """Return the tables that a page shows, as many as the text: the first of them with all their numbers."""
    shown, figures = [], 0
    for at, one in enumerate(report.judged[:MOST_TABLES]):
        what = name_of(one.table), f"{one.table.file}:{one.table.line}", sentence(one, report.limits)
        figures += min(len(one.table.by_size()), MOST_POINTS) + min(len(one.table.rows), _MOST_ROWS)
        if at < _MOST_DRAWN and figures <= _MOST_FIGURES:
            shown.append(Benchmark(*what, list(_notes(one, report.limits)), draw(one, report.limits), _figures(one)))
        else:
            shown.append(Benchmark(*what, ["Its figures are in --format json."]))
    return shown


def _notes(judged: Judged, limits: Limits) -> Iterator[str]:
    """Give what the drawing does not show."""
    table = judged.table
    if not table.is_latency and judged.most is None:
        yield "What the line rate allows here is not known."
    elif not table.is_latency and judged.bound(limits) is None:
        yield "The largest number is above what the line rate allows: not all of it went over the network."
    if judged.measured is not None and not judged.medians:
        yield "No earlier result of this test on as many nodes of the type is kept."
    if not table.ended:
        yield "The table breaks off: what follows its last row is not known."
    types = {row.data_type for row in table.rows}
    if len(types) > 1 and judged.row is not None:
        yield f"Drawn and compared: {judged.row.data_type}, one of {len(types)} data types of the table."


def _figures(judged: Judged) -> Figures | None:
    table = judged.table
    if not table.rows:
        return None
    what = "latency" if table.is_latency else "number" if table.tool == OSU else "bus bandwidth"
    columns = ["size", f"{what}, {table.unit or 'GB/s or GiB/s'}"]
    has = _Has(table)
    columns += ["in place"] * has.in_place + ["time, us"] * has.time + ["type"] * has.types
    columns += ["earlier median"] * bool(judged.medians) + ["of the most"] * (judged.most is not None)
    columns += ["wrong values"] * has.wrong
    rows = [_cells(row, judged, has) for row in table.rows[:_MOST_ROWS]]
    return Figures(columns, rows, len(table.rows) - len(rows))


class _Has:
    """Which columns a table has: one that no row fills is left out."""

    def __init__(self, table: Table) -> None:
        self.in_place = any(row.in_place is not None for row in table.rows)
        self.time = any(row.time_us is not None for row in table.rows)
        self.wrong = any(row.wrong is not None for row in table.rows)
        self.types = len({(row.data_type, row.operation, row.root) for row in table.rows}) > 1


def _cells(row: Row, judged: Judged, has: _Has) -> list[str]:
    is_judged = judged.row is not None and row.data_type == judged.row.data_type
    cells = [size_words(row.size_bytes), _told(row.value)]
    cells += [_told(row.in_place)] * has.in_place + [_told(row.time_us)] * has.time
    cells += [" ".join(word for word in (row.data_type, row.operation, row.root) if word)] * has.types
    cells += [_told(judged.medians.get(row.size_bytes) if is_judged else None)] * bool(judged.medians)
    if judged.most is not None:
        cells.append(NOT_KNOWN if row.best is None else part_of(row.best, judged.most))
    return cells + [_told(row.wrong)] * has.wrong


def _told(value: float | None) -> str:
    return NOT_KNOWN if value is None else number(value)
