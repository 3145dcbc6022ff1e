"""The rules asked of scripts. A new one is a row of the registry and a function with ``@rule`` here."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import NamedTuple

from efakit.catalog.instances import Instance
from efakit.lint.checks import Checks
from efakit.lint.edit import Edit
from efakit.lint.script.launchers import Launch
from efakit.lint.script.model import Script
from efakit.lint.script.text import Span
from efakit.lint.script.workload import Jobs
from efakit.rules.releases import with_ranks
from efakit.rules.target import Target

_MODULES = (
    *("file_rules", "sbatch_rules", "task_rules", "gpu_rules", "launch_rules", "name_rules", "variable_rules"),
    *("software_rules", "step_rules", "line_rules", "container_rules", "slurm_rules"),
)


_PER_NODE = ("N", "npernode", "ppn", "perhost", "map-by", "ntasks-per-node")


class Problem(NamedTuple):
    """What a rule found: where, what is wrong there, what to do, and the edits that do it where that is safe.

    ``rule``, ``severity`` and ``source``: those of a row of the catalog, where the rule speaks for rows.
    """

    span: Span
    message: str
    fix: str = ""
    edits: tuple[Edit, ...] = ()
    severity: str | None = None
    rule: str | None = None
    source: str | None = None
    about: tuple[str, ...] = ()


class Surroundings(NamedTuple):
    """What the caller knows beside the text. ``folders``: those that are there, seen from the script's folder."""

    target: Target
    instance: Instance | None = None
    has_folder: Callable[[str], bool] | None = None
    efa: bool = True
    """Whether the nodes have EFA, as far as is known."""
    shared: bool = False
    """Whether jobs may share the nodes even where they do not say so."""
    named_line: Callable[[int], str] | None = None
    """What messages call a line of the script; None: by its number."""


class Context:
    """One script and what is known of where it is to run."""

    def __init__(self, script: Script, surroundings: Surroundings) -> None:
        self.script = script
        self.surroundings = surroundings
        self.jobs = Jobs(script)
        self._directives: dict[tuple[tuple[str, ...], int], str | None] = {}

    @cached_property
    def target(self) -> Target:
        """The stack and the instance type, as far as they are known, the ranks of a node, and one node if so."""
        target = self.surroundings.target
        if self.is_on_one_node:
            target = target._replace(nodes=1)
        if not self.surroundings.efa:
            target = target._replace(versions={**target.versions, "efa_interfaces": "0"})
        ranks = self.ranks_per_node
        if ranks is None or not target.known:
            return target
        return with_ranks(target, ranks)

    @cached_property
    def is_on_one_node(self) -> bool:
        """Whether all that is launched stays on one node, as far as the text tells."""
        if self.script.kind == "sbatch" and (self.number("nodes") or 1) == 1:
            return True
        chains = [chain for _, chain in self.jobs.work]
        return bool(chains) and all(
            chain[0].kind == "torchrun" and not chain[0].gaps and self._takes_one_node(chain[0]) for chain in chains
        )

    def _takes_one_node(self, launch: Launch) -> bool:
        option = launch.option("nnodes")
        return option is None or self.script.known_value(option.value) == "1"

    @cached_property
    def workloads(self) -> frozenset[str]:
        """What the script runs, as far as the instance type can: Trainium, and types without GPUs, run no NCCL."""
        instance, told = self.surroundings.instance, self.jobs.workloads
        if instance is None:
            return told
        if instance.neuron_devices:
            return frozenset({"neuron"}) if told & {"nccl", "mpi-launch", "neuron"} else told
        return told if instance.gpus else told - {"nccl", "mpi-launch", "nvshmem", "neuron"}

    @cached_property
    def ranks_per_node(self) -> int | None:
        """The most ranks that a node gets, None where the script does not tell."""
        nodes, tasks = self.number("nodes"), self.number("ntasks")
        found = [self.number("ntasks-per-node"), -(-tasks // nodes) if nodes and tasks else None]
        for _, chain in self.jobs.work:
            names = ("ntasks-per-node",) if chain[0].kind == "srun" else _PER_NODE
            option = chain[0].option(*names) if chain[0].kind in ("srun", "mpirun") else None
            text = self.script.known_value(option.value) if option is not None else None
            digits = re.fullmatch(r"(?:ppr:)?(\d{1,5})(?::node.*)?", text or "")
            found.append(int(digits[1]) if digits else None)
        return max((ranks for ranks in found if ranks), default=None)

    def line(self, number: int) -> str:
        """Return what a message calls a line of the script."""
        return (self.surroundings.named_line or "line {}".format)(number)

    def directive(self, *names: str, component: int = 0) -> str | None:
        """Return the value in force of a #SBATCH option, "" of one without a value, None where it is not there."""
        asked = (names, component)
        if asked not in self._directives:
            found = [
                item.value or ""
                for item in self.script.directives
                if item.option in names and item.in_force and item.component == component
            ]
            self._directives[asked] = found[-1] if found else None
        return self._directives[asked]

    def number(self, *names: str) -> int | None:
        """Return the whole number that a #SBATCH option has in force, None where there is none."""
        value = self.directive(*names)
        return int(value) if value is not None and value.isascii() and value.isdigit() and len(value) < 9 else None


Check = Callable[[Context], Iterator[Problem]]


_checks: Checks[Check] = Checks("script", tuple(f"efakit.lint.script.{module}" for module in _MODULES))
rule, for_rows, all_rules = _checks.rule, _checks.for_rows, _checks.all
