"""Decides which of the hooks' programs Slurm is told of in its configuration: task prolog and health check.

Prolog and epilog are folders that Slurm's settings name already. These two are settings, and what happens where the
file that they name is missing is not the same: every task fails without its TaskProlog, while a missing
HealthCheckProgram is a line in slurmd's log (SchedMD/slurm, 22.05 to 26.05, ``src/slurmd/slurmstepd/task.c``,
``src/slurmd/slurmd/slurmd.c`` and ``src/common/run_command.c``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from efakit.catalog.layouts import DEFAULT, layout
from efakit.plan.decision import Decision
from efakit.plan.slurm.site import SlurmSite
from efakit.spec.model import Hooks

# Where the installer puts what Slurm's configuration names, unless told otherwise or on another layout.
HOME = layout(DEFAULT).home
TASK_PROLOG = f"{HOME}/task-prolog"
HEALTH_CHECK = f"{HOME}/health-check"
# Drained nodes too, which are idle; and not all nodes at the same moment.
HEALTH_CHECK_NODE_STATE = "IDLE,CYCLE"

_TASK, _HEALTH = "task-prolog", "health-check"
_OFF = "off"
_TASK_PROLOG_RULE = "https://slurm.schedmd.com/prolog_epilog.html"
_HEALTH_CHECK_RULE = "https://slurm.schedmd.com/slurm.conf.html#OPT_HealthCheckProgram"
_PYXIS = "https://github.com/NVIDIA/pyxis/issues/83"
_MISSING_FILE = "https://github.com/SchedMD/slurm/blob/master/src/slurmd/slurmstepd/task.c"

_Value = str | int | float | bool


@dataclass(frozen=True)
class Programs:
    """What slurm.conf says of the hooks' programs, and why."""

    settings: dict[str, _Value]
    decisions: tuple[Decision, ...]
    task_prolog: bool
    """Whether tasks are to get an environment at all: then installer and ``hooks status`` ask for a TaskProlog."""


def plan_programs(hooks: Hooks, site: SlurmSite, *, installed_first: bool, pyxis: bool = False) -> Programs:
    """Return the settings of task prolog and health check; those that the user set stay as they are.

    ``installed_first``: the files are there before the first job is; ``pyxis``: jobs run in Pyxis's containers.
    """
    names = {name.lower(): value for name, value in site.settings.items()}
    task_settings, task_decision = _task_prolog(hooks, site, names, installed_first, pyxis)
    health_settings, health_decision = _health_check(hooks, site, names)
    wanted = task_decision.choice != _OFF
    return Programs({**task_settings, **health_settings}, (task_decision, health_decision), wanted)


def _task_prolog(
    hooks: Hooks, site: SlurmSite, theirs: Mapping[str, _Value], installed_first: bool, pyxis: bool
) -> tuple[dict[str, _Value], Decision]:
    subject, wanted = "task prolog", f"{layout(site.layout).home}/task-prolog"
    if not hooks.task_prolog:
        reason = "as the spec says: tasks get the environment that their script sets"
        return {}, Decision(subject, _OFF, reason, topic=_TASK)
    if "taskprolog" in theirs:
        reason = f"the spec's own; to use efakit's too, let it run {wanted} and print its output"
        return {}, Decision(subject, str(theirs["taskprolog"]), reason, _TASK_PROLOG_RULE, _TASK)
    if pyxis:
        reason = (
            "jobs of the spec run in Pyxis containers, where Slurm looks for the TaskProlog file in the image and "
            "fails the task if it is missing"
        )
        return {}, Decision(subject, _OFF, reason, _PYXIS, _TASK)
    if not installed_first:
        reason = (
            f"Slurm fails every task if the TaskProlog file is missing, and {site.installed_late}. After that, "
            f"{site.how_to_set({'TaskProlog': wanted})} ('efakit hooks status' says when)"
        )
        return {}, Decision(subject, "not yet", reason, _MISSING_FILE, _TASK)
    reason = (
        "it gives each task the environment that the software on its node needs, unless the user sets it. Slurm "
        "fails tasks if the TaskProlog file is missing: on an existing cluster run the installer before you set it"
    )
    return {"TaskProlog": wanted}, Decision(subject, wanted, reason, _MISSING_FILE, _TASK)


def _health_check(hooks: Hooks, site: SlurmSite, theirs: Mapping[str, _Value]) -> tuple[dict[str, _Value], Decision]:
    subject, wanted = "health check", f"{layout(site.layout).home}/health-check"
    if not hooks.health_check:
        reason = "as the spec says: prologs check only what sysfs shows, which is quick"
        return {}, Decision(subject, _OFF, reason, topic=_HEALTH)
    if "healthcheckprogram" in theirs:
        reason = f"the spec's own; to use efakit's too, let it run {wanted}"
        return {}, Decision(subject, str(theirs["healthcheckprogram"]), reason, _HEALTH_CHECK_RULE, _HEALTH)
    settings: dict[str, _Value] = {
        "HealthCheckProgram": wanted,
        "HealthCheckInterval": hooks.health_check_interval_seconds,
        "HealthCheckNodeState": HEALTH_CHECK_NODE_STATE,
    }
    settings = {name: value for name, value in settings.items() if name.lower() not in theirs}
    reason = (
        "it runs checks that take too long for a prolog: when slurmd starts, before the node takes jobs, and every "
        f"{hooks.health_check_interval_seconds} s on idle nodes; prologs use a result for "
        f"{hooks.health_max_age_seconds} s. While the hooks are not installed, slurmd logs that it is missing, "
        "without further effect"
    )
    if not site.writes_settings:
        reason = f"{reason}. After the installation, {site.how_to_set(settings)}"
    return settings, Decision(subject, wanted, reason, _HEALTH_CHECK_RULE, _HEALTH)
