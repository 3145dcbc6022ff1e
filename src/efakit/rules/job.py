"""What is wrong with what a job asks of a node, in the words of every file: for scripts and for a spec's jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from efakit.rules.cluster import Fault

if TYPE_CHECKING:
    from efakit.catalog.instances import Instance


def gpus_of_instance(asks: str, gpus: int, instance: Instance) -> Fault | None:
    """Return what is wrong where ``asks`` speaks of another number of GPUs a node than the type has; None: nothing.

    ``asks`` is the beginning of the message, such as "--gpus-per-node asks for".
    """
    if instance.gpus is None or gpus == instance.gpus:
        return None
    if not instance.gpus:
        return Fault(f"{asks} {gpus} a node, and {instance.name} has no GPUs", "remove it, or take nodes with GPUs")
    message = f"{asks} {gpus} a node, and {instance.name} has {instance.gpus} GPUs"
    return Fault(message, f"write {instance.gpus}")


def more_ranks_than_gpus(launcher: str, ranks: int, gpus: int, instance: Instance | None) -> Fault | None:
    """Return what is wrong where a launcher starts more ranks a node than the job asks for GPUs a node; None: nothing.

    ``instance`` is the nodes' type, None where it is not known.
    """
    if ranks <= gpus:
        return None
    message = f"{launcher} starts {ranks} ranks a node, and the job asks for {gpus} GPUs a node"
    too_many = instance is not None and instance.gpus is not None and ranks > instance.gpus
    return Fault(message, f"write {gpus}" if too_many else f"write {gpus}, or ask for {ranks}")
