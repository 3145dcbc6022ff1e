"""``efakit records annotate``: writes the verdict of ended jobs into their AdminComment."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from efakit.errors import RecordError, UsageError
from efakit.jobs.records import JobRun
from efakit.jobs.verdict import judge
from efakit.node.record import safe_name
from efakit.report.annotation import decide, is_same_run, line_of
from efakit.slurm.accounting import AccountedJob, accounted_jobs, set_accounted_comment
from efakit.slurm.here import running_config
from efakit.slurm.job import FINAL_STATES, SourceError
from efakit.store.stored import find_runs

_MOST_JOBS = 20_000
_MOST_FAULTS = 20


@dataclass
class Outcome:
    """Which jobs got a line, and which did not, by why: ids."""

    written: dict[int, str] = field(default_factory=dict)
    """The lines that were written, or would be."""
    same: list[int] = field(default_factory=list)
    foreign: list[int] = field(default_factory=list)
    """Jobs with somebody else's comment."""
    unknown: list[int] = field(default_factory=list)
    """Jobs that accounting does not know, or knows another run of, or that have not ended there."""
    faults: list[str] = field(default_factory=list)
    left_out: int = 0


def annotate(
    folder: Path, since_seconds: float, after_seconds: float, *, dry_run: bool, timeout_seconds: float
) -> Outcome:
    """Write the verdicts of the jobs of this cluster that ended between ``since`` and ``after`` seconds ago.

    Raises:
        UsageError: Slurm or its accounting cannot be asked, or nothing may be written there.
        RecordError: the records folder cannot be read.
    """
    try:
        cluster = running_config(timeout_seconds=timeout_seconds).get("ClusterName")
    except SourceError as error:
        raise UsageError(f"Slurm cannot be asked for its configuration: {error}") from error
    if not cluster:
        raise UsageError("Slurm's configuration has no ClusterName")
    now, outcome = time.time(), Outcome()
    jobs = list(_job_folders(folder / safe_name(cluster), now - since_seconds))
    outcome.left_out = max(0, len(jobs) - _MOST_JOBS)
    lines: dict[int, tuple[JobRun, str]] = {}
    for job_id in sorted(jobs, reverse=True)[:_MOST_JOBS]:
        run = _latest(folder, job_id, cluster)
        if run is not None and now - since_seconds <= run.ended_at <= now - after_seconds:
            verdict = judge(run.node_names, run.records, run.damaged, run.doubts)
            lines[job_id] = run, line_of(verdict)
    try:
        accounted = accounted_jobs(sorted(lines), timeout_seconds) if lines else {}
    except SourceError as error:
        raise UsageError(f"Slurm's accounting cannot be asked: {error}") from error
    for job_id, (run, line) in sorted(lines.items()):
        _one(outcome, accounted.get(job_id), run, line, cluster, dry_run=dry_run, timeout_seconds=timeout_seconds)
    if outcome.faults and not outcome.written:
        raise UsageError(f"no comment could be written: {outcome.faults[0]}: run this as root or as Slurm's operator")
    return outcome


def _one(
    outcome: Outcome,
    job: AccountedJob | None,
    run: JobRun,
    line: str,
    cluster: str,
    *,
    dry_run: bool,
    timeout_seconds: float,
) -> None:
    is_run = job is not None and is_same_run(run, job.node_list, job.started_at, job.ended_at)
    if job is None or not is_run or job.state not in FINAL_STATES:
        outcome.unknown.append(run.job_id)
        return
    what = decide(job.admin_comment, line)
    if what != "set":
        (outcome.same if what == "same" else outcome.foreign).append(run.job_id)
        return
    try:
        if not dry_run:
            set_accounted_comment(run.job_id, cluster, line, timeout_seconds)
    except SourceError as error:
        if len(outcome.faults) < _MOST_FAULTS:
            outcome.faults.append(f"job {run.job_id}: {error}")
        return
    outcome.written[run.job_id] = line


def _job_folders(folder: Path, since: float) -> Iterator[int]:
    """Give the ids of the jobs whose folders changed since then."""
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                name = entry.name
                if name.isascii() and name.isdigit() and entry.stat(follow_symlinks=False).st_mtime >= since:
                    yield int(name)
    except FileNotFoundError:
        return
    except OSError as error:
        raise RecordError(f"{folder}: {error.strerror}") from error


def _latest(folder: Path, job_id: int, cluster: str) -> JobRun | None:
    runs = [run for run in find_runs(folder, job_id) if run.cluster == cluster and run.job_id == job_id and run.records]
    return runs[-1] if runs else None
