"""Decides the software stack of the nodes, and says what is wrong with it on the instance types that use EFA."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass

from efakit.catalog.stacks import Stack, stack_of
from efakit.plan.cluster import ClusterPlan
from efakit.plan.decision import Decision
from efakit.rules.stack import stack_findings
from efakit.spec.model import Cluster, Container, Job


@dataclass(frozen=True)
class Software:
    """What runs on the nodes: ``stack`` and ``os`` (None: not known).

    ``own_images`` are the queues whose image is the user's own: of their software only the versions that the spec names
    are certain.
    """

    stack: Stack
    os: str | None = None
    own_images: frozenset[str] = frozenset()


def named_stack(cluster: Cluster) -> Stack:
    """Return the stack of which only the versions are known that the spec names."""
    return stack_of(None, **asdict(cluster.stack))


def container_stack(host: Stack, container: Container) -> Stack:
    """Return the stack of a container: the versions in the image, on the host's kernel and driver."""
    return stack_of(driver=host.driver, kernel=host.kernel, **container.stack)


def decide_stack(software: Software, plan: ClusterPlan) -> tuple[Decision, ...]:
    """Return what the user should know of the nodes' stack: each error and warning, once for each type with EFA."""
    named = named_stack(plan.cluster)
    types = {
        instance.name: named if queue.queue.name in software.own_images else software.stack
        for queue in plan.queues
        for item in queue.resources
        if item.efa
        for instance in item.resource.instances
    }
    return tuple(
        decision
        for name, certain in types.items()
        for decision in _decisions(f"software on {name}", certain.versions(), name)
    )


def decide_container_software(job: Job, instance_type: str, host: Stack) -> tuple[Decision, ...]:
    """Return what the user should know of the stack in a job's container, as ``decide_stack`` does."""
    if job.container is None:
        return ()
    versions = container_stack(host, job.container).versions()
    return tuple(_decisions(f"software in the container of job {job.name}", versions, instance_type))


def _decisions(subject: str, versions: Mapping[str, str | None], instance_type: str) -> Iterator[Decision]:
    for found in stack_findings(versions, instance_type):
        if found.severity != "info":
            yield Decision(subject, f"{found.severity}: {found.fix}", found.message, found.source, "software")
