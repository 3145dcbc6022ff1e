"""The order in which Slurm is asked."""

from __future__ import annotations

from functools import partial

from efakit.slurm.here import askers, missing_configuration
from efakit.slurm.interface import TIMEOUT_SECONDS, Slurm
from efakit.slurm.job import Attempt, Daemon, JobRef, SlurmAnswer, SlurmJob, SourceError, SourceName

_CANNOT_ASK = "Slurm cannot be asked about job"
_DAEMONS: tuple[Daemon, ...] = ("slurmctld", "slurmdbd")
# What the commands are called that ask a daemon about a job.
_COMMAND_OF: dict[Daemon, SourceName] = {"slurmctld": "squeue", "slurmdbd": "sacct"}


def find_job(job_id: str, *, timeout_seconds: float = TIMEOUT_SECONDS) -> SlurmAnswer:
    """What Slurm knows of a job: ``123``, or ``123_4`` for an array's task.

    First slurmctld, through pyslurm or else squeue; then, if it does not know the job or does not answer, slurmdbd,
    through pyslurm or else sacct. ``timeout_seconds`` bounds each question. A source that cannot answer is never an
    error: the answer then has no job and says why.

    Raises:
        UsageError: ``job_id`` is no job id, or the setting that chooses who asks is wrong.
    """
    ref = JobRef.parse(job_id)
    missing = missing_configuration()
    if missing:
        return SlurmAnswer(None, (), f"{_CANNOT_ASK} {ref}; {missing}")
    attempts: list[Attempt] = []
    chosen = askers(timeout_seconds)
    for daemon in _DAEMONS:
        job = _ask_daemon(daemon, chosen, ref, attempts)
        if job is not None:
            return SlurmAnswer(job, tuple(attempts))
    return SlurmAnswer(None, tuple(attempts), _reason(ref, attempts))


def _ask_daemon(daemon: Daemon, chosen: tuple[Slurm, ...], ref: JobRef, attempts: list[Attempt]) -> SlurmJob | None:
    """Ask until one source answers, whatever it answers: the next one would ask the same daemon."""
    for asker in chosen:
        name: SourceName = "pyslurm" if asker.name == "pyslurm" else _COMMAND_OF[daemon]
        note = partial(Attempt, name, daemon)
        try:
            job = asker.job(ref, daemon)
        except SourceError as error:
            attempts.append(note(error.outcome, str(error)))
            if error.timed_out:
                return None
            continue
        attempts.append(note("unknown" if job is None else "found"))
        return job
    return None


def _reason(ref: JobRef, attempts: list[Attempt]) -> str:
    if any(attempt.outcome == "unknown" for attempt in attempts):
        # PrivateData=jobs makes a foreign job look like one that never was.
        what = f"Slurm does not know job {ref} (any more), or does not show it to this user"
    else:
        what = f"{_CANNOT_ASK} {ref}"
    return "; ".join([what, *_troubles(attempts)])


def _troubles(attempts: list[Attempt]) -> list[str]:
    """What went wrong, each trouble once, with the sources that met it before it."""
    sources: dict[str, list[str]] = {}
    for attempt in attempts:
        # That pyslurm is not installed is the ordinary case, and no reason for anything.
        if attempt.outcome == "failed" or (attempt.outcome == "absent" and attempt.source != "pyslurm"):
            met = sources.setdefault(attempt.detail, [])
            if attempt.source not in met:
                met.append(attempt.source)
    return [f"{', '.join(met)}: {detail}" for detail, met in sources.items()]
