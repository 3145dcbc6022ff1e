"""The task prolog: tells Slurm what a task's environment lacks, and the user what the node's checks have found.

Slurm runs it before each task, as the user and in the task's own environment, and obeys each line of its output:
``export NAME=value`` (the value to the end of the line, unquoted), ``unset NAME``, ``print text`` (``_proc_stdout`` in
SchedMD/slurm, ``src/slurmd/slurmstepd/task.c``). A status other than 0 fails the task, since 22.05, and so does a file
that is not there: Slurm runs it after the SPANK plugins, so under Pyxis inside the container (NVIDIA/pyxis #83, #163).

What only root can know lies in the run folder: ``job-ID.json``, left by the prolog, which alone sees the job's comment,
and ``exports.json``, left by the health check. Where neither is there, the task still gets its environment.
"""

from __future__ import annotations

import os

from efakit.finding import Finding, findings_in
from efakit.hook.exports import chosen, load_exports
from efakit.hook.run import READ_UNTIL
from efakit.hook.trust import load_trusted
from efakit.node.devices import find_devices

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from efakit.hook.run import Run
    from efakit.hook.settings import Settings

_SWITCH = "EFAKIT_TASK_PROLOG"
_OFF = ("off", "0", "no", "false")
# What a job's comment holds where its tasks are to be left alone.
_COMMENT_OFF = "efakit=off"
# Set by the batch script's task prolog: the node on which the user has been told already.
_TOLD = "EFAKIT_TOLD_ON"
_MOST_FINDINGS, _MOST_LETTERS = 8, 300
# A script and an interactive shell are steps too: SLURM_BATCH_SCRIPT and SLURM_INTERACTIVE_STEP in slurm.h. A script's
# task has no SLURM_STEP_ID in some versions.
_FIRST_STEPS = ("", "0", "4294967291", "4294967290")
_BATCH_STEPS = ("", "4294967291")


def task_prolog(run: Run) -> str:
    """Return the lines for Slurm, each with its line end; nothing where the user or the job's comment says so.

    Slurm waits for a task prolog as long as it takes. So what it reads is read in a child, and what has not come by
    half of the deadline is left out.
    """
    settings, environment = run.settings, run.environment
    if environment.get(_SWITCH, "").lower() in _OFF or not settings.task_prolog:
        return ""
    lines = run.bounded(lambda: _lines(settings, environment), READ_UNTIL, in_process=True)
    return "".join("%s\n" % line for line in lines)


def _lines(settings: Settings, environment: Mapping[str, str]) -> Iterator[str]:
    run_dir = settings.run_dir
    left = _left_by_prolog(run_dir, environment)
    if left.get("task_prolog") is False:
        return
    has_efa = bool(find_devices(settings.root)[0])
    if has_efa:
        exports = load_exports(run_dir)
        if exports is None:
            from efakit.hook.needed import find_exports

            exports = find_exports(settings.root)
        nodes = _number(environment.get("SLURM_JOB_NUM_NODES") or environment.get("SLURM_NNODES")) or 1
        pairs = chosen(exports, environment, enforced=settings.mode == "enforce", nodes=nodes)
        yield from ("export %s=%s" % pair for pair in pairs)
    if settings.mode != "observe" and _is_first_to_tell(environment):
        own = locked_memory_findings(environment) if has_efa else []
        # Of slurmd's own limit the health check may have spoken already.
        known = [item.rule for item in own]
        findings = [item for item in findings_in(left.get("findings")) if item.rule not in known]
        yield from _told(findings + own, environment)


def wants_task_prolog(comment: str | None) -> bool:
    """Return whether a job's tasks may be given anything, by the job's comment: not where it says efakit=off."""
    return _COMMENT_OFF not in (comment or "").lower()


def locked_memory_findings(environment: Mapping[str, str]) -> list[Finding]:
    """Return what there is to say of the memory that this task will be allowed to lock.

    Slurm sets the limits of the submitting shell only after the task prolog, and passes them on as SLURM_RLIMIT_*
    (``set_user_limits`` in ``src/slurmd/slurmstepd/ulimits.c``); they are there only where they are to be set. A soft
    limit above slurmd's hard one stays as slurmd's.
    """
    import resource

    from efakit.node.limits import ENOUGH_LOCKED_BYTES, UNLIMITED, enough_to_lock

    soft, hard = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    limit, origin = soft, "slurmd's own: set LimitMEMLOCK=infinity in its service"
    asked = _number(environment.get("SLURM_RLIMIT_MEMLOCK", "").lstrip("U"))
    if asked is not None:
        asked = UNLIMITED if asked >= 1 << 63 else asked  # RLIM_INFINITY, as an unsigned number
        if hard == resource.RLIM_INFINITY or 0 <= asked <= hard:
            limit = asked
            origin = (
                "the submitting shell's: raise its 'ulimit -l', or set PropagateResourceLimitsExcept=MEMLOCK in "
                "slurm.conf"
            )
    limit = UNLIMITED if limit == resource.RLIM_INFINITY else limit
    if enough_to_lock(limit):
        return []
    message = "this task may lock %d KiB of memory, EFA wants no limit, or %d GiB at least; it is %s" % (
        limit >> 10,
        ENOUGH_LOCKED_BYTES >> 30,
        origin,
    )
    return [Finding("memlock-low", "warning", message)]


def _left_by_prolog(run_dir: str, environment: Mapping[str, str]) -> dict[str, Any]:
    job_id = _number(environment.get("SLURM_JOB_ID") or environment.get("SLURM_JOBID"))
    left = None if job_id is None else load_trusted(os.path.join(run_dir, "job-%d.json" % job_id))
    # A file of another job cannot be meant.
    return left if left is not None and left.get("job_id") == job_id else {}


def _is_first_to_tell(environment: Mapping[str, str]) -> bool:
    """Return whether this is the first task of the job's first step on this node."""
    first = environment.get("SLURM_LOCALID", "0") == "0" and environment.get("SLURM_STEP_ID", "") in _FIRST_STEPS
    return first and environment.get(_TOLD) != environment.get("SLURMD_NODENAME", "")


def _told(findings: list[Finding], environment: Mapping[str, str]) -> list[str]:
    node = environment.get("SLURMD_NODENAME", "")
    lines = [
        "print efakit: %s on %s: %s" % (item.severity, _plain(node), _plain(item.message))
        for item in findings
        if item.severity != "info"
    ]
    if len(lines) > _MOST_FINDINGS:
        rest = len(lines) - _MOST_FINDINGS
        lines[_MOST_FINDINGS:] = ["print efakit: and %d more: see 'efakit report'" % rest]
    # The steps that the script starts have its environment, and the first of them would say it all again.
    if lines and node and environment.get("SLURM_STEP_ID", "") in _BATCH_STEPS and _plain(node) == node:
        lines.append("export %s=%s" % (_TOLD, node))
    return lines


def _plain(text: str) -> str:
    """Return text as one line of printable ASCII: a line of its own would be obeyed."""
    return text.encode("unicode_escape", "backslashreplace").decode("ascii")[:_MOST_LETTERS]


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) <= 20 else None
