"""What slurmdbd keeps of ended jobs beside their facts: the administrator's comment, read and written.

By sacct and sacctmgr whoever else asks Slurm: scontrol refuses a job that has ended (22.05: "Job has already
finished"), and slurmctld forgets it soon. Source: https://slurm.schedmd.com/sacctmgr.html (modify job).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from efakit.slurm.commands import find_command, run_command, slurm_environment
from efakit.slurm.job import SourceError
from efakit.slurm.process import run
from efakit.slurm.table import Column, new_separator, number, optional, read_table

_MOST_IDS = 500
"""Of one question: a command line has its bounds."""


@dataclass(frozen=True)
class AccountedJob:
    """The latest run of a job id, as accounting has it; a moment is None where it is not set."""

    job_id: int
    state: str
    node_list: str | None
    started_at: int | None
    ended_at: int | None
    admin_comment: str


def _moment(value: str) -> int | None:
    return int(value) if value.isascii() and value.isdigit() else None  # else Unknown or None


def _first_word(value: str) -> str:
    return value.split(" ")[0]  # CANCELLED by 1000


_COLUMNS = (
    Column("job_id", "JobIDRaw", number),
    Column("state", "State", _first_word),
    Column("node_list", "NodeList", optional),
    Column("started_at", "Start", _moment),
    Column("ended_at", "End", _moment),
    Column("admin_comment", "AdminComment"),
)


def accounted_jobs(ids: Sequence[int], timeout_seconds: float) -> dict[int, AccountedJob]:
    """Return what accounting has of some jobs of this cluster, by id; one that it does not know is not there.

    Raises:
        SourceError: sacct is not here, the cluster has no accounting, or slurmdbd does not answer.
    """
    found: dict[int, AccountedJob] = {}
    fields = ",".join(column.asked for column in _COLUMNS)
    # Seconds since the epoch, in place of a local time that may be twice in autumn.
    environment = {**slurm_environment(), "SLURM_TIME_FORMAT": "%s"}
    for place in range(0, len(ids), _MOST_IDS):
        separator = new_separator()
        options = ["--noheader", "--local", "--allocations", "--parsable", f"--delimiter={separator}"]
        jobs = ",".join(map(str, ids[place : place + _MOST_IDS]))
        argv = [find_command("sacct"), *options, f"--jobs={jobs}", f"--format={fields}"]
        done = run(argv, timeout_seconds, environment)
        if done.exit_code:
            raise SourceError(done.complaint())
        for row in read_table(done.stdout, separator, _COLUMNS):
            found[row["job_id"]] = AccountedJob(**row)
    return found


def set_accounted_comment(job_id: int, cluster: str, text: str, timeout_seconds: float) -> None:
    """Write the AdminComment of the latest run of an ended job; operators, administrators and root may.

    Raises:
        SourceError: slurmdbd refuses, or does not answer.
    """
    where = ["where", f"cluster={cluster}", f"jobid={job_id}"]
    argv = ["-i", "modify", "job", *where, "set", f"AdminComment={text}"]
    done = run_command("sacctmgr", argv, timeout_seconds)
    if done.exit_code:
        raise SourceError(done.complaint())
