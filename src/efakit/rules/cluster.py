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
    return Fault(f"{instance.name} of {resource} has no EFA", "disable EFA, or use a type with EFA")


def counts(resource: str, least: int, most: int) -> Fault | None:
    """Return what is wrong where a compute resource keeps more nodes up than it may have; None: nothing."""
    if least <= most:
        return None
    message = f"{resource} keeps {least} nodes running, but has at most {most}"
    return Fault(message, "raise MaxCount (nodes in a spec), or lower MinCount (min_nodes)")


def usage_class(instance: Instance, capacity: str | None) -> Fault | None:
    """Return what is wrong where EC2 does not sell a type as ``capacity``, such as spot; None: nothing, or unknown."""
    if not capacity or not instance.usage_classes or instance.sold_as(capacity):
        return None
    sold = ", ".join(sorted(instance.usage_classes))
    message = f"{instance.name} is not sold as {capacity} (it is sold as {sold})"
    return Fault(message, "use another CapacityType (capacity in a spec) or another type")


def block_without_reservation(resource: str) -> Fault:
    """Return what is wrong where a compute resource on a Capacity Block names no reservation's id."""
    message = f"{resource} runs on a Capacity Block, but names none"
    fix = (
        "set the id of the block's reservation, cr-...: CapacityReservationTarget/CapacityReservationId in a config, "
        "reservation in a spec"
    )
    return Fault(message, fix)


def spot_with_reservation(resource: str, reservation: str) -> Fault:
    """Return what is wrong where a compute resource on spot instances names a reservation."""
    message = f"{resource} uses spot instances, but names the reservation {reservation}"
    return Fault(message, "use CapacityType ONDEMAND (capacity: on-demand in a spec), or remove the reservation")


def job_too_large(job: str, nodes: int, queue: str, most: int) -> Fault | None:
    """Return what is wrong where a job asks for ``nodes`` of a queue that has at most ``most``; None: nothing."""
    if nodes <= most:
        return None
    message = f"job {job} requests {nodes} nodes, but queue {queue} has {most}"
    return Fault(message, f"request at most {most} nodes, or add nodes to the queue")
