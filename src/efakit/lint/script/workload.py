"""What a script runs, as far as its text tells: the workloads of ``efakit.catalog.variables``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property

from efakit.lint.script.launchers import MPI_LAUNCHERS, Launch, launches
from efakit.lint.script.model import Command, Script

# NCCL's tests (https://github.com/NVIDIA/nccl-tests) and NVSHMEM's.
_NCCL_TESTS = re.compile(
    r"(all_reduce|all_gather|alltoall|alltoallv|broadcast|reduce|reduce_scatter|sendrecv|scatter|gather|hypercube)_perf\Z"
)
_INTEL_MODULE = re.compile(r"(intel|i)-?(oneapi-)?mpi|impi|intel-oneapi", re.IGNORECASE)
_NEURON_PREFIXES = ("NEURON_", "CCOM_")
_NEURON = re.compile(
    r"neuronx|aws_neuron|torch_neuron|optimum[-_.]neuron|\bneuron_parallel_compile\b|\bneuron-(ls|top|monitor)\b|\bnccom-test\b"
)
_NCCL_PREFIXES = ("NCCL_", "TORCH_NCCL_", "OFI_NCCL_")


# Programs that look around, make room or copy; no work of a job.
_ODD_JOBS = frozenset(
    (
        *("hostname", "echo", "printf", "test", "[", "[[", "true", "sleep", "date", "uname", "whoami", "id", "env"),
        *(
            "printenv",
            "ls",
            "cat",
            "mkdir",
            "rm",
            "cp",
            "mv",
            "rsync",
            "tar",
            "touch",
            "chmod",
            "ln",
            "sync",
            "df",
            "du",
        ),
        *("nproc", "lscpu", "free", "nvidia-smi", "ibv_devinfo", "ibv_devices", "fi_info", "lspci", "dmesg", "tee"),
        *(
            "enroot",
            "aws",
            "curl",
            "wget",
            "which",
            "grep",
            "pkill",
            "killall",
            "kill",
            "sysctl",
            "dcgmi",
            "sudo",
            "ip",
        ),
        *(
            "scontrol",
            "rdma",
            "ulimit",
            "cd",
            "export",
            "lsmod",
            "modinfo",
            "dd",
            "find",
            "sbcast",
            "exit",
            "xargs",
            "awk",
        ),
    )
)
_SHELLS = ("bash", "sh")
# Strings, redirections and command substitutions of a line.
_NO_COMMANDS = re.compile(r'"[^"]*"|\'[^\']*\'|\d*>+&?\s*[\w/.-]+|\$\([^()]*\)')


def _looks_around(chain: Sequence[Launch]) -> bool:
    """Return whether launchers start nothing but programs that look around."""
    program = chain[-1].program
    if chain[-1].kind not in ("srun", "mpirun", "remote") or not program:
        return False
    name = program[0].text.rpartition("/")[2]
    if name in _SHELLS and len(program) > 2 and re.fullmatch(r"-[a-z]*c", program[1].text):
        text = _NO_COMMANDS.sub(" ", program[2].text)
        commands = (part.split() for part in re.split(r"\n|;|&&|\|\|", text))
        return all(words[0].rpartition("/")[2] in _ODD_JOBS or "=" in words[0] for words in commands if words)
    return name in _ODD_JOBS


class Jobs:
    """The launchers of a script and the workloads that they amount to."""

    def __init__(self, script: Script) -> None:
        self.script = script

    @cached_property
    def launches(self) -> list[tuple[Command, tuple[Launch, ...]]]:
        """Commands that start programs of the job, with their launchers from the outside in; none inside $( ).

        The launchers of ``srun bash -c 'torchrun ...'`` are srun and torchrun.
        """
        found = []
        for command in self.script.commands:
            own = () if command.substituted else tuple(launches(command.words))
            if own:
                found.append((command, (*launches(command.scope.outer), *own)))
        return found

    @cached_property
    def work(self) -> list[tuple[Command, tuple[Launch, ...]]]:
        """Launches of the job's own programs: none that only looks around, such as ``srun hostname``."""
        return [(command, chain) for command, chain in self.launches if not _looks_around(chain)]

    @cached_property
    def workloads(self) -> frozenset[str]:
        """Keys of ``efakit.catalog.variables.WORKLOADS``; none where nothing is sure."""
        if self._neuron:
            return frozenset({"neuron"})
        found = {"nvshmem"} if self._sets("NVSHMEM_") or self._names_nvshmem else set()
        mpi = self._mpi_launcher
        if self._nccl:
            found |= {"nccl", "mpi-launch"} if mpi == "openmpi" else {"nccl"}
        elif mpi is not None:
            found.add(mpi)
        return frozenset(found)

    @cached_property
    def node_launchers(self) -> bool:
        """Whether torchrun or the like starts ranks, or a variable holds its name."""
        texts = (item.word.text for item in self.script.assignments if item.word is not None)
        named = any(re.search(r"torchrun|torch\.distributed|accelerate launch|\bdeepspeed\b", text) for text in texts)
        return named or bool(self._kinds & {"torchrun", "accelerate", "deepspeed"})

    @cached_property
    def _kinds(self) -> frozenset[str]:
        return frozenset(launch.kind for _, chain in self.launches for launch in chain)

    @cached_property
    def _texts(self) -> frozenset[str]:
        """Every literal word of a command, without its folder."""
        words = (word.text for command in self.script.commands for word in command.words)
        return frozenset(text.rpartition("/")[2] for text in words)

    @cached_property
    def _names_nvshmem(self) -> bool:
        """Whether a launch names a program or an image of NVSHMEM."""
        return any("nvshmem" in word.text.lower() for command, _ in self.launches for word in command.words)

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
        """Whether a variable of Neuron's or of its collectives, or a program or folder of theirs is named."""
        read = any(name.startswith(_NEURON_PREFIXES) for name in self.script.referenced)
        words = (word.text for command in self.script.commands for word in command.words)
        return read or self._sets(*_NEURON_PREFIXES) or any(_NEURON.search(text) for text in words)

    @cached_property
    def _mpi_launcher(self) -> str | None:
        modules = [name for names, _ in self.script.modules for name in names]
        intel_module = any(_INTEL_MODULE.match(name) for name in modules)
        if intel_module and any(name.lower().startswith("openmpi") for name in modules):
            return None  # the script's user chooses
        intel = intel_module or self._sets("I_MPI_")
        if intel or "mpiexec.hydra" in self._texts:
            return "intelmpi"
        open_mpi = any(name.lower().startswith("openmpi") for name in modules) or self._sets("OMPI_", "PRTE_")
        if open_mpi or self._texts & set(MPI_LAUNCHERS):
            return "openmpi"
        return None
