"""A job's report for people."""

from __future__ import annotations

from datetime import timedelta
from typing import TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from efakit.catalog.thresholds import EFA_FLOOR
from efakit.jobs.traffic import Amount
from efakit.jobs.verdict import NodeVerdict
from efakit.report.job import JobReport, byte_counts

_STYLES = {"efa": "bold green", "tcp-fallback": "bold red", "mixed": "bold yellow", "incomplete": "yellow"}
_UNITS = ("B", "KB", "MB", "GB", "TB", "PB")


def print_report(report: JobReport, file: TextIO) -> None:
    """Print verdict, reason and one row a node; colours only on a terminal."""
    # Into a file or a pipe the table keeps its full width.
    width = None if file.isatty() else 200
    console = Console(file=file, highlight=False, soft_wrap=True, width=width)
    verdict, slurm = report.verdict, report.slurm
    title = Text.assemble(
        ("Job ", ""), (str(report.run.job_id), "bold"), (f" {_clean(slurm.name)}" if slurm.name else "", ""), ": "
    )
    title.append(verdict.verdict, style=_STYLES.get(verdict.verdict, "bold"))
    console.print(title)
    console.print(Text(f"  {verdict.reason}"))
    console.print(Text("  " + ", ".join(_facts(report))))
    for note in verdict.notes:
        console.print(Text(_clean(f"  note: {note}")))
    console.print(_table(report.verdict.nodes))
    for node in verdict.nodes:
        for note in node.notes:
            console.print(Text(_clean(f"{node.node}: {note}")))


def _facts(report: JobReport) -> list[str]:
    slurm, traffic = report.slurm, report.verdict.traffic
    facts = [slurm.state.lower()] if slurm.state else []
    if slurm.elapsed_seconds is not None:
        facts.append(f"ran {timedelta(seconds=slurm.elapsed_seconds)}")
    facts.append(f"EFA {_amount(traffic.efa_tx)} sent and {_amount(traffic.efa_rx)} received")
    sent, received = traffic.storage_bytes()
    if max(sent, received) >= EFA_FLOOR.value:
        facts.append(f"of it {_size(sent)} to and {_size(received)} from storage")
    facts.append(f"TCP {_amount(traffic.tcp_tx)} sent and {_amount(traffic.tcp_rx)} received")
    if slurm.note:
        facts.append(slurm.note)
    if report.other_runs:
        facts.append(f"run {report.run.run} (other runs: {', '.join(report.other_runs)})")
    return facts


def _table(nodes: tuple[NodeVerdict, ...]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("NODE", no_wrap=True)
    table.add_column("VERDICT", no_wrap=True)
    for column in ("DEVICES", "EFA SENT", "EFA RECEIVED", "TCP SENT", "TCP RECEIVED"):
        table.add_column(column, justify="right", no_wrap=True)
    for node in nodes:
        sizes = [_amount(count) for count in byte_counts(node.traffic).values()]
        verdict = Text(node.verdict, style=_STYLES.get(node.verdict, ""))
        table.add_row(Text(node.node), verdict, _devices(node), *sizes)
    return table


def _devices(node: NodeVerdict) -> str:
    if node.devices_found is None:
        return "-"
    return f"{node.devices_found} of {'?' if node.devices_expected is None else node.devices_expected}"


def _clean(text: str) -> str:
    """Return ``text`` without what a terminal would obey: a job's name is its user's."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _amount(amount: Amount) -> str:
    """Return a byte count as people read it; where not all of it was read, what it is at least."""
    if amount.complete:
        return _size(amount.known_bytes)
    return f"{_size(amount.known_bytes)}+?" if amount.known_bytes else "?"


def _size(count: int) -> str:
    """Return a byte count as people read it, in powers of 1000: 12.3 MB."""
    value = float(count)
    for unit in _UNITS:
        if value < 999.5 or unit == _UNITS[-1]:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.3g} {unit}"
        value /= 1000
    raise AssertionError("the last unit takes any value")
