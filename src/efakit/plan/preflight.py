"""Decides the check of a job's nodes before its launch."""

from __future__ import annotations

from dataclasses import dataclass

from efakit.plan.decision import Decision
from efakit.spec.model import Job

_MEMLOCK = "https://github.com/awslabs/awsome-distributed-ai/issues/647"


@dataclass(frozen=True)
class Preflight:
    """What each node must have: EFA devices at the least; ``root`` is a folder to look below, empty for /.

    ``own_file``: the check is a file beside the scripts.
    """

    devices: int
    root: str = ""
    own_file: bool = False


def decide_preflight(
    job: Job, nodes: int, efa: bool, devices: int | None, root: str
) -> tuple[Preflight | None, Decision]:
    """Return the check and its decision; ``devices`` None: how many a node has is not known, but it is some."""
    subject = f"preflight of job {job.name}"
    if not job.preflight:
        return None, Decision(subject, "none", "as the spec says")
    if not efa:
        return None, Decision(subject, "none", "EFA is off on its nodes")
    if nodes == 1:
        return None, Decision(subject, "none", "ranks on one node do not need EFA")
    count = devices or 1
    reason = (
        "without the check a node without EFA is noticed only by a slow or failed job (preflight: false turns it off)"
    )
    choice = f"{count} EFA {'device' if count == 1 else 'devices'} on each node, locked memory"
    own_file = job.preflight == "file"
    if own_file:
        choice += "; by preflight.sh beside the script"
    return Preflight(count, root.rstrip("/"), own_file), Decision(subject, choice, reason, _MEMLOCK)
