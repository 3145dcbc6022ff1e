"""What a job asks Slurm for: its script's #SBATCH lines, sbatch's variables, the options of the command line."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from efakit.errors import UsageError
from efakit.lint.script.model import Script, Word
from efakit.lint.script.options import SBATCH, SLURM_OPTIONS, slurm_options
from efakit.lint.script.text import Span
from efakit.nearness import nearest

# sbatch(1), INPUT ENVIRONMENT VARIABLES: they win over #SBATCH lines, and options win over them.
_VARIABLES = {
    "SBATCH_ACCOUNT": "account",
    "SBATCH_ARRAY_INX": "array",
    "SBATCH_CONSTRAINT": "constraint",
    "SBATCH_GPUS": "gpus",
    "SBATCH_GPUS_PER_NODE": "gpus-per-node",
    "SBATCH_JOB_NAME": "job-name",
    "SBATCH_MEM_PER_NODE": "mem",
    "SBATCH_PARTITION": "partition",
    "SBATCH_QOS": "qos",
    "SBATCH_RESERVATION": "reservation",
    "SBATCH_TIMELIMIT": "time",
}
# What efakit asks sbatch itself, or what would leave no job to speak of.
_INSTEAD = {
    "test-only": "use 'efakit submit --dry-run'",
    "wait": "use 'efakit submit --wait'",
    "parsable": "use 'efakit submit --format json'",
    "quiet": "use 'efakit submit --format json'",
    "clusters": "run 'efakit submit' on that cluster: it looks at the one at hand",
    "wrap": "write the command into a script",
    "help": "use 'efakit submit --help', or 'sbatch --help'",
    "usage": "use 'efakit submit --help', or 'sbatch --help'",
    "version": "use 'efakit --version', or 'sbatch --version'",
}
_NUMBER = re.compile(r"[0-9]+")
_GPUS = re.compile(r"(?:^|,)\s*(?:gres[:/])?gpu(?::[A-Za-z][^:,=]*)?(?:[:=]([0-9]+))?(?=,|$|\()")
_MEMORY = re.compile(r"([0-9]+)([KMGT]?)B?", re.IGNORECASE)
_MIB = {"K": 1 / 1024, "": 1, "M": 1, "G": 1024, "T": 1024 * 1024}


@dataclass(frozen=True)
class Request:
    """What one job asks for; what it leaves open is None or empty. A heterogeneous job is its first component."""

    options: Mapping[str, str | None] = field(default_factory=dict)
    """Every option that is in force, by its long name; None: without a value."""

    def get(self, name: str) -> str | None:
        """Return an option's value."""
        return self.options.get(name)

    @property
    def partitions(self) -> tuple[str, ...]:
        """The partitions that it may start in."""
        return tuple(name for name in (self.get("partition") or "").split(",") if name)

    @property
    def nodes(self) -> int:
        """The least number of nodes that it takes, as far as its options say."""
        said = _first_number(self.get("nodes"))
        if said is not None:
            return max(said, 1)
        named = self.get("nodelist")
        ranks, per_node = _first_number(self.get("ntasks")), _first_number(self.get("ntasks-per-node"))
        if ranks and per_node:
            return -(-ranks // per_node)
        return 1 if named is None else 0

    @property
    def gpus_per_node(self) -> int:
        """The least number of GPUs that each of its nodes must have."""
        per_node = _gpu_count(self.get("gpus-per-node"), bare=True)
        of_gres = _gpu_count(self.get("gres"), bare=False)
        total = _gpu_count(self.get("gpus"), bare=True)
        spread = -(-total // self.nodes) if total and self.nodes and self.get("nodes") else 0
        return max(per_node, of_gres, spread)

    @property
    def cpus_per_node(self) -> int:
        """The least number of CPUs that each of its nodes must have, as far as its options say."""
        per_task = _first_number(self.get("cpus-per-task")) or 1
        ranks = _first_number(self.get("ntasks-per-node")) or 1
        if "overcommit" in self.options:
            return 1
        return max(per_task * ranks, _first_number(self.get("mincpus")) or 1)

    @property
    def memory_mib(self) -> int:
        """The least memory that each of its nodes must have; 0 where it takes what there is."""
        match = _MEMORY.fullmatch((self.get("mem") or "").strip())
        return int(int(match[1]) * _MIB[match[2].upper()]) if match else 0

    @property
    def is_array(self) -> bool:
        """Whether it is an array of jobs."""
        return self.get("array") is not None


def read_request(script: Script | None, options: Sequence[str], environment: Mapping[str, str]) -> Request:
    """Return what a job asks for.

    Raises:
        UsageError: what should be sbatch's options is something else.
    """
    found: dict[str, str | None] = {}
    for directive in script.directives if script else ():
        if directive.in_force and directive.option and not directive.component:
            found[directive.option] = directive.value
    found.update({name: environment[variable] for variable, name in _VARIABLES.items() if variable in environment})
    found.update(read_options(options))
    return Request(found)


def read_options(words: Sequence[str]) -> dict[str, str | None]:
    """Return sbatch's options of a command line by their long names.

    Raises:
        UsageError: a word is no option of sbatch, or one that efakit sets itself.
    """
    listed, taken = slurm_options([Word(Span(0, 0), (word,)) for word in words], SBATCH)
    if taken < len(words):
        raise UsageError(
            f"{words[taken]!r}: only sbatch's options may follow --, such as --nodes=2 (a script takes its arguments "
            "from its own lines)"
        )
    found: dict[str, str | None] = {}
    for option in listed:
        if option.name not in SLURM_OPTIONS:
            shown = option.name if len(option.name) == 1 else f"-{option.name}"
            raise UsageError(f"-{shown} is not an option of sbatch{nearest(option.name, sorted(SLURM_OPTIONS))}")
        if option.name in _INSTEAD:
            raise UsageError(f"--{option.name}: {_INSTEAD[option.name]}")
        found[option.name] = option.value.text if option.value else None
    return found


def _first_number(value: str | None) -> int | None:
    """Return the first number: of 2-4 the least."""
    match = _NUMBER.match((value or "").strip())
    return int(match[0]) if match else None


def _gpu_count(value: str | None, *, bare: bool) -> int:
    """Return how many GPUs a value asks for: 8, h100:8, gpu:8, gpu:h100:8; ``bare``: no ``gpu:`` in front."""
    if not value:
        return 0
    if bare:
        parts = [part.rpartition(":")[2] for part in value.split(",")]
        return sum(int(part) for part in parts if part.isdecimal())
    return sum(int(match[1] or 1) for match in _GPUS.finditer(value))
