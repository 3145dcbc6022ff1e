"""Heterogeneous jobs: Slurm runs each component as a job of its own; their runs are put together here."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from efakit.jobs.parts import Part, overlapping

_MOST_SECONDS_BETWEEN_STARTS = 60
"""Of components: Slurm starts all of them at once (``_het_job_start_now`` in SchedMD/slurm, backfill.c)."""


@dataclass
class Group:
    """The parts of one run: one, or one for each component of a heterogeneous job, by ids."""

    parts: list[Part]
    leader: int | None = None
    doubts: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    lacks_component: bool = False
    """Whether one is known to have left no record."""


def pair_components(parts: list[Part]) -> list[Group]:
    """Return the runs: components of one leader belong together by restart count and by time."""
    groups: list[Group] = []
    by_leader: dict[tuple[str, str, int], list[Part]] = {}
    for part in parts:
        leader = _leader(part)
        if leader is None:
            groups.append(Group([part]))
        else:
            by_leader.setdefault((part.folder, part.cluster, leader), []).append(part)
    for (_, _, leader), components in by_leader.items():
        groups += [
            group
            for own in _by_restart_and_installation(components)
            for at_once in _by_time(own)
            for group in _one_of_each(leader, at_once)
        ]
    return groups


def restart_count(part: Part) -> int:
    """Return how often the job was requeued before this run, as most of the prologs were told."""
    counts = Counter(
        record["restart_count"]
        for record in sorted(part.records, key=lambda record: record["run_from"] != "baseline")
        if record["restart_count"] is not None
    )
    return counts.most_common(1)[0][0] if counts else 0


def component_name(leader: int, job_id: int) -> str:
    """Return a component's name as Slurm shows it: 10+1."""
    return f"{leader}+{job_id - leader}"


def _leader(part: Part) -> int | None:
    leaders = Counter(record["het_job_id"] for record in part.records if record["het_job_id"] is not None)
    return leaders.most_common(1)[0][0] if leaders else None


def _by_restart_and_installation(parts: list[Part]) -> list[list[Part]]:
    known = {one for part in parts for one in part.installations}
    found: dict[tuple[int, tuple[str, ...]], list[Part]] = {}
    for part in parts:
        # One that does not say its installation goes with the others, unless these are several.
        installations = tuple(sorted(part.installations)) if len(known) > 1 else ()
        found.setdefault((restart_count(part), installations), []).append(part)
    return list(found.values())


def _by_time(parts: list[Part]) -> list[list[Part]]:
    starts = {id(part): start_of(part) for part in parts}
    if None not in starts.values():
        return overlapping(parts, lambda part: (starts[id(part)] or 0,) * 2, _MOST_SECONDS_BETWEEN_STARTS)
    return overlapping(parts, lambda part: part.span)


def start_of(part: Part) -> int | None:
    """Return the job's start as Slurm told most of the part's records, the prologs' first; None where it told none."""
    starts = Counter(
        record["started_at"]
        for record in sorted(part.records, key=lambda record: record["run_from"] != "baseline")
        if record["started_at"] is not None
    )
    return starts.most_common(1)[0][0] if starts else None


def _one_of_each(leader: int, parts: list[Part]) -> list[Group]:
    """Return one group of all parts, where there is one of each component; else each part alone, with a doubt."""
    ids = sorted(part.job_id for part in parts)
    if len(set(ids)) < len(ids):
        twice = next(one for one, count in Counter(ids).items() if count > 1)
        doubt = f"several runs of component {component_name(leader, twice)} are of one time: whose it is, is not known"
        return [Group([part], leader, [doubt]) for part in parts]
    lacking = [component_name(leader, one) for one in range(leader, ids[-1]) if one not in ids]
    if ids == [leader]:
        lacking = [component_name(leader, leader + 1)]  # a heterogeneous job has two components at least
    doubts = [f"component {', '.join(lacking)} of the heterogeneous job has no record"] if lacking else []
    last = component_name(leader, ids[-1])
    note = f"{last} is the last component with a record: had a later one left none at all, this would not show it"
    return [Group(sorted(parts, key=lambda part: part.job_id), leader, doubts, [] if doubts else [note], bool(lacking))]
