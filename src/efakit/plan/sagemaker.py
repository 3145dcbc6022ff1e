"""Decides what is SageMaker's own: a training job for each job, in an image, on instances that SageMaker makes."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, replace

from efakit.catalog import sagemaker as rows
from efakit.catalog.image_names import image_name, is_image_file
from efakit.catalog.stacks import Stack, stack_of
from efakit.plan.cluster import ClusterPlan, QueuePlan
from efakit.plan.decision import Decision
from efakit.plan.environment import Variable
from efakit.plan.job import JobPlan, plan_job, queue_of
from efakit.plan.network import is_reserved
from efakit.plan.plan import Plan
from efakit.plan.platforms import Platform, jobs_of, register
from efakit.plan.stack import Software, container_stack
from efakit.spec.model import Job, Spec
from efakit.spec.sagemaker.model import SageMaker

# The SDK adds a dash and the time, 23 characters at most.
_MOST_LETTERS = rows.MOST_NAME_LETTERS - 24
_UNREAD = ("time", "account", "output", "slurm", "signal", "watch", "srun_args", "resume_args", "mpi", "requeue")
_SECONDS_OF_AN_HOUR = 3600


@dataclass(frozen=True)
class TrainingJob:
    """A job; ``by_mpirun``: one rank of it starts all the others; ``smddp``: SMDDP's launcher starts its ranks."""

    name: str
    plan: JobPlan
    image: str
    by_mpirun: bool
    smddp: bool
    subnets: tuple[str, ...]
    spot: bool
    environment: tuple[Variable, ...]
    """What the request sets; ``exports`` are the script's own."""
    exports: tuple[Variable, ...]

    @property
    def instance_type(self) -> str:
        """The instance type by SageMaker's name."""
        return f"ml.{self.plan.instance_type}"

    @property
    def mpi_options(self) -> str:
        """What SMDDP's launcher hands on to mpirun."""
        return " ".join(self.plan.launcher_args)

    @property
    def entry_point(self) -> str:
        """The file that runs on each instance: a name that no file of the user's has."""
        return f"{self.name}.smddp.py" if self.smddp else f"{self.name}.sagemaker.sh"


@dataclass(frozen=True)
class SageMakerPlan:
    """What was decided for SageMaker."""

    section: SageMaker
    region: str
    jobs: tuple[TrainingJob, ...]
    decisions: tuple[Decision, ...]

    @property
    def max_seconds(self) -> int:
        """After so many seconds a job is stopped."""
        return self.section.max_hours * _SECONDS_OF_AN_HOUR


def plan_sagemaker(plan: Plan) -> SageMakerPlan:
    """Return the plan of the section; the jobs are planned anew, on the software of the image."""
    section = plan.spec.section(SageMaker)
    region = plan.spec.cluster.region
    assert section is not None  # noqa: S101 (the platform is asked where its section is there)
    assert region is not None  # noqa: S101 (the section needs it)
    decisions = [*_of_section(section)]
    jobs: list[TrainingJob] = []
    names: dict[str, str] = {}
    queues: dict[str, QueuePlan] = {}
    for job, queue, known in jobs_of(plan, section.jobs):
        why = _why_no_job(job, queue)
        if why:
            decisions.append(Decision(f"job {job.name} in SageMaker", "no training job", why, rows.CREATE))
            continue
        training_job, reasons = _job(section, job, plan.cluster, _name(job.name, names), known)
        jobs.append(training_job)
        decisions += reasons
        queues[queue.queue.name] = queue
    for queue in queues.values():
        decisions += _of_queue(section, queue)
    return SageMakerPlan(section, region, tuple(jobs), tuple(decisions))


def _why_no_job(job: Job, queue: QueuePlan) -> str | None:
    from_file = is_image_file(job.container.runtime, job.container.image) if job.container else None
    return rows.why_no_job(job.template, queue.resources[0].resource.instance.name, from_file)


def _job(
    section: SageMaker, job: Job, cluster: ClusterPlan, name: str, known: Collection[Decision]
) -> tuple[TrainingJob, list[Decision]]:
    """Return the training job and its decisions, without those that are ``known`` of the job whatever the platform."""
    queue = queue_of(job, cluster)
    planned = plan_job(job, cluster, Software(_stack(section, job)))
    subject = f"training job {name}"
    found = [item for item in planned.decisions if item not in known]
    image = image_name(job.container.image) if job.container else section.image
    reason = "the job's own" if job.container else "as sagemaker.image says; EFA's software must be in it"
    found.append(Decision(subject, image, reason, rows.EFA))
    by_mpirun = job.template in rows.MPI_TEMPLATES
    found += _launch(section, subject, job, planned, by_mpirun)
    if planned.preflight:
        reason = (
            "AWS documents the number of devices in a container for P4d alone: a container without any ends before the "
            "launch, and fewer than the type has are said in the log"
        )
        choice = f"one EFA device at the least, of {planned.preflight.devices}"
        found.append(Decision(f"preflight of {subject}", choice, reason, rows.EFA))
    spot = queue.queue.capacity == "spot"
    if job.container and job.container.mounts:
        reason = "an instance of SageMaker's has no folders of a cluster: name data in sagemaker.inputs"
        found.append(Decision(subject, "no mounts", reason, rows.HOSTS))
    unread = [key for key in _UNREAD if getattr(job, key)]
    if unread:
        reason = f"nothing in SageMaker reads the job's {', '.join(unread)}; sagemaker.max_hours limits its time"
        found.append(Decision(subject, "without what is Slurm's own", reason, rows.CREATE))
    if job.modules:
        found.append(Decision(subject, "no modules", "the image has no environment modules", rows.EFA))
    subnets = queue.queue.subnets if section.security_groups else ()
    expressions = tuple(
        Variable(row.name, row.value, row.reason, expression=True)
        for row in planned.template.variables
        if row.expression
    )
    made = TrainingJob(
        name=name,
        plan=replace(planned, decisions=tuple(found)),
        image=image,
        by_mpirun=by_mpirun,
        smddp=section.smddp,
        subnets=subnets,
        spot=spot,
        environment=planned.variables,
        exports=expressions,
    )
    return made, found


def _launch(section: SageMaker, subject: str, job: Job, planned: JobPlan, by_mpirun: bool) -> list[Decision]:
    if section.smddp:
        reason = (
            f"as the spec says; {planned.instance_type} and PyTorch {section.pytorch} are among what it was made for, "
            "and it ended with PyTorch 2.4.1. Its launcher sets NCCL_PROTO=simple and FI_PROVIDER=efa after what is "
            "set here"
        )
        return [Decision(subject, "SMDDP", reason, rows.SMDDP)]
    if section.sdk == 3:
        reason = (
            "SourceCode(command=...), for the SDK's distributed drivers set NCCL_PROTO=simple and variables of their "
            "own over the job's. The SDK puts the command between double quotes and evaluates it: so what has blanks, "
            "quotes or $ is in the script"
        )
        found = [Decision(subject, f"command: bash {job.name}'s script", reason, rows.COMMAND)]
    else:
        reason = (
            "every distribution sets NCCL_PROTO=simple and variables of its own over the job's; a shell script as "
            "entry point runs with the environment as it is. The generic class Estimator drops a distribution silently"
        )
        found = [Decision(subject, "entry point: the script, no distribution", reason, rows.TORCHRUN)]
    if by_mpirun:
        reason = (
            "mpirun in the script, over the image's sshd: the SDK's own MPI driver sets pml ob1, by which Open MPI "
            "goes over TCP, and on some types NCCL_PROTO=simple"
        )
        found.append(Decision(subject, "mpirun on the first instance", reason, rows.MPI))
    return found


def _stack(section: SageMaker, job: Job) -> Stack:
    return container_stack(stack_of(), job.container) if job.container else stack_of(**section.stack)


def _of_section(section: SageMaker) -> list[Decision]:
    reason = "as the spec says" if section.sdk == 2 and not section.smddp else "SMDDP is in line 2 alone"
    if section.sdk == 3:
        reason = "line 2 is on its way out, and its distribution= forces variables onto the jobs"
    found = [Decision("SageMaker's SDK", f"line {section.sdk}", reason, rows.COMMAND)]
    reason = "SageMaker places a job's instances itself and takes no placement group"
    found.append(Decision("placement in SageMaker", "none named", reason, rows.RESOURCES))
    if section.security_groups:
        reason = "each must allow all traffic to itself, in and out, or EFA passes nothing"
        found.append(Decision("network in SageMaker", "the queues' subnets and these groups", reason, rows.VPC))
    else:
        reason = (
            "no security group is named: instances are in a network of SageMaker's own, where nothing is to be opened"
        )
        found.append(Decision("network in SageMaker", "SageMaker's own", reason, rows.VPC))
    if section.keep_alive_minutes:
        reason = "as the spec says; the instances are paid for as long as they are kept"
        choice = f"kept for {section.keep_alive_minutes} minutes"
        found.append(Decision("instances in SageMaker", choice, reason, rows.WARM_POOLS))
    if section.training_plan:
        found.append(
            Decision("capacity in SageMaker", section.training_plan, "the plan that the spec names", rows.PLANS)
        )
    return found


def _of_queue(section: SageMaker, plan: QueuePlan) -> list[Decision]:
    found = []
    queue = plan.queue
    subject = f"queue {queue.name} in SageMaker"
    if queue.capacity == "capacity-block" or any(is_reserved(queue, item.resource) for item in plan.resources):
        instead = "sagemaker.training_plan is named" if section.training_plan else "name a sagemaker.training_plan"
        reason = (
            f"SageMaker takes no reservation and no Capacity Block of EC2's; its own word is training plan: {instead}"
        )
        found.append(Decision(subject, "no reservation of EC2's", reason, rows.PLANS))
    if queue.capacity == "spot":
        reason = (
            "as the spec says; SageMaker may end an instance, and the job goes on from its checkpoint where it has one"
        )
        found.append(Decision(subject, "managed spot training", reason, rows.SPOT))
    others = [item.resource.name for item in plan.resources[1:]]
    if others:
        first = plan.resources[0].resource
        reason = f"a training job's instances are of one type: {', '.join(others)} is not used"
        found.append(Decision(subject, f"ml.{first.instance.name} of {first.name}", reason, rows.RESOURCES))
    if not all(item.efa for item in plan.resources):
        reason = "SageMaker attaches EFA where the type has it, whether it is asked for or not"
        found.append(Decision(subject, "EFA as the type has it", reason, rows.EFA))
    return found


def _name(text: str, taken: dict[str, str]) -> str:
    """Return a name that SageMaker takes, another one for each text: letters, digits and single hyphens."""
    plain = re.sub(r"[^A-Za-z0-9]+", "-", text)[:_MOST_LETTERS].strip("-") or "job"
    for number in range(2, len(taken) + 3):
        if taken.setdefault(plain.lower(), text) == text:
            break
        tail = f"-{number}"
        plain = plain[: _MOST_LETTERS - len(tail)] + tail
    return plain


def _software(spec: Spec) -> Software:
    section = spec.section(SageMaker)
    return Software(stack_of(**section.stack) if section else stack_of())


register("sagemaker", Platform(plan_sagemaker, _software))
