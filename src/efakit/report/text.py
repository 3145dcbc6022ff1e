"""A job's report for people: the answer first, then what stands out, why, the nodes, and the next step."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from typing import TextIO

from efakit.catalog.slurm_reasons import in_words
from efakit.catalog.thresholds import EFA_FLOOR
from efakit.jobs.sizes import size
from efakit.jobs.verdict import NodeVerdict
from efakit.printable import printable
from efakit.report.folding import amount, amounts, devices, folded, groups
from efakit.report.job import JobReport, SlurmFacts, byte_counts, component_names

_CODES = {
    "efa": "1;32",
    "tcp-fallback": "1;31",
    "mixed": "1;33",
    "incomplete": "33",
    "head": "1",
    "error": "31",
    "warning": "33",
    "info": "36",
}
_WIDTH = 100
"""Of a text that goes to a file or a pipe, unless COLUMNS says otherwise."""
_LEAST_WIDTH = 40
_MOST_FINDINGS = 9
_MOST_CAUSES = 6
_MOST_GROUPS = 8
_MOST_NOTES = 6
_MOST_RUNS = 20
_MOST_SECONDS = 10**11
_MOST_LETTERS = 400
"""Of a message: a log's or a record's may be of any length."""
_DEVICE_COLUMNS = ("NODE", "DEVICE", "SENT", "RECEIVED", "COUNTED BESIDE")

Line = tuple[str, str]
"""A line and its style: a key of the codes above, or empty."""


def print_report(report: JobReport, file: TextIO, *, nodes: bool = False, with_devices: bool = False) -> None:
    """Print the report; colours only on a terminal. ``nodes`` and ``with_devices`` show all of them, one a line.

    Names and messages come from records, from Slurm and from users: each passes ``printable``, and none is markup.
    """
    terminal = file.isatty()
    for line, style in report_lines(report, width_of(file), nodes=nodes, with_devices=with_devices):
        code = _CODES.get(style, "") if terminal else ""
        file.write(f"\x1b[{code}m{line}\x1b[0m\n" if code else f"{line}\n")


def width_of(file: TextIO) -> int:
    """Return the columns to write for."""
    given = os.environ.get("COLUMNS", "")
    columns = int(given) if given.isascii() and given.isdigit() and len(given) < 5 else 0
    if not columns:
        columns = _terminal_width() if file.isatty() else _WIDTH
    return max(columns, _LEAST_WIDTH)


def _terminal_width() -> int:
    import shutil

    return shutil.get_terminal_size((_WIDTH, 24)).columns


def report_lines(report: JobReport, width: int, *, nodes: bool = False, with_devices: bool = False) -> Iterator[Line]:
    """Give the lines of a report, none of the text wider than ``width`` unless a single word is."""
    yield from _head(report, width)
    yield from _stands_out(report, width)
    yield from _causes(report, width)
    yield from _benchmarks(report, width)
    yield from _table(report.verdict.nodes) if nodes else _folded(report, width)
    if with_devices:
        yield from _devices(report.verdict.nodes)
    yield from _notes(report, width)
    if report.next_step:
        yield from _wrapped("Next: ", report.next_step, width)


def _head(report: JobReport, width: int) -> Iterator[Line]:
    from efakit.report.answer import answer

    verdict, slurm, run = report.verdict, report.slurm, report.run
    name = f" {printable(slurm.name, 200)}" if slurm.name else ""
    yield f"Job {run.job_id}{name}: {verdict.verdict}", verdict.verdict
    yield from _wrapped("", answer(verdict), width)
    if names := to_look_at(report):
        yield from _wrapped("", f"Look at {folded(names, width)}.", width)
    yield from _wrapped("  ", ", ".join(_facts(report)), width)
    yield from _slurm_lines(slurm, width)
    for doubt in run.doubts[:_MOST_NOTES]:
        yield from _wrapped("  in doubt: ", doubt, width)
    if len(run.doubts) > _MOST_NOTES:
        yield f"  in doubt: and {len(run.doubts) - _MOST_NOTES} more", ""
    for note in verdict.notes:
        yield from _wrapped("  note: ", note, width)


def to_look_at(report: JobReport) -> list[str]:
    """Return the nodes that stand out, or of which the hooks found an error."""
    remarkable = [item for item in report.stands_out if item.finding.severity != "info" and not item.whole]
    named = {node for item in remarkable for node in item.nodes} | _with_errors(report)
    return [node.node for node in report.verdict.nodes if node.node in named]


def _with_errors(report: JobReport) -> set[str]:
    """Return the nodes of which the hooks found an error."""
    records = report.run.records.items()
    return {node for node, record in records if any(item.get("severity") == "error" for item in record["findings"])}


def _facts(report: JobReport) -> list[str]:
    slurm, traffic, run = report.slurm, report.verdict.traffic, report.run
    facts = [slurm.state.lower()] if slurm.state else []
    if slurm.elapsed_seconds is not None:
        facts.append(f"ran {timedelta(seconds=min(slurm.elapsed_seconds, _MOST_SECONDS))}")
    facts.append(f"EFA {amount(traffic.efa_tx)} sent and {amount(traffic.efa_rx)} received")
    sent, received = report.verdict.storage_bytes()
    if max(sent, received) >= EFA_FLOOR.value:
        least = "" if report.verdict.tells_storage() else "at least "
        facts.append(f"of this, {least}{size(sent)} to and {size(received)} from storage")
    facts.append(f"TCP {amount(traffic.tcp_tx)} sent and {amount(traffic.tcp_rx)} received")
    if report.line_rate and max(report.line_rate) >= 0.0005:
        sent_share, received_share = (f"{100 * value:.2g}" for value in report.line_rate)
        facts.append(f"{sent_share} % and {received_share} % of a node's line rate on average")
    if run.het:
        facts.append(f"heterogeneous job {', '.join(component_names(run))}")
    if slurm.note:
        facts.append(slurm.note)
    if report.other_runs:
        shown = [printable(name, 60) for name in report.other_runs[:_MOST_RUNS]]
        more = f" and {len(report.other_runs) - _MOST_RUNS} more" if len(report.other_runs) > _MOST_RUNS else ""
        own = f"run {run.run} (other runs: " if run.run else "(runs: "
        facts.append(f"{own}{', '.join(shown)}{more})")
    return facts


def _slurm_lines(slurm: SlurmFacts, width: int) -> Iterator[Line]:
    """Give what else is known of the job: whose it is, how it ended, its files; these are not wrapped."""
    code, _, signal = (slurm.exit_code or "").partition(":")
    facts = (
        ("user", slurm.user),
        ("account", slurm.account),
        ("partition", slurm.partition),
        ("exit code", code),
        ("signal", signal if signal != "0" else ""),
        # A job that is cancelled while it waits keeps the reason why it waited.
        ("reason", in_words(slurm.reason) if slurm.reason and slurm.state != "CANCELLED" else ""),
    )
    told = [f"{name} {printable(value, 200)}" for name, value in facts if value]
    if told:
        yield from _wrapped("  ", ", ".join(told), width)
    for name, path in (("script", slurm.script), ("output", slurm.output_file)):
        if path:
            yield f"  {name} {printable(path)}", ""


def _stands_out(report: JobReport, width: int) -> Iterator[Line]:
    if not report.stands_out:
        return
    yield from _title("What stands out")
    for item in report.stands_out[:_MOST_FINDINGS]:
        finding = item.finding
        where = f"{folded(item.nodes, width - 4)}: " if item.nodes else ""
        text = f"{finding.severity} {finding.rule}: {where}{printable(finding.message, _MOST_LETTERS)}"
        yield from _wrapped("  ", text, width, str(finding.severity), "    ")
        if finding.fix and finding.severity != "info":
            yield from _wrapped("    do: ", finding.fix, width, "", "        ")
    if len(report.stands_out) > _MOST_FINDINGS:
        yield f"  and {len(report.stands_out) - _MOST_FINDINGS} more: --format json shows all", ""


def _causes(report: JobReport, width: int) -> Iterator[Line]:
    if not report.causes:
        return
    yield from _title("Causes")
    for cause in report.causes[:_MOST_CAUSES]:
        where = f"{folded(cause.nodes, width - 4)}: " if cause.nodes else ""
        rule = f" {cause.rule}" if cause.rule else ""
        how = "" if cause.sure else "possible, "
        text = f"{how}by the {cause.origin}{rule}: {where}{printable(cause.text, _MOST_LETTERS)}"
        yield from _wrapped("  ", text, width, "", "    ")
        if cause.fix:
            yield from _wrapped("    do: ", printable(cause.fix, _MOST_LETTERS), width, "", "        ")
    if len(report.causes) > _MOST_CAUSES:
        yield f"  and {len(report.causes) - _MOST_CAUSES} more: --format json shows all", ""


def _benchmarks(report: JobReport, width: int) -> Iterator[Line]:
    if report.bench is None:
        return
    from efakit.report.bench import sentences  # the tables' rows take as long as fifty records

    yield from _title("Benchmarks")
    for text in sentences(report.bench):
        yield from _wrapped("  ", text, width, "", "    ")


def _folded(report: JobReport, width: int) -> Iterator[Line]:
    yield from _title("Nodes")
    found = groups(report.verdict.nodes)
    for group in found[:_MOST_GROUPS]:
        names = folded([node.node for node in group.nodes], width - 4)
        yield from _wrapped("  ", f"{names}: {group.verdict}, {group.devices} devices", width, group.verdict, "    ")
        if group.nodes[0].traffic is not None or any(node.traffic is not None for node in group.nodes):
            sent, received, tcp_sent, tcp_received = amounts(group.nodes)
            each = " each" if len(group.nodes) > 1 else ""
            text = f"EFA {sent} sent, {received} received; TCP {tcp_sent} sent, {tcp_received} received{each}"
            yield from _wrapped("    ", text, width)
    if len(found) > _MOST_GROUPS:
        left = sum(len(group.nodes) for group in found[_MOST_GROUPS:])
        yield f"  and {left} more nodes: --nodes shows all", ""


def _notes(report: JobReport, width: int) -> Iterator[Line]:
    by_note: dict[str, list[str]] = {}
    for node in report.verdict.nodes:
        for note in node.notes:
            by_note.setdefault(note, []).append(node.node)
    if by_note or report.run.notes:
        yield from _title("Notes")
    for note, names in list(by_note.items())[:_MOST_NOTES]:
        text = f"{folded(names, width - 4)}: {printable(note, _MOST_LETTERS)}"
        yield from _wrapped("  ", text, width, "", "    ")
    if len(by_note) > _MOST_NOTES:
        yield f"  and {len(by_note) - _MOST_NOTES} more notes on nodes: --format json shows all", ""
    for note in report.run.notes[:_MOST_NOTES]:
        yield from _wrapped("  ", note, width, "", "    ")
    faults = report.run.faults
    if faults:
        yield f"{len(faults)} of the job's files are unusable:", ""
        for fault in faults[:_MOST_NOTES]:
            yield from _wrapped("  ", str(fault), width, "", "    ")
        if len(faults) > _MOST_NOTES:
            yield f"  and {len(faults) - _MOST_NOTES} more", ""


def _table(nodes: Sequence[NodeVerdict]) -> Iterator[Line]:
    yield from _title("Nodes")
    head = ("NODE", "VERDICT", "DEVICES", "EFA SENT", "RECEIVED", "TCP SENT", "RECEIVED")
    rows = [
        (printable(node.node, 120), node.verdict, devices(node), *map(amount, byte_counts(node.traffic).values()))
        for node in nodes
    ]
    yield from _columns(head, rows, left=2)


def _devices(nodes: Sequence[NodeVerdict]) -> Iterator[Line]:
    yield from _title("Devices")
    rows = []
    for node in nodes:
        for device in node.devices:
            counters = {**device["counters"], **(device.get("device_counters") or {})}
            sent, received = (
                size(counters[name]) if name in counters and name not in device["unknown"] else "?"
                for name in ("tx_bytes", "rx_bytes")
            )
            unknown = dict.fromkeys(device["unknown"], "?")
            found = {name: unknown.get(name, counters.get(name)) for name in _REMARKABLE}
            beside = " ".join(f"{name}={value}" for name, value in found.items() if value)
            rows.append((printable(node.node, 120), printable(device["name"], 120), sent, received, beside))
    yield from _columns(_DEVICE_COLUMNS, rows, left=2)


_REMARKABLE = (
    *("rdma_read_wr_err", "rdma_write_wr_err", "rx_drops", "retrans_pkts", "retrans_timeout_events"),
    *("unresponsive_remote_events", "impaired_remote_conn_events", "cmds_err", "no_completion_cmds"),
)


def _columns(head: Sequence[str], rows: Sequence[Sequence[str]], left: int) -> Iterator[Line]:
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    widths[-1] = 0 if head[-1] == _DEVICE_COLUMNS[-1] else widths[-1]
    for number, row in enumerate((head, *rows)):
        cells = [
            cell.ljust(width) if place < left or not width else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip(), "" if number else "head"


def _title(text: str) -> Iterator[Line]:
    yield "", ""
    yield text, "head"


def _wrapped(before: str, text: str, width: int, style: str = "", indent: str | None = None) -> Iterator[Line]:
    """Give ``text`` in lines of at most ``width``; only the first line has the style."""
    more = " " * len(before) if indent is None else indent
    lines: Iterable[str] = textwrap.wrap(
        printable(text, 2000),
        width,
        initial_indent=before,
        subsequent_indent=more,
        break_long_words=False,
        break_on_hyphens=False,
    )
    for number, line in enumerate(lines):
        yield line, "" if number else style
