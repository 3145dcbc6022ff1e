"""The process that loads pyslurm: asks one question, prints one line of JSON, ends (see pyslurm_backend).

The line is ``{"answer": ...}``, with null for a job that the daemon does not know, or ``{"error": "..."}``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

from efakit.slurm.job import JobRef

# slurm/slurm_errno.h, and its words: pyslurm takes the number from errno, which a later call may have changed.
_ESLURM_INVALID_JOB_ID = 2017
_INVALID_JOB_ID = "Invalid job id specified"


def main(question: str) -> None:
    """Answer one question: JSON with ``what``, and what it needs to know."""
    asked = json.loads(question)
    answer: dict[str, Any]
    try:
        import pyslurm  # may end this process; that is what it is for

        answer = {"answer": _ANSWERS[asked.pop("what")](pyslurm, **asked)}
    except Exception as error:
        # Its own errors, UnicodeDecodeError for a name that is not UTF-8, ImportError for another Slurm's library:
        # each is only the reason why the next source is asked.
        answer = {"error": " ".join(str(error).split()) or type(error).__name__}
    sys.stdout.write(json.dumps(answer) + "\n")


def _version(pyslurm: Any) -> str:
    # "25.11.2": pyslurm's own, whose first two numbers are Slurm's.
    return str(pyslurm.__version__)


def _nodes(pyslurm: Any) -> dict[str, Any]:
    partitions = pyslurm.Partitions.load().values()
    nodes = [
        {
            "name": node.name,
            "state": node.state,
            "features": list(node.available_features or ()),
            "reason": node.reason,
            "partitions": list(node.partitions or ()),
            "cpus": node.total_cpus or 0,
            "memory_mib": node.real_memory or 0,
            "gres": ",".join(f"{name}:{count}" for name, count in (node.configured_gres or {}).items()),
        }
        for node in pyslurm.Nodes.load().values()
    ]
    return {"nodes": nodes, "default_partition": next((one.name for one in partitions if one.is_default), None)}


def _partitions(pyslurm: Any) -> list[dict[str, Any]]:
    return [
        {
            "name": one.name,
            "state": one.state,
            "default": bool(one.is_default),
            "node_list": one.nodes or "",
            "node_count": one.total_nodes or 0,
            "cpu_count": one.total_cpus or 0,
            "max_nodes": _limit(one.max_nodes),
            "min_nodes": _limit(one.min_nodes),
            "max_minutes": _limit(one.max_time),
            "allow_accounts": _allowed(one.allowed_accounts),
            "allow_groups": _allowed(one.allowed_groups),
            "allow_qos": _allowed(one.allowed_qos),
        }
        for one in pyslurm.Partitions.load().values()
    ]


def _limit(value: Any) -> int | None:
    # "UNLIMITED" where there is none.
    return value if isinstance(value, int) else None


def _allowed(value: Any) -> str | None:
    listed = ",".join(value or ())
    return None if listed.upper() in ("", "ALL") else listed


def _job(pyslurm: Any, ref: str, daemon: str) -> dict[str, Any] | None:
    meant = JobRef.parse(ref)
    return _from_slurmctld(pyslurm, meant) if daemon == "slurmctld" else _from_slurmdbd(pyslurm, meant)


def _jobs(pyslurm: Any, ids: list[int], user: str | None) -> list[dict[str, Any]]:
    return [
        _fields(job, job.run_time, job.allocated_nodes)
        for job in pyslurm.Jobs.load().values()
        if (not ids or job.id in ids or job.array_id in ids) and user in (None, job.user_name)
    ]


def _past_jobs(pyslurm: Any, job_id: int) -> list[dict[str, Any]]:
    jobs = pyslurm.db.Jobs.load(pyslurm.db.JobFilter(ids=[job_id]))
    return [_fields(job, job.elapsed_time, job.nodelist) for job in jobs.values()]


_ANSWERS: dict[str, Callable[..., Any]] = {
    "version": _version,
    "nodes": _nodes,
    "partitions": _partitions,
    "job": _job,
    "jobs": _jobs,
    "past_jobs": _past_jobs,
}


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
        "reason": _text(job, "state_reason"),
        "account": _text(job, "account"),
        "exit_code": f"{job.exit_code or 0}:{job.exit_code_signal or 0}",
        "node_count": getattr(job, "num_nodes", None),
        "script": _text(job, "command"),
        "submit_line": _text(job, "submit_command"),
        "output_file": _text(job, "standard_output"),
        "work_dir": _text(job, "working_directory"),
        "comment": _text(job, "comment"),
        "admin_comment": _text(job, "admin_comment"),
    }


def _text(job: Any, name: str) -> str | None:
    """Return a text of a job, None where this kind of job (slurmctld's, slurmdbd's) has no such field, or no text."""
    value = getattr(job, name, None)
    return value if isinstance(value, str) and value else None
