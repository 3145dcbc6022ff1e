"""The page of all jobs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timezone
from typing import Any

from efakit.jobs.findings.node import share as in_words
from efakit.report.fleet import GROWTH, RETRANSMITS_FLOOR, FleetReport, dicts
from efakit.report.fleet_text import cell_of, title_of, when
from efakit.report.html import timeline
from efakit.report.html.page import render
from efakit.report.html.verdicts import MEANING

_LATEST = 253_402_300_799.0
_MOST_DAYS_AHEAD = 400
_MOST_FAULTS = 50
_BY_TRAFFIC = ("efa", "mixed", "tcp-fallback")


@dataclass(frozen=True)
class Table:
    """A table: titles of its columns, and rows of cells; which columns hold numbers, and which one a verdict."""

    titles: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: Sequence[bool]
    verdict: int | None
    heads: int
    """So many columns name a row."""


def fleet_page(report: FleetReport, version: str) -> str:
    """Return the page of a report of all jobs as HTML."""
    filters, verdicts = report.filters, report.verdicts()
    by_verdict = {row["verdict"]: row for row in verdicts}
    chosen = [(name, getattr(filters, name)) for name in ("cluster", "user", "partition", "node")]
    bars = _bars(report)
    values = {
        "report": report,
        "runs": sum(int(row["runs"]) for row in verdicts),
        "since": when(filters.since),
        "until": when(min(filters.until, _LATEST)),
        "chosen": [f"{name} {value}" for name, value in chosen if value],
        "of_verdicts": list(filters.verdicts),
        "answer": _answer(by_verdict),
        "tiles": list(_tiles(by_verdict)),
        "verdicts": _verdicts(verdicts),
        "meaning": {name: MEANING[name] for name in MEANING if name in by_verdict},
        "timeline": timeline.draw(bars) if bars else None,
        "bars": [bar for bar in reversed(bars) if any(bar.runs.values())],
        "names": [name for name in MEANING if name in by_verdict],
        "table": _table(*report.table) if report.by and report.by != "verdict" else None,
        "summary": [] if report.by else list(_summary(report)),
        "faults": report.faults[:_MOST_FAULTS],
        "version": version,
    }
    return render("fleet.html.j2", values)


def _answer(by_verdict: dict[str, Any]) -> str:
    moved = {name: int(by_verdict[name]["runs"]) if name in by_verdict else 0 for name in _BY_TRAFFIC}
    runs = sum(int(row["runs"]) for row in by_verdict.values())
    if not runs:
        return "No runs: no record of this time, or none that fits."
    exchanged = sum(moved.values())
    if not exchanged:
        return f"Not known: none of the {runs:,} runs has a verdict by its traffic between nodes."
    used = "All" if moved["efa"] == exchanged else f"{moved['efa']:,} of {exchanged:,}"
    rest = [f"{moved[name]:,} {words}" for name, words in _FELL if moved[name]]
    more = f"; {' and '.join(rest)}" if rest else ""
    return f"{used} runs whose nodes exchanged data used EFA{more}."


_FELL = (("tcp-fallback", "fell back to TCP"), ("mixed", "did in part"))


def _tiles(by_verdict: dict[str, Any]) -> Iterator[tuple[str, Sequence[tuple[str, str]], str]]:
    rows = list(by_verdict.values())
    yield "runs", [(f"{sum(int(row['runs']) for row in rows):,}", "")], "of all verdicts"
    fell = sum(int(by_verdict[name]["runs"]) for name in ("tcp-fallback", "mixed") if name in by_verdict)
    yield "fell back", [(f"{fell:,}", "")], "wholly or in part"
    for way, title in (("efa", "over EFA"), ("tcp", "over TCP")):
        sums = [_known([row[f"{way}_{direction}_bytes"] for row in rows]) for direction in ("tx", "rx")]
        yield (
            title,
            [(cell_of(f"{way}_bytes", total), word) for total, word in zip(sums, ("sent", "received"), strict=True)],
            "at least",
        )


def _known(amounts: Sequence[float | None]) -> float | None:
    """Return the sum of what is known; None where that is nothing, and something is not known."""
    known = sum(amount or 0 for amount in amounts)
    return known if known or None not in amounts else None


def _verdicts(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the verdicts with their shares of the runs, the worst first."""
    runs = sum(int(row["runs"]) for row in rows) or 1
    ordered = sorted(rows, key=lambda row: list(MEANING).index(row["verdict"]))
    left = 0.0
    shown = []
    for row in ordered:
        share = 100 * int(row["runs"]) / runs
        shown.append({**row, "share": share, "left": round(left, 3), "wide": round(share, 3)})
        left += share
    names = ("efa_tx_bytes", "efa_rx_bytes", "tcp_tx_bytes", "tcp_rx_bytes")
    return [{**row, "amounts": [cell_of(name, row[name]) for name in names]} for row in shown]


def _bars(report: FleetReport) -> list[timeline.Bar]:
    days: dict[date, dict[str, int]] = {}
    for row in dicts(report.days) if report.days else []:
        with contextlib.suppress(TypeError, ValueError):
            day = date.fromisoformat(row["day"])
            days[day] = {name: int(row[name.replace("-", "_")] or 0) for name in MEANING}
    if not days:
        return []
    first, last = min(days), max(days)
    since, until = _day(report.filters.since), _day(report.filters.until - 1)
    # Days without runs tell something too, where the time that was asked for is not all of it.
    if (until - since).days < _MOST_DAYS_AHEAD:
        first, last = min(first, since), max(last, until)
    return timeline.bars_of(days, first, last)


def _day(seconds: float) -> date:
    return datetime.fromtimestamp(min(max(seconds, 0.0), _LATEST), timezone.utc).date()


def _table(columns: Sequence[str], rows: Sequence[Sequence[Any]], heads: int | None = None) -> Table:
    named = next((at for at, name in enumerate(columns) if not _is_name(name)), len(columns))
    are_numbers = [not _is_name(name) and all(_is_number(row[at]) for row in rows) for at, name in enumerate(columns)]
    return Table(
        [_title(name) for name in columns],
        [[_cell(name, value) for name, value in zip(columns, row, strict=True)] for row in rows],
        are_numbers,
        columns.index("verdict") if "verdict" in columns else None,
        max(1, named) if heads is None else heads,
    )


def _is_name(name: str) -> bool:
    return name.endswith(("_name", "_at")) or name in ("job_id", "run", "day")


def _is_number(value: Any) -> bool:
    return value is None or isinstance(value, (int, float))


def _title(name: str) -> str:
    verdict = name.replace("_", "-")
    if verdict in MEANING:
        return verdict
    return (
        title_of(name)
        .replace("efa ", "EFA ")
        .replace("tcp ", "TCP ")
        .replace("retrans ", "retransmits: ")
        .replace("pkts", "packets")
    )


def _cell(name: str, value: Any) -> str:
    if value and "_ratio" in name:
        return in_words(value)
    is_count = isinstance(value, (int, float)) and not _is_name(name) and not name.endswith("_bytes")
    return f"{value:,.0f}" if is_count and "_ratio" not in name else cell_of(name, value)


def _summary(report: FleetReport) -> Iterator[tuple[str, str, str, Table]]:
    """Give what a summary says: an anchor, a title, what it means, and a table."""
    parts = (
        (
            "fell",
            "Fell back to TCP",
            "Wholly, then in part, the latest first. efakit report JOBID says why; --by job has all.",
            report.fell_back(),
            ("cluster_name", "job_id", "run", "verdict", "user_name", "ended_at", "nodes", "tcp_tx_bytes"),
        ),
        (
            "retransmits",
            "Nodes that send again more than before",
            f"More than {in_words(RETRANSMITS_FLOOR)} of their packets, and more than {GROWTH:g} times as much as in "
            "the first half of the time, if that is known: a path or a device gets worse. --by node has all.",
            report.retransmitting(),
            ("cluster_name", "node_name", "runs", "retrans_ratio_first_half", "retrans_ratio_second_half"),
        ),
        (
            "resting",
            "Nodes with devices that rested or were missing",
            "A device moved nothing while another one of the node did, or was not there. --by device names them.",
            report.resting(),
            ("cluster_name", "node_name", "runs", "runs_with_idle_devices", "runs_with_missing_devices"),
        ),
        (
            "users",
            "Users whose jobs use TCP and never EFA",
            "As far as is known. --by user has all.",
            report.without_efa(),
            ("user_name", "runs", "tcp_fallback", "mixed"),
        ),
    )
    for anchor, title, words, items, names in parts:
        yield anchor, title, words, _table(names, [tuple(item[name] for name in names) for item in items])
