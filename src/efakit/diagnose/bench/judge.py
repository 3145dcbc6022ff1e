"""Judges result tables: against the line rate of the nodes' instance type, and against the cluster's earlier runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from statistics import median
from typing import Any

from efakit.catalog.benchmarks import OF_TWO_RANKS
from efakit.diagnose.bench.tables import NCCL_TESTS, NCCOM, OSU, Row, Table
from efakit.jobs.bench_results import KeptRun, Key, Measured, earlier_than
from efakit.jobs.findings import Limits, Standout
from efakit.jobs.findings.node import some, standout
from efakit.rules.benchmarks import most_bandwidth, most_bus_bandwidth

Records = Mapping[str, Mapping[str, Any]]
_BITS = 8
_A_UNIT = {"GB/s": 1.0, "MB/s": 1000.0, "GiB/s": 1e9 / (1 << 30)}
"""How many of a unit are a GB/s."""


@dataclass(frozen=True)
class Judged:
    """A table, and what can be said of it. None: not known, and ``unjudged`` may say why."""

    table: Table
    row: Row | None
    """The row that the sentence is about."""
    nodes: tuple[str, ...] = ()
    instance_type: str | None = None
    line_rate: float | None = None
    """Of one node, in the table's unit."""
    most: float | None = None
    """What the line rate allows."""
    earlier: tuple[tuple[str, float], ...] = ()
    """Earlier runs of the same test: their names (job and run) and numbers, oldest first."""
    new_nodes: tuple[str, ...] = ()
    """Nodes that were in no earlier run."""
    medians: Mapping[int, float] = field(default_factory=dict)
    """Of the earlier runs, by size; of a size that none of them has, nothing."""
    earlier_runs: int = 0
    """How many runs these medians are of."""
    unjudged: str = ""
    measured: Measured | None = None

    @property
    def median(self) -> float | None:
        """The median of the earlier runs."""
        return median(value for _, value in self.earlier) if self.earlier else None

    def bound(self, limits: Limits) -> float | None:
        """Return what the line rate allows, None where that is not known, or the number is not of the network."""
        if self.most is None or self.row is None or self.row.best is None:
            return self.most
        return self.most if self.row.best <= self.most * limits["line-rate"] else None


def judge_tables(
    tables: Sequence[Table], run: KeptRun, records: Records, node_names: Sequence[str], others: Sequence[KeptRun]
) -> list[Judged]:
    """Return what can be said of each table; ``run`` tells cluster, job and end, ``others`` are the kept runs."""
    before = earlier_than(run, others)
    return [_judged(table, records, node_names, before) for table in tables]


def measured_of(judged: Sequence[Judged]) -> tuple[Measured, ...]:
    """Return what is worth keeping: tables of which test, nodes and type are known."""
    return tuple(item.measured for item in judged if item.measured is not None)


def findings_of(judged: Sequence[Judged], limits: Limits) -> list[Standout]:
    """Return the findings, each about one table or about all of a log's."""
    found = [item for one in judged for item in _findings(one, limits)]
    found += [item for one in _best(judged) for item in _below_earlier(one, limits)]
    alone = [one.table for one in judged if one.table.is_alone] or _alone_by_label([one.table for one in judged])
    if alone:
        message = f"{len(alone)} tables of one rank each: every process ran for itself ({_place(alone[0])})"
        fix = "build nccl-tests with MPI=1, and start it by srun or mpirun of that MPI"
        found.append(standout("bench-without-mpi", message, fix=fix, whole=True))
    return found


def name_of(table: Table) -> str:
    """Return what a table is of, in words."""
    name = table.test or "unknown collective"
    tool = {OSU: "OSU ", NCCOM: "nccom-test "}.get(table.tool, "")
    return f"{tool}{name}{f' ({table.variant})' if table.variant else ''}"


def size_words(size_bytes: int) -> str:
    """Return a message size as benchmarks name it: 1 GiB, 512 KiB, 1000 B."""
    for power, unit in ((1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if size_bytes >= power:
            value = size_bytes / power
            return f"{value:.0f} {unit}" if value == int(value) else f"{value:.1f} {unit}"
    return f"{size_bytes} B"


def number(value: float) -> str:
    """Return a number of a measurement."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def sentence(judged: Judged, limits: Limits) -> str:
    """Return one line: type, nodes, test and size, number of at most so many, and the cluster's median."""
    table, row = judged.table, judged.row
    where = f"{judged.instance_type}, " if judged.instance_type else ""
    count = len(judged.nodes)
    where += f"{count} node{'s' * (count != 1)}, " if count else ""
    what = f"{where}{name_of(table)}"
    if row is None or row.best is None:
        return f"{what}: the table has no number"
    size = f" {size_words(row.size_bytes)}" if row.size_bytes else ""
    told = f"{what}{size}: {number(row.best)}"
    bound = judged.bound(limits)
    if bound is not None:
        told += f" of at most {number(bound)}"
    told += f" {table.unit or 'GB/s or GiB/s'}"
    middle = judged.median
    if middle is not None:
        runs = len(judged.earlier)
        told += f"; your median{f' of {runs} runs' if runs > 1 else ', of one run,'} is {number(middle)}"
        if _is_worse(judged, limits) and judged.new_nodes:
            told += f": {some(judged.new_nodes, 8)} {'was' if len(judged.new_nodes) == 1 else 'were'} new"
    if judged.unjudged:
        told += f" (not judged: {judged.unjudged})"
    return told


def _judged(table: Table, records: Records, node_names: Sequence[str], before: Sequence[KeptRun]) -> Judged:
    row = table.judged_row()
    nodes, unjudged = _nodes_of(table, node_names)
    if unjudged:
        return Judged(table, row, unjudged=unjudged)
    types = {records[node].get("instance_type") if node in records else None for node in nodes}
    instance_type = next(iter(types)) if len(types) == 1 else None
    if table.is_alone:
        return Judged(table, row, nodes, instance_type, unjudged="each process ran for itself")
    if instance_type is None:
        why = "the nodes are of different types" if len(types) > 1 else "the records do not tell the instance type"
        return Judged(table, row, nodes, unjudged=why)
    gbps = _gbps(instance_type)
    rate = None if gbps is None or table.unit not in _A_UNIT else gbps / _BITS * _A_UNIT[table.unit]
    most = None
    if rate is not None and table.tool != OSU and table.groups < 2:
        even = len(set(table.hosts.values())) == 1 or table.tool == NCCOM  # which divides its ranks equally
        most = most_bus_bandwidth(table.test, rate, len(nodes), table.ranks, even)
    elif rate is not None and table.unit == "MB/s":
        most = most_bandwidth(table.test, rate, len(nodes))
    why = _unknown_of(table)
    measured = None if why or row is None else _measured(table, row, nodes, instance_type)
    earlier, seen, medians, runs = _earlier(measured, row, before)
    new = tuple(node for node in nodes if node not in seen) if earlier else ()
    return Judged(table, row, nodes, instance_type, rate, most, earlier, new, medians, runs, why, measured)


def _unknown_of(table: Table) -> str:
    """Return what is missing for a comparison; "" where nothing is."""
    if table.unit == "":
        return "its sizes and times do not tell whether its numbers are in GB/s or in GiB/s"
    return "" if table.test else "the log does not tell which collective it is"


def _nodes_of(table: Table, node_names: Sequence[str]) -> tuple[tuple[str, ...], str]:
    """Return the job's nodes that a table is of, and why that is not known."""
    if table.tool == NCCOM and not table.hosts and table.nodes != len(node_names):
        # OSU's tests take all of a job's nodes. This one takes one where it is not told otherwise.
        if table.nodes is not None:
            return (), f"it ran on {table.nodes} of the job's {len(node_names)} nodes, and the log names none"
        if len(node_names) > 1:
            return (), "the log does not tell on how many nodes it ran: let the job's script begin with set -x"
    if not table.hosts:
        return tuple(node_names), ""
    by_host = {name.partition(".")[0]: name for name in node_names}
    strange = [host for host in table.hosts if host not in by_host]
    if strange:
        return (), f"{some(strange)} {'is no node' if len(strange) == 1 else 'are no nodes'} of this job"
    return tuple(by_host[host] for host in table.hosts), ""


def _measured(table: Table, row: Row, nodes: tuple[str, ...], instance_type: str) -> Measured:
    key = Key(table.tool, table.test, table.variant, table.unit, instance_type, len(nodes), table.ranks, row.data_type)
    return Measured(key, nodes, {size: value for size, value in table.by_size().items() if value is not None})


def _earlier(
    measured: Measured | None, row: Row | None, before: Sequence[KeptRun]
) -> tuple[tuple[tuple[str, float], ...], set[str], dict[int, float], int]:
    """Return earlier runs' numbers at the row's size, their nodes, medians by size, and of how many runs these are."""
    if measured is None or row is None:
        return (), set(), {}, 0
    found: dict[int, dict[str, list[float]]] = {size: {} for size in measured.values}
    nodes: set[str] = set()
    for run in before:
        name = f"{run.job_id} {run.run}".strip()
        for table in run.tables:
            if table.key != measured.key:
                continue
            for size in found.keys() & table.values.keys():
                found[size].setdefault(name, []).append(table.values[size])
            if row.size_bytes in table.values:
                nodes.update(table.nodes)
    by_size = {size: {name: median(values) for name, values in runs.items()} for size, runs in found.items()}
    medians = {size: median(runs.values()) for size, runs in by_size.items() if runs}
    names = {name for known in by_size.values() for name in known}
    return tuple(by_size[row.size_bytes].items()), nodes, medians, len(names)


def _findings(judged: Judged, limits: Limits) -> Iterator[Standout]:
    table, row = judged.table, judged.row
    where = f"{name_of(table)} ({_place(table)})"
    wrong = [one for one in table.rows if one.wrong]
    if wrong or table.wrong_values:
        first = f", first at {size_words(wrong[0].size_bytes)}" if wrong else ""
        count = f"{table.wrong_values:,} values out of bounds" if table.wrong_values else f"{len(wrong)} sizes wrong"
        message = f"{where}: wrong results: {count}{first}"
        yield standout("bench-wrong-results", message, judged.nodes, fix="do not train on these nodes", whole=True)
    if table.minimum_failed:
        yield standout("bench-below-minimum", f"{where}: the average is below NCCL_TESTS_MIN_BW", whole=True)
    if table.no_numbers:
        message = f"{where}: {table.no_numbers} rows have no number: NaN, infinity or a failure"
        yield standout("bench-no-number", message, whole=True)
    if table.tool != OSU and not table.ended and not table.is_alone:
        size = size_words(table.rows[-1].size_bytes) if table.rows else "its headings"
        message = f"{where}: the table breaks off after {size}"
        yield standout("bench-broken-off", message, fix="efakit diagnose LOG tells why", whole=True)
    if row is None or row.best is None:
        return
    if judged.most is not None and table.tool != OSU and judged.bound(limits) is None:
        message = (
            f"{where}: {number(row.best)} {table.unit} over {len(judged.nodes)} nodes, and the line rate of "
            f"{judged.instance_type} allows {number(judged.most)}"
        )
        fix = "the ranks were not on these nodes, or the nodes are of another type"
        yield standout("bench-over-line-rate", message, fix=fix, whole=True)


def _best(judged: Sequence[Judged]) -> list[Judged]:
    """Return of tables of the same test and nodes the one with the best number: there may be one a setting."""
    best: dict[tuple[Key, frozenset[str], int], Judged] = {}
    for one in judged:
        if one.measured is None or one.row is None or one.row.best is None:
            continue
        place = one.measured.key, frozenset(one.nodes), one.row.size_bytes
        other = best.get(place)
        value = other.row.best if other is not None and other.row is not None else None
        if value is None or (one.row.best < value if one.table.is_latency else one.row.best > value):
            best[place] = one
    return list(best.values())


def _below_earlier(judged: Judged, limits: Limits) -> Iterator[Standout]:
    table, row, middle = judged.table, judged.row, judged.median
    if middle is None or row is None or row.best is None or not _is_worse(judged, limits) or not _tells_ranks(table):
        return
    message = (
        f"{name_of(table)} ({_place(table)}) {size_words(row.size_bytes)}: {number(row.best)} {table.unit}, "
        f"and the median of {len(judged.earlier)} earlier runs is {number(middle)}"
    )
    if judged.new_nodes:
        message += f"; new since then: {some(judged.new_nodes, 8)}"
    fix = "run it on halves of the nodes to find the one that is slow" if len(judged.nodes) > 2 else ""
    # New nodes are no proof: the finding is about the run, and does not accuse them.
    yield standout("bench-below-earlier", message, fix=fix, whole=True)


def _tells_ranks(table: Table) -> bool:
    """Return whether runs that are compared surely have as many ranks."""
    return table.tool != OSU or table.test in OF_TWO_RANKS or " pairs" in table.variant


def _is_worse(judged: Judged, limits: Limits) -> bool:
    """Return whether the number is worse than that of each earlier run, and off the median."""
    middle, row = judged.median, judged.row
    if middle is None or row is None or row.best is None or len(judged.earlier) < limits["bench-least-runs"]:
        return False
    values, off = [value for _, value in judged.earlier], limits["bench-off-median"]
    if judged.table.is_latency:
        return row.best > max(values) and row.best > middle * (1 + off)
    return row.best < min(values) and row.best < middle * (1 - off)


def _alone_by_label(tables: Sequence[Table]) -> list[Table]:
    """Return tables of one rank each that several tasks wrote: each one's label has a table of its own."""
    own = [table for table in tables if table.tool == NCCL_TESTS and table.ranks == 1]
    return own if len({table.label for table in own}) > 1 else []


def _place(table: Table) -> str:
    return f"{table.file}:{table.line}"


@cache
def _gbps(instance_type: str) -> float | None:
    from efakit.catalog import instances
    from efakit.errors import UnknownInstanceType

    try:
        return instances.get(instance_type).bandwidth_gbps or None
    except UnknownInstanceType:
        return None
