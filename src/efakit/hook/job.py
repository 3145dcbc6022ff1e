"""What Slurm's environment says about the job. Every variable is optional but the job's id and the node's name.

Slurm sets many of them only where it has the job's credential (``_build_env`` in SchedMD/slurm,
``src/plugins/prep/script/prep_script_slurmd.c``).
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


class NoJob(Exception):
    """The environment names no job or no node: there is nothing to record."""


def job_from(environment: Mapping[str, str]) -> dict[str, Any]:
    """Return the job's part of a record; raise NoJob where there is no job id."""
    get = environment.get
    job_id = _number(get("SLURM_JOB_ID") or get("SLURM_JOBID"))
    if job_id is None:
        raise NoJob("SLURM_JOB_ID is %r: no job to record" % get("SLURM_JOB_ID"))
    return {
        "cluster": get("SLURM_CLUSTER_NAME") or "cluster",
        "job_id": job_id,
        "restart_count": _number(get("SLURM_JOB_RESTART_COUNT")),
        "sluid": get("SLURM_JOB_SLUID") or None,
        "node": get("SLURMD_NODENAME") or os.uname().nodename.partition(".")[0],
        # Before Slurm 23.02.6 the prolog has only the older name.
        "node_list": get("SLURM_JOB_NODELIST") or get("SLURM_NODELIST"),
        "node_count": _number(get("SLURM_JOB_NUM_NODES")),
        "user_id": _number(get("SLURM_JOB_UID")),
        "user": get("SLURM_JOB_USER"),
        "partition": get("SLURM_JOB_PARTITION"),
        "started_at": _number(get("SLURM_JOB_START_TIME")),
        "exit_code": get("SLURM_JOB_EXIT_CODE2") or _exit_and_signal(_number(get("SLURM_JOB_EXIT_CODE"))),
        "derived_exit_code": _exit_and_signal(_number(get("SLURM_JOB_DERIVED_EC"))),
    }


def as_its_tasks_know_it(job: dict[str, Any], environment: Mapping[str, str]) -> dict[str, Any]:
    """Return the job under the id that its tasks are told.

    Prolog and epilog of a heterogeneous job have the id of the component, its tasks that of the whole (``task.c`` in
    SchedMD/slurm, ``src/slurmd/slurmstepd``: ``envtp->jobid = step->het_job_id``).
    """
    whole = _number(environment.get("SLURM_HET_JOB_ID") or environment.get("SLURM_PACK_JOB_ID"))
    return {**job, "job_id": whole} if whole else job


def _exit_and_signal(status: int | None) -> str | None:
    """Return a status of wait(2) as Slurm writes it: EXIT:SIGNAL."""
    return None if status is None else "%d:%d" % (status >> 8 & 0xFF, status & 0x7F)


def _number(text: str | None) -> int | None:
    # All of Slurm's numbers have at most 20 digits, and int() raises at some thousand.
    return int(text) if text and text.isascii() and text.isdigit() and len(text) <= 20 else None
