"""Benchmarks in a job's report: as text and as JSON data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from efakit.diagnose.bench.judge import Judged, name_of, sentence
from efakit.diagnose.bench.tables import Row
from efakit.jobs.findings import Limits
from efakit.jobs.reader import Fault

MOST_TABLES = 20
_MOST_FAULTS = 3


@dataclass(frozen=True)
class BenchReport:
    """The result tables of a job's logs, and what they are compared with."""

    judged: tuple[Judged, ...]
    files: tuple[str, ...]
    limits: Limits
    damage: tuple[str, ...] = ()
    """Of logs that could not be read to their end."""
    left_out: int = 0
    faults: tuple[Fault, ...] = ()
    """Kept results that cannot be used."""
    kept: str = ""
    """Where the results were kept, with --keep."""
    is_new: bool = True


def sentences(report: BenchReport) -> Iterator[str]:
    """Give one line a table, and what is to say of the logs and of the kept results."""
    for one in report.judged[:MOST_TABLES]:
        yield sentence(one, report.limits)
    yield from remarks(report)


def remarks(report: BenchReport) -> Iterator[str]:
    """Give what is to say of the logs and of the kept results."""
    if not report.judged:
        yield f"no result table of nccl-tests, nccom-test or OSU in {', '.join(report.files[:_MOST_FAULTS])}"
    shown = min(len(report.judged), MOST_TABLES)
    if len(report.judged) > shown:
        yield f"and {len(report.judged) - shown} more tables: --format json has them"
    if report.left_out:
        yield f"{report.left_out} further tables of the log were left out: a report has at most {len(report.judged)}"
    yield from report.damage[:_MOST_FAULTS]
    if report.faults:
        yield f"{len(report.faults)} kept results cannot be used: {report.faults[0]}"
    if report.kept:
        yield f"{'kept in' if report.is_new else 'were kept already in'} {report.kept}"


def bench_data(report: BenchReport) -> dict[str, Any]:
    """Return it as JSON values."""
    return {
        "files": list(report.files),
        "damage": list(report.damage),
        "tables": [_table(one, report.limits) for one in report.judged],
        "tables_left_out": report.left_out,
        "faults": [{"file": fault.file, "why": fault.why} for fault in report.faults[:100]],
        "fault_count": len(report.faults),
        "kept": report.kept or None,
    }


def _table(judged: Judged, limits: Limits) -> dict[str, Any]:
    table, row = judged.table, judged.row
    return {
        "tool": table.tool,
        "test": table.test or None,
        "name": name_of(table),
        "variant": table.variant or None,
        "file": table.file,
        "line": table.line,
        "unit": table.unit or None,
        "ranks": table.ranks or None,
        "hosts": list(table.hosts) or None,
        "nodes": list(judged.nodes),
        "instance_type": judged.instance_type,
        "line_rate": judged.line_rate,
        "most": judged.most,
        "sentence": sentence(judged, limits),
        "unjudged": judged.unjudged or None,
        "size_bytes": row.size_bytes if row else None,
        "value": row.best if row else None,
        "median_of_earlier": judged.median,
        "earlier": [{"run": name, "value": value} for name, value in judged.earlier],
        "new_nodes": list(judged.new_nodes),
        "average": table.average,
        "wrong_values": table.wrong_values,
        "ended": table.ended,
        "rows": [_row(one, judged) for one in table.rows],
    }


def _row(row: Row, judged: Judged) -> dict[str, Any]:
    is_judged = judged.row is not None and row.data_type == judged.row.data_type
    return {
        "size_bytes": row.size_bytes,
        "value": row.value,
        "in_place": row.in_place,
        "time_us": row.time_us,
        "type": row.data_type or None,
        "redop": row.operation or None,
        "root": row.root or None,
        "wrong": row.wrong,
        "median_of_earlier": judged.medians.get(row.size_bytes) if is_judged else None,
    }
