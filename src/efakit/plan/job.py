"""Decides a job's script: ranks, GPUs and CPUs from the catalog, the environment from the rules."""

from __future__ import annotations

from dataclasses import dataclass

from efakit.catalog.stacks import Stack
from efakit.plan.cluster import ClusterPlan
from efakit.plan.decision import Decision
from efakit.plan.environment import Variable, decide_environment
from efakit.spec.model import Job

# torchrun starts the ranks of its node itself.
_ONE_RANK_A_NODE = ("torchrun",)
_WORKLOADS = {"torchrun": "nccl", "nccl-tests": "nccl", "command": None}
_DEFAULT_ARGS: dict[str, tuple[str, ...]] = {
    "torchrun": (),
    # From 8 bytes to 16 GiB in doublings, one GPU a rank.
    "command": (),
    "nccl-tests": ("-b", "8", "-e", "16G", "-f", "2", "-g", "1"),
}


@dataclass(frozen=True)
class JobPlan:
    """All that a job's script says."""

    job: Job
    partition: str
    instance_type: str
    nodes: int
    gpus_per_node: int
    ntasks_per_node: int
    cpus_per_task: int | None
    exclusive: bool
    args: tuple[str, ...]
    variables: tuple[Variable, ...]
    decisions: tuple[Decision, ...]


def plan_job(job: Job, cluster: ClusterPlan, stack: Stack) -> JobPlan:
    """Return the plan of a job."""
    queue = next(item for item in cluster.queues if job.queue in (None, item.queue.name))
    instance = queue.resources[0].resource.instance
    gpus = instance.gpus or 0
    efa = all(item.efa for item in queue.resources)
    variables, decisions = decide_environment(job, _WORKLOADS[job.template], stack, instance.name, efa)
    ntasks = 1 if job.template in _ONE_RANK_A_NODE else job.ranks_per_node or gpus or instance.cores or 1
    resource = queue.resources[0].resource
    cpus = instance.vcpus if resource.smt else instance.cores
    return JobPlan(
        job=job,
        partition=queue.queue.name,
        instance_type=instance.name,
        nodes=job.nodes or queue.queue.nodes,
        gpus_per_node=gpus,
        ntasks_per_node=ntasks,
        # Without it srun gives each task one CPU (Slurm 22.05 and later do not hand sbatch's number on to srun).
        cpus_per_task=max(cpus // ntasks, 1) if cpus else None,
        exclusive=queue.queue.exclusive,
        args=job.args if job.args is not None else _DEFAULT_ARGS[job.template],
        variables=variables,
        decisions=decisions,
    )
