"""What is wrong with what a spec names: the software of its nodes and containers, its jobs' variables and signals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from efakit.finding import INFO, WARNING, Finding, Place
from efakit.plan.cluster import ClusterPlan
from efakit.plan.job import JobPlan
from efakit.plan.slurm.site import SlurmSite
from efakit.plan.stack import Software, container_stack, named_stack
from efakit.rules.stack import stack_findings

_STACK = ("cluster", "stack")
_MAX_TIME = "https://slurm.schedmd.com/slurm.conf.html#OPT_MaxTime"


def software_findings(software: Software, cluster: ClusterPlan, jobs: Iterable[JobPlan]) -> tuple[Finding, ...]:
    """Return the findings about software; each place has the keys that lead to it in the spec."""
    return (*_of_nodes(software, cluster), *_of_containers(software, jobs))


def job_findings(jobs: Sequence[JobPlan], site: SlurmSite | None) -> tuple[Finding, ...]:
    """Return the findings about jobs alone, which no cluster config shows; each place has its keys in the spec.

    ``site`` None: the spec's platform has no Slurm.
    """
    return (*_of_variables(jobs), *(_of_signals(jobs, site) if site is not None else ()))


def _of_signals(jobs: Iterable[JobPlan], site: SlurmSite) -> Iterator[Finding]:
    """Give the jobs whose signal counts back from a time limit that they do not have."""
    for number, plan in enumerate(jobs):
        if plan.job.signal is not None and plan.job.time is None and plan.queue not in site.queues_with_limit:
            message = (
                f"job {plan.job.name}: the signal comes {plan.job.signal.seconds} seconds before the time limit, and "
                f"the job has no time limit: if partition {plan.queue} has none either, Slurm sends no signal"
            )
            place = Place(keys=("jobs", number, "signal"))
            yield Finding("signal-no-time", WARNING, message, place=place, fix="add time", source=_MAX_TIME)


def _of_variables(jobs: Iterable[JobPlan]) -> Iterator[Finding]:
    """Give the worst that there is to say of each variable that the spec sets for a job.

    On nodes without EFA that is no more than what wants EFA there.
    """
    for number, plan in enumerate(jobs):
        if not plan.job.env:
            continue
        from efakit.catalog.variables import rows
        from efakit.rules.judgement import judge  # with a list of all names that there are

        target = plan.target
        if not plan.efa:
            target = target._replace(versions={**target.versions, "efa_interfaces": "0"})
        wants_efa = {row.id for row in rows() if row.efa is False}
        for name, value in plan.job.env.items():
            place = Place(keys=("jobs", number, "env", name))
            told = judge(name, value, target, plan.workloads)
            for found in [one for one in told if plan.efa or one.rule in wants_efa][:1]:
                # --fix mends scripts, not specs.
                yield found.replaced(message=f"job {plan.job.name}: {found.message}", place=place, mendable=False)


def _of_nodes(software: Software, plan: ClusterPlan) -> Iterator[Finding]:
    named = named_stack(plan.cluster)
    types = {
        instance.name: named if queue.queue.name in software.own_images else software.stack
        for queue in plan.queues
        for item in queue.resources
        if item.efa
        for instance in item.resource.instances
    }
    for name, known in types.items():
        yield from _of_software(known.versions(), name, f"nodes of {name}", Place(keys=_STACK))


def _of_containers(software: Software, jobs: Iterable[JobPlan]) -> Iterator[Finding]:
    for number, plan in enumerate(jobs):
        if plan.job.container is None or not plan.efa:
            continue
        place = Place(keys=("jobs", number, "container", "stack"))
        versions = container_stack(software.stack, plan.job.container).versions()
        yield from _of_software(versions, plan.instance_type, f"container of job {plan.job.name}", place)


def _of_software(versions: Mapping[str, str | None], instance: str, where: str, place: Place) -> Iterator[Finding]:
    for found in stack_findings(versions, instance):
        if found.severity > INFO:
            yield found.replaced(message=f"{where}: {found.message}", place=place)
