"""What a script runs, as far as its text tells: the workloads of ``efakit.catalog.variables``."""

from __future__ import annotations

import re
from functools import cached_property

from efakit.lint.script.launchers import MPI_LAUNCHERS, Launch, launches
from efakit.lint.script.model import Command, Script

# NCCL's tests (https://github.com/NVIDIA/nccl-tests) and NVSHMEM's.
_NCCL_TESTS = re.compile(
    r"(all_reduce|all_gather|alltoall|alltoallv|broadcast|reduce|reduce_scatter|sendrecv|scatter|gather|hypercube)_perf\Z"
)
_INTEL_MODULE = re.compile(r"(intel|i)-?(oneapi-)?mpi|impi|intel-oneapi", re.IGNORECASE)
_NCCL_PREFIXES = ("NCCL_", "TORCH_NCCL_", "OFI_NCCL_")


class Jobs:
    """The launchers of a script and the workloads that they amount to."""

    def __init__(self, script: Script) -> None:
        self.script = script

    @cached_property
    def launches(self) -> list[tuple[Command, tuple[Launch, ...]]]:
        """Commands that start programs of the job, with their launchers from the outside in; none inside $( )."""
        found = [(command, tuple(launches(command.words))) for command in self.script.commands]
        return [(command, chain) for command, chain in found if chain and not command.substituted]

    @cached_property
    def workloads(self) -> frozenset[str]:
        """Keys of ``efakit.catalog.variables.WORKLOADS``; none where nothing is sure."""
        if self._neuron:
            return frozenset({"neuron"})
        found = {"nvshmem"} if self._sets("NVSHMEM_") else set()
        mpi = self._mpi_launcher
        if self._nccl:
            found |= {"nccl", "mpi-launch"} if mpi == "openmpi" else {"nccl"}
        elif mpi is not None:
            found.add(mpi)
        return frozenset(found)

    @cached_property
    def _kinds(self) -> frozenset[str]:
        return frozenset(launch.kind for _, chain in self.launches for launch in chain)

    @cached_property
    def _texts(self) -> frozenset[str]:
        """Every literal word of a command, without its folder."""
        words = (word.text for command in self.script.commands for word in command.words)
        return frozenset(text.rpartition("/")[2] for text in words)

    def _sets(self, *prefixes: str) -> bool:
        return any(item.name.startswith(prefixes) for item in self.script.assignments)

    @cached_property
    def _nccl(self) -> bool:
        return (
            bool(self._kinds & {"torchrun", "accelerate", "deepspeed"})
            or self._sets(*_NCCL_PREFIXES)
            or any(_NCCL_TESTS.match(text) for text in self._texts)
        )

    @cached_property
    def _neuron(self) -> bool:
        return self._sets("NEURON_RT_", "NEURON_CC_", "NEURON_FUSE_") or bool(
            self._texts & {"nccom-test", "neuron_parallel_compile", "neuronx-cc"}
        )

    @cached_property
    def _mpi_launcher(self) -> str | None:
        modules = [name for names, _ in self.script.modules for name in names]
        intel = any(_INTEL_MODULE.match(name) for name in modules) or self._sets("I_MPI_")
        if intel or "mpiexec.hydra" in self._texts:
            return "intelmpi"
        open_mpi = any(name.lower().startswith("openmpi") for name in modules) or self._sets("OMPI_", "PRTE_")
        if open_mpi or self._texts & set(MPI_LAUNCHERS):
            return "openmpi"
        return None
