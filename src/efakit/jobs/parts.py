"""Splits the records of one job's id into parts: each the records of one component's run, as far as can be known.

Records of one SLUID or one start time are of one run. Where Slurm told neither (22.05), the restart count is all there
is, and an id that was used again has the same one: such records are of one run where their times overlap.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from efakit.jobs.fields import Record, checks_of
from efakit.jobs.median import median_low
from efakit.jobs.node_list import NodeLists
from efakit.node.record import SCHEMA_VERSION
from efakit.printable import printable

MOST_SECONDS_BETWEEN_ENDS = 300
"""Between the ends of one run's records: epilogs start within seconds, and a hook takes less than a minute."""
_MOST_NEIGHBOURS = 8
_T = TypeVar("_T")


@dataclass
class Part:
    """Records of one run of one job id: all of them, of one node also several; and why it is not sure that all are."""

    folder: str
    cluster: str
    job_id: int
    key: str
    records: list[Record]
    doubts: list[str] = field(default_factory=list)
    reused: bool = False
    """Other records have the same key, a restart count, and are of another time: the job's id was used again."""

    @property
    def is_weak(self) -> bool:
        """Whether the key is a restart count, by which an id that is used again is not told apart."""
        return is_weak(self.key)

    @property
    def installations(self) -> set[str]:
        """The ids of the hooks' installations that wrote the records, as far as they tell."""
        return {record["installation_id"] for record in self.records if record["installation_id"] is not None}

    @property
    def span(self) -> tuple[float, float]:
        """The first begin and the last end, by the nodes' clocks."""
        spans = [span(record) for record in self.records]
        return min(first for first, _ in spans), max(last for _, last in spans)

    @property
    def ended_at(self) -> float:
        """When its nodes ended; of an even number, the earlier of the two in the middle."""
        return median_low([float(record["ended_at"]) for record in self.records])

    @property
    def has_baseline(self) -> bool:
        """Whether one record at least knows when the job began."""
        return any(record["began_at"] is not None for record in self.records)

    def node_names(self, lists: NodeLists) -> dict[str, None]:
        """Return all nodes that a record names, in order."""
        texts = {record[name]: None for record in self.records for name in ("node_list", "node_list_at_end")}
        names = dict(lists.union(tuple(text for text in texts if text)))
        names.update({record["node"]: None for record in self.records})
        return names


def is_weak(key: str) -> bool:
    """Whether a run's key is no more than a restart count."""
    return key.startswith("r") and key[1:].isascii() and key[1:].isdigit()


def span(record: Record) -> tuple[float, float]:
    """Return begin and end of a record by its node's clock, in order; without a baseline there is only the end."""
    began, ended = record["began_at"], record["ended_at"]
    return (ended, ended) if began is None else (min(began, ended), max(began, ended))


def split(records: Iterable[tuple[str, Record]], lists: NodeLists) -> list[Part]:
    """Return the parts of all records, each of which comes with the folder of its cluster."""
    buckets: dict[tuple[str, str, int, str], list[Record]] = {}
    for folder, record in records:
        buckets.setdefault((folder, record["cluster"], record["job_id"], record["run"]), []).append(record)
    parts: list[Part] = []
    for (folder, cluster, job_id, key), of_key in buckets.items():
        runs = _split_by_time(_without_copies(of_key)) if is_weak(key) else [_without_copies(of_key)]
        for run in runs:
            for own, doubts in _split_by_installation(run, weak=is_weak(key)):
                parts.append(Part(folder, cluster, job_id, key, own, doubts))
    parts = _with_loose_ones(parts, lists)
    uses = Counter((part.folder, part.cluster, part.job_id, part.key) for part in parts if part.is_weak)
    for part in parts:
        part.reused = uses[part.folder, part.cluster, part.job_id, part.key] > 1
    return parts


def overlapping(items: Iterable[_T], span_of: Callable[[_T], tuple[float, float]], slack: float = 0) -> list[list[_T]]:
    """Return the items in groups whose spans overlap, one through another; in the order of time."""
    groups: list[list[_T]] = []
    until = float("-inf")
    for item in sorted(items, key=span_of):
        first, last = span_of(item)
        if first > until + slack:
            groups.append([])
        groups[-1].append(item)
        until = max(until, last)
    return groups


def _split_by_time(records: Sequence[Record]) -> list[list[Record]]:
    """Return the records that ran at one time, those of each heterogeneous job by themselves.

    An id that was a component's may be another job's a second after.
    """
    by_leader: dict[int | None, list[Record]] = {}
    for record in records:
        by_leader.setdefault(record["het_job_id"], []).append(record)
    return [run for own in by_leader.values() for run in overlapping(own, span)]


def _split_by_installation(records: list[Record], *, weak: bool) -> list[tuple[list[Record], list[str]]]:
    """Return the records by installation of the hooks, with doubts: two installations are two clusters."""
    by_id: dict[str | None, list[Record]] = {}
    for record in records:
        by_id.setdefault(record["installation_id"], []).append(record)
    if len(by_id.keys() - {None}) < 2:
        return [(records, [])]
    doubt = "records of several installations of the hooks have the same run, and its own do not say theirs"
    found: list[tuple[list[Record], list[str]]] = []
    for known, own in by_id.items():
        runs = _split_by_time(own) if weak else [own]
        found += [(run, [] if known else [doubt]) for run in runs]
    return found


def _without_copies(records: list[Record]) -> list[Record]:
    """Return the records without those that say the same as another of the same node, as a copied file does."""
    alike: dict[tuple[str, float | None, float], list[Record]] = {}
    for record in records:
        alike.setdefault((record["node"], record["began_at"], record["ended_at"]), []).append(record)
    kept: list[Record] = []
    for own in alike.values():
        kept += own if len(own) == 1 else {_digest(record): record for record in reversed(own)}.values()
    return kept


def _digest(record: Record) -> str:
    import hashlib  # OpenSSL with it; hardly ever has a node two records

    # Of version 1 the id follows from the file's name. What no report reads, not every way of reading has kept.
    content = {name: record.get(name) for name in checks_of(SCHEMA_VERSION) if name != "record_id"}
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=list).encode()).hexdigest()


def _with_loose_ones(parts: list[Part], lists: NodeLists) -> list[Part]:
    """Join records without a baseline, which have but a restart count and an end, with the run that ended then.

    They make their run incomplete anyhow, and a run of their own would hide the one that they belong to.
    """
    by_job: dict[tuple[str, str, int], list[Part]] = {}
    for part in parts:
        by_job.setdefault((part.folder, part.cluster, part.job_id), []).append(part)
    kept: list[Part] = []
    for of_job in by_job.values():
        loose = [part for part in of_job if part.is_weak and not part.has_baseline]
        firm = [part for part in of_job if not (part.is_weak and not part.has_baseline)]
        if loose and firm:
            loose = _attach(loose, firm, lists)
        kept += [*firm, *_joined_by_end(loose)]
    return kept


def _attach(loose: list[Part], firm: list[Part], lists: NodeLists) -> list[Part]:
    """Add each loose part to the run that ended nearest to it and lacks just its nodes; return those without one."""
    firm.sort(key=lambda part: part.ended_at)
    ends = [part.ended_at for part in firm]
    installations = [part.installations for part in firm]
    lacking: dict[int, set[str]] = {}

    def lacks(index: int, nodes: set[str]) -> bool:
        if index not in lacking:
            there = {record["node"] for record in firm[index].records}
            lacking[index] = firm[index].node_names(lists).keys() - there
        return nodes <= lacking[index]

    left = []
    for part in loose:
        end, nodes, own = part.ended_at, {record["node"] for record in part.records}, part.installations
        at = bisect_left(ends, end)
        near = range(max(0, at - _MOST_NEIGHBOURS), min(len(firm), at + _MOST_NEIGHBOURS))
        fitting = [
            index
            for index in near
            if abs(ends[index] - end) <= MOST_SECONDS_BETWEEN_ENDS
            and len(installations[index] | own) < 2
            and _may_be_of_one_job(part, firm[index])
            and lacks(index, nodes)
        ]
        if not fitting:
            left.append(part)
            continue
        index = min(fitting, key=lambda one: abs(ends[one] - end))
        lacking[index] -= nodes
        firm[index].records += part.records
        firm[index].doubts += part.doubts
        firm[index].doubts += [
            f"{printable(node)} has no baseline: it is of this run by the time of its end only"
            for node in sorted(nodes)
        ]
    return left


def _may_be_of_one_job(part: Part, other: Part) -> bool:
    """Whether both are of one heterogeneous job, or of none: a component's id may have been used again."""
    own, others = (
        # Version 1 does not tell.
        {record["het_job_id"] for record in one.records if record["schema_version"] > 1}
        for one in (part, other)
    )
    return not own or not others or bool(own & others)


def _joined_by_end(loose: list[Part]) -> list[Part]:
    by_key: dict[tuple[str, frozenset[str]], list[Part]] = {}
    for part in loose:
        by_key.setdefault((part.key, frozenset(part.installations)), []).append(part)
    joined = []
    for of_key in by_key.values():
        for group in overlapping(of_key, lambda part: part.span, MOST_SECONDS_BETWEEN_ENDS):
            first, *others = group
            for other in others:
                first.records += other.records
                first.doubts += other.doubts
            if others:
                first.doubts.append("no node has a baseline: they are of one run by the times of their ends only")
            joined.append(first)
    return joined
