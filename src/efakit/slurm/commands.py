"""Slurm's own commands: squeue and sinfo ask slurmctld, sacct asks slurmdbd.

Text, not ``--json``. The JSON of squeue and sacct is whatever parser plugin the release has (22.05: openapi v0.0.36 to
v0.0.38, 26.05: data_parser v0.0.42 to v0.0.45, none in common; ``job_state`` is a string in the one and a list in the
other), it needs a Slurm that was built with json-c, and squeue 22.05 ignores ``--jobs`` in it and prints every job.
``--Format=FIELD:SIZE<suffix>`` and ``--parsable --delimiter`` read the same in every release from 22.05 to 26.05
(source: ``src/squeue/opts.c``, ``src/sacct/sacct.c`` and ``src/plugins/`` of each).

A job name can hold newlines, commas, bars and whatever else somebody thinks of for a separator. Therefore the separator
is a new random word in every call, and it follows every field, the last one too: splitting on it gives the fields back
exactly, wherever the name stands.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil

from efakit.slurm.job import JobRef, SlurmJob, SourceError
from efakit.slurm.process import Finished, run

# ParallelCluster's, which only a login shell has in PATH, then where packages and `make install` put them.
INSTALL_DIRECTORIES = ("/opt/slurm/bin", "/usr/bin", "/usr/local/bin")

# Size 0 means "as long as it is": without a size, --Format cuts at 20 characters.
_SQUEUE_FIELDS = (
    "JobID",
    "JobArrayID",
    "Name",
    "State",
    "TimeUsed",
    "NodeList",
    "Partition",
    "UserName",
    "RestartCnt",
)
_SACCT_FIELDS = ("JobIDRaw", "JobID", "JobName", "State", "ElapsedRaw", "NodeList", "Partition", "User")
_SACCT_RESTARTS = "Restarts"  # since 24.11 (src/sacct/sacct.c)

# slurm_strerror(ESLURM_INVALID_JOB_ID) is "Invalid job id specified" from 22.05 to 26.05, and Slurm's messages are not
# translated; from 2**31 on, squeue itself says "Invalid job id: N".
_INVALID_JOB_ID = "Invalid job id"

_ARRAY_TASK = re.compile(r"([0-9]+)_([0-9]+)")
_TIME_USED = re.compile(r"(?:(?:([0-9]+)-)?([0-9]+):)?([0-9]+):([0-9]+)")


def ask_squeue(ref: JobRef, timeout_seconds: float) -> SlurmJob | None:
    """The job as slurmctld knows it: from submission until MinJobAge (300 s by default) after its end.

    Raises:
        SourceError: squeue is not here, or slurmctld does not answer it.
    """
    separator = new_separator()
    fields = ",".join(f"{field}:0{separator}" for field in _SQUEUE_FIELDS)
    done = run_command(
        "squeue",
        ["--noheader", "--local", "--states=all", f"--jobs={ref}", f"--Format={fields}"],
        timeout_seconds,
    )
    if done.exit_code and _INVALID_JOB_ID in done.stderr:
        return None
    if done.exit_code:
        raise SourceError(done.complaint())
    jobs = [squeue_job(row) for row in split_rows(done.stdout, separator, len(_SQUEUE_FIELDS))]
    return next((job for job in jobs if ref.names(job)), None)


def ask_sacct(ref: JobRef, timeout_seconds: float) -> SlurmJob | None:
    """The job as slurmdbd knows it, which keeps jobs for good unless it was told to purge them.

    Without ``--duplicates``, sacct shows the latest of several runs, and of several jobs where job ids started anew.

    Raises:
        SourceError: sacct is not here, the cluster has no accounting, or slurmdbd does not answer.
    """
    separator = new_separator()

    def ask(fields: tuple[str, ...]) -> Finished:
        options = ["--noheader", "--local", "--allocations", "--parsable", f"--delimiter={separator}"]
        return run_command("sacct", [*options, f"--jobs={ref}", f"--format={','.join(fields)}"], timeout_seconds)

    fields: tuple[str, ...] = (*_SACCT_FIELDS, _SACCT_RESTARTS)
    done = ask(fields)
    if done.exit_code and "Invalid field requested" in done.stderr:
        fields = _SACCT_FIELDS
        done = ask(fields)
    if done.exit_code:
        raise SourceError(done.complaint())
    jobs = [sacct_job(row) for row in split_rows(done.stdout, separator, len(fields))]
    return next((job for job in jobs if ref.names(job)), None)


def split_rows(text: str, separator: str, width: int) -> list[list[str]]:
    """Rows of ``width`` fields, from text where the separator follows every field and a newline follows every row.

    Raises:
        SourceError: the text is no such table.
    """
    *values, end = text.split(separator)
    if len(values) % width or end.strip():
        raise SourceError(f"output of an unexpected form: {text[:200]!r}")
    rows = [values[start : start + width] for start in range(0, len(values), width)]
    # Each row's newline stands before the next row's first field, which is a number.
    return [[row[0].strip(), *row[1:]] for row in rows]


def squeue_job(row: list[str]) -> SlurmJob:
    """One row of squeue, in the order of the fields asked for."""
    job_id, shown_id, name, state, time_used, nodes, partition, user, restarts = row
    return SlurmJob(
        job_id=number(job_id),
        name=name,
        state=state,
        elapsed_seconds=time_used_seconds(time_used),
        node_list=nodes,
        restart_count=number(restarts),
        partition=partition or None,
        user=user or None,
        array=array_task(shown_id),
        source="squeue",
    )


def sacct_job(row: list[str]) -> SlurmJob:
    """One row of sacct, in the order of the fields asked for, with or without the restarts."""
    job_id, shown_id, name, state, elapsed, nodes, partition, user, *restarts = row
    return SlurmJob(
        job_id=number(job_id),
        name=name,
        state=state.split(" ")[0],  # "CANCELLED by 1000"
        elapsed_seconds=number(elapsed) if elapsed else None,
        node_list="" if nodes == "None assigned" else nodes,
        restart_count=number(restarts[0]) if restarts and restarts[0] else None,
        partition=partition or None,
        user=user or None,
        array=array_task(shown_id),
        source="sacct",
    )


def time_used_seconds(text: str) -> int | None:
    """Seconds from squeue's TimeUsed, ``[[days-]hours:]minutes:seconds``; None for its ``INVALID``."""
    match = _TIME_USED.fullmatch(text)
    if not match:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def array_task(shown_id: str) -> tuple[int, int] | None:
    """Array and task from the id that Slurm shows: ``12_3``, but not ``12``, ``12_[4-9]`` or ``12+1``."""
    match = _ARRAY_TASK.fullmatch(shown_id)
    return (int(match[1]), int(match[2])) if match else None


def find_command(name: str) -> str:
    """The full path of a Slurm command, from PATH, then from where installations put it.

    Raises:
        SourceError: it is nowhere.
    """
    found = shutil.which(name)
    if not found:
        found = shutil.which(name, path=os.pathsep.join(INSTALL_DIRECTORIES))
    if not found:
        raise SourceError(f"not found in PATH, {', '.join(INSTALL_DIRECTORIES)}", absent=True)
    return found


def run_command(name: str, options: list[str], timeout_seconds: float) -> Finished:
    """Run one of Slurm's commands about this cluster; the caller judges the exit code.

    Raises:
        SourceError: it is nowhere, did not start, or took longer than ``timeout_seconds``.
    """
    return run([find_command(name), *options], timeout_seconds, _environment())


def _environment() -> dict[str, str]:
    """Ours, without what would filter, sort or reshape the answer, or ask another cluster than this one."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("SQUEUE_", "SACCT_", "SINFO_")) and name not in ("SLURM_CLUSTERS", "SLURM_BITSTR_LEN")
    }


def new_separator() -> str:
    """Return a word that stands in no other text, to separate fields."""
    # Not to begin with a digit, which --Format would take for the size; no comma, which would end the field.
    return f"|{secrets.token_hex(8)}|"


def number(text: str) -> int:
    """Return a field that is a whole number.

    Raises:
        SourceError: it is none.
    """
    try:
        return int(text)
    except ValueError:
        raise SourceError(f"output of an unexpected form: {text!r} where a number belongs") from None
