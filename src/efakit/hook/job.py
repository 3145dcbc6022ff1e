"""What Slurm's environment says about the job. Every variable is optional but the job's id.

Slurm sets many of them only where it has the job's credential (``_build_env`` in SchedMD/slurm,
``src/plugins/prep/script/prep_script_slurmd.c``).
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from efakit.node.record_type import JobFields


class NoJob(Exception):
    """The environment names no job: there is nothing to record."""


def job_from(environment: Mapping[str, str], node: str, *, at_end: bool = False) -> JobFields:
    """Return the job's part of the record of ``node``; raise NoJob where there is no job id.

    ``at_end``: the epilog asks.
    """
    get = environment.get
    job_id = _number(get("SLURM_JOB_ID") or get("SLURM_JOBID"))
    if job_id is None:
        raise NoJob("SLURM_JOB_ID is %r: no job to record" % get("SLURM_JOB_ID"))
    # Before Slurm 23.02.6 the prolog has only the older name.
    node_list = get("SLURM_JOB_NODELIST") or get("SLURM_NODELIST")
    return {
        "cluster": get("SLURM_CLUSTER_NAME") or "cluster",
        "job_id": job_id,
        "restart_count": _number(get("SLURM_JOB_RESTART_COUNT")),
        "sluid": get("SLURM_JOB_SLUID") or None,
        "started_at": _number(get("SLURM_JOB_START_TIME")) or None,
        "ends_at": _number(get("SLURM_JOB_END_TIME")) or None,
        "het_job_id": _number(get("SLURM_HET_JOB_ID") or get("SLURM_PACK_JOB_ID")) or None,
        "node": node,
        "node_list": node_list,
        "node_list_at_end": node_list if at_end else None,
        "node_count": _number(get("SLURM_JOB_NUM_NODES")),
        "user_id": _number(get("SLURM_JOB_UID")),
        "user": get("SLURM_JOB_USER"),
        "partition": get("SLURM_JOB_PARTITION"),
        "exit_code": get("SLURM_JOB_EXIT_CODE2") or _exit_and_signal(_number(get("SLURM_JOB_EXIT_CODE"))),
        "derived_exit_code": _exit_and_signal(_number(get("SLURM_JOB_DERIVED_EC"))),
    }


def is_exclusive(environment: Mapping[str, str]) -> bool:
    """Return whether Slurm says that no other job may run on the node: not said does not mean that one may.

    SLURM_JOB_EXCLUSIVE since 26.05; SLURM_JOB_OVERSUBSCRIBE since 23.02, whose NO is a job that has its nodes to itself
    (squeue(1), format %h).
    """
    return environment.get("SLURM_JOB_EXCLUSIVE") == "1" or environment.get("SLURM_JOB_OVERSUBSCRIBE") == "NO"


def id_in_tasks(job: JobFields) -> int:
    """Return the job's id as its tasks are told it.

    Prolog and epilog of a heterogeneous job have the id of the component, its tasks that of the whole (``task.c`` in
    SchedMD/slurm, ``src/slurmd/slurmstepd``: ``envtp->jobid = step->het_job_id``).
    """
    return job["het_job_id"] or job["job_id"]


def _exit_and_signal(status: int | None) -> str | None:
    """Return a status of wait(2) as Slurm writes it: EXIT:SIGNAL."""
    return None if status is None else "%d:%d" % (status >> 8 & 0xFF, status & 0x7F)


def _number(text: str | None) -> int | None:
    # All of Slurm's numbers have at most 20 digits, and int() raises at some thousand.
    return int(text) if text and text.isascii() and text.isdigit() and len(text) <= 20 else None
