"""Decides a job's script: its layout, Slurm's options, the environment, the container, the check before the launch."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

from efakit.catalog.job_templates import JobTemplate, job_template
from efakit.catalog.stacks import Stack
from efakit.plan.cluster import ClusterPlan, QueuePlan
from efakit.plan.container import ContainerPlan, container_stack, decide_container
from efakit.plan.decision import Decision
from efakit.plan.environment import Variable, decide_environment
from efakit.plan.job_layout import Layout, decide_layout
from efakit.plan.preflight import Preflight, decide_preflight
from efakit.plan.slurm_options import Directive, decide_directives
from efakit.rules.releases import target_of_stack
from efakit.rules.target import Target
from efakit.spec.model import Job


@dataclass(frozen=True)
class JobPlan:
    """All that a job's script says. ``program`` and ``mpi`` are empty where the template has none."""

    job: Job
    template: JobTemplate
    partition: str
    instance_type: str
    layout: Layout
    directives: tuple[Directive, ...]
    program: str
    args: tuple[str, ...]
    launcher_args: tuple[str, ...]
    modules: tuple[str, ...]
    mpi: str
    container: ContainerPlan
    preflight: Preflight | None
    workloads: tuple[str, ...]
    """Keys of ``catalog.variables.WORKLOADS``."""
    target: Target
    efa: bool
    """Whether EFA is on for the job's nodes."""
    variables: tuple[Variable, ...]
    decisions: tuple[Decision, ...]

    @property
    def nodes(self) -> int:
        """Nodes of the job."""
        return self.layout.nodes

    @property
    def rendezvous(self) -> bool:
        """Whether the ranks meet on a host and port that the script names."""
        return self.template.launcher in ("node", "own")


def plan_job(job: Job, cluster: ClusterPlan, stack: Stack, os: str, root: str = "/") -> JobPlan:
    """Return the plan of a job; ``root`` is the hook's: the folder below which a node's sysfs and proc are read."""
    queue = next(item for item in cluster.queues if job.queue in (None, item.queue.name))
    resource = queue.resources[0].resource
    instance = resource.instance
    template = job_template(job.template)
    efa = all(item.efa for item in queue.resources)
    cpus = instance.vcpus if resource.smt else instance.cores
    layout, decisions = decide_layout(job, template, instance, cpus, queue.queue.nodes)
    directives, more = decide_directives(job, queue.queue.name, layout, queue.queue.exclusive)
    decisions += more
    workloads = template.workloads or (() if job.workload == "none" else (job.workload,))
    software = container_stack(stack, job.container) if job.container else stack
    target = target_of_stack(software, instance.name, os, ranks_per_node=layout.ranks_per_node)
    variables, more = decide_environment(job, workloads, software, target, efa)
    own, reasons = _own_variables(job, template, instance.name)
    variables, decisions = (*own, *variables), decisions + more + reasons
    container = ContainerPlan()
    if job.container is not None:
        names = [variable.name for variable in variables]
        container, decision = decide_container(job.name, job.container, names, layout.gpus_per_node, efa)
        decisions += (decision,)
    preflight, decision = decide_preflight(job, layout.nodes, efa, _devices(queue), root)
    return JobPlan(
        job=job,
        template=template,
        partition=queue.queue.name,
        instance_type=instance.name,
        layout=layout,
        directives=directives,
        program=job.program or template.program,
        args=job.args if job.args is not None else template.args,
        launcher_args=job.launcher_args if job.launcher_args is not None else template.launcher_args,
        modules=_modules(job, template),
        mpi=job.mpi or _mpi(template),
        container=container,
        preflight=preflight,
        workloads=workloads,
        target=target,
        efa=efa,
        variables=variables,
        decisions=(*decisions, decision),
    )


def _own_variables(
    job: Job, template: JobTemplate, instance_type: str
) -> tuple[tuple[Variable, ...], tuple[Decision, ...]]:
    """Return the variables that the template's row names, but for those that the user sets."""
    rows = [
        row
        for row in template.variables
        if row.name not in job.env
        and row.mpi in ("", job.mpi)
        and any(fnmatchcase(instance_type, one) for one in row.instances.split())
    ]
    variables = tuple(Variable(row.name, row.value, row.reason, row.expression) for row in rows)
    subject = f"environment of job {job.name}"
    return variables, tuple(Decision(subject, f"{row.name}={row.value}", row.reason, row.source) for row in rows)


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


def _devices(queue: QueuePlan) -> int | None:
    """Return the EFA devices that each node of a queue has at the least; None where a number is not known."""
    counts = [item.resource.efa_interfaces for item in queue.resources]
    known = [count for count in counts if count is not None]
    return min(known) if len(known) == len(counts) else None
