"""What Slurm's environment says about the job. Every variable is optional but the job's id.

Slurm sets many of them only where it has the job's credential (``_build_env`` in SchedMD/slurm,
``src/plugins/prep/script/prep_script_slurmd.c``).
"""

from __future__ import annotations

from efakit.node.record import safe_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from efakit.node.record_type import JobFields

# What a record may hold, so that a report reads it (``jobs.fields``): what is beyond is no number of Slurm's.
MOST_COUNT, MOST_JOB_ID = (1 << 64) - 1, (1 << 32) - 1
LATEST = 253_402_300_799  # the end of the year 9999
MOST_COMPONENTS, MOST_LETTERS_OF_A_NAME = 128, 1024


class NoJob(Exception):
    """The environment names no job: there is nothing to record."""


def job_from(environment: Mapping[str, str], node: str, *, at_end: bool = False) -> JobFields:
    """Return the job's part of the record of ``node``; raise NoJob where there is no job id.

    ``at_end``: the epilog asks.
    """
    get = environment.get
    job_id = _number(get("SLURM_JOB_ID") or get("SLURM_JOBID"), MOST_JOB_ID)
    if not job_id:
        raise NoJob("SLURM_JOB_ID is %r: no job to record" % get("SLURM_JOB_ID"))
    # Before Slurm 23.02.6 the prolog has only the older name.
    node_list = get("SLURM_JOB_NODELIST") or get("SLURM_NODELIST")
    return {
        "cluster": fit_name(get("SLURM_CLUSTER_NAME") or "cluster"),
        "job_id": job_id,
        "restart_count": _number(get("SLURM_JOB_RESTART_COUNT")),
        "sluid": fit_name(get("SLURM_JOB_SLUID") or "") or None,
        "started_at": _number(get("SLURM_JOB_START_TIME"), LATEST) or None,
        "ends_at": _number(get("SLURM_JOB_END_TIME"), LATEST) or None,
        "het_job_id": _leader(job_id, get("SLURM_HET_JOB_ID") or get("SLURM_PACK_JOB_ID")),
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

    SLURM_JOB_EXCLUSIVE since 26.05, whose NODE is a job that has its nodes to itself. Before it, since 23.02, NO in
    SLURM_JOB_OVERSUBSCRIBE said that; from 26.05 on NO says only that no CPU is shared (``job_share_string``,
    ``job_oversubscribe_string`` and ``job_exclusive_display_string`` in SchedMD/slurm, ``slurm_protocol_defs.c``).
    """
    exclusive = environment.get("SLURM_JOB_EXCLUSIVE")
    if exclusive is not None:
        return exclusive == "NODE"
    return environment.get("SLURM_JOB_OVERSUBSCRIBE") == "NO"


def id_in_tasks(job: JobFields) -> int:
    """Return the job's id as its tasks are told it.

    Prolog and epilog of a heterogeneous job have the id of the component, its tasks that of the whole (``task.c`` in
    SchedMD/slurm, ``src/slurmd/slurmstepd``: ``envtp->jobid = step->het_job_id``).
    """
    return job["het_job_id"] or job["job_id"]


def _exit_and_signal(status: int | None) -> str | None:
    """Return a status of wait(2) as Slurm writes it: EXIT:SIGNAL."""
    return None if status is None else "%d:%d" % (status >> 8 & 0xFF, status & 0x7F)


def _leader(job_id: int, text: str | None) -> int | None:
    """Return the id of a heterogeneous job; None where this job, by its own id, can be no component of that."""
    leader = _number(text, MOST_JOB_ID)
    return leader if leader and leader <= job_id < leader + MOST_COMPONENTS else None


def fit_name(text: str) -> str:
    """Return a name as records have it: one that no report would read is made safe, with a digest of the whole."""
    if len(text) <= MOST_LETTERS_OF_A_NAME and (text.isascii() or not any(map(_is_other_digit, text))):
        return text
    return safe_name(text)


def _is_other_digit(letter: str) -> bool:
    return letter.isdigit() and not letter.isascii()


def _number(text: str | None, most: int = MOST_COUNT) -> int | None:
    """Return a number of Slurm's, None where it is none, or a greater one than a record may have."""
    # int() raises at some thousand digits, and none of Slurm's numbers has more than 20.
    number = int(text) if text and text.isascii() and text.isdigit() and len(text) <= 20 else None
    return number if number is not None and number <= most else None
