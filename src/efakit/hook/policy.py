"""What findings lead to: pure decisions.

``observe`` records. ``warn`` tells as well. ``enforce`` fails the prolog for some rules, so that Slurm drains the node
and runs the job elsewhere; never because of a fault of the hook's own.
"""

from __future__ import annotations

from efakit.finding import Finding, findings_in

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from typing import Any

    from efakit.hook.settings import Settings

# The word by which a person, and what runs the hook, know a failure that is meant.
ON_PURPOSE = "prolog failed on purpose"
_TOLD = ("error", "warning")
# What these tell is a fault of the hook's own world, or unknown, and no sign that a device is at fault: whatever the
# setting lists, no prolog fails for them.
_NEVER_ENFORCED = (
    *("settings", "snapshot-incomplete", "enforce-suspended", "hook-without-child"),
    *("device-unreadable", "devices-fewer", "devices-unknown"),
    *("node-unreadable", "fi-info-missing", "fi-info-untrusted", "fi-info-failed"),
)


def refused_for(settings: Settings, findings: Sequence[Finding]) -> list[Finding]:
    """Return the findings for which the prolog is to fail."""
    if settings.mode != "enforce":
        return []
    rules = [rule for rule in settings.enforce if rule not in _NEVER_ENFORCED]
    return [item for item in findings if item.rule in rules]


def left_alone(settings: Settings, environment: Mapping[str, str]) -> str | None:
    """Return a job's partition or reservation in which no prolog fails on purpose: a platform repairs nodes there."""
    named = environment.get("SLURM_JOB_PARTITION"), environment.get("SLURM_JOB_RESERVATION")
    return next((name for name in named if name and name in settings.never_enforced_in), None)


def unenforced(why: str) -> Finding:
    """Return the finding that a prolog was let pass which ``enforce`` would have failed."""
    return Finding("enforce-suspended", "warning", "mode enforce only warned here: %s" % why)


def refusal_message(job: Mapping[str, Any], reasons: Sequence[Finding]) -> str:
    """Return what a person reads in the log who wonders why the node was drained."""
    what = "; ".join(item.message for item in reasons)
    rules = ", ".join(dict.fromkeys(item.rule for item in reasons))
    message = "%s: %s (%s). Slurm drains %s and starts job %d again elsewhere; see 'efakit report %d'"
    return message % (ON_PURPOSE, what, rules, job["node"], job["job_id"], job["job_id"])


def told(settings: Settings, findings: Sequence[Finding]) -> list[Finding]:
    """Return the findings that are told outside the record."""
    return [] if settings.mode == "observe" else [item for item in findings if item.severity in _TOLD]


def allowed_nodes(settings: Settings) -> int:
    """Return on how many nodes of the cluster the prolog may fail within an hour."""
    from efakit.rules.breaker import breaker_limit

    limits = settings.breaker_nodes_per_hour, settings.breaker_percent_per_hour
    return breaker_limit(settings.cluster_nodes, *limits)


def health_findings(
    result: Any, boot_id: str | None, now_seconds: float, max_age_seconds: float, known: Collection[str]
) -> list[Finding]:
    """Return the findings of a health check's result, where it is of this boot and not too old.

    What the prolog has seen by itself, the rules in ``known``, is newer and left out.
    A result from the future, the clock having been set back, counts by its distance too.
    """
    if not isinstance(result, dict) or result.get("schema_version") != 1 or result.get("boot_id") != boot_id:
        return []
    at: Any = result.get("time_seconds")
    if type(at) not in (int, float) or abs(now_seconds - at) > max_age_seconds:
        return []
    return [item for item in findings_in(result.get("findings")) if item.rule not in known]
