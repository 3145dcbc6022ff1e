"""A simple model of what is true: runs of jobs, and the records that they leave. Each record says its true run.

Which Slurm it is decides what the hooks are told: 22.05 the restart count alone, 23.02 the start too, 25.11 the SLUID.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.jobs.making import version_1, version_2, without_baseline

JOB = 7
DAY = 86_400
SLURMS = ("22.05", "23.02", "25.11")
MOST_SKEW_SECONDS = 4.0
"""Of the clocks that are kept; a run lasts longer, and two runs of one restart count are further apart."""


@dataclass
class TrueRun:
    """One start of one component of a job."""

    name: str
    cluster: str
    job_id: int
    leader: int | None
    restarts: int
    start: int
    end: int
    nodes: list[str]
    slurm: str
    version: int
    installation: str | None
    told_next: dict[str, Any]
    """What an epilog without a baseline is told of the run to come, where the job was requeued."""
    gave_back: list[str] = field(default_factory=list)
    """Nodes that the job gave back in the middle."""


@dataclass
class World:
    """What the hooks wrote: the records of JOB and its components, and which files were damaged afterwards."""

    runs: list[TrueRun] = field(default_factory=list)
    records: list[dict[str, Any]] = field(default_factory=list)
    calm: bool = True
    """Nothing was lost, no clock is off, no two clusters of one name are there at one time."""


def make_world(seed: int, *, trouble: bool = True) -> World:
    """Return a history of several clusters, with requeues and lives of a cluster; with trouble, faults of all kinds."""
    random = Random(seed)  # noqa: S311
    world = World()
    for cluster in random.sample(["lab", "other", "lab.x"], random.choice((1, 1, 2))):
        _add_cluster(world, random, cluster, trouble=trouble)
    skews = _skews(random, world, trouble=trouble)
    for run in world.runs:
        world.records += _records(random, run, skews, world, trouble=trouble)
    random.shuffle(world.records)
    return world


def _add_cluster(world: World, random: Random, cluster: str, *, trouble: bool) -> None:
    at = random.randrange(1000, 100 * DAY)
    for life in range(random.choice((1, 1, 2, 3))):
        slurm, version = random.choice(SLURMS), random.choice((1, 2, 2))
        # Of a heterogeneous job, version 1 tells nothing: each component is a job of its own.
        leader = random.choice((None, None, JOB, JOB - 1, JOB - 2)) if version == 2 else None
        installation = f"{cluster}-{life}" if version == 2 and random.random() < 0.5 else None
        components = (
            [JOB]
            if leader is None
            else [leader + index for index in range(max(2, JOB - leader + 1 + random.randrange(2)))]
        )
        ends = []
        for restarts in range(random.choice((1, 1, 2, 3))):
            start, end = at, at + random.randrange(20, 4000)
            at = end + random.randrange(70, 600)
            last = random.random() < 0.4
            told_next = {} if last else {"restart_count": restarts + 1, "started_at": random.choice((None, at))}
            for job_id in components:
                nodes = _nodes(random, job_id)
                name, told = f"{cluster}/{life}/{restarts}/{job_id}", (slurm, version, installation, told_next)
                run = TrueRun(name, cluster, job_id, leader, restarts, start, end, nodes, *told)
                if len(nodes) > 2 and random.random() < 0.2:
                    run.gave_back = nodes[-1:]
                world.runs.append(run)
            ends.append(end)
            if last:
                break
        # Ids begin anew; two clusters of one name may also be there at one time.
        together = trouble and random.random() < 0.2
        world.calm &= not together
        at = at - random.randrange(0, at - ends[0] + 1) if together else at + random.randrange(DAY, 90 * DAY)


def _nodes(random: Random, job_id: int) -> list[str]:
    first = random.randrange(1, 4) if job_id == JOB else 10 * job_id
    return [f"n{number}" for number in range(first, first + random.choice((1, 2, 3, 4)))]


def _skews(random: Random, world: World, *, trouble: bool) -> dict[str, float]:
    nodes = sorted({node for run in world.runs for node in run.nodes})
    if not trouble:
        return dict.fromkeys(nodes, 0.0)
    skews = {node: random.uniform(-MOST_SKEW_SECONDS, MOST_SKEW_SECONDS) for node in nodes}
    if random.random() < 0.3:
        # A clock of before all history: it meets no other run by chance.
        skews[random.choice(nodes)] = -1e8 - random.randrange(10**6)
    return skews


def _records(
    random: Random, run: TrueRun, skews: dict[str, float], world: World, *, trouble: bool
) -> list[dict[str, Any]]:
    # Where two clusters of one name are there at one time, only their records' contradictions tell.
    may_lose = trouble and world.calm
    made = []
    for node in run.nodes:
        record = _record(run, node, skews[node], random)
        if may_lose and random.random() < 0.1:
            continue
        if trouble and random.random() < 0.1:
            record = _told(record, without_baseline(record) | run.told_next, run)
        elif trouble and random.random() < 0.1:
            again = without_baseline(record) | {"ended_at": record["ended_at"] + random.randrange(1, 900)}
            made.append(_told(record, again, run))
        made.append(record)
    return made


def _record(run: TrueRun, node: str, skew: float, random: Random) -> dict[str, Any]:
    whole = ",".join(run.nodes)
    rest = ",".join(node for node in run.nodes if node not in run.gave_back)
    end = (run.start + run.end) / 2 if node in run.gave_back else run.end
    # So that no time is before 1970.
    times = {"began_at": 2e8 + run.start + 1 + skew, "ended_at": 2e8 + end + random.random() + skew}
    changes = {
        "cluster": run.cluster,
        "job_id": run.job_id,
        "restart_count": run.restarts if run.restarts or random.random() < 0.7 else None,
        "node_list": whole,
        "partition": run.name,
        "sluid": f"s{run.name}" if run.slurm == "25.11" else None,
        "started_at": None if run.slurm == "22.05" else 200_000_000 + run.start,
        **times,
    }
    if run.version == 1:
        if node not in run.gave_back:
            changes["node_list"] = rest
        return version_1(node, **changes)
    record = version_2(
        node,
        f"{random.getrandbits(64):016x}",
        het_job_id=run.leader,
        installation_id=run.installation,
        node_list_at_end=whole if node in run.gave_back else rest,
        **changes,
    )
    return _with_key(record)


def _told(record: dict[str, Any], changed: dict[str, Any], run: TrueRun) -> dict[str, Any]:
    """Return what an epilog writes that knows what Slurm tells it, and no baseline."""
    if run.slurm == "22.05":
        changed["started_at"] = None
    elif changed.get("started_at") is not None and changed["started_at"] < 2e8:
        changed["started_at"] += 200_000_000
    if record["sluid"] and changed["restart_count"] != record["restart_count"]:
        changed["sluid"] = record["sluid"][:-1] + "next"
    if run.version == 1:
        return changed
    return _with_key(changed | {"record_id": f"{(int(record['record_id'], 16) + 1) % 2**64:016x}"})


def _with_key(record: dict[str, Any]) -> dict[str, Any]:
    started_at = record["started_at"]
    count = f"r{record['restart_count'] or 0}"
    return {**record, "run": record["sluid"] or (count if started_at is None else f"t{started_at}")}
