"""Decides a job's pods: which operator starts them, in which image, and what each asks for."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from efakit.catalog import eks as rows
from efakit.catalog.image_names import image_name, is_image_file
from efakit.catalog.stacks import stack_of
from efakit.plan.cluster import ClusterPlan, QueuePlan
from efakit.plan.decision import Decision
from efakit.plan.eks.groups import Group
from efakit.plan.job import JobPlan, plan_job
from efakit.plan.stack import Software, container_stack
from efakit.spec.eks.model import Eks
from efakit.spec.model import Job

# Keys of a job that tell Slurm or srun something.
_UNREAD = ("time", "account", "output", "slurm", "signal", "watch", "srun_args", "resume_args", "mpi", "requeue")


@dataclass(frozen=True)
class Pods:
    """A job's pods. ``by_mpirun``: a launcher starts all ranks; else each pod starts its own."""

    name: str
    plan: JobPlan
    groups: tuple[Group, ...]
    by_mpirun: bool
    image: str
    efa: int
    """EFA devices of a pod; 0: none."""
    accelerators: tuple[str, int] | None
    """The resource and how many."""
    hugepages_mib: int
    memory_mib: int

    @property
    def types(self) -> tuple[str, ...]:
        """The instance types that the pods may run on."""
        return tuple(dict.fromkeys(item.name for group in self.groups for item in group.instances))


def why_no_pods(section: Eks, job: Job, queue: QueuePlan) -> str | None:
    """Return why a job gets no manifest; None where it gets one."""
    instances = tuple(item for resource in queue.resources for item in resource.resource.instances)
    from_file = is_image_file(job.container.runtime, job.container.image) if job.container else None
    return rows.why_no_job(job.template, instances, section.image, from_file)


def decide_pods(
    section: Eks, job: Job, cluster: ClusterPlan, groups: tuple[Group, ...], name: str, known: Collection[Decision]
) -> tuple[Pods, list[Decision]]:
    """Return a job's pods and their decisions, without those that are ``known`` of the job whatever the platform."""
    by_mpirun = job.template in rows.MPI_TEMPLATES
    software = Software(container_stack(stack_of(), job.container) if job.container else stack_of())
    planned = plan_job(job, cluster, software)
    subject = f"pods of job {job.name}"
    instances = [item for group in groups for item in group.instances]
    efa = min(item.efa_interfaces or 0 for item in instances) if planned.efa else 0
    huge = _huge_pages(section, groups, efa)
    least = min((item.memory_mib or 0 for item in instances), default=0)
    pods = Pods(
        name,
        planned,
        groups,
        by_mpirun,
        _image(section, job),
        efa,
        _accelerators(planned, groups),
        huge,
        max(least * section.memory_percent // 100 // 1024, 1) * 1024,
    )
    found = [item for item in planned.decisions if item not in known]
    found += [_by(pods, subject), *_asked(section, pods, subject), _of_image(job, pods, subject)]
    found += _not_here(job, subject)
    return pods, found


def _image(section: Eks, job: Job) -> str:
    """Return the image; a file of Apptainer is none."""
    container = job.container
    if container is None or is_image_file(container.runtime, container.image):
        return str(section.image)
    return image_name(container.image)


def _accelerators(planned: JobPlan, groups: tuple[Group, ...]) -> tuple[str, int] | None:
    """Return all accelerators of a node, or the GPUs that the job names."""
    instance = groups[0].instances[0]
    resource = rows.accelerator_resource(instance)
    if resource is None or instance.accelerators is None or not instance.accelerators.count:
        return None
    return resource, (planned.job.gpus_per_node or instance.accelerators.count)


def _huge_pages(section: Eks, groups: tuple[Group, ...], efa: int) -> int:
    if not efa:
        return 0
    if section.hugepages_mib is not None:
        return section.hugepages_mib
    reserved = all(
        group.ami_family == "AmazonLinux2023" and rows.accelerator_resource(item)
        for group in groups
        for item in group.instances
    )
    return rows.HUGE_PAGES_MIB if reserved else 0


def _by(pods: Pods, subject: str) -> Decision:
    if pods.by_mpirun:
        reason = (
            "the launcher waits for the workers; mpirun of Open MPI 4 reads the operator's host file. Open MPI 5 "
            "ignores what the operator sets, runs on the launcher alone and exits with 0"
        )
        return Decision(subject, "an MPIJob, mpirun with --hostfile", reason, rows.OPEN_MPI_5)
    reason = (
        "the operator gives each node its rank and the address of the first node. The runtime contains the "
        "resources: resourcesPerNode in the job would replace them, and the EFA request with them"
    )
    return Decision(subject, "a TrainJob with a runtime of its own", reason, rows.RESOURCES_PER_NODE)


def _asked(section: Eks, pods: Pods, subject: str) -> list[Decision]:
    found = []
    if pods.efa:
        more = sorted(
            item.name for group in pods.groups for item in group.instances if (item.efa_interfaces or 0) > pods.efa
        )
        what = (
            f"as many as each type of the queue has: on {', '.join(more)} the others stay idle, so give each type a "
            "queue of its own"
            if more
            else "all EFA devices of the type"
        )
        reason = f"{what}; a pod without them uses TCP, with no error. Requests must equal limits"
        noun = "EFA device" if pods.efa == 1 else "EFA devices"
        found.append(Decision(subject, f"{pods.efa} {noun} each", reason, rows.NOT_ASKED))
        choice = f"{pods.hugepages_mib} MiB of huge pages each" if pods.hugepages_mib else "no huge pages"
        reason = "as the spec says"
        if section.hugepages_mib is None:
            reason = (
                "the nodes' image reserves at least this many"
                if pods.hugepages_mib
                else "the nodes' image is not known to reserve any"
            )
        found.append(Decision(subject, choice, reason, rows.HUGE_PAGES))
    reason = (
        f"{section.memory_percent} % of the node's memory (eks.memory_percent); the rest is for the system and huge "
        "pages"
    )
    found.append(Decision(subject, f"{pods.memory_mib // 1024} GiB of memory each", reason, rows.HUGE_PAGES))
    reason = "a limit would throttle the ranks; the pod requests all EFA devices, so it has the node to itself"
    found.append(Decision(subject, "no CPU limit", reason, rows.EXTENDED))
    if section.taint:
        reason = (
            "the nodes have this taint. The launcher tolerates it too, so that it can start where all nodes have it"
        )
        found.append(Decision(subject, f"tolerate {rows.TAINT}", reason, rows.EKSCTL_PLUGIN))
    return found


def _of_image(job: Job, pods: Pods, subject: str) -> Decision:
    of_section = job.container is None or is_image_file(job.container.runtime, job.container.image)
    reason = "eks.image" if of_section else "the job's container"
    reason += ": libfabric and aws-ofi-nccl must be in the image: a pod does not see the node's software"
    if pods.by_mpirun:
        reason += ", and Open MPI 4 in /opt/amazon/openmpi, sshd and ssh"
    return Decision(subject, pods.image, reason, rows.EFA_GUIDE)


def _not_here(job: Job, subject: str) -> list[Decision]:
    found = []
    if job.container and job.container.mounts:
        reason = "nodes have no shared file system: use eks.volumes"
        found.append(Decision(subject, "no mounts", reason, rows.EFA_GUIDE))
    if job.modules:
        found.append(Decision(subject, "no modules", "the image has no environment modules", rows.EFA_GUIDE))
    unread = [name for name in _UNREAD if getattr(job, name)]
    if unread:
        reason = f"nothing in Kubernetes reads the job's {', '.join(unread)}"
        found.append(Decision(subject, "without what is Slurm's own", reason, rows.TRAINER))
    return found
