"""The page of one job."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from markupsafe import Markup

from efakit.catalog.slurm_reasons import in_words as reason_in_words
from efakit.catalog.thresholds import EFA_FLOOR, STANDS_OUT, THRESHOLDS
from efakit.jobs.sizes import size
from efakit.jobs.traffic import Amount
from efakit.jobs.verdict import NodeVerdict
from efakit.report.answer import answer
from efakit.report.bench import remarks
from efakit.report.folding import amount, amounts, devices, folded, groups
from efakit.report.html import heat, rails
from efakit.report.html.bench import benchmarks
from efakit.report.html.grid import (
    ABSENT,
    AS_MEDIAN,
    SCALE,
    SPECIAL,
    Grid,
    Value,
    grid_of,
    in_words,
)
from efakit.report.html.page import render
from efakit.report.html.verdicts import MEANING
from efakit.report.job import JobReport, byte_counts, component_names
from efakit.report.text import to_look_at

_MOST_SECONDS = 10**11
_MOST_LISTED = 200
_MOST_GROUPS = 100
_MOST_CELLS = 20_000
"""So many devices are listed; of more, only nodes that are unlike the others."""
_MOST_NODES = 300
_UNLIKE = frozenset((*SPECIAL, "0", "1", "7", "8"))
_LATEST = 253_402_300_799
_NAMES = 400
_CELL = {letter: f" class={letter}" for letter in SPECIAL}
_WAYS = ("sent", "received")
Figures = Sequence[tuple[str, str]]
"""Each with a word behind it."""


def job_page(report: JobReport, version: str, *, all_nodes: bool = False) -> str:
    """Return the page of a job's report as HTML; its table has all nodes, of many only if ``all_nodes``."""
    verdict, run = report.verdict, report.run
    limits = report.limits or {row.name: row.value for row in STANDS_OUT}
    nodes = [node.node for node in verdict.nodes]
    grid = grid_of(nodes, run.records, limits["idle-device"])
    remarkable = to_look_at(report)
    values = {
        "report": report,
        "run": run,
        "verdict": verdict,
        "slurm": report.slurm,
        "answer": answer(verdict),
        "meaning": MEANING[verdict.verdict],
        "is_partial": any(not count.complete for count in byte_counts(verdict.traffic).values()),
        "look_at": folded(remarkable, _NAMES) if remarkable else "",
        "tiles": list(_tiles(report)),
        "facts": list(_facts(report)),
        "grid": grid,
        "map": heat.draw(grid, frozenset(remarkable)),
        "map_says": _map_says(grid),
        "legend": list(_legend(grid)),
        "stands_out": report.stands_out[:_MOST_LISTED],
        "causes": report.causes[:_MOST_LISTED],
        "bench": benchmarks(report.bench) if report.bench else [],
        "bench_remarks": list(remarks(report.bench)) if report.bench else [],
        "rails": grid.rails,
        "chart": rails.draw(grid),
        "groups": list(_groups(verdict.nodes)),
        "notes": list(_notes(verdict.nodes))[:_MOST_LISTED],
        "faults": run.faults[:_MOST_LISTED],
        "table": _table(grid, verdict.nodes, set(nodes if all_nodes else remarkable)),
        "floors": THRESHOLDS,
        "thresholds": tuple(row._replace(value=limits[row.name]) for row in STANDS_OUT),
        "sources": _sources(report),
        "names": lambda names: folded(names, _NAMES),
        "is_link": is_link,
        "size": size,
        "amount": amount,
        "plain": lambda value: f"{value:,g}" if value < 1000 else f"{value:,.0f}",
        "version": version,
    }
    return render("job.html.j2", values)


def is_link(source: str) -> bool:
    """Return whether a source is an address that a page may link to."""
    return source.startswith("https://")


def when(seconds: float) -> str:
    """Return a moment in UTC, as people read it."""
    return datetime.fromtimestamp(min(max(int(seconds), 0), _LATEST), timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")


def _tiles(report: JobReport) -> Iterator[tuple[str, Figures, str]]:
    """Give the figures that a reader looks for: name, values, and what more there is to say."""
    traffic, nodes = report.verdict.traffic, report.verdict.nodes
    sent, received = report.verdict.storage_bytes()
    least = "" if report.verdict.tells_storage() else "at least "
    storage = (
        f"of this, storage: {least}{size(sent)}, {size(received)}" if max(sent, received) >= EFA_FLOOR.value else ""
    )
    yield "over EFA", _both(traffic.efa_tx, traffic.efa_rx), storage
    yield "over TCP", _both(traffic.tcp_tx, traffic.tcp_rx), ""
    lost = len(nodes) - len(report.run.records)
    yield "nodes", [(f"{len(nodes):,}", "")], f"{lost:,} without a record" if lost else "all with a record"
    found = [node.devices_found for node in nodes if node.devices_found is not None]
    wanted = [node.devices_expected for node in nodes]
    of = f"{sum(one or 0 for one in wanted):,}" if None not in wanted else "an unknown number"
    yield "EFA devices", [(f"{sum(found):,}" if found else "?", "found")], f"of {of}"
    if report.slurm.elapsed_seconds is not None:
        yield "ran for", [(str(timedelta(seconds=min(report.slurm.elapsed_seconds, _MOST_SECONDS))), "")], "hours"
    if report.line_rate:
        shares = [f"{100 * share:.2g} %" for share in report.line_rate]
        yield "of a node's line rate", list(zip(shares, _WAYS, strict=True)), "on average"


def _both(sent: Amount, received: Amount) -> Figures:
    return [(amount(sent), _WAYS[0]), (amount(received), _WAYS[1])]


def _facts(report: JobReport) -> Iterator[tuple[str, str]]:
    slurm, run = report.slurm, report.run
    code, _, signal = (slurm.exit_code or "").partition(":")
    others = ", ".join(report.other_runs[:20]) + (" ..." if len(report.other_runs) > 20 else "")
    known = (
        ("state", slurm.state.lower() if slurm.state else None),
        ("user", slurm.user),
        ("account", slurm.account),
        ("partition", slurm.partition),
        ("cluster", run.cluster),
        ("run", run.run),
        ("other runs", others),
        ("components", ", ".join(component_names(run))),
        ("began", when(run.began_at) if run.began_at else None),
        ("ended", when(run.ended_at) if run.records else None),
        ("exit code", code),
        ("signal", signal if signal != "0" else None),
        ("reason", reason_in_words(slurm.reason) if slurm.reason and slurm.state != "CANCELLED" else None),
        ("script", slurm.script),
        ("output", slurm.output_file),
    )
    yield from ((name, value) for name, value in known if value)


def _map_says(grid: Grid) -> str:
    """Return the heat map in words, for who does not see it."""
    told = [f"{grid.counts[letter]:,} {in_words(letter, grid)}" for letter in SPECIAL if grid.counts[letter]]
    low = sum(grid.counts[letter] for letter in SCALE[: SCALE.index(AS_MEDIAN)])
    high = sum(grid.counts[letter] for letter in SCALE[SCALE.index(AS_MEDIAN) + 1 :])
    alike = grid.counts[AS_MEDIAN]
    if grid.middle is not None:
        told.append(f"{alike:,} within 5 % of the median {size(grid.middle)}, {low:,} less, {high:,} more")
    return f"{len(grid.nodes):,} nodes by {len(grid.devices)} devices: {'; '.join(told)}."


def _legend(grid: Grid) -> Iterator[tuple[str, Sequence[tuple[str, str, int]]]]:
    """Give the classes and how many devices are in each: those without a value first, then those of the scale."""
    titles = (
        [("", SPECIAL)] if grid.middle is None else [("", SPECIAL), (f"Of the median, {size(grid.middle)}:", SCALE)]
    )
    for title, letters in titles:
        yield title, [(letter, in_words(letter, grid), grid.counts[letter]) for letter in letters]


def _groups(nodes: Sequence[NodeVerdict]) -> Iterator[dict[str, Any]]:
    for group in groups(nodes)[:_MOST_GROUPS]:
        yield {
            "names": folded([node.node for node in group.nodes], _NAMES),
            "count": len(group.nodes),
            "verdict": group.verdict,
            "devices": group.devices,
            "amounts": amounts(group.nodes),
        }


def _notes(nodes: Sequence[NodeVerdict]) -> Iterator[tuple[str, str]]:
    by_note: dict[str, list[str]] = {}
    for node in nodes:
        for note in node.notes:
            by_note.setdefault(note, []).append(node.node)
    yield from ((folded(names, _NAMES), note) for note, names in by_note.items())


def _sources(report: JobReport) -> list[tuple[str, str]]:
    """Return the rules and the sources of what the page says, each once."""
    said = [(item.finding.rule, item.finding.source) for item in report.stands_out]
    said += [(cause.rule, cause.source) for cause in report.causes if cause.rule and cause.source]
    return sorted(dict.fromkeys(said))


@dataclass(frozen=True)
class Table:
    """Nodes with the bytes of each device, in one unit."""

    unit: str
    rows: Sequence[tuple[NodeVerdict, str, Sequence[str], Markup]]
    """A node, its devices in words, its four byte counts, and a cell for each device."""
    left_out: int


def _table(grid: Grid, nodes: Sequence[NodeVerdict], always: Collection[str]) -> Table:
    chosen = list(range(len(nodes)))
    if len(nodes) * max(len(grid.devices), 1) > _MOST_CELLS:
        unlike = set(_unlike(grid, nodes))
        chosen = [at for at, node in enumerate(nodes) if at in unlike or node.node in always]
    divisor, unit = _unit(grid.middle or 0)
    rows = []
    for at in chosen:
        node = nodes[at]
        counts = [amount(value) for value in byte_counts(node.traffic).values()]
        cells = zip(grid.classes[at], grid.values[at], strict=True)
        text = "".join(f"<td{_CELL.get(letter, '')}>{_in(value, divisor)}" for letter, value in cells)
        rows.append((node, devices(node), counts, Markup(text)))  # noqa: S704 - sizes
    return Table(unit, rows, len(nodes) - len(chosen))


def _unlike(grid: Grid, nodes: Sequence[NodeVerdict]) -> list[int]:
    """Return the places of nodes that are unlike most, as many as a page can list."""
    usual = max(groups(nodes), key=lambda group: len(group.nodes))
    usual_nodes = {id(node) for node in usual.nodes}
    commonest = grid.counts.most_common(1)[0][0] if grid.counts else AS_MEDIAN
    strange = _UNLIKE - {commonest}
    weights = (
        (id(node) not in usual_nodes, sum(grid.classes[at].count(letter) for letter in strange), -at)
        for at, node in enumerate(nodes)
    )
    worst = sorted((weight for weight in weights if weight[0] or weight[1]), reverse=True)[:_MOST_NODES]
    return sorted(-place for _, _, place in worst)


def _unit(count: float) -> tuple[float, str]:
    unit = size(count).rpartition(" ")[2]
    return float(1000 ** ("B", "KB", "MB", "GB", "TB", "PB").index(unit)), unit


def _in(value: Value, divisor: float) -> str:
    if value is None:
        return "?"
    if value == ABSENT:
        return "-"
    part = value / divisor
    if not value or 0.01 <= part < 999.5:
        return f"{part:.3g}"
    return f"{part:,.0f}" if part >= 1 else size(value)
