"""What slurmdbd keeps of ended jobs beside their facts: two fields of text, read and written.

By sacct and sacctmgr whoever else asks Slurm: ``scontrol update`` refuses a job that has ended, also while slurmctld
still knows it, and slurmctld forgets it soon. Sources: https://slurm.schedmd.com/sacctmgr.html (modify job);
``_update_job`` in ``src/slurmctld/job_mgr.c`` returns ESLURM_JOB_FINISHED from slurm-22-05-1-1 to slurm-26-05-3-1.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from efakit.slurm.by_commands import parse_version
from efakit.slurm.commands import find_command, run_command, slurm_environment
from efakit.slurm.job import SourceError
from efakit.slurm.process import run
from efakit.slurm.table import Column, new_separator, number, optional, read_table

_ONE_JOB = re.compile(r"[0-9]{1,10}(?:[_+][0-9]{1,10})?")
_MOST_IDS = 500
"""Of one question: a command line has its bounds."""


class TextField(NamedTuple):
    """A text of a job that accounting keeps; ``since``: the first release whose sacct and sacctmgr know it.

    "": each release from 22.05 on.
    """

    name: str
    since: str


ADMIN_COMMENT = TextField("AdminComment", "")
# Neither src/sacct/sacct.c nor src/sacctmgr/job_functions.c has it at slurm-22-05-11-1; both have at slurm-23-02-0-1.
EXTRA = TextField("Extra", "23.02")
TEXT_FIELDS = (ADMIN_COMMENT, EXTRA)


@dataclass(frozen=True)
class AccountedJob:
    """The latest run of a job id, as accounting has it; a moment is None where it is not set."""

    job_id: int
    state: str
    node_list: str | None
    started_at: int | None
    ended_at: int | None
    name: str | None
    """How Slurm's commands name this job alone: 42_3 for a task, 42+1 for a component of a heterogeneous job.

    By a plain number they take all tasks of an array or all components whose first one has it. None: they name no one.
    """
    text: str
    """What the field holds that was asked for."""


def _moment(value: str) -> int | None:
    return int(value) if value.isascii() and value.isdigit() else None  # else Unknown or None


def _first_word(value: str) -> str:
    return value.split(" ")[0]  # CANCELLED by 1000


def _name(value: str) -> str | None:
    return value if _ONE_JOB.fullmatch(value) else None  # such as 42_[5-9], tasks that have not begun


_COLUMNS = (
    Column("job_id", "JobIDRaw", number),
    Column("state", "State", _first_word),
    Column("node_list", "NodeList", optional),
    Column("started_at", "Start", _moment),
    Column("ended_at", "End", _moment),
    Column("name", "JobID", _name),
)


def sacct_version(timeout_seconds: float) -> str:
    """Return the release of Slurm's sacct here, such as 22.05.8.

    Raises:
        SourceError: sacct is not here, or does not tell it.
    """
    done = run_command("sacct", ["--version"], timeout_seconds)
    if done.exit_code:
        raise SourceError(done.complaint())
    return parse_version(done.stdout)


def accounted_jobs(ids: Sequence[int], field: TextField, timeout_seconds: float) -> dict[int, AccountedJob]:
    """Return what accounting has of some jobs of this cluster, by id; one that it does not know is not there.

    Raises:
        SourceError: sacct is not here, the cluster has no accounting, or slurmdbd does not answer.
    """
    found: dict[int, AccountedJob] = {}
    columns = (*_COLUMNS, Column("text", field.name))
    fields = ",".join(column.asked for column in columns)
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
        for row in read_table(done.stdout, separator, columns):
            found[row["job_id"]] = AccountedJob(**row)
    return found


def set_accounted_text(name: str, cluster: str, field: TextField, text: str, timeout_seconds: float) -> None:
    """Write a field of the latest run of an ended job, by its ``AccountedJob.name``; operators and root may.

    By the id of an array or a heterogeneous job sacctmgr writes to all of its tasks or components
    (``_setup_job_cond_limits`` in ``as_mysql_jobacct_process.c`` from slurm-22-05-11-1 to slurm-26-05-3-1).

    Raises:
        SourceError: slurmdbd refuses, or does not answer.
    """
    where = ["where", f"cluster={cluster}", f"jobid={name}"]
    argv = ["-i", "modify", "job", *where, "set", f"{field.name}={text}"]
    done = run_command("sacctmgr", argv, timeout_seconds)
    if done.exit_code:
        raise SourceError(done.complaint())
