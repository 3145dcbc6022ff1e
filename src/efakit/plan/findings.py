"""What is wrong with what a spec names: the software of its nodes and containers, and its jobs' variables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from efakit.finding import INFO, Finding, Place
from efakit.plan.cluster import ClusterPlan
from efakit.plan.job import JobPlan
from efakit.plan.stack import Software, container_stack, named_stack
from efakit.rules.stack import stack_findings

_STACK = ("cluster", "stack")


def plan_findings(software: Software, cluster: ClusterPlan, jobs: Iterable[JobPlan]) -> tuple[Finding, ...]:
    """Return the findings about a plan; each place has the keys that lead to it in the spec."""
    planned = list(jobs)
    return (*_of_nodes(software, cluster), *_of_containers(software, planned), *variable_findings(planned))


def variable_findings(jobs: Iterable[JobPlan]) -> Iterator[Finding]:
    """Give the worst that there is to say of each variable that the spec sets for a job on nodes with EFA."""
    for number, plan in enumerate(jobs):
        if not plan.efa or not plan.job.env:
            continue
        from efakit.rules.judgement import judge  # with a list of all names that there are

        for name, value in plan.job.env.items():
            place = Place(keys=("jobs", number, "env", name))
            for found in judge(name, value, plan.target, plan.workloads)[:1]:
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
