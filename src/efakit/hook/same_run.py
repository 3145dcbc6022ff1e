"""Decides whether a baseline is of the run that an epilog ends, or that a prolog begins: pure functions.

Slurm's SLUID and a run's start time name one run. Slurm tells an epilog both as the prolog had them: it resets them
when all epilogs are done (``batch_requeue_fini`` in SchedMD/slurm, ``src/slurmctld/job_mgr.c``). It raises the restart
count before that (``job_requeue`` there), so the epilog of a requeued run is told the count of the run to come. Slurm
before 23.02 tells nothing but the count, and ids begin at 1 again where a cluster is made anew: what is in doubt is
said.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    Job = Mapping[str, Any]

# What one run has from its prolog to its epilog.
_LASTING = (("user_id", "user"), ("het_job_id", "heterogeneous job"), ("cluster", "cluster"))
_STRONG = (("sluid", "SLUID"), ("started_at", "start time"))


def why_not_ended_by(kept: Job, told: Job) -> str | None:
    """Return why a baseline, whose prolog knew its job as ``kept``, is not of the run that the epilog ends.

    None where it is, or may be: see ``doubt``.
    """
    other = _differs(kept, told)
    if other is not None:
        return other or None
    before, now = kept.get("restart_count"), told.get("restart_count")
    if before is None or now is None or now in (before, before + 1):
        return None
    return "its restart count is %d, and Slurm says %d" % (before, now)


def doubt(kept: Job, told: Job) -> str | None:
    """Return why it is not sure that this baseline is of the run that the epilog ends; None where it is sure enough."""
    if _differs(kept, told) == "":
        return None
    before, now = kept.get("restart_count"), told.get("restart_count")
    if before is None or now is None or before == now:
        return None
    return (
        "the prolog was told restart %d and the epilog %d: a requeued run, or two runs; Slurm before 23.02 does not say"
        % (before, now)
    )


def is_begun_again(kept: Job, told: Job) -> bool | None:
    """Return whether a prolog begins the run anew whose baseline is there already: its slurmd had been killed.

    None where Slurm does not tell: it may be another run, or another job of this id.
    """
    other = _differs(kept, told)
    if other is not None:
        return not other
    counts = kept.get("restart_count"), told.get("restart_count")
    return None if counts[0] == counts[1] else False


def is_told_alike(one: Job, other: Job) -> bool:
    """Return whether Slurm told two epilogs the very same of their jobs."""
    return all(one.get(name) == other.get(name) for name in {*one, *other})


def is_surely_same(one: Job, other: Job) -> bool:
    """Return whether an id of the run itself says that both are one run."""
    return _differs(one, other) == ""


def _differs(kept: Job, told: Job) -> str | None:
    """Return in what two runs differ; an empty text where they are surely the same, None where Slurm does not tell."""
    for name, label in _LASTING:
        values = kept.get(name), told.get(name)
        if None not in values and values[0] != values[1]:
            return "its %s is %s, and Slurm says %s" % (label, *values)
    for name, label in _STRONG:
        values = kept.get(name), told.get(name)
        if None not in values:
            return "" if values[0] == values[1] else "its %s is %s, and Slurm says %s" % (label, *values)
    return None
