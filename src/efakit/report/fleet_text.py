"""A report of all jobs for people, for programs and for spreadsheets."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from typing import Any, TextIO

from efakit.printable import printable
from efakit.report.fleet import GROWTH, FleetReport

_UNITS = ("B", "KB", "MB", "GB", "TB", "PB", "EB")
_MOST_LETTERS = 60
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A cell that begins with one of these is a formula to a spreadsheet (OWASP, CSV Injection)."""
_FILTERS = ("cluster", "user", "partition", "node")
# What a text report leaves out of a table, for its width.
_LEFT_OUT = ("reason", "records", "retrans_pkts", "tx_pkts_second_half")


def print_json(report: FleetReport, file: TextIO) -> None:
    """Print the whole as JSON."""
    filters = report.filters
    data: dict[str, Any] = {
        "since": when(filters.since),
        "until": when(filters.until),
        "filters": {name: getattr(filters, name) for name in _FILTERS} | {"verdicts": list(filters.verdicts)},
        "by": report.by,
        "verdicts": _whole(report.verdicts()),
    }
    if report.by:
        columns, rows = report.table
        data["rows"] = _whole([dict(zip(columns, row, strict=True)) for row in rows])
    else:
        data["fell_back"] = _whole(report.fell_back())
        data["retransmitting_nodes"] = _whole(report.retransmitting())
        data["resting_devices"] = _whole(report.resting())
        data["users_without_efa"] = _whole(report.without_efa())
    data["damaged_files"] = report.damaged
    data["faults"] = list(report.faults)
    json.dump(data, file, indent=2)
    file.write("\n")


def print_csv(report: FleetReport, file: TextIO) -> None:
    """Print the table that was asked for as CSV; no cell is a formula."""
    columns, rows = report.table
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(name, value) for name, value in zip(columns, row, strict=True)])


def print_text(report: FleetReport, file: TextIO) -> None:
    """Print sentences and tables."""
    filters = report.filters
    runs = sum(row["runs"] for row in report.verdicts())
    chosen = [(name, getattr(filters, name)) for name in _FILTERS]
    chosen.append(("verdict", " or ".join(filters.verdicts)))
    words = ", ".join(f"{name} {value}" for name, value in chosen if value)
    about = f" ({words})" if words else ""
    _print(file, (f"{runs} runs from {when(filters.since)} to {when(filters.until)}{about}"))
    if report.by:
        _print_table(file, "", *report.table)
        if report.most_rows is not None and report.by != "verdict" and len(report.table[1]) >= report.most_rows:
            _print(file, f"The first {report.most_rows} rows: --top N shows more, --format csv has all.")
    else:
        _print_summary(file, report)
    if report.damaged:
        _print(file, (f"{report.damaged} files are unusable, and not counted:"))
        for fault in report.faults[:5]:
            _print(file, (f"  {fault}"))


def _print_summary(file: TextIO, report: FleetReport) -> None:
    _print_table(file, "", *report.answers[0])
    fell_back = report.fell_back()
    is_quiet = not any((fell_back, report.retransmitting(), report.resting(), report.without_efa()))
    if is_quiet and report.verdicts():
        # Of a run that is incomplete nobody knows; nor of a counter that was not read.
        _print(
            file,
            "Of these runs none is known to have fallen back, no node to send again more than before, and no device to "
            "have rested.",
        )
    _print_some(
        file,
        "Fell back to TCP, wholly, then in part, the latest first (efakit report JOBID says why; --by job shows all):",
        fell_back,
        ("cluster_name", "job_id", "run", "verdict", "user_name", "ended_at", "nodes", "tcp_tx_bytes"),
    )
    _print_some(
        file,
        f"Nodes that send again more than {GROWTH:g} times as much as in the first half, if that is known (--by node "
        "shows all):",
        report.retransmitting(),
        ("cluster_name", "node_name", "runs", "retrans_ratio_first_half", "retrans_ratio_second_half"),
    )
    _print_some(
        file,
        "Nodes with devices that rested or were missing (--by device names them):",
        report.resting(),
        ("cluster_name", "node_name", "runs", "runs_with_idle_devices", "runs_with_missing_devices"),
    )
    _print_some(
        file,
        "Users whose jobs use TCP and, as far as is known, never EFA (--by user shows all):",
        report.without_efa(),
        ("user_name", "runs", "tcp_fallback", "mixed"),
    )


def _print_some(file: TextIO, title: str, items: Sequence[dict[str, Any]], names: Sequence[str]) -> None:
    if items:
        _print_table(file, title, list(names), [tuple(item[name] for name in names) for item in items])


def _print_table(file: TextIO, title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    if title:
        file.write("\n")
        _print(file, (title))
    shown = [at for at, name in enumerate(columns) if name not in _LEFT_OUT]
    cells = [
        [title_of(columns[at]).upper() for at in shown],
        *([cell_of(columns[at], row[at]) for at in shown] for row in rows),
    ]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    are_numbers = [all(isinstance(row[at], (int, float)) or row[at] is None for row in rows) for at in shown]
    for line in cells:
        padded = [
            text.rjust(width) if is_number else text.ljust(width)
            for text, width, is_number in zip(line, widths, are_numbers, strict=True)
        ]
        file.write("  ".join(padded).rstrip() + "\n")


def title_of(name: str) -> str:
    """Return a column's name as people read it."""
    words = name.removesuffix("_name").removesuffix("_bytes").replace("_", " ")
    return words.replace(" tx", " sent").replace(" rx", " received")


def cell_of(name: str, value: Any) -> str:
    """Return a value as people read it: sizes, moments, ratios."""
    if value is None:
        return "-" if name.endswith("_name") or name.startswith("retrans") else "?"
    return printable(_shown(name)(value), _MOST_LETTERS)


def _shown(name: str) -> Callable[[Any], str]:
    if name.endswith("_bytes"):
        return _size
    if name.endswith("_at"):
        return when
    if "_ratio" in name:
        return lambda value: f"{value:.2g}"
    return lambda value: f"{value:.0f}" if isinstance(value, float) else str(value)


def _size(count: float) -> str:
    value = float(count)
    for unit in _UNITS[:-1]:
        if value < 999.5:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.3g} {unit}"
        value /= 1000
    return f"{value:.3g} {_UNITS[-1]}"


def when(seconds: float) -> str:
    """Return a moment in UTC."""
    return datetime.fromtimestamp(int(seconds), timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _whole(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return rows whose counts are whole numbers, as they are in the records."""
    return [{name: _number(name, value) for name, value in row.items()} for row in rows]


def _number(name: str, value: Any) -> Any:
    is_count = isinstance(value, float) and "_ratio" not in name and not name.endswith("_at")
    return int(value) if is_count else value


def _cell(name: str, value: Any) -> Any:
    value = _number(name, value)
    if not isinstance(value, str):
        return value
    text = printable(value)
    return f"'{text}" if value.startswith(_FORMULA) else text


def _print(file: TextIO, text: str) -> None:
    file.write(printable(text) + "\n")
