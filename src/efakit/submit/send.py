"""Submits a job once, however often it has to try.

Every try carries the same random word in the job's comment. Before another try the queue is searched for it, so that a
job which slurmctld took, although its answer was lost, is found and not submitted again.
"""

from __future__ import annotations

import os
import pwd
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from efakit.errors import EfakitError
from efakit.slurm import Slurm
from efakit.slurm.job import SlurmJob, SourceError
from efakit.slurm.submission import BatchScript, NotSubmitted, submit

PAUSES_SECONDS = (2.0, 4.0, 8.0, 16.0)
"""Between tries; one try more than there are pauses."""
SBATCH_SECONDS = 130.0
"""sbatch's own time-out is MessageTimeout, 60 s on ParallelCluster, for connecting and for the answer."""
_MARK = "efakit-submit:"

Say = Callable[[str], None]


class SubmitError(EfakitError):
    """The job was not submitted, or it is not known whether it was."""


class Refused(SubmitError):
    """Slurm refused the job."""

    exit_code = 1


@dataclass(frozen=True)
class Ticket:
    """The word by which a job is found again, and the comment that carries it."""

    word: str
    comment: str


def new_ticket(comment: str | None) -> Ticket:
    """Return a new word behind the user's own comment."""
    word = _MARK + secrets.token_hex(6)
    return Ticket(word, f"{comment} {word}" if comment else word)


def send(
    script: BatchScript,
    options: Sequence[str],
    ticket: Ticket,
    slurm: Slurm,
    say: Say,
    *,
    pauses: Sequence[float] = PAUSES_SECONDS,
    sleep: Callable[[float], None] = time.sleep,
    sbatch_seconds: float = SBATCH_SECONDS,
) -> int:
    """Submit the job, and return its id.

    Raises:
        Refused: Slurm does not want the job.
        SubmitError: slurmctld does not answer; the message says whether the job may have been taken.
    """
    marked = [*options, f"--comment={ticket.comment}"]
    told = ""
    maybe_taken = False
    for pause in (*pauses, 0.0):
        if not maybe_taken:
            try:
                return submit(script, marked, sbatch_seconds)
            except NotSubmitted as failure:
                if failure.sureness == "refused":
                    raise Refused(f"Slurm refused the job: {failure}") from failure
                told, maybe_taken = str(failure), failure.sureness == "unsure"
        if pause:
            what = "it is not known whether Slurm took the job" if maybe_taken else "not submitted yet"
            say(f"{what}: {told}; next try in {pause:g} s")
            sleep(pause)
        try:
            job_id = find(ticket, slurm)
        except SourceError:
            continue  # a job that may have been taken is only looked for from now on
        if job_id is not None:
            say(f"Slurm had taken the job, although its answer was lost: it is job {job_id}")
            return job_id
        maybe_taken = False
    if maybe_taken:
        raise SubmitError(
            f"{told}; it is not known whether Slurm took the job. When Slurm answers again, look for it before you "
            f"submit it once more: squeue --me --states=all --Format=JobID,Comment:200 | grep {ticket.word}"
        )
    raise SubmitError(
        f"{told}; the job was not submitted, after {len(pauses) + 1} tries. Is slurmctld up (scontrol ping)?"
    )


def find(ticket: Ticket, slurm: Slurm) -> int | None:
    """Return the id of the job with the ticket's word, of an array the array's; None where there is none.

    Raises:
        SourceError: Slurm does not answer.
    """
    marked = [job for job in slurm.jobs(user=_user()) if ticket.word in (job.comment or "")]
    return min((_own_id(job) for job in marked), default=None)


def _own_id(job: SlurmJob) -> int:
    return job.array[0] if job.array else job.job_id


def _user() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())
