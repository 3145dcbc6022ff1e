"""Rules for command lines: what srun and mpirun pass on, and what comes too late or too early."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

from efakit.lint.edit import Edit
from efakit.lint.script.launchers import Launch
from efakit.lint.script.model import GAP, Word
from efakit.lint.script.rule import Context, Problem, rule
from efakit.lint.script.steps import step_nodes
from efakit.lint.script.text import Span
from efakit.lint.script.words import assignment_in, parts

_OF_SAGEMAKER = "/opt/ml/input/"  # there the request of the training job sets the environment
_NETWORK = ("NCCL_", "FI_", "OFI_NCCL_", "OMPI_", "I_MPI_", "NEURON_", "NVSHMEM_")


@rule("export-without-all")
def export_without_all(context: Context) -> Iterator[Problem]:
    """Point out srun --export=A=1 and #SBATCH --export=A=1."""
    for _, chain in context.jobs.launches:
        for launch in chain:
            option = launch.option("export") if launch.kind == "srun" else None
            if option is not None and option.value is not None and _drops(option.value.text):
                edits = _all_added(context, option.span, option.value.split)
                yield Problem(option.span, _dropped(option.value.text), "--export=ALL,...", edits)
    for item in context.script.directives:
        if item.option == "export" and item.in_force and item.value and _drops(item.value):
            edits = _all_added(context, item.span, False)
            yield Problem(item.span, _dropped(item.value), "--export=ALL,...", edits)


def _drops(value: str) -> bool:
    first = value.split(",")[0].upper()
    items = [item.upper() for item in value.split(",")]
    return bool(value) and GAP not in first and "ALL" not in items and items not in (["NONE"], ["NIL"])


def _dropped(value: str) -> str:
    shown = value.replace(GAP, "...")
    return f"--export={shown} drops the rest of the environment: ALL is missing"


def _all_added(context: Context, span: Span, split: bool) -> tuple[Edit, ...]:
    text = context.script.source.at(span)
    match = re.match(r"--export(=|\s+)[\"']?", text)
    if match is None or split:
        return ()
    place = span.start + match.end()
    return (Edit(place, place, b"ALL,"),)


@rule("container-env-value")
def container_env_value(context: Context) -> Iterator[Problem]:
    """Point out --container-env=NAME=value."""
    for _, chain in context.jobs.launches:
        option = chain[0].option("container-env")
        if option is None or option.value is None:
            continue
        pairs = [pair for item in parts(option.value, ",") if (pair := assignment_in(item)) is not None]
        if not pairs:
            continue
        names = ", ".join(name for name, _ in pairs)
        message = f"--container-env takes names only: the values given for {names} have no effect"
        edits = _names_only(context, option.value, pairs)
        yield Problem(
            option.span,
            message,
            f"export {names}, and write --container-env={','.join(name for name, _ in pairs)}",
            edits,
        )


def _names_only(context: Context, value: Word, pairs: list[tuple[str, Word]]) -> tuple[Edit, ...]:
    """Return the option with names alone, where the job itself exports each with the value that stands here."""
    script = context.script
    set_to = {item.name: item.value for item in script.assignments if item.kind in ("export", "srun-export")}
    text = value.text
    raw = script.source.at(value.span)
    itself = all(
        set_to.get(name, GAP) == item.literal if item.literal is not None else _is_itself(name, item)
        for name, item in pairs
    )
    if not itself or value.split or GAP in text or not raw.endswith(text) or '"' in raw or "'" in raw:
        return ()
    names = ",".join(item.partition("=")[0] for item in text.split(","))
    start = value.span.end - len(text.encode())
    return (Edit(start, value.span.end, names.encode()),)


def _is_itself(name: str, value: Word) -> bool:
    return [ref.name for ref in value.refs] == [name] and value.text == GAP


@rule("forwarded-unset")
def forwarded_unset(context: Context) -> Iterator[Problem]:
    """Point out -x of a variable of the network that nothing in the script sets."""
    script = context.script
    if script.takes_efa_from_elsewhere or script.is_template or _OF_SAGEMAKER in script.source.text:
        return
    names = {item.name for item in script.assignments} | script.defined | script.exported
    for _, chain in context.jobs.launches:
        for launch in chain:
            for option in launch.options if launch.kind == "mpirun" else ():
                name = option.value.literal if option.name == "x" and option.value is not None else None
                if name and name.startswith(_NETWORK) and "=" not in name and name not in names:
                    message = f"mpirun -x {name} passes nothing on: the script does not set {name}"
                    yield Problem(option.span, message, f"export {name}, or remove -x {name}")


@rule("forwarded-not-exported")
def forwarded_not_exported(context: Context) -> Iterator[Problem]:
    """Point out -x of a variable that the script sets for itself alone."""
    script = context.script
    exported = {item.name for item in script.assignments if item.kind != "plain"} | script.exported
    plain = {item.name for item in script.assignments if item.kind == "plain"} - exported
    for _, chain in context.jobs.launches:
        for launch in chain:
            for option in launch.options if launch.kind == "mpirun" and not script.exports_all else ():
                name = option.value.literal if option.name == "x" and option.value is not None else None
                if name in plain and str(name).startswith(_NETWORK):
                    yield Problem(
                        option.span, f"mpirun -x {name} passes nothing on: {name} is not exported", f"export {name}"
                    )


@rule("intelmpi-library-order")
def intelmpi_library_order(context: Context) -> Iterator[Problem]:
    """Point out the variable below ``module load intelmpi``."""
    loads = [span.start for names, span in context.script.modules if any(_is_intel(name) for name in names)]
    for item in context.script.assignments:
        if item.name == "I_MPI_OFI_LIBRARY_INTERNAL" and loads and item.span.start > max(loads):
            message = (
                "I_MPI_OFI_LIBRARY_INTERNAL is set after module load: Intel MPI has already chosen its own libfabric"
            )
            yield Problem(item.span, message, "set it before module load")


def _is_intel(name: str) -> bool:
    return re.match(r"intel-?(oneapi-)?mpi|impi", name, re.IGNORECASE) is not None


@rule("launcher-in-launcher")
def launcher_in_launcher(context: Context) -> Iterator[Problem]:
    """Point out srun mpirun and mpirun srun, unless the outer one starts a single task."""
    for _, chain in context.jobs.launches:
        for outer, inner in itertools.pairwise(chain):
            if {outer.kind, inner.kind} == {"srun", "mpirun"} and not _single(context, outer):
                message = f"{outer.word.text} starts {inner.word.text} once per rank, and each of them starts all ranks"
                yield Problem(inner.word.span, message, f"use {outer.word.text} or {inner.word.text} alone")
            elif _starts_all_nodes(inner) and outer.kind == "srun" and (step_nodes(context, chain) or 1) > 1:
                message = "srun starts deepspeed on each node, and each of them starts the ranks of all nodes"
                yield Problem(
                    inner.word.span,
                    message,
                    "start deepspeed once, without srun; or one a node with --no_ssh and --node_rank, and no hostfile",
                )


def _starts_all_nodes(launch: Launch) -> bool:
    """Return whether deepspeed starts ranks on the hosts of a file, by ssh or another launcher."""
    hosts = launch.option("hostfile", "H")
    return launch.kind == "deepspeed" and hosts is not None and not launch.gaps and not launch.option("no_ssh")


def _single(context: Context, launch: Launch) -> bool:
    option = launch.option("ntasks", "n", "np")
    return option is not None and context.script.known_value(option.value) == "1"


@rule("two-launchers")
def two_launchers(context: Context) -> Iterator[Problem]:
    """Point out the second kind of launcher where both start MPI programs."""
    first: dict[str, Launch] = {}
    for _, chain in context.jobs.launches:
        launch = chain[0]
        is_mpi = launch.kind == "mpirun" or (launch.kind == "srun" and launch.option("mpi") is not None)
        if is_mpi:
            first.setdefault(launch.kind, launch)
    if len(first) == 2:
        one, other = sorted(first.values(), key=lambda launch: launch.word.span.start)
        message = f"{one.word.text} and {other.word.text} both start ranks in this script, each with its own count"
        yield Problem(other.word.span, message, "use one of them for all ranks")


@rule("preload-fixed-nccl")
def preload_fixed_nccl(context: Context) -> Iterator[Problem]:
    """Point out LD_PRELOAD=/.../libnccl.so."""
    for item in context.script.assignments:
        text = item.word.text if item.word is not None else ""
        if item.name == "LD_PRELOAD" and item.reaches and re.search(r"/libnccl\.so", text):
            message = "LD_PRELOAD names one NCCL file: another image or the next release has it at another path"
            yield Problem(item.span, message, "add its folder to LD_LIBRARY_PATH, or install that NCCL")
