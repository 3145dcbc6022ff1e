"""What is wrong with a cluster that jobs are planned for, in the words of every platform: for configs and for specs."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from efakit.catalog.instances import Instance


class Fault(NamedTuple):
    """What is wrong, and what to do."""

    message: str
    fix: str


def efa_unsupported(instance: Instance, resource: str) -> Fault | None:
    """Return what is wrong where EFA is on for a type of a compute resource, named QUEUE/RESOURCE; None: nothing."""
    if instance.efa_capable:
        return None
    return Fault(f"{instance.name} of {resource} has no EFA", "turn EFA off, or take a type with EFA")


def job_too_large(job: str, nodes: int, queue: str, most: int) -> Fault | None:
    """Return what is wrong where a job asks for ``nodes`` of a queue that has at most ``most``; None: nothing."""
    if nodes <= most:
        return None
    message = f"job {job} asks for {nodes} nodes, and queue {queue} has {most}"
    return Fault(message, f"ask for at most {most} nodes, or give the queue more")
