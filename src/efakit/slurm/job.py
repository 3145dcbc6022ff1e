"""What Slurm says of one job, and how a question about it went: plain values, no Slurm needed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, NamedTuple

from efakit.errors import EfakitError, UsageError

SourceName = Literal["pyslurm", "squeue", "sacct"]
Daemon = Literal["slurmctld", "slurmdbd"]
Outcome = Literal["found", "unknown", "absent", "failed"]
Status = Literal["found", "unknown", "unavailable"]

# squeue(1), JOB STATE CODES (https://slurm.schedmd.com/squeue.html#SECTION_JOB-STATE-CODES).
FINAL_STATES = frozenset(
    (
        "BOOT_FAIL",
        "CANCELLED",
        "COMPLETED",
        "DEADLINE",
        "FAILED",
        "NODE_FAIL",
        "OUT_OF_MEMORY",
        "PREEMPTED",
        "REVOKED",
        "TIMEOUT",
    )
)

# At most ten digits: Slurm's job ids are 32 bits wide.
_JOB_ID = re.compile(r"([1-9][0-9]{0,9})(?:_([0-9]{1,10}))?", re.ASCII)


class JobRef(NamedTuple):
    """What the user typed: a job id (``number``), or an array's id (``number``) and one of its ``task`` s."""

    number: int
    task: int | None = None

    @classmethod
    def parse(cls, text: str) -> JobRef:
        """Read ``123`` or ``123_4``.

        Raises:
            UsageError: for anything else.
        """
        match = _JOB_ID.fullmatch(text.strip())
        if not match:
            raise UsageError(
                f"job id {text!r}: give a number, such as 123, or an array task, such as 123_4 "
                "(a step has no report of its own; a component of a heterogeneous job goes by its own number, "
                "which squeue --Format=JobID,JobArrayID shows)"
            )
        return cls(int(match[1]), None if match[2] is None else int(match[2]))

    def __str__(self) -> str:
        return str(self.number) if self.task is None else f"{self.number}_{self.task}"

    def names(self, job: SlurmJob) -> bool:
        """Whether this is the job meant.

        A number is the raw job id and never the array's: that is what Slurm's prolog and epilog see, so what efakit's
        records carry. The last task of an array to start has the array's own number as its raw job id.
        """
        if self.task is None:
            return job.job_id == self.number
        return job.array == (self.number, self.task)


@dataclass(frozen=True)
class SlurmJob:
    """What Slurm knows of one job; of a requeued one, of its latest run."""

    job_id: int
    """The raw job id, also of an array's task."""
    name: str
    """As the user gave it, newlines and all. From the accounting it can differ: slurmdbd turns double quotes into
    backticks, and tables in latin1 hold a question mark for what latin1 lacks."""
    state: str
    """As Slurm spells it: RUNNING, COMPLETED, CANCELLED, NODE_FAIL, COMPLETING and so on."""
    elapsed_seconds: int | None
    node_list: str
    """Slurm's host list expression, '' where there is none. While the state is COMPLETING, slurmctld lists only the
    nodes whose epilog has not ended yet."""
    restart_count: int | None
    """How often the job was requeued; None from a sacct older than 24.11."""
    partition: str | None
    user: str | None
    array: tuple[int, int] | None
    """The array's job id and this task's index; None outside an array, and for tasks that are not split off yet."""
    source: SourceName
    # What the source does not tell is None from here on; what is empty is not there either.
    reason: str | None = None
    """Slurm's one word for why the job waits, or why it ended as it did: Resources, NonZeroExitCode."""
    account: str | None = None
    exit_code: str | None = None
    """Slurm's EXIT:SIGNAL of the batch script, once the job has ended."""
    node_count: int | None = None
    script: str | None = None
    """The batch script's path with its arguments, as slurmctld keeps it; slurmdbd keeps ``submit_line`` instead."""
    submit_line: str | None = None
    output_file: str | None = None
    """Of a batch job, with Slurm's patterns filled in."""
    work_dir: str | None = None
    dependency: str | None = None
    comment: str | None = None
    admin_comment: str | None = None

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will happen by itself: the state is final, and no epilog runs any more."""
        return self.state in FINAL_STATES


class Attempt(NamedTuple):
    """One source that was asked, and how it went."""

    source: SourceName
    daemon: Daemon
    """Whom the source asks: slurmctld forgets a job MinJobAge after its end (300 s by default), slurmdbd keeps it."""
    outcome: Outcome
    """``unknown``: it answered, and does not know the job or does not show it to this user. ``absent``: it is not
    installed here. ``failed``: it could not answer."""
    detail: str = ""


class SlurmAnswer(NamedTuple):
    """The job, or why there is none."""

    job: SlurmJob | None
    attempts: tuple[Attempt, ...]
    """Every source in the order in which it was asked."""
    reason: str = ""
    """'' with a job; else a sentence without its full stop, that a report can go on from."""

    @property
    def status(self) -> Status:
        """``unknown``: Slurm was asked and does not know the job; ``unavailable``: nothing here could ask Slurm."""
        if self.job is not None:
            return "found"
        return "unknown" if any(attempt.outcome == "unknown" for attempt in self.attempts) else "unavailable"


class SourceError(EfakitError):
    """A source that could not answer. It stays inside this room, where it turns into an Attempt."""

    def __init__(self, detail: str, *, absent: bool = False, timed_out: bool = False) -> None:
        super().__init__(detail)
        self.outcome: Outcome = "absent" if absent else "failed"
        self.timed_out = timed_out
