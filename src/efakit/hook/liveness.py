"""Decides whether the job of a baseline still runs: a job whose epilog never came would share the node for good.

The epilog may never come (the hook killed, slurmd restarted, no memory), and the baseline stays. Known signs are used,
in this order; where there is none the job may still run, and counts as running.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from efakit.hook.moment import Moment

# How long after the end of its time limit a job may still be there: KillWait, UnkillableStepTimeout, the epilog's wait.
_LATE_SECONDS = 3600
_SETTLED_SECONDS = 3600.0


def why_ended(kept: Mapping[str, Any], now: Moment) -> str | None:
    """Return the sign that the job of a baseline, ``kept``, does not run any more; None where it runs, or may run."""
    job, snapshot = kept["job"], kept["snapshot"]
    boots = snapshot.get("boot_id"), now.boot_id
    if all(boots) and boots[0] != boots[1]:
        return "the node was started again since"
    installations = kept.get("installation_id"), now.installation_id
    if all(installations) and installations[0] != installations[1]:
        return "the hooks were removed and installed again since"
    alone = now.exclusive is not None and (now.exclusive or kept.get("exclusive") is True)
    ends_at, age = job.get("ends_at"), _age_seconds(snapshot, now)
    over = type(ends_at) is int and now.time_seconds > ends_at + _LATE_SECONDS
    old = age is not None and age > now.max_age_seconds
    if not alone and not over and not old:
        return None
    running = now.jobs_with_steps()
    if running is not None and (job["job_id"] in running or job.get("het_job_id") in running):
        return None
    if alone:
        return "the node has been given to another job alone"
    if running is None:
        return None
    why = "its time limit is over" if over else "its prolog ran too many days ago"
    return why + ", and none of its steps runs"


def is_at_rest(kept: Mapping[str, Any], now: Moment) -> bool:
    """Return whether the job of a baseline moves no bytes now: it has ended, or has had no step for an hour."""
    if why_ended(kept, now):
        return True
    age, running = _age_seconds(kept["snapshot"], now), now.jobs_with_steps()
    if age is None or age < _SETTLED_SECONDS or running is None:
        return False
    return kept["job"]["job_id"] not in running and kept["job"].get("het_job_id") not in running


def _age_seconds(snapshot: Mapping[str, Any], now: Moment) -> float | None:
    """Return the age by the clock that nobody sets; None where it is not known."""
    then, today = snapshot.get("since_boot_seconds"), now.since_boot_seconds
    if snapshot.get("boot_id") != now.boot_id or not isinstance(then, (int, float)) or today is None:
        return None
    return today - then
