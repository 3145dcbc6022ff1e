"""Rules for Slurm's own variables in scripts, and for variables that nobody sets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import SequenceMatcher

from efakit.lint.script.model import Command, Ref, Script
from efakit.lint.script.rule import Context, Problem, rule
from efakit.lint.script.templates import TEMPLATE_VARIABLE
from efakit.lint.script.text import Span
from efakit.nearness import did_you_mean

# Variables that Slurm sets only where the option is given (sbatch's manual, OUTPUT ENVIRONMENT VARIABLES).
_BY_OPTION = {
    "SLURM_GPUS_PER_NODE": ("gpus-per-node",),
    "SLURM_NTASKS_PER_NODE": ("ntasks-per-node",),
    "SLURM_CPUS_PER_TASK": ("cpus-per-task", "tres-per-task"),
    "SLURM_GPUS": ("gpus",),
    "SLURM_GPUS_PER_TASK": ("gpus-per-task", "tres-per-task"),
    "SLURM_NTASKS": ("ntasks", "ntasks-per-node", "ntasks-per-gpu", "ntasks-per-socket", "ntasks-per-core"),
    "SLURM_ARRAY_TASK_ID": ("array",),
    "SLURM_ARRAY_JOB_ID": ("array",),
}
_COUNTS_BY_NODE = ("SLURM_TASKS_PER_NODE", "SLURM_JOB_CPUS_PER_NODE")
# What a login shell, Slurm, the platform (dstack, SageMaker, Kubeflow, torchrun) or a system has anyway.
_USUAL = re.compile(
    r"(SLURM\w*|SBATCH\w*|PATH|HOME|USER|LOGNAME|SHELL|PWD|OLDPWD|HOSTNAME|TMPDIR|TMP|TEMP|LANG|LC_\w+|TERM|UID|EUID|PPID"
    r"|RANDOM|SECONDS|LINENO|BASH\w*|FUNCNAME|IFS|OPTARG|OPTIND|REPLY|PIPESTATUS|EPOCHSECONDS|LD_LIBRARY_PATH|LD_PRELOAD"
    r"|PYTHONPATH|CUDA_VISIBLE_DEVICES|CUDA_HOME|CONDA\w*|VIRTUAL_ENV|MANPATH|EDITOR|MODULE\w*|XDG_\w+|AWS_\w+|SCRATCH|WORK"
    r"|DSTACK_\w+|SM_\w+|PET_\w+|JOB_COMPLETION_INDEX"
    r"|PROJECT|HF_\w+|WANDB_\w+|OMPI_COMM_\w+|PMI_\w+|PMIX_\w+|MACHTYPE|OSTYPE|HOSTTYPE|GROUPS|_|\d+|[@*#?$!-])\Z"
)


@rule("slurm-variable-unset")
def slurm_variable_unset(context: Context) -> Iterator[Problem]:
    """Point out $SLURM_GPUS_PER_NODE without --gpus-per-node, and the like."""
    script = context.script
    if script.kind != "sbatch" or script.is_template:
        return
    known = {item.name for item in script.assignments} | script.defined
    for name, span in _uses(script, tuple(_BY_OPTION)):
        options = _BY_OPTION[name]
        if name not in known and all(context.directive(option) is None for option in options):
            message = f"{name} is not set: Slurm sets it only with --{options[0]}, which the script does not use"
            yield Problem(span, message, f"#SBATCH --{options[0]}=..., or ${{{name}:-...}}")


@rule("slurm-list-as-number")
def slurm_list_as_number(context: Context) -> Iterator[Problem]:
    """Point out arithmetic with SLURM_TASKS_PER_NODE and SLURM_JOB_CPUS_PER_NODE, and a typed count of GPUs."""
    text = context.script.source.text
    for match in re.finditer(r"\$\(\((.*?)\)\)", text):
        for name in _COUNTS_BY_NODE:
            if re.search(rf"\b{name}\b", match[1]):
                yield Problem(
                    _span(text, match.start(), match.end()),
                    f"{name} is a list such as 64(x2),43, not a number",
                    "SLURM_NTASKS / SLURM_JOB_NUM_NODES, or ${SLURM_TASKS_PER_NODE%%[(,]*}",
                )
    typed = context.directive("gpus-per-node")
    if typed and ":" in typed:
        for name, span in _uses(context.script, ("SLURM_GPUS_PER_NODE",)):
            yield Problem(span, f"{name} is {typed} here, not a number", "--gpus-per-node without a type")


def _span(text: str, start: int, end: int) -> Span:
    def size(part: str) -> int:
        return len(part.encode("utf-8", "surrogateescape"))

    return Span(size(text[:start]), size(text[:end]))


def _uses(script: Script, names: tuple[str, ...]) -> Iterator[tuple[str, Span]]:
    """Give each first use of a variable, in code and without a word on what to do where it is not set."""
    seen: set[str] = set()
    for command in script.commands:
        yield from _first_uses([ref for word in command.words for ref in word.refs], names, seen)
    for item in script.assignments:
        yield from _first_uses(list(item.word.refs) if item.word is not None else [], names, seen)


def _first_uses(refs: list[Ref], names: tuple[str, ...], seen: set[str]) -> Iterator[tuple[str, Span]]:
    for ref in refs:
        inner = re.findall(r"\b(SLURM_\w+)\b", ref.whole) if not ref.name else [ref.name]
        for name in inner:
            if name in names and name not in seen and not ref.guarded and f"{name}:" not in ref.whole:
                seen.add(name)
                yield name, ref.span


@rule("undefined-variable")
def undefined_variable(context: Context) -> Iterator[Problem]:
    """Point out $NAME in the words of a launch, where the script neither sets NAME nor says what to do without."""
    script = context.script
    names = {item.name for item in script.assignments} | script.defined | set(script.arrays) | script.exported
    if script.is_template or script.kind == "env-file":
        return
    found: dict[str, Ref] = {}
    for command, _ in context.jobs.launches:
        for ref in _plain_refs(command):
            if ref.name not in names and ref.name not in found and not _is_set_in_text(script, ref.name):
                found[ref.name] = ref
    if script.takes_from_elsewhere and not any(_meant(script, name) for name in found):
        return
    for name, ref in found.items():
        near = _meant(script, name)
        fix = did_you_mean([f"${near}"]) if near else f"set {name}, or write ${{{name}:?}}"
        # A script without #SBATCH lines is called by another one, which may export the variable.
        severity = "info" if script.kind == "shell" and not near else None
        yield Problem(ref.span, f"a launch line uses {name}, which nothing sets", fix, severity=severity)


def _is_set_in_text(script: Script, name: str) -> bool:
    """Return whether a line sets a variable, also where the grammar has not understood that line."""
    return re.search(rf"^\s*(?:\w+\s+)?{re.escape(name)}\+?=", script.source.text, re.MULTILINE) is not None


def _plain_refs(command: Command) -> Iterator[Ref]:
    # The folder of the program itself often comes from a module: $MPI_HOME/bin/mpirun.
    for word in command.words[1:] if command.name else command.words:
        for ref in word.refs:
            if (
                ref.name
                and not ref.guarded
                and not _USUAL.match(ref.name)
                and not ref.name.startswith(TEMPLATE_VARIABLE)
            ):
                yield ref


def _meant(script: Script, name: str) -> str | None:
    """Return a variable that the script sets and never reads, with a name like this one."""
    unread = {item.name for item in script.assignments if item.kind in ("plain", "export")} - script.referenced
    parts = {part for part in name.split("_") if len(part) > 3}
    best = [other for other in sorted(unread) if parts & set(other.split("_")) or _alike(name, other)]
    return best[0] if best else None


def _alike(one: str, other: str) -> bool:
    return SequenceMatcher(None, one, other).ratio() > 0.8
