"""Decides whether a job is watched while it runs, and what is done where its ranks do not use EFA."""

from __future__ import annotations

from dataclasses import dataclass

from efakit.plan.decision import Decision
from efakit.spec.model import Job

_FOUND_LATE = "https://github.com/NVIDIA-NeMo/RL/issues/1973"
_DONE = {
    "warn": "say it in the job's output",
    "stop": "say it in the job's output and cancel the job",
    "requeue": "say it in the job's output and requeue the job, at most three times",
}


@dataclass(frozen=True)
class Watch:
    """``mode`` is warn, stop or requeue; ``home`` is the folder where the hooks are installed."""

    mode: str
    home: str


def decide_watch(job: Job, nodes: int, efa: bool, home: str) -> tuple[Watch | None, tuple[Decision, ...]]:
    """Return the watch and its decision; no decision where the spec asks for none."""
    subject = f"watch of job {job.name}"
    if not isinstance(job.watch, str):
        return None, ()
    if not efa:
        return None, (Decision(subject, "none", "EFA is off on its nodes"),)
    if nodes == 1:
        return None, (Decision(subject, "none", "ranks on one node do not need EFA"),)
    reason = (
        f"as the spec says (watch: {job.watch}): where the ranks talk over TCP and not over EFA, {_DONE[job.watch]}. "
        "A job that fell back to TCP runs on without an error, only slower. The hook looks, by its file in "
        f"{home}; EFAKIT_HOME in the job's env names another folder"
    )
    return Watch(job.watch, home), (Decision(subject, job.watch, reason, _FOUND_LATE),)
