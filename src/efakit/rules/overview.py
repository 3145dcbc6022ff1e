"""The environment of a target as a whole: what a job sets, what the plugin sets, and what is best left alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from efakit.catalog.variables import VariableRule, rows
from efakit.rules.environment import Needed, holds, needed

if TYPE_CHECKING:
    from collections.abc import Collection

    from efakit.catalog.instances import Instance
    from efakit.rules.target import Target


class Overview(NamedTuple):
    """Every row that has to do with a target, by what follows from it. A variable stands in one list, the first."""

    set: list[Needed]
    """What a job must set."""
    undecided: list[VariableRule]
    """What a job may need: it depends on something that is not known."""
    by_plugin: list[VariableRule]
    """What the plugin sets by itself."""
    not_needed: list[VariableRule]
    """What other releases or instance types need."""
    leave: list[VariableRule]
    """What breaks the job, slows it or has no effect, at least with certain values."""


def usual_workloads(instance: Instance) -> tuple[str, ...]:
    """Return what an instance type is bought for, where nobody says what runs there (keys of ``WORKLOADS``)."""
    if instance.neuron_devices:
        return ("neuron",)
    return ("nccl",) if instance.gpus else ("openmpi",)


def overview(target: Target, workloads: Collection[str], *, efa: bool = True) -> Overview:
    """Return what every row amounts to on ``target`` for what runs there (keys of ``WORKLOADS``).

    Without ``efa`` a job sets nothing for it: NCCL_NET=Libfabric and its like would end the job.
    """
    must = needed(target, workloads)
    taken = {item.name for item in must}
    answers = [(row, holds(row, target, workloads)) for row in rows() if _concerns(row, workloads)]

    def take(effects: tuple[str, ...], answer: bool | None) -> list[VariableRule]:
        found: dict[str, VariableRule] = {}
        for row, given in answers:
            if row.effect in effects and given is answer and row.name not in taken:
                found.setdefault(row.name, row)
        taken.update(found)
        return list(found.values())

    undecided = take(("needed",), None)
    by_plugin = take(("set-by-plugin",), True)
    not_needed = take(("needed",), False)
    leave = take(("harmful", "no-effect"), True)
    return Overview(must if efa else [], undecided if efa else [], by_plugin, not_needed, leave)


# Whose variables they are, where a row speaks of them whatever the program is. With no workload all are told.
_READERS = {
    "I_MPI_": ("intelmpi",),
    "NVSHMEM_": ("nvshmem",),
    "NEURON_": ("neuron",),
    "NCCL_": ("nccl", "mpi-launch"),
    "OFI_NCCL_": ("nccl", "mpi-launch"),
    "GLOO_": ("nccl", "mpi-launch"),
}


def _concerns(row: VariableRule, workloads: Collection[str]) -> bool:
    if row.workload != "*":
        return any(workload in workloads for workload in row.workload.split())
    readers = next((value for prefix, value in _READERS.items() if row.name.startswith(prefix)), None)
    return not workloads or readers is None or any(reader in workloads for reader in readers)
