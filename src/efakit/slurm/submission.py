"""Submits a job by ``sbatch``, and says how sure a failure is: did slurmctld take the job, or not?"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from efakit.slurm.commands import find_command, run_command
from efakit.slurm.job import SourceError
from efakit.slurm.process import run

_ID = re.compile(r"^(\d+)(?:;(\S*))?\s*$", re.MULTILINE)
# These would change what sbatch prints, or when it ends.
_NOT_FOR_SBATCH = ("SBATCH_WAIT", "SBATCH_QUIET", "SBATCH_DEBUG", "SLURM_DEBUG")

# What sbatch says where it did not reach slurmctld (src/common/slurm_errno.c): nothing was sent, so nothing was taken.
_NOT_REACHED = (
    "Unable to contact slurm controller",
    "Slurm temporarily unable to accept job",
    "Slurm controller not found",
)
# Where it was reached and the answer was lost: the job may have been taken.
_ANSWER_LOST = (
    "Socket timed out",
    "Zero Bytes were transmitted or received",
    "Unexpected message received",
    "Communication connection failure",
    "Communication shutdown failure",
    "Message receive failure",
    "Transport endpoint is not connected",
    "Connection reset by peer",
    "Connection timed out",
    "Broken pipe",
)

Sureness = Literal["refused", "not-reached", "unsure"]


@dataclass(frozen=True)
class NotSubmitted(Exception):
    """sbatch gave no job id. ``unsure``: slurmctld may have taken the job all the same."""

    sureness: Sureness
    detail: str

    def __str__(self) -> str:
        return self.detail


@dataclass(frozen=True)
class BatchScript:
    """What to submit: the file at ``path``; else the ``text``, which sbatch reads on its stdin."""

    path: str | None = None
    text: bytes | None = None

    @property
    def arguments(self) -> list[str]:
        """sbatch's arguments behind its options."""
        return [self.path] if self.path is not None else []


def submit(script: BatchScript, options: Sequence[str], timeout_seconds: float) -> int:
    """Submit once; return the job's id, of an array the array's.

    Raises:
        NotSubmitted: sbatch gave no id, or no answer in time.
    """
    try:
        argv = [find_command("sbatch"), "--parsable", *options, *script.arguments]
        # The job inherits this environment: it stays the user's own.
        environment = {name: value for name, value in os.environ.items() if name not in _NOT_FOR_SBATCH}
        done = run(argv, timeout_seconds, environment, script.text)
    except SourceError as error:
        raise NotSubmitted("unsure" if error.timed_out else "refused", f"sbatch: {error}") from error
    match = _ID.search(done.stdout)
    if match and not done.exit_code:
        return int(match[1])
    raise NotSubmitted(_sureness(done.stderr), _told(done.stderr) or f"sbatch: {done.complaint()}")


def test_only(script: BatchScript, options: Sequence[str], timeout_seconds: float) -> tuple[str | None, str]:
    """Ask ``sbatch --test-only``; return why Slurm would refuse the job (None: it would not), and what it said.

    Raises:
        SourceError: sbatch is not here, or slurmctld does not answer it.
    """
    argv = [find_command("sbatch"), "--test-only", *options, *script.arguments]
    done = run(argv, timeout_seconds, os.environ, script.text)
    told = _told(done.stderr)
    if not done.exit_code:
        return None, told.removeprefix("sbatch: ")
    if _sureness(done.stderr) != "refused":
        raise SourceError(told or done.complaint())
    return told.removeprefix("allocation failure: ") or done.complaint(), told


def set_admin_comment(job_id: int, text: str, timeout_seconds: float) -> None:
    """Write the job's AdminComment, which accounting keeps; only operators and root may.

    Raises:
        SourceError: Slurm refuses, or does not answer.
    """
    done = run_command("scontrol", ["update", f"JobId={job_id}", f"AdminComment={text}"], timeout_seconds)
    if done.exit_code:
        raise SourceError(done.complaint())


def _sureness(stderr: str) -> Sureness:
    if any(words in stderr for words in _NOT_REACHED):
        return "not-reached"
    return "unsure" if any(words in stderr for words in _ANSWER_LOST) else "refused"


def _told(stderr: str) -> str:
    """Return what sbatch said, as one line without its log prefixes."""
    lines = (re.sub(r"^(?:sbatch: )?(?:error: |fatal: )?", "", line.strip()) for line in stderr.splitlines())
    return "; ".join(dict.fromkeys(line for line in lines if line))
