"""What stands out in a job's records beside its verdict: findings by rule, the worst first.

What was not read is no finding: ``unread`` names it. Bytes may differ; they never say that a device is slow, since in
a collective a slow device moves the same bytes later.
"""

from __future__ import annotations

from efakit.finding import Severity
from efakit.jobs.findings import counted, peers, rails, whole
from efakit.jobs.findings.node import Job, Limits, Node, Standout, limits_with
from efakit.jobs.median import median

__all__ = ["Job", "Limits", "Node", "Standout", "limits_with", "line_rate", "stands_out"]

_CHECKS = (counted.check, rails.check, peers.check, whole.check)


def stands_out(job: Job, limits: Limits | None = None) -> list[Standout]:
    """Return what stands out, the worst first; ``limits`` are thresholds by name (``limits_with``)."""
    known = limits_with({}) if limits is None else limits
    found = [item for check in _CHECKS for item in check(job, job.nodes, known)]
    return sorted(found, key=lambda item: (item.whole, -Severity(item.finding.severity).rank))


def line_rate(job: Job) -> tuple[float, float] | None:
    """Return what the node in the middle sent and received, as parts of its type's line rate; None: unknown."""
    known = list(job.line_rate_shares.values())
    return (median(sent for sent, _ in known), median(received for _, received in known)) if known else None
