"""Decides a job, whatever launches it: its layout, its program, its environment, the check before the launch."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

from efakit.catalog.job_templates import JobTemplate, TemplateVariable, job_template
from efakit.plan.cluster import ClusterPlan, QueuePlan
from efakit.plan.decision import Decision
from efakit.plan.environment import Variable, decide_environment
from efakit.plan.job_layout import Layout, decide_layout
from efakit.plan.preflight import Preflight, decide_preflight
from efakit.plan.stack import Software, container_stack
from efakit.rules.releases import target_of_stack
from efakit.rules.target import Target
from efakit.spec.model import Job


@dataclass(frozen=True)
class JobPlan:
    """What a job runs, where and with what. ``program`` is empty where the template has none."""

    job: Job
    template: JobTemplate
    queue: str
    instance_type: str
    layout: Layout
    program: str
    args: tuple[str, ...]
    launcher_args: tuple[str, ...]
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


def plan_job(job: Job, cluster: ClusterPlan, software: Software, root: str = "/") -> JobPlan:
    """Return the plan of a job; ``root`` is the hook's: the folder below which a node's sysfs and proc are read."""
    queue = queue_of(job, cluster)
    resource = queue.resources[0].resource
    instance = resource.instance
    template = job_template(job.template)
    efa = all(item.efa for item in queue.resources)
    cpus = instance.vcpus if resource.smt else instance.cores
    layout, decisions = decide_layout(job, template, instance, cpus, queue.queue.nodes)
    workloads = template.workloads or (() if job.workload == "none" else (job.workload,))
    stack = container_stack(software.stack, job.container) if job.container else software.stack
    target, *others = (
        target_of_stack(stack, name, software.os, layout.ranks_per_node)._replace(nodes=layout.nodes)
        for name in _types(queue)
    )
    variables, more = decide_environment(job, workloads, stack, target, efa, others)
    rows = [row for row in template.variables if not (row.expression or row.mpi)]
    own, reasons = template_variables(job, rows, instance.name)
    preflight, decision = decide_preflight(job, layout.nodes, efa, _devices(queue), root)
    decisions = (*decisions, *more, *reasons, decision)
    return JobPlan(
        job=job,
        template=template,
        queue=queue.queue.name,
        instance_type=instance.name,
        layout=layout,
        program=job.program or template.program,
        args=job.args if job.args is not None else template.args,
        launcher_args=job.launcher_args if job.launcher_args is not None else template.launcher_args,
        preflight=preflight,
        workloads=workloads,
        target=target,
        efa=efa,
        variables=(*own, *variables),
        decisions=decisions,
    )


def queue_of(job: Job, cluster: ClusterPlan) -> QueuePlan:
    """Return the queue that a job runs in: the one that it names, else the first."""
    return next(item for item in cluster.queues if job.queue in (None, item.queue.name))


def template_variables(
    job: Job, rows: list[TemplateVariable], instance_type: str
) -> tuple[tuple[Variable, ...], tuple[Decision, ...]]:
    """Return the variables of a template's rows, but for those that the user sets."""
    rows = [
        row
        for row in rows
        if row.name not in job.env and any(fnmatchcase(instance_type, one) for one in row.instances.split())
    ]
    variables = tuple(Variable(row.name, row.value, row.reason, row.expression) for row in rows)
    subject = f"environment of job {job.name}"
    return variables, tuple(Decision(subject, f"{row.name}={row.value}", row.reason, row.source) for row in rows)


def _types(queue: QueuePlan) -> list[str]:
    """Return the instance types of a queue, each once; the first is the one that the layout follows."""
    names = (instance.name for item in queue.resources for instance in item.resource.instances)
    return list(dict.fromkeys(names))


def _devices(queue: QueuePlan) -> int | None:
    """Return the EFA devices that each node of a queue has at the least; None where a number is not known."""
    counts = [item.resource.efa_interfaces for item in queue.resources]
    known = [count for count in counts if count is not None]
    return min(known) if len(known) == len(counts) else None
