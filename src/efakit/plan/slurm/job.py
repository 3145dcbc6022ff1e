"""Decides what is Slurm's own of a job: sbatch's options, who starts the ranks, modules, the container."""

from __future__ import annotations

from dataclasses import dataclass, fields

from efakit.catalog.job_templates import JobTemplate
from efakit.plan.cluster import ClusterPlan
from efakit.plan.decision import Decision
from efakit.plan.environment import Variable
from efakit.plan.job import JobPlan, queue_of, template_variables
from efakit.plan.slurm.container import ContainerPlan, decide_container
from efakit.plan.slurm.options import Directive, decide_directives
from efakit.plan.slurm.watch import Watch, decide_watch
from efakit.spec.model import Job


@dataclass(frozen=True)
class SlurmJobPlan(JobPlan):
    """All that a job's sbatch script says. ``mpi`` is empty where the template starts no MPI program."""

    directives: tuple[Directive, ...]
    modules: tuple[str, ...]
    mpi: str
    container: ContainerPlan
    watch: Watch | None

    @property
    def partition(self) -> str:
        """The queue, by Slurm's word."""
        return self.queue

    @property
    def rendezvous(self) -> bool:
        """Whether the ranks meet on a host and port that the script names."""
        return self.template.launcher in ("node", "own")


def plan_slurm_job(plan: JobPlan, cluster: ClusterPlan, home: str) -> SlurmJobPlan:
    """Return the plan of a job's script, from what was decided for the job on any platform; ``home`` is the hooks'."""
    job, template = plan.job, plan.template
    exclusive = queue_of(job, cluster).queue.exclusive
    directives, decisions = decide_directives(job, plan.queue, plan.layout, exclusive)
    own, reasons = _script_variables(job, template, plan.instance_type)
    variables = (*own, *plan.variables)
    watch, watched = decide_watch(job, plan.nodes, plan.efa, home)
    decisions = (*plan.decisions, *decisions, *reasons, *watched)
    container = ContainerPlan()
    if job.container is not None:
        names = [variable.name for variable in variables]
        container, decision = decide_container(job.name, job.container, names, plan.layout.gpus_per_node, plan.efa)
        decisions += (decision,)
    known = {item.name: getattr(plan, item.name) for item in fields(JobPlan)}
    return SlurmJobPlan(
        **{**known, "variables": variables, "decisions": decisions},
        directives=directives,
        modules=_modules(job, template),
        mpi=job.mpi or _mpi(template),
        container=container,
        watch=watch,
    )


def _script_variables(
    job: Job, template: JobTemplate, instance_type: str
) -> tuple[tuple[Variable, ...], tuple[Decision, ...]]:
    """Return the variables of the template that only its sbatch script can set, or that Slurm's MPI plugin asks for."""
    rows = [row for row in template.variables if (row.expression or row.mpi) and row.mpi in ("", job.mpi)]
    return template_variables(job, rows, instance_type)


def _modules(job: Job, template: JobTemplate) -> tuple[str, ...]:
    """Return the environment modules to load: within a container the host's own are of no use."""
    if job.modules is not None:
        return job.modules
    return () if job.container else template.modules


def _mpi(template: JobTemplate) -> str:
    """Return how an MPI program's ranks are started by default; empty where the template starts no such program."""
    if "mpi" not in template.keys or template.launcher == "own":
        return ""
    return "mpirun" if template.launcher == "mpirun" else "pmix"
