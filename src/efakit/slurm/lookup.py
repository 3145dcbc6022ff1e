"""The order in which Slurm is asked."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

from efakit.slurm.commands import ask_sacct, ask_squeue
from efakit.slurm.job import Attempt, Daemon, JobRef, SlurmAnswer, SlurmJob, SourceError, SourceName
from efakit.slurm.pyslurm_backend import ask_pyslurm

# One source's question takes tens of milliseconds; a daemon that is gone takes as long as we let it.
TIMEOUT_SECONDS = 10.0

_CANNOT_ASK = "Slurm cannot be asked about job"

_Ask = Callable[[JobRef, float], "SlurmJob | None"]


def find_job(job_id: str, *, timeout_seconds: float = TIMEOUT_SECONDS) -> SlurmAnswer:
    """What Slurm knows of a job: ``123``, or ``123_4`` for an array's task.

    First slurmctld, through pyslurm or else squeue; then, if it does not know the job or does not answer, slurmdbd,
    through pyslurm or else sacct. ``timeout_seconds`` bounds each question. A source that cannot answer is never an
    error: the answer then has no job and says why.

    Raises:
        UsageError: ``job_id`` is no job id.
    """
    ref = JobRef.parse(job_id)
    missing = missing_configuration()
    if missing:
        return SlurmAnswer(None, (), f"{_CANNOT_ASK} {ref}; {missing}")
    attempts: list[Attempt] = []
    for daemon, sources in _sources():
        job = _ask_daemon(daemon, sources, ref, timeout_seconds, attempts)
        if job is not None:
            return SlurmAnswer(job, tuple(attempts))
    return SlurmAnswer(None, tuple(attempts), _reason(ref, attempts))


def _sources() -> list[tuple[Daemon, list[tuple[SourceName, _Ask]]]]:
    def pyslurm(daemon: Daemon) -> _Ask:
        return lambda ref, timeout_seconds: ask_pyslurm(ref, daemon, timeout_seconds)

    return [
        ("slurmctld", [("pyslurm", pyslurm("slurmctld")), ("squeue", ask_squeue)]),
        ("slurmdbd", [("pyslurm", pyslurm("slurmdbd")), ("sacct", ask_sacct)]),
    ]


def _ask_daemon(
    daemon: Daemon,
    sources: list[tuple[SourceName, _Ask]],
    ref: JobRef,
    timeout_seconds: float,
    attempts: list[Attempt],
) -> SlurmJob | None:
    """Ask until one source answers, whatever it answers: the next one would ask the same daemon."""
    for name, ask in sources:
        note = partial(Attempt, name, daemon)
        try:
            job = ask(ref, timeout_seconds)
        except SourceError as error:
            attempts.append(note(error.outcome, str(error)))
            if error.timed_out:
                return None
            continue
        attempts.append(note("unknown" if job is None else "found"))
        return job
    return None


def missing_configuration() -> str:
    """Why no command of Slurm's should be tried, empty where one may be.

    Slurm's clients wait a whole minute for a file that SLURM_CONF names and that is not there (22.05 to 26.05).
    """
    named = os.environ.get("SLURM_CONF")
    return f"SLURM_CONF names {named}, which is not there" if named and not Path(named).exists() else ""


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
