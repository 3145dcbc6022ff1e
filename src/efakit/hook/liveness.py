"""Decides whether the job of a baseline still runs: a job whose epilog never came would share the node for good.

The epilog may never come (the hook killed, slurmd restarted, no memory), and the baseline stays. Known signs are used,
in this order; where there is none the job may still run, and counts as running.
"""

from __future__ import annotations

import os

from efakit.node.files import below, list_folder, read_text_or_none

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from efakit.hook.moment import Moment

# How long after the end of its time limit a job may still be there: KillWait, UnkillableStepTimeout, the epilog's wait.
_LATE_SECONDS = 3600
_SETTLED_SECONDS = 3600.0
_STEP_PROGRAM = "slurmstepd"
_MOST_BYTES, _MOST_DIGITS = 512, 20


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


def jobs_with_steps(root: str) -> set[int] | None:
    """Return the ids of the jobs that have a step on this node; None where that cannot be known.

    Each step has a slurmstepd, which writes its job's id into its command line: ``slurmstepd: [42.batch]``
    (``setproctitle`` in SchedMD/slurm, ``src/slurmd/slurmstepd``).
    """
    folder = below(root, "proc")
    try:
        names = [name for name in os.listdir(folder) if name.isdigit()]
    except OSError:
        return None
    found: set[int] = set()
    for name in names:
        try:
            if _read(os.path.join(folder, name, "comm")).strip() != _STEP_PROGRAM.encode():
                continue
            title = _read(os.path.join(folder, name, "cmdline"))
        except (FileNotFoundError, ProcessLookupError, NotADirectoryError):
            continue  # it ended just now
        except OSError:
            return None
        after = title.partition(b"[")[2]
        digits = after[: len(after) - len(after.lstrip(b"0123456789"))]
        if 0 < len(digits) <= _MOST_DIGITS:
            found.add(int(digits))
    return found if names else None


def jobs_in_cgroups(root: str) -> set[int]:
    """Return the ids of the jobs that have processes here, as far as Slurm's cgroups tell: a sign, and cheap to read.

    Version 2 only: ``system.slice/slurmstepd.scope/job_42``, with the node's name before ``slurmstepd`` where a host
    has several (``src/plugins/cgroup/v2`` in SchedMD/slurm).
    """
    found: set[int] = set()
    slices = below(root, "sys/fs/cgroup/system.slice")
    for scope in list_folder(slices):
        if not scope.endswith("slurmstepd.scope"):
            continue
        for name in list_folder(os.path.join(slices, scope)):
            start, _, digits = name.partition("_")
            if start != "job" or not digits.isascii() or not digits.isdigit() or len(digits) > _MOST_DIGITS:
                continue
            events = read_text_or_none(os.path.join(slices, scope, name, "cgroup.events")) or ""
            if "populated 0" not in events:  # what a job left may outlive it
                found.add(int(digits))
    return found


def _read(path: str) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, _MOST_BYTES)
    finally:
        os.close(descriptor)
