"""Rules for what releases of Slurm do otherwise than others, where the caller names the release."""

from __future__ import annotations

from collections.abc import Iterator

from efakit.catalog.release_traits import has_trait
from efakit.lint.script.model import Directive
from efakit.lint.script.options import may_be_options
from efakit.lint.script.rule import Context, Problem, rule


@rule("srun-forgets-cpus")
def srun_forgets_cpus(context: Context) -> Iterator[Problem]:
    """Point out srun without --cpus-per-task where only sbatch's lines have it."""
    asked, slurm = _directive(context, "cpus-per-task"), _release(context, "srun-forgets-cpus")
    if asked is None or slurm is None or asked.value == "1" or _sets(context, "SRUN_CPUS_PER_TASK"):
        return
    for command, chain in context.jobs.work:
        launch = chain[0]
        unclear = launch.gaps or any(may_be_options(word) for word in launch.program[:1])
        if launch.kind != "srun" or unclear or command.scope.outer:
            continue
        if launch.option("cpus-per-task", "exact", "cpus-per-gpu", "tres-per-task") is None:
            message = f"srun of Slurm {slurm} does not inherit --cpus-per-task={asked.value}: each task gets one CPU"
            yield Problem(launch.word.span, message, "srun --cpus-per-task=$SLURM_CPUS_PER_TASK")


@rule("tasks-per-node-lost")
def tasks_per_node_lost(context: Context) -> Iterator[Problem]:
    """Point out mpirun that counts its ranks by a variable that Slurm gets wrong."""
    asked, slurm = _directive(context, "ntasks-per-node"), _release(context, "tasks-per-node-lost")
    alone = context.directive("exclusive") is not None and context.directive("ntasks") is None
    if asked is None or slurm is None or not alone or _sets(context, "SLURM_TASKS_PER_NODE"):
        return
    for _, chain in context.jobs.work:
        launch = chain[0]
        told = launch.option("hostfile", "machinefile", "host", "H")
        if launch.kind == "mpirun" and not launch.gaps and told is None:
            message = (
                f"Slurm {slurm} sets SLURM_TASKS_PER_NODE to a wrong value here, and mpirun reads its slots from it"
            )
            fix = "#SBATCH --ntasks=... beside it, export SLURM_TASKS_PER_NODE='RANKS(xNODES)', or Slurm 23.02.2"
            yield Problem(launch.word.span, message, fix)


def _release(context: Context, trait: str) -> str | None:
    """Return Slurm's release where it is known and has a trait."""
    slurm = context.target.versions.get("slurm")
    return slurm if slurm is not None and has_trait(trait, slurm) else None


def _directive(context: Context, option: str) -> Directive | None:
    """Return the line that is in force for an option of a job without components."""
    if any(item.component for item in context.script.directives):
        return None
    found = [item for item in context.script.directives if item.option == option and item.in_force]
    return found[-1] if found else None


def _sets(context: Context, name: str) -> bool:
    script = context.script
    return any(item.name == name for item in script.assignments) or name in script.exported
