"""Decides how a job lies on its nodes: ranks, tasks, GPUs and CPUs, from the catalog."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from efakit.catalog.instances import Instance
from efakit.catalog.job_templates import OSU_PAIRS, JobTemplate
from efakit.catalog.neuron_cores import logical_cores
from efakit.plan.decision import Decision
from efakit.spec.model import Job

_CPUS = "https://slurm.schedmd.com/srun.html#OPT_cpus-per-task"


@dataclass(frozen=True)
class Layout:
    """A job on its nodes. ``ranks_per_node`` are processes of the program, ``ntasks_per_node`` Slurm's tasks."""

    nodes: int
    ranks_per_node: int
    ntasks_per_node: int
    gpus_per_node: int
    cpus_per_task: int | None
    """None where the node's CPUs are not known."""


def decide_layout(
    job: Job, template: JobTemplate, instance: Instance, cpus: int | None, nodes: int
) -> tuple[Layout, tuple[Decision, ...]]:
    """Return the layout and its decisions; ``cpus`` are those that Slurm sees on a node, ``nodes`` the queue's."""
    gpus = job.gpus_per_node or instance.gpus or 0
    if job.ranks_per_node is not None:
        ranks, reason, is_fact = job.ranks_per_node, "as the spec says", False
    else:
        ranks, reason, is_fact = _ranks(job, template, instance, gpus)
    tasks = 1 if template.launcher == "node" else ranks
    # Without it srun gives each task one CPU (Slurm 22.05 and later do not hand sbatch's number on to srun).
    share = job.cpus_per_task or (max(cpus // tasks, 1) if cpus else None)
    layout = Layout(job.nodes or nodes, ranks, tasks, gpus, share)
    source = instance.source_of("vcpus").address if is_fact else ""
    decisions = [Decision(f"ranks of job {job.name}", f"{ranks} on each node", reason, source)]
    if share:
        why = "as the spec says" if job.cpus_per_task else _share(cpus, tasks)
        decisions.append(Decision(f"CPUs of job {job.name}", f"{share} for each task", why, _CPUS))
    return layout, tuple(decisions)


def _share(cpus: int | None, tasks: int) -> str:
    return f"{cpus} CPUs of a node divided by {tasks} tasks" if tasks > 1 else "all CPUs of a node: it runs one task"


def _ranks(job: Job, template: JobTemplate, instance: Instance, gpus: int) -> tuple[int, str, bool]:
    """Return the ranks on a node, why, and whether that is a fact about the instance type."""
    if template.launcher == "none":
        return 1, "the body starts its own programs: Slurm gives it one task on each node", False
    if template.name == "osu" and PurePosixPath(job.program or "").name in OSU_PAIRS:
        return 1, "the benchmark measures one pair of ranks", False
    if gpus:
        if gpus != instance.gpus:
            return gpus, "one for each GPU that the job has on a node", False
        return gpus, f"one for each GPU of {instance.name}", True
    cores = logical_cores(instance.accelerators.name) if instance.accelerators else None
    if template.needs == "neuron" and cores and instance.neuron_devices:
        devices = instance.neuron_devices
        return (
            cores * devices,
            f"one for each logical NeuronCore of {instance.name}: {cores} on each of {devices} devices",
            True,
        )
    if template.needs or template.launcher == "node" or not instance.cores:
        unknown = {"gpu": "GPUs", "neuron": "NeuronCores"}.get(template.needs, "cores")
        return 1, f"the {unknown} of {instance.name} are not known", False
    return instance.cores, f"one for each core of {instance.name}", True
