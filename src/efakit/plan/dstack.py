"""Decides what is dstack's own: its server's backend, a fleet for each compute resource, a task for each job."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from efakit.catalog import dstack as rows
from efakit.catalog.image_names import image_name, is_image_file
from efakit.catalog.stacks import Stack, stack_of
from efakit.plan.cluster import ClusterPlan, QueuePlan, ResourcePlan
from efakit.plan.decision import Decision
from efakit.plan.job import JobPlan, plan_job
from efakit.plan.names import plain_name
from efakit.plan.plan import Plan
from efakit.plan.platforms import Platform, jobs_of, register
from efakit.plan.stack import Software, container_stack
from efakit.spec.dstack.model import Dstack
from efakit.spec.model import Job, Spec

_MOST_LETTERS = 41
"""Of a fleet's and a run's name: ``^[a-z][a-z0-9-]{1,40}$`` in dstack, ``core/services/__init__.py``."""
# Keys of a job that tell Slurm or srun something.
_UNREAD = ("time", "account", "output", "slurm", "signal", "watch", "srun_args", "resume_args", "mpi")


@dataclass(frozen=True)
class Fleet:
    """A compute resource's machines."""

    name: str
    queue: QueuePlan
    resource: ResourcePlan

    @property
    def reservation(self) -> str | None:
        """The reservation that the machines come from, None without one."""
        return self.resource.resource.reservation or self.queue.queue.reservation


@dataclass(frozen=True)
class Task:
    """A job; ``by_mpirun``: one rank of it starts all the others. ``image`` None: dstack's own."""

    name: str
    plan: JobPlan
    fleets: tuple[str, ...]
    by_mpirun: bool
    image: str | None


@dataclass(frozen=True)
class DstackPlan:
    """What was decided for dstack."""

    section: Dstack
    region: str
    fleets: tuple[Fleet, ...]
    tasks: tuple[Task, ...]
    decisions: tuple[Decision, ...]


def plan_dstack(plan: Plan) -> DstackPlan:
    """Return the plan of the section; the jobs are planned anew, on the software of dstack's image."""
    section = plan.spec.section(Dstack)
    region = plan.spec.cluster.region
    assert section is not None  # noqa: S101 (the platform is asked where its section is there)
    assert region is not None  # noqa: S101 (the section needs it)
    decisions = [_addresses(section), _subnets()]
    tasks: list[Task] = []
    names: dict[str, str] = {}
    fleets: dict[str, Fleet] = {}
    for job, queue, known in jobs_of(plan, section.jobs):
        why = _why_no_task(job, queue)
        if why:
            decisions.append(Decision(f"job {job.name} in dstack", "no task", why, rows.PROVISIONING))
            continue
        own = {
            resource: plain_name(f"{queue.queue.name}-{resource.resource.name}", names, _MOST_LETTERS)
            for resource in queue.resources
        }
        fleets.update({name: Fleet(name, queue, resource) for resource, name in own.items() if name not in fleets})
        task, reasons = _task(job, plan.cluster, plain_name(job.name, names, _MOST_LETTERS), tuple(own.values()), known)
        tasks.append(task)
        decisions += reasons
    for fleet in fleets.values():
        decisions += _of_fleet(section, fleet)
    return DstackPlan(section, region, tuple(fleets.values()), tuple(tasks), tuple(decisions))


def _why_no_task(job: Job, queue: QueuePlan) -> str | None:
    from_file = is_image_file(job.container.runtime, job.container.image) if job.container else None
    reasons = (
        rows.why_no_task(job.template, instance.name, from_file)
        for resource in queue.resources
        for instance in resource.resource.instances
    )
    return next((reason for reason in reasons if reason), None)


def _task(
    job: Job, cluster: ClusterPlan, name: str, fleets: tuple[str, ...], known: Collection[Decision]
) -> tuple[Task, list[Decision]]:
    """Return the task and its decisions, without those that are ``known`` of the job whatever the platform."""
    by_mpirun = job.template in rows.MPI_TEMPLATES
    planned = plan_job(job, cluster, Software(_stack(job, by_mpirun)))
    subject = f"task {name}"
    found = [item for item in planned.decisions if item not in known]
    if job.container is None:
        reason = (
            f"it has EFA installer {rows.IMAGE_INSTALLER} on this type; software from a package index, such as "
            "PyTorch, has its own NCCL"
        )
        found.append(Decision(subject, "dstack's image with EFA", reason, rows.DOCKERFILE))
    else:
        reason = "as the spec says; dstack does not add EFA to it: the image must have aws-ofi-nccl and libfabric"
        found.append(Decision(subject, image_name(job.container.image), reason, rows.PROVISIONING))
    reason = "dstack gives every container /dev/infiniband and unlimited locked memory"
    found.append(Decision(subject, "no device and no limit set", reason, rows.SHIM))
    if by_mpirun:
        reason = "mpirun on the first node starts all ranks; the other nodes wait and end when it ends"
        found.append(Decision(subject, "workers first, ends with the first node", reason, rows.RUNNER))
    if job.container and job.container.mounts:
        reason = "the machines of a fleet have no shared file system; if you have volumes, add them to the task"
        found.append(Decision(subject, "no mounts", reason, rows.SHIM))
    unread = [name for name in _UNREAD if getattr(job, name)]
    if unread:
        reason = f"dstack does not use the job's {', '.join(unread)}; the task file takes max_duration and priority"
        found.append(Decision(subject, "without options of Slurm", reason, rows.RUNNER))
    if job.modules:
        found.append(Decision(subject, "no modules", "the image has no environment modules", rows.DOCKERFILE))
    image = image_name(job.container.image) if job.container else None
    return Task(name, planned, fleets, by_mpirun, image), found


def _stack(job: Job, by_mpirun: bool) -> Stack:
    """Return what is in the container; PyTorch's own NCCL is not known."""
    image = stack_of(installer=rows.IMAGE_INSTALLER, nccl=rows.IMAGE_NCCL if by_mpirun else None)
    return container_stack(stack_of(), job.container) if job.container else image


def _of_fleet(section: Dstack, fleet: Fleet) -> list[Decision]:
    subject = f"fleet {fleet.name}"
    low, high = node_range(fleet)
    reason = (
        "the minimum and the maximum of the spec. The minimum is paid for until the fleet is deleted: dstack ends idle "
        "machines only above it"
    )
    found = [Decision(subject, f"{low}..{high} nodes", reason, rows.FLEETS)]
    reason = (
        "a task on several nodes needs it. dstack creates a placement group, also for a fleet that starts "
        "without machines"
    )
    if fleet.queue.queue.capacity == "capacity-block":
        reason = "a task on several nodes needs it. For a Capacity Block dstack creates no placement group"
    found.append(Decision(subject, "placement cluster", reason, rows.ELASTIC))
    asked = fleet.resource.resource.placement_group or fleet.queue.queue.placement_group
    if asked not in (None, "managed"):
        reason = (
            f"dstack cannot use an existing group such as {asked}" if asked != "none" else "dstack cannot turn it off"
        )
        found.append(Decision(subject, "a placement group that dstack creates", reason, rows.COMPUTE))
    if not fleet.resource.efa:
        reason = "dstack always attaches every EFA interface that the type has"
        found.append(Decision(subject, "all EFA interfaces of the type", reason, rows.COMPUTE))
    reason = "idle machines of these types are expensive; dstack's default is 3 days"
    found.append(Decision(subject, f"idle for {section.idle_duration} at most", reason, rows.FLEETS))
    return found


def node_range(fleet: Fleet) -> tuple[int, int]:
    """Return the least and the most machines of a fleet."""
    resource = fleet.resource.resource
    return resource.min_nodes or 0, resource.nodes


def _addresses(section: Dstack) -> Decision:
    if section.public_ips:
        reason = "as the spec says; a type with several network cards gets an Elastic IP"
        return Decision("public addresses", "on", reason, rows.PUBLIC_IPS)
    reason = (
        "EC2 does not assign a public address to an instance with several network cards; the server must be "
        "able to reach the nodes"
    )
    return Decision("public addresses", "off", reason, rows.PUBLIC_IPS)


def _subnets() -> Decision:
    reason = (
        "dstack chooses subnets in the VPC itself and cannot be given one: it does not use the subnets of the queues"
    )
    return Decision("subnets", "dstack's choice", reason, rows.PUBLIC_IPS)


def _software(spec: Spec) -> Software:
    return Software(stack_of(installer=rows.IMAGE_INSTALLER))


register("dstack", Platform(plan_dstack, _software))
