"""Waits for a job's end and tells what changes: pending with Slurm's reason in words, running, done."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from efakit.catalog.slurm_reasons import in_words, slurm_reason
from efakit.errors import EfakitError
from efakit.slurm import Slurm, SlurmJob
from efakit.slurm.job import SourceError

Say = Callable[[str], None]

FIRST_POLL_SECONDS = 0.5
LONGEST_POLL_SECONDS = 10.0
_GROWTH = 1.3
SILENCE_SECONDS = 900.0
"""So long Slurm may be without an answer before waiting ends: a controller that restarts is back by then."""
_MOST_SILENT_POLLS = 3


class WaitError(EfakitError):
    """Waiting came to no end of the job; the job itself is as it was."""


@dataclass(frozen=True)
class Ended:
    """How a job ended: itself, or the tasks of an array by their index. ``stuck`` says why it can never start."""

    jobs: tuple[SlurmJob, ...]
    stuck: str = ""

    @property
    def succeeded(self) -> bool:
        """Whether the job, or each task, completed with exit code 0."""
        return bool(self.jobs) and not self.stuck and all(job.state == "COMPLETED" for job in self.jobs)


def wait(
    job_id: int,
    slurm: Slurm,
    say: Say,
    *,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
    silence_seconds: float = SILENCE_SECONDS,
) -> Ended:
    """Wait until the job, and each task of an array, has ended and its epilogs with it.

    Raises:
        WaitError: Slurm has not answered for ``silence_seconds``, or does not know the job any more.
    """
    told, seconds, lost = "", FIRST_POLL_SECONDS, 0
    answered_at = clock()
    while True:
        try:
            jobs = _ask(job_id, slurm)
        except SourceError as error:
            if clock() - answered_at > silence_seconds:
                message = f"Slurm has not answered for {silence_seconds:g} s ({error}); job {job_id} goes on"
                raise WaitError(message) from error
            line = f"job {job_id}: Slurm does not answer ({error}); waiting goes on"
        else:
            answered_at = clock()
            lost = 0 if jobs else lost + 1
            if lost >= _MOST_SILENT_POLLS:
                raise WaitError(f"Slurm does not know job {job_id} any more, and no accounting keeps it")
            never = _never(jobs)
            line = _line(job_id, jobs) if jobs else told
            if jobs and all(job.has_ended for job in jobs):
                say(line)
                return Ended(tuple(sorted(jobs, key=lambda job: job.array or (job.job_id, 0))))
            if never:
                say(line)
                return Ended(tuple(jobs), never)
        if line != told:
            say(line)
            told, seconds = line, FIRST_POLL_SECONDS
        sleep(seconds)
        seconds = min(seconds * _GROWTH, LONGEST_POLL_SECONDS)


def _ask(job_id: int, slurm: Slurm) -> list[SlurmJob]:
    """Return the job or its tasks, as slurmctld knows them; those that it forgot, as slurmdbd does."""
    jobs = slurm.jobs(ids=(job_id,))
    if jobs and any(not job.has_ended for job in jobs):
        return jobs
    if jobs and not jobs[0].array:
        return jobs
    try:
        past = slurm.past_jobs(job_id)
    except SourceError:
        return jobs  # no accounting: slurmctld is the only one who knows
    known = {job.job_id for job in jobs}
    # slurmdbd may lag behind: what slurmctld says counts.
    return [*jobs, *(job for job in past if job.job_id not in known and job.has_ended)]


def _never(jobs: Sequence[SlurmJob]) -> str:
    """Return why none of what is left of a job can ever start, empty where that may be."""
    left = [job for job in jobs if not job.has_ended]
    reasons = {job.reason or "" for job in left}
    rows = [slurm_reason(reason) for reason in reasons]
    if not left or any(job.state != "PENDING" for job in left) or any(not row or row.until != "never" for row in rows):
        return ""
    return "; ".join(in_words(reason) for reason in sorted(reasons))


def _line(job_id: int, jobs: Sequence[SlurmJob]) -> str:
    """Return in one line how it stands with a job."""
    if len(jobs) == 1 and not jobs[0].array:
        return f"job {job_id}: {describe(jobs[0])}"
    counts = Counter(job.state for job in jobs)
    parts = [f"{count} {state.lower()}" for state, count in sorted(counts.items())]
    waiting = sorted({job.reason for job in jobs if job.state == "PENDING" and job.reason})
    words = f"; those that wait: {'; '.join(map(in_words, waiting))}" if waiting else ""
    # What waits of an array is one line of Slurm's, however many tasks it is.
    return f"job {job_id}: {', '.join(parts)}{words}"


def describe(job: SlurmJob) -> str:
    """Return how it stands with one job."""
    if job.state == "PENDING":
        row = slurm_reason(job.reason or "None")
        fix = f"; {row.fix.replace('JOBID', str(job.job_id))}" if row and row.fix else ""
        return f"pending: {in_words(job.reason or 'None')}{fix}"
    if job.state == "COMPLETING":
        return f"completing on {job.node_list}: the epilog runs" if job.node_list else "completing: the epilog runs"
    if not job.has_ended:
        return f"{job.state.lower()} on {job.node_list}" if job.node_list else job.state.lower()
    return how_it_ended(job)


def how_it_ended(job: SlurmJob) -> str:
    """Return how a job ended: failed after 0:00:12, exit code 3."""
    words = job.state.lower().replace("_", " ")
    after = f" after {timedelta(seconds=job.elapsed_seconds)}" if job.elapsed_seconds is not None else ""
    code, _, signal = (job.exit_code or "").partition(":")
    told = ""
    if signal not in ("", "0"):
        told = f", signal {signal}"
    elif code not in ("", "0"):
        told = f", exit code {code}"
    # A job that is cancelled while it waits keeps the reason why it waited.
    silent = job.state in ("COMPLETED", "CANCELLED") or job.reason == "NonZeroExitCode"
    why = None if silent else job.reason
    return f"{words}{after}{told}" + (f": {in_words(why)}" if why else "")
