"""The process that loads pyslurm: asks one question, prints one line of JSON, ends (see pyslurm_backend).

The line is ``{"job": {...}}``, ``{"job": null}`` for a job that the daemon does not know, or ``{"error": "..."}``.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from efakit.slurm.job import JobRef

# slurm/slurm_errno.h, and its words: pyslurm takes the number from errno, which a later call may have changed.
_ESLURM_INVALID_JOB_ID = 2017
_INVALID_JOB_ID = "Invalid job id specified"


def main(daemon: str, job: str) -> None:
    """Ask ``slurmctld`` or ``slurmdbd`` for the job that JobRef reads from ``job``."""
    ref = JobRef.parse(job)
    answer: dict[str, Any]
    try:
        import pyslurm  # may end this process; that is what it is for

        found = _from_slurmctld(pyslurm, ref) if daemon == "slurmctld" else _from_slurmdbd(pyslurm, ref)
        answer = {"job": found}
    except Exception as error:
        # Its own errors, UnicodeDecodeError for a name that is not UTF-8, ImportError for another Slurm's library:
        # each is only the reason why the next source is asked.
        answer = {"error": " ".join(str(error).split()) or type(error).__name__}
    sys.stdout.write(json.dumps(answer) + "\n")


def _from_slurmctld(pyslurm: Any, ref: JobRef) -> dict[str, Any] | None:
    try:
        job = pyslurm.Job.load(ref.number)
    except pyslurm.RPCError as error:
        if error.errno == _ESLURM_INVALID_JOB_ID or _INVALID_JOB_ID in str(error):
            return None
        raise
    if not _is_meant(job, ref):
        # For an array's number slurmctld sends all of its tasks, of which Job.load keeps the first.
        job = next((other for other in pyslurm.Jobs.load().values() if _is_meant(other, ref)), None)
    if job is None:
        # The array exists, the task does not: not yet, or not at all. squeue can tell.
        raise LookupError(f"shows no task {ref} that has started")
    return _fields(job, job.run_time, job.allocated_nodes)


def _from_slurmdbd(pyslurm: Any, ref: JobRef) -> dict[str, Any] | None:
    # Job.load would be one call, but says "does not exist" in the same words when slurmdbd does not answer.
    jobs = pyslurm.db.Jobs.load(pyslurm.db.JobFilter(ids=[ref.number]))
    job = next((job for job in jobs.values() if _is_meant(job, ref)), None)
    return None if job is None else _fields(job, job.elapsed_time, job.nodelist)


def _is_meant(job: Any, ref: JobRef) -> bool:
    return bool(job.id == ref.number if ref.task is None else _array(job) == (ref.number, ref.task))


def _array(job: Any) -> tuple[int, int] | None:
    if job.array_id is None or job.array_tasks_waiting is not None:
        return None
    # pyslurm reads a task index of 0 as "not set".
    return (job.array_id, job.array_task_id or 0)


def _fields(job: Any, elapsed_seconds: int | None, node_list: str | None) -> dict[str, Any]:
    return {
        "job_id": job.id,
        "name": job.name or "",
        "state": job.state,
        "elapsed_seconds": elapsed_seconds or 0,  # 0 is None in pyslurm's accounting
        "node_list": "" if node_list in (None, "None assigned") else node_list,
        "restart_count": job.requeue_count,
        "partition": job.partition,
        "user": job.user_name,
        "array": _array(job),
    }
