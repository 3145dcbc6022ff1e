"""Decides what is dstack's own: its server's backend, a fleet for each compute resource, a task for each job."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from efakit.catalog import dstack as rows
from efakit.catalog.stacks import Stack, stack_of
from efakit.plan.cluster import ClusterPlan, QueuePlan, ResourcePlan
from efakit.plan.decision import Decision
from efakit.plan.job import JobPlan, plan_job, queue_of
from efakit.plan.names import plain_name
from efakit.plan.plan import Plan
from efakit.plan.platforms import Platform, register
from efakit.plan.stack import Software, container_stack
from efakit.spec.dstack.model import Dstack
from efakit.spec.model import Job, Spec

_MOST_LETTERS = 41
"""Of a fleet's and a run's name: ``^[a-z][a-z0-9-]{1,40}$`` in dstack, ``core/services/__init__.py``."""
# Keys of a job that tell Slurm or srun something.
_UNREAD = ("time", "account", "output", "slurm", "signal", "srun_args", "resume_args", "mpi")


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
    for job in plan.spec.jobs:
        if section.jobs is not None and job.name not in section.jobs:
            continue
        queue = queue_of(job, plan.cluster)
        why = _why_no_task(job, queue)
        if why:
            decisions.append(Decision(f"job {job.name} in dstack", "no task", why, rows.PROVISIONING))
            continue
        own = {
            resource: plain_name(f"{queue.queue.name}-{resource.resource.name}", names, _MOST_LETTERS)
            for resource in queue.resources
        }
        fleets.update({name: Fleet(name, queue, resource) for resource, name in own.items() if name not in fleets})
        known = next(item.decisions for item in plan.jobs if item.job is job)
        task, reasons = _task(job, plan.cluster, plain_name(job.name, names, _MOST_LETTERS), tuple(own.values()), known)
        tasks.append(task)
        decisions += reasons
    for fleet in fleets.values():
        decisions += _of_fleet(section, fleet)
    return DstackPlan(section, region, tuple(fleets.values()), tuple(tasks), tuple(decisions))


def _why_no_task(job: Job, queue: QueuePlan) -> str | None:
    runtime = job.container.runtime if job.container else None
    reasons = (
        rows.why_no_task(job.template, instance.name, runtime)
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
            f"it brings EFA installer {rows.IMAGE_INSTALLER} on this type; what comes from a package index, such as "
            "PyTorch, brings an NCCL of its own"
        )
        found.append(Decision(subject, "dstack's image with EFA", reason, rows.DOCKERFILE))
    else:
        reason = "as the spec says; dstack puts no EFA into it: aws-ofi-nccl and libfabric must be in the image"
        found.append(Decision(subject, rows.image_name(job.container.image), reason, rows.PROVISIONING))
    reason = "dstack gives the containers /dev/infiniband and locked memory without a limit by itself"
    found.append(Decision(subject, "no device and no limit named", reason, rows.SHIM))
    if by_mpirun:
        reason = "mpirun on the first node starts all ranks; the other nodes only wait, and end with it"
        found.append(Decision(subject, "workers first, ends with the first node", reason, rows.RUNNER))
    if job.container and job.container.mounts:
        reason = "a fleet's machines have no shared file system: name volumes in the task where you have some"
        found.append(Decision(subject, "no mounts", reason, rows.SHIM))
    unread = [name for name in _UNREAD if getattr(job, name)]
    if unread:
        reason = f"nothing in dstack reads the job's {', '.join(unread)}; the task file takes max_duration and priority"
        found.append(Decision(subject, "without what is Slurm's own", reason, rows.RUNNER))
    if job.modules:
        found.append(Decision(subject, "no modules", "the image has no environment modules", rows.DOCKERFILE))
    image = rows.image_name(job.container.image) if job.container else None
    return Task(name, planned, fleets, by_mpirun, image), found


def _stack(job: Job, by_mpirun: bool) -> Stack:
    """Return what is in the container; PyTorch's own NCCL is not known."""
    image = stack_of(installer=rows.IMAGE_INSTALLER, nccl=rows.IMAGE_NCCL if by_mpirun else None)
    return container_stack(stack_of(), job.container) if job.container else image


def _of_fleet(section: Dstack, fleet: Fleet) -> list[Decision]:
    subject = f"fleet {fleet.name}"
    low, high = node_range(fleet)
    reason = (
        "the least and the most that the spec names. The least are paid for until the fleet is deleted: dstack ends "
        "idle machines above it only"
    )
    found = [Decision(subject, f"{low}..{high} nodes", reason, rows.FLEETS)]
    reason = "a task of several nodes wants it. dstack makes a placement group, also where a fleet begins with none"
    if fleet.queue.queue.capacity == "capacity-block":
        reason = "a task of several nodes wants it. For a Capacity Block dstack makes no placement group"
    found.append(Decision(subject, "placement cluster", reason, rows.ELASTIC))
    asked = fleet.resource.resource.placement_group or fleet.queue.queue.placement_group
    if asked not in (None, "managed"):
        reason = f"dstack takes none from outside, and so not {asked}" if asked != "none" else "dstack has no switch"
        found.append(Decision(subject, "a placement group of dstack's own", reason, rows.COMPUTE))
    if not fleet.resource.efa:
        reason = "dstack attaches every EFA interface that the type has, whether it is asked for or not"
        found.append(Decision(subject, "EFA as the type has it", reason, rows.COMPUTE))
    reason = "machines of these types cost much while they wait; dstack's own default is 3 days"
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
    reason = "EC2 gives no public address to an instance with several network cards; the server must reach the nodes"
    return Decision("public addresses", "off", reason, rows.PUBLIC_IPS)


def _subnets() -> Decision:
    reason = "dstack looks for subnets in the VPC by itself and takes no subnet from outside: the queues' are not used"
    return Decision("subnets", "dstack's choice", reason, rows.PUBLIC_IPS)


def _software(spec: Spec) -> Software:
    return Software(stack_of(installer=rows.IMAGE_INSTALLER))


register("dstack", Platform(plan_dstack, _software))
