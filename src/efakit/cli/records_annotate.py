"""``efakit records annotate``: writes the verdict of ended jobs into a field of theirs that accounting keeps."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from efakit.errors import RecordError, UsageError
from efakit.jobs.records import JobRun
from efakit.jobs.verdict import judge
from efakit.node.record import safe_name
from efakit.report.annotation import Recorded, decide, is_same_run, recorded
from efakit.slurm.accounting import AccountedJob, TextField, accounted_jobs, sacct_version, set_accounted_text
from efakit.slurm.here import running_config
from efakit.slurm.job import FINAL_STATES, SourceError
from efakit.store.stored import find_runs
from efakit.versions import within

_MOST_JOBS = 20_000
_MOST_FAULTS = 20
_TOGETHER = 20
"""Jobs that are written between two looks at what they hold."""
_MOST_DIGITS = 10
"""Of a job id, which has 32 bits: one that sacct refuses would cost all others their lines."""


@dataclass
class Outcome:
    """Which jobs got a line, and which did not, by why: ids."""

    written: dict[int, str] = field(default_factory=dict)
    """The lines that were written, or would be."""
    same: list[int] = field(default_factory=list)
    foreign: list[int] = field(default_factory=list)
    """Jobs whose field holds somebody else's text."""
    unknown: list[int] = field(default_factory=list)
    """Jobs that accounting does not know, or knows another run of, or that have not ended there."""
    faults: list[str] = field(default_factory=list)
    left_out: int = 0


def annotate(
    folder: Path,
    since_seconds: float,
    after_seconds: float,
    field: TextField,
    *,
    dry_run: bool,
    timeout_seconds: float,
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
    if field.since:
        _refuse_older(field, timeout_seconds)
    now, outcome = time.time(), Outcome()
    jobs = list(_job_folders(folder / safe_name(cluster), now - since_seconds))
    outcome.left_out = max(0, len(jobs) - _MOST_JOBS)
    runs: dict[int, Recorded] = {}
    for job_id in sorted(jobs, reverse=True)[:_MOST_JOBS]:
        run = _latest(folder, job_id, cluster)
        if run is not None and now - since_seconds <= run.ended_at <= now - after_seconds:
            runs[job_id] = recorded(run, judge(run.node_names, run.records, run.damaged, run.doubts))
    asked = _asked(sorted(runs), field, timeout_seconds)
    wanted = [job_id for job_id, known in sorted(runs.items()) if _is_wanted(outcome, asked.get(job_id), known)]
    for place in range(0, 0 if dry_run else len(wanted), _TOGETHER):
        # Anew: thousands of lines take minutes, and meanwhile somebody may have written.
        chunk = wanted[place : place + _TOGETHER]
        asked = _asked(chunk, field, timeout_seconds)
        for job_id in chunk:
            known = runs[job_id]
            del outcome.written[job_id]
            try:
                job = asked.get(job_id)
                if _is_wanted(outcome, job, known) and job is not None and job.name is not None:
                    set_accounted_text(job.name, cluster, field, known.line, timeout_seconds)
            except SourceError as error:
                del outcome.written[job_id]
                if len(outcome.faults) < _MOST_FAULTS:
                    outcome.faults.append(f"job {job_id}: {error}")
    if outcome.faults and not outcome.written:
        raise UsageError(
            f"no {field.name} could be written: {outcome.faults[0]}: run this as root or as Slurm's operator"
        )
    return outcome


def _asked(ids: Sequence[int], field: TextField, timeout_seconds: float) -> dict[int, AccountedJob]:
    try:
        return accounted_jobs(ids, field, timeout_seconds)
    except SourceError as error:
        raise UsageError(f"Slurm's accounting cannot be asked: {error}") from error


def _refuse_older(field: TextField, timeout_seconds: float) -> None:
    try:
        release = sacct_version(timeout_seconds)
    except SourceError as error:
        raise UsageError(f"Slurm's accounting cannot be asked: {error}") from error
    if not within(release, field.since, None):
        raise UsageError(
            f"--field {field.name}: Slurm {release} has no such field in its accounting, which came with "
            f"{field.since}: use --field AdminComment"
        )


def _is_wanted(outcome: Outcome, job: AccountedJob | None, run: Recorded) -> bool:
    """Note what is to be done with a job, and return whether its line is to be written."""
    is_run = job is not None and is_same_run(run, job.node_list, job.started_at, job.ended_at)
    if job is None or not is_run or job.state not in FINAL_STATES or job.name is None:
        outcome.unknown.append(run.job_id)
        return False
    what = decide(job.text, run.line)
    if what == "set":
        outcome.written[run.job_id] = run.line
        return True
    (outcome.same if what == "same" else outcome.foreign).append(run.job_id)
    return False


def _job_folders(folder: Path, since: float) -> Iterator[int]:
    """Give the ids of the jobs whose folders changed since then."""
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                name = entry.name
                if not (name.isascii() and name.isdigit() and len(name) <= _MOST_DIGITS):
                    continue
                with contextlib.suppress(FileNotFoundError):  # a compaction removes what it has stored
                    if entry.stat(follow_symlinks=False).st_mtime >= since:
                        yield int(name)
    except FileNotFoundError:
        return
    except OSError as error:
        raise RecordError(f"{folder}: {error.strerror}") from error


def _latest(folder: Path, job_id: int, cluster: str) -> JobRun | None:
    runs = [run for run in find_runs(folder, job_id) if run.cluster == cluster and run.job_id == job_id and run.records]
    return runs[-1] if runs else None
