"""Runs of a job: its records, put together so that records of two runs never meet unless a doubt says so.

A run in doubt is incomplete: ``JobRun.doubts`` says why.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone

from efakit.jobs.damaged import Draft, place_damaged
from efakit.jobs.fields import Record
from efakit.jobs.heterogeneous import Group, component_name, pair_components, restart_count, start_of
from efakit.jobs.median import median_low
from efakit.jobs.node_list import NodeLists
from efakit.jobs.parts import Part, is_weak, split
from efakit.jobs.plain import plain_draft
from efakit.jobs.reader import Fault, Found
from efakit.jobs.settle import settle
from efakit.node.record import safe_name
from efakit.printable import printable


@dataclass(frozen=True)
class JobRun:
    """One run of a job: its records by node, and the nodes that it had.

    Of a heterogeneous job, the whole: ``job_id`` is the leader's, ``het`` has the ids of the components with records.
    """

    cluster: str
    job_id: int
    run: str
    """The name as Slurm counts: r0, r1 after a requeue; with the start behind it where two runs have one name."""
    records: Mapping[str, Record]
    node_names: tuple[str, ...]
    ended_at: float
    """By the clock of the node in the middle."""
    damaged: Mapping[str, str] = field(default_factory=dict)
    """By node, why its record cannot be used."""
    key: str = ""
    """What tells it from other runs: the SLUID, else t and the job's start, else r and the restart count."""
    started_at: int | None = None
    """The job's start as Slurm told the hooks."""
    began_at: float | None = None
    """When the baselines were taken, by the clock of the node in the middle; None: there is none."""
    doubts: tuple[str, ...] = ()
    """Why it is not sure that the records are of this run, and all of it; empty where it is."""
    notes: tuple[str, ...] = ()
    faults: tuple[Fault, ...] = ()
    """Files of the job, of whichever run, that cannot be used."""
    het: tuple[int, ...] = ()
    lacks_component: bool = False
    """Whether one left no record of a node that it had: what it moved is in no sum."""
    more: tuple[Record, ...] = ()
    """Records of nodes that have another one in ``records``: these do not count."""

    def is_called(self, name: str) -> bool:
        """Whether ``name`` means this run: its name, a SLUID, or t and the job's start in seconds."""
        if name == self.run or (name == self.key and not is_weak(name)):
            return True
        if self.started_at is not None and name == f"t{self.started_at}":
            return True
        return any(name == record["sluid"] for record in self.records.values())

    @property
    def moment(self) -> float:
        """When it began, as well as is known: by Slurm, else by the nodes, else its end."""
        known = (self.started_at, self.began_at, self.ended_at)
        return next(float(value) for value in known if value is not None)


def runs_of(found: Found, job_id: int) -> list[JobRun]:
    """Return the runs of a job, or of the heterogeneous jobs that it is a component of; the newest last."""
    plain = plain_draft(found, job_id)
    drafts = drafts_of(found, job_id) if plain is None else [plain]
    if not drafts:
        return []
    lost = place_damaged(drafts, found.damaged, job_id)
    runs = [_run(draft, tuple(found.faults)) for draft in [*drafts, *lost]]
    return _named(sorted(runs, key=lambda run: (run.moment, run.run, run.key)))


def drafts_of(found: Found, job_id: int) -> list[Draft]:
    """Return the runs that the records tell of, whatever they say in contradiction to each other."""
    parts = split(found.records, found.lists)
    for part in parts:
        if part.folder in found.cut:
            part.doubts.append("its folder has more files than are read")
    groups = [
        group
        for group in pair_components(parts)
        if job_id == group.leader or any(part.job_id == job_id for part in group.parts)
    ]
    return [_draft(group, found.lists, has_other_runs=len(groups) > 1) for group in groups]


def _draft(group: Group, lists: NodeLists, *, has_other_runs: bool) -> Draft:
    first = group.parts[0]
    leader = first.job_id if group.leader is None else group.leader
    draft = Draft(first.folder, first.cluster, leader, f"r{restart_count(first)}", first.key)
    draft.started_at = start_of(first)
    draft.doubts += group.doubts
    draft.lacks_component = group.lacks_component
    draft.notes += group.notes
    for part in group.parts:
        settled = settle(part, lists, has_other_runs=has_other_runs)
        prefix = "" if len(group.parts) == 1 else f"{component_name(leader, part.job_id)}: "
        draft.doubts += [prefix + doubt for doubt in settled.doubts]
        draft.notes += [prefix + note for note in settled.notes]
        draft.more += settled.more
        names = part.node_names(lists)
        if len(group.parts) > 1:
            lacking = sorted(names.keys() - settled.records.keys())
            if any(node in _nodes_of(group, part) for node in lacking):
                # Another component's record of the node would stand for it.
                draft.doubts.append(f"{prefix}{printable(lacking[0])} has no record of this component")
                draft.lacks_component = True
        draft.node_names.update(names)
        draft.knows_nodes |= any(record["node_list"] or record["node_list_at_end"] for record in part.records)
        draft.keys.add(safe_name(part.key))
        if group.leader is not None:
            draft.het.append(part.job_id)
        for node, record in settled.records.items():
            if node in draft.records:
                draft.notes.append(f"{printable(node)}: two components of the job ran on it")
                draft.more.append(record)
                record = _shared(draft.records[node], record)
            draft.records[node] = record
    return draft


def _nodes_of(group: Group, but: Part) -> set[str]:
    return {record["node"] for part in group.parts if part is not but for record in part.records}


def _shared(record: Record, other: Record) -> Record:
    """Return a node's record of one component, with that of another as a job that ran there at the same time."""
    return {**record, "shared_with": sorted({*record["shared_with"], *other["shared_with"], other["job_id"]})}


def _run(draft: Draft, faults: tuple[Fault, ...]) -> JobRun:
    records = draft.records.values()
    began = [float(record["began_at"]) for record in records if record["began_at"] is not None]
    ended = [float(record["ended_at"]) for record in records]
    return JobRun(
        cluster=draft.cluster,
        job_id=draft.job_id,
        run=draft.name,
        records=draft.records,
        node_names=tuple(draft.node_names),
        ended_at=median_low(ended or draft.modified_at),
        damaged=draft.damaged,
        key=draft.key,
        started_at=draft.started_at,
        began_at=median_low(began) if began else None,
        doubts=tuple(draft.doubts),
        notes=tuple(draft.notes),
        faults=faults,
        het=tuple(draft.het),
        lacks_component=draft.lacks_component,
        more=tuple(draft.more),
    )


def _named(runs: list[JobRun]) -> list[JobRun]:
    """Return the runs, each with a name of its own in its cluster: r0, r1; with the start where two would have one."""
    for name_of in (_with_start, _with_number) if len(runs) > 1 else ():
        uses = Counter((run.cluster, run.run) for run in runs)
        numbers: Counter[tuple[str, str]] = Counter()
        named = []
        for run in runs:
            place = (run.cluster, run.run)
            numbers[place] += 1
            named.append(run if uses[place] == 1 else replace(run, run=name_of(run, numbers[place])))
        runs = named
    return runs


def _with_start(run: JobRun, _: int) -> str:
    return f"{run.run}@{datetime.fromtimestamp(int(run.moment), timezone.utc):%Y-%m-%dT%H:%M:%SZ}"


def _with_number(run: JobRun, number: int) -> str:
    return f"{run.run}#{number}"
