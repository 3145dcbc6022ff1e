"""Slurm's own commands: squeue, sinfo and scontrol ask slurmctld, sacct asks slurmdbd.

Text, not ``--json``. The JSON of squeue and sacct is whatever parser plugin the release has (22.05: openapi v0.0.36 to
v0.0.38, 26.05: data_parser v0.0.42 to v0.0.45, none in common; ``job_state`` is a string in the one and a list in the
other), it needs a Slurm that was built with json-c, and squeue 22.05 ignores ``--jobs`` in it and prints every job.
``--Format=FIELD:SIZE<suffix>`` and ``--parsable --delimiter`` read the same in every release from 22.05 to 26.05
(source: ``src/squeue/opts.c``, ``src/sacct/sacct.c`` and ``src/plugins/`` of each). What no table of theirs has comes
from JSON (``node_json.py``).
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

from efakit.slurm.job import FINAL_STATES, JobRef, SlurmJob, SourceError, SourceName
from efakit.slurm.outputs import output_file
from efakit.slurm.process import Finished, run
from efakit.slurm.table import Column, long_format, new_separator, number, optional, optional_number, read_table

# ParallelCluster's, which only a login shell has in PATH, then where packages and `make install` put them.
INSTALL_DIRECTORIES = ("/opt/slurm/bin", "/usr/bin", "/usr/local/bin")

# slurm_strerror(ESLURM_INVALID_JOB_ID) is "Invalid job id specified" from 22.05 to 26.05, and Slurm's messages are not
# translated; from 2**31 on, squeue itself says "Invalid job id: N".
_INVALID_JOB_ID = "Invalid job id"

_ARRAY_TASK = re.compile(r"([0-9]+)_([0-9]+)")
_TIME_USED = re.compile(r"(?:(?:([0-9]+)-)?([0-9]+):)?([0-9]+):([0-9]+)")
_FIRST_NODE = re.compile(r"([^\[,]*)(?:\[(\d+))?")


def time_used_seconds(value: str) -> int | None:
    """Seconds from squeue's TimeUsed, ``[[days-]hours:]minutes:seconds``; None for its ``INVALID``."""
    match = _TIME_USED.fullmatch(value)
    if not match:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def array_task(shown_id: str) -> tuple[int, int] | None:
    """Array and task from the id that Slurm shows: ``12_3``, but not ``12``, ``12_[4-9]`` or ``12+1``."""
    match = _ARRAY_TASK.fullmatch(shown_id)
    return (int(match[1]), int(match[2])) if match else None


def exit_code(value: str) -> str | None:
    """Return EXIT:SIGNAL.

    squeue prints it from 23.02 on; before, it prints the wait(2) status as a number (``_print_job_exit_code`` in
    ``src/squeue/print.c``).
    """
    if not value.isdecimal():
        return optional(value)
    status = int(value)
    return f"{status >> 8 & 0xFF}:{status & 0x7F}"


def _state(value: str) -> str:
    return value.split(" ")[0]  # "CANCELLED by 1000"


def _nodes(value: str) -> str:
    return optional(value) or ""


SQUEUE_COLUMNS = (
    Column("job_id", "JobID", number),
    Column("array", "JobArrayID", array_task),
    Column("name", "Name"),
    Column("state", "State"),
    Column("elapsed_seconds", "TimeUsed", time_used_seconds),
    Column("node_list", "NodeList", _nodes),
    Column("partition", "Partition", optional),
    Column("user", "UserName", optional),
    Column("restart_count", "RestartCnt", number),
    Column("reason", "Reason", optional),
    Column("account", "Account", optional),
    Column("exit_code", "exit_code", exit_code),
    Column("node_count", "NumNodes", optional_number),
    Column("script", "Command", optional),
    Column("output_file", "StdOut", optional),
    Column("work_dir", "WorkDir", optional),
    Column("dependency", "Dependency", optional),
    Column("comment", "Comment", optional),
    Column("admin_comment", "admin_comment", optional),
    Column("batch", "BatchFlag", number),
)
SACCT_COLUMNS = (
    Column("job_id", "JobIDRaw", number),
    Column("array", "JobID", array_task),
    Column("name", "JobName"),
    Column("state", "State", _state),
    Column("elapsed_seconds", "ElapsedRaw", optional_number),
    Column("node_list", "NodeList", _nodes),
    Column("partition", "Partition", optional),
    Column("user", "User", optional),
    Column("reason", "Reason", optional),
    Column("account", "Account", optional),
    Column("exit_code", "ExitCode", optional),
    Column("node_count", "NNodes", optional_number),
    Column("submit_line", "SubmitLine", optional),
    Column("work_dir", "WorkDir", optional),
    Column("comment", "Comment", optional),
    Column("admin_comment", "AdminComment", optional),
    Column("restart_count", "Restarts", optional_number, since="24.11"),
    Column("output_file", "StdOut", optional, since="24.05"),
)


def ask_squeue(ref: JobRef, timeout_seconds: float) -> SlurmJob | None:
    """The job as slurmctld knows it: from submission until MinJobAge (300 s by default) after its end.

    Raises:
        SourceError: squeue is not here, or slurmctld does not answer it.
    """
    return next((job for job in squeue_jobs((f"--jobs={ref}",), timeout_seconds) if ref.names(job)), None)


def squeue_jobs(chosen: Sequence[str], timeout_seconds: float) -> list[SlurmJob]:
    """Return the jobs that slurmctld knows, of all states, chosen by squeue's options; none for an unknown id.

    Raises:
        SourceError: squeue is not here, or slurmctld does not answer it.
    """
    separator = new_separator()
    options = ["--noheader", "--local", "--states=all", *chosen]
    done = run_command("squeue", [*options, f"--Format={long_format(SQUEUE_COLUMNS, separator)}"], timeout_seconds)
    if done.exit_code and _INVALID_JOB_ID in done.stderr:
        return []
    if done.exit_code:
        raise SourceError(done.complaint())
    return [job_of(row, "squeue") for row in read_table(done.stdout, separator, SQUEUE_COLUMNS)]


def ask_sacct(ref: JobRef, timeout_seconds: float) -> SlurmJob | None:
    """The job as slurmdbd knows it, which keeps jobs for good unless it was told to purge them.

    Without ``--duplicates``, sacct shows the latest of several runs, and of several jobs where job ids started anew.

    Raises:
        SourceError: sacct is not here, the cluster has no accounting, or slurmdbd does not answer.
    """
    return next((job for job in sacct_jobs(ref, timeout_seconds) if ref.names(job)), None)


def sacct_jobs(ref: JobRef, timeout_seconds: float) -> list[SlurmJob]:
    """Return the jobs that slurmdbd shows for an id: of an array's, all of its tasks; raise as ``ask_sacct`` does."""
    separator = new_separator()

    def ask(columns: Sequence[Column]) -> Finished:
        options = ["--noheader", "--local", "--allocations", "--parsable", f"--delimiter={separator}"]
        fields = ",".join(column.asked for column in columns)
        return run_command("sacct", [*options, f"--jobs={ref}", f"--format={fields}"], timeout_seconds)

    columns: Sequence[Column] = SACCT_COLUMNS
    done = ask(columns)
    while done.exit_code and (known := _without_newer(columns, done.stderr)):
        columns = known
        done = ask(columns)
    if done.exit_code:
        raise SourceError(done.complaint())
    return [job_of(row, "sacct") for row in read_table(done.stdout, separator, columns)]


def batch_script(job_id: int, timeout_seconds: float) -> str | None:
    """Return a batch job's script as it was submitted: from slurmctld until the job ends, later from the accounting.

    None where neither has it: the accounting keeps scripts only with AccountingStoreFlags=job_script, and shows them to
    the job's owner and to operators.

    Raises:
        SourceError: slurmctld does not answer in time, or scontrol is not here.
    """
    done = run_command("scontrol", ["write", "batch_script", str(job_id), "-"], timeout_seconds)
    if not done.exit_code and done.stdout.startswith("#!"):
        return done.stdout
    try:
        done = run_command("sacct", ["--local", f"--jobs={job_id}", "--batch-script"], timeout_seconds)
    except SourceError:
        return None
    # "Batch Script for 7", a line of hyphens, and the script or NONE (_print_script in src/sacct/options.c).
    _, _, rest = done.stdout.partition("\n")
    hyphens, _, script = rest.partition("\n")
    return script if not done.exit_code and hyphens.startswith("---") and script.startswith("#!") else None


def _without_newer(columns: Sequence[Column], complaint: str) -> list[Column]:
    """Return the columns without the one that an older sacct does not know, by its complaint; empty where it is none.

    It names the first: 'Invalid field requested: "Restarts"' (``src/sacct/sacct.c``).
    """
    refused = [column for column in columns if column.since and f'"{column.asked}"' in complaint]
    return [column for column in columns if column not in refused] if refused else []


def job_of(fields: Mapping[str, Any], source: SourceName) -> SlurmJob:
    """Return a job from the fields that a source gave."""
    known = {"restart_count": None, **fields}
    if known.pop("batch", 1) == 0:
        known["output_file"] = None
        known["script"] = None
    if known["state"] not in FINAL_STATES:
        known["exit_code"] = None
    if known.get("reason") == "None":
        known["reason"] = None
    job = SlurmJob(source=source, **known)
    filled = output_file(
        job.output_file,
        job_id=job.job_id,
        array=job.array,
        name=job.name,
        user=job.user,
        first_node=first_node(job.node_list),
        work_dir=job.work_dir,
    )
    return SlurmJob(source=source, **{**known, "output_file": filled})


def first_node(node_list: str) -> str:
    """Return the first name of Slurm's node list: n[2-4] -> n2; empty where there is none."""
    match = _FIRST_NODE.match(node_list)
    return f"{match[1]}{match[2] or ''}" if match else ""


def find_command(name: str) -> str:
    """The full path of a Slurm command, from PATH, then from where installations put it.

    Raises:
        SourceError: it is nowhere.
    """
    import shutil

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
    return run([find_command(name), *options], timeout_seconds, slurm_environment())


def slurm_environment() -> dict[str, str]:
    """Ours, without what would filter, sort or reshape the answer, or ask another cluster than this one."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("SQUEUE_", "SACCT_", "SINFO_")) and name not in ("SLURM_CLUSTERS", "SLURM_BITSTR_LEN")
    }
