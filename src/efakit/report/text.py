"""A job's report for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from efakit.catalog.slurm_reasons import in_words
from efakit.catalog.thresholds import EFA_FLOOR
from efakit.jobs.traffic import Amount
from efakit.jobs.verdict import NodeVerdict
from efakit.printable import printable
from efakit.report.job import JobReport, SlurmFacts, byte_counts, component_names

_STYLES = {"efa": "bold green", "tcp-fallback": "bold red", "mixed": "bold yellow", "incomplete": "yellow"}
_UNITS = ("B", "KB", "MB", "GB", "TB", "PB")
_MOST_LINES = 20
"""Of the doubts, of the notes of one node, of the files that cannot be used."""
_MOST_ROWS = 1000
"""Of nodes: a few letters in a record name a hundred thousand, and each row takes a millisecond and more."""
_MOST_LETTERS_OF_A_NAME = 120
_MOST_SECONDS = 10**11


def print_report(report: JobReport, file: TextIO) -> None:
    """Print verdict, reason and one row a node; colours only on a terminal.

    Names and messages come from records, from Slurm and from users: each passes ``printable``, and none is markup.
    """
    # Into a file or a pipe the table keeps its full width.
    width = None if file.isatty() else 200
    console = Console(file=file, highlight=False, soft_wrap=True, width=width)
    verdict, slurm, run = report.verdict, report.slurm, report.run
    title = Text.assemble(
        ("Job ", ""), (str(run.job_id), "bold"), (f" {printable(slurm.name, 200)}" if slurm.name else "", ""), ": "
    )
    title.append(verdict.verdict, style=_STYLES.get(verdict.verdict, "bold"))
    console.print(title)
    console.print(_line(f"  {verdict.reason}"))
    console.print(_line("  " + ", ".join(_facts(report))))
    for line in _slurm_lines(report.slurm):
        console.print(_line(f"  {line}"))
    _print_some(console, "  in doubt: ", run.doubts)
    _print_some(console, "  note: ", verdict.notes)
    shown = _shown(verdict.nodes)
    console.print(_table(shown))
    if len(shown) < len(verdict.nodes):
        console.print(_line(f"and {len(verdict.nodes) - len(shown)} more nodes: --format json shows all"))
    for node in shown:
        _print_some(console, f"{printable(node.node, _MOST_LETTERS_OF_A_NAME)}: ", node.notes)
    _print_some(console, "", run.notes)
    if run.faults:
        console.print(_line(f"{len(run.faults)} of the job's files are unusable:"))
        _print_some(console, "  ", run.faults)


def _line(text: str) -> Text:
    return Text(printable(text))


def _print_some(console: Console, before: str, items: Sequence[object]) -> None:
    for item in items[:_MOST_LINES]:
        console.print(_line(f"{before}{item}"))
    if len(items) > _MOST_LINES:
        console.print(_line(f"{before}and {len(items) - _MOST_LINES} more"))


def _facts(report: JobReport) -> list[str]:
    slurm, traffic, run = report.slurm, report.verdict.traffic, report.run
    facts = [slurm.state.lower()] if slurm.state else []
    if slurm.elapsed_seconds is not None:
        facts.append(f"ran {timedelta(seconds=min(slurm.elapsed_seconds, _MOST_SECONDS))}")
    facts.append(f"EFA {_amount(traffic.efa_tx)} sent and {_amount(traffic.efa_rx)} received")
    sent, received = traffic.storage_bytes()
    if max(sent, received) >= EFA_FLOOR.value:
        facts.append(f"of this, {_size(sent)} to and {_size(received)} from storage")
    facts.append(f"TCP {_amount(traffic.tcp_tx)} sent and {_amount(traffic.tcp_rx)} received")
    if run.het:
        facts.append(f"heterogeneous job {', '.join(component_names(run))}")
    if slurm.note:
        facts.append(slurm.note)
    if report.other_runs:
        shown = [printable(name, 60) for name in report.other_runs[:_MOST_LINES]]
        more = f" and {len(report.other_runs) - _MOST_LINES} more" if len(report.other_runs) > _MOST_LINES else ""
        own = f"run {run.run} (other runs: " if run.run else "(runs: "
        facts.append(f"{own}{', '.join(shown)}{more})")
    return facts


def _slurm_lines(slurm: SlurmFacts) -> Iterator[str]:
    """Give what else is known of the job: whose it is, how it ended, its files."""
    code, _, signal = (slurm.exit_code or "").partition(":")
    facts = (
        ("user", slurm.user),
        ("account", slurm.account),
        ("partition", slurm.partition),
        ("exit code", code),
        ("signal", signal if signal != "0" else ""),
        ("reason", in_words(slurm.reason) if slurm.reason else ""),
    )
    told = [f"{name} {printable(value, 200)}" for name, value in facts if value]
    if told:
        yield ", ".join(told)
    if slurm.script:
        yield f"script {slurm.script}"
    if slurm.output_file:
        yield f"output {slurm.output_file}"


def _shown(nodes: Sequence[NodeVerdict]) -> Sequence[NodeVerdict]:
    """Return the nodes that get a row: where not all can, those that left a record first."""
    if len(nodes) <= _MOST_ROWS:
        return nodes
    places = sorted(range(len(nodes)), key=lambda place: nodes[place].devices_found is None)
    return [nodes[place] for place in sorted(places[:_MOST_ROWS])]


def _table(nodes: Sequence[NodeVerdict]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("NODE", no_wrap=True)
    table.add_column("VERDICT", no_wrap=True)
    for column in ("DEVICES", "EFA SENT", "EFA RECEIVED", "TCP SENT", "TCP RECEIVED"):
        table.add_column(column, justify="right", no_wrap=True)
    for node in nodes:
        sizes = [_amount(count) for count in byte_counts(node.traffic).values()]
        verdict = Text(node.verdict, style=_STYLES.get(node.verdict, ""))
        table.add_row(Text(printable(node.node, _MOST_LETTERS_OF_A_NAME)), verdict, _devices(node), *sizes)
    return table


def _devices(node: NodeVerdict) -> str:
    if node.devices_found is None:
        return "-"
    return f"{node.devices_found} of {'?' if node.devices_expected is None else node.devices_expected}"


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
