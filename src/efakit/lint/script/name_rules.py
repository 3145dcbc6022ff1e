"""Rules for the names of variables: misspelt, not exported, set twice."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from efakit.catalog.variable_names import known, open_ended
from efakit.lint.script.edits import name_span
from efakit.lint.script.model import Assignment, Script
from efakit.lint.script.rule import Context, Problem, rule
from efakit.lint.script.variable_rules import rename_or_cut
from efakit.nearness import did_you_mean, is_slip, near
from efakit.rules.judgement import rows_about

# Prefixes whose names are all known, and what reads them; longer ones first.
_READERS = {
    "TORCH_NCCL_": "PyTorch",
    "NEURON_RT_": "the Neuron runtime",
    "OFI_NCCL_": "aws-ofi-nccl",
    "FI_EFA_": "libfabric's efa provider",
    "NVSHMEM_": "NVSHMEM",
    "I_MPI_": "Intel MPI",
    "NCCL_": "NCCL",
    "FI_": "libfabric",
}
# Components whose variables scripts often keep for themselves, to give them as options.
_OF_LAUNCHERS = ("accelerate", "megatron")
# Components whose names have no prefix of their own.
_OTHERS = ("pytorch", "cuda", "megatron", "accelerate", "openmp")
# Prefixes that only one program uses: a name that it does not know is no variable at all.
_OWN = ("OFI_NCCL_", "FI_EFA_")
# What users call variables of their own, which nothing is to read.
_USERS = (
    "_HOME",
    "_DIR",
    "_PATH",
    "_ROOT",
    "_VERSION",
    "_LIB",
    "_INCLUDE",
    "_TESTS",
    "_PREFIX",
    "_TAG",
    "_BIN",
    "_ARGS",
)
_JOB_PREFIXES = (*_READERS, "OMPI_MCA_", "TORCH_NCCL_", "GLOO_", "UCX_", "FI_PROVIDER", "PMIX_MCA_", "NEURON_")


@rule("misspelt-variable")
def misspelt_variable(context: Context) -> Iterator[Problem]:
    """Point out names that are near to a known one and are none."""
    for item, prefix in _unknown(context):
        meant = _nearest(item.name, prefix)
        if meant is None:
            continue
        edits = rename_or_cut(context, item, meant) if is_slip(item.name, meant) else ()
        message = f"{item.name} is not a variable that {_READERS[prefix]} reads"
        source = known()[meant].source
        yield Problem(name_span(context.script, item), message, did_you_mean([meant]), edits, source=source)
    yield from _slips_of_others(context)


def _slips_of_others(context: Context) -> Iterator[Problem]:
    """Point out names that are one letter away from one of PyTorch, CUDA and the launchers, and that nothing reads."""
    for item in context.script.assignments:
        name = item.name
        reads = item.reaches or name in context.script.exported
        if not reads or name in known() or name in context.script.referenced or name.startswith(tuple(_READERS)):
            continue
        meant = next((other for other in _names_of_others() if is_slip(name, other)), None)
        if meant is None or name == meant + "S" or any(letter.isdigit() for letter in set(name) ^ set(meant)):
            continue
        edits = rename_or_cut(context, item, meant)
        message = f"no known program reads {name}"
        span, source = name_span(context.script, item), known()[meant].source
        yield Problem(span, message, did_you_mean([meant]), edits, source=source)


@lru_cache(maxsize=1)
def _names_of_others() -> tuple[str, ...]:
    """Return names of which a user's own variable is hardly one letter away."""
    return tuple(name for name, row in known().items() if row.component in _OTHERS and len(name) > 8)


@rule("unknown-variable")
def unknown_variable(context: Context) -> Iterator[Problem]:
    """Point out FI_EFA_* and OFI_NCCL_* that no release knows."""
    for item, prefix in _unknown(context):
        if prefix in _OWN and _nearest(item.name, prefix) is None:
            yield Problem(
                name_span(context.script, item), f"no release of {_READERS[prefix]} reads {item.name}", "remove it"
            )


def _unknown(context: Context) -> Iterator[tuple[Assignment, str]]:
    for item in context.script.assignments:
        prefix = next((prefix for prefix in _READERS if item.name.startswith(prefix)), None)
        reads = item.reaches or item.name in context.script.exported
        if prefix is None or not reads or item.name.endswith(_USERS) or item.name == prefix:
            continue
        if item.name in known() or open_ended(item.name) is not None or rows_about(item.name):
            continue
        yield item, prefix


@lru_cache(maxsize=256)
def _nearest(name: str, prefix: str) -> str | None:
    return next(iter(near(name, known(prefix), cutoff=0.88)), None)


@rule("not-exported")
def not_exported(context: Context) -> Iterator[Problem]:
    """Point out NCCL_DEBUG=INFO on a line of its own, where nothing exports it or uses its value."""
    script = context.script
    if script.kind == "env-file" or script.exports_all:
        return
    exported = script.exported | {item.name for item in script.assignments if item.reaches}
    for item in script.assignments:
        row = known().get(item.name)
        ours = (row is not None and row.component not in _OF_LAUNCHERS) or bool(rows_about(item.name))
        if item.kind != "plain" or not ours or item.name in exported or item.name in script.referenced:
            continue
        if item.name.startswith(("LD_", "SLURM_")) or item.name in _USUAL or not item.name.isupper():
            continue
        if item.name in _OF_RANKS and (context.jobs.node_launchers or not context.jobs.launches):
            continue  # the launcher sets it for each rank, or there is one process
        if _is_named(script, item.name):
            continue
        message = f"{item.name} is not exported: the programs that the script starts do not see it"
        yield Problem(name_span(script, item), message, f"export {item.name}")


_BY_NAME = re.compile(rb"""\$\{![A-Za-z_]|\bexport\s+["']?\$""")


def _is_named(script: Script, name: str) -> bool:
    """Return whether code has a variable's name alone, and gives variables on whose names it reads elsewhere."""
    if _BY_NAME.search(script.source.data) is None:
        return False
    for match in re.finditer(rf"(?<![\w$!{{.-]){re.escape(name)}(?![\w=+.\[-])".encode(), script.source.data):
        if not any(comment.start <= match.start() < comment.end for comment in script.comments):
            return True
    return False


_OF_RANKS = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "GROUP_RANK")
# Usually in the environment already: an assignment changes what programs see.
_USUAL = ("PATH", "HOME", "MASTER_ADDR", "MASTER_PORT")


# Commands behind which a value that was set has still reached no program of the job.
_START_NOTHING = frozenset(
    ("echo", "printf", "module", "ml", "cd", "mkdir", "ulimit", "true", "set", "hostname", "date")
)


@rule("set-twice")
def set_twice(context: Context) -> Iterator[Problem]:
    """Point out a value that a later one overrides before anything ran with it."""
    script = context.script
    if script.is_template:
        return
    started = [command.span.start for command in script.commands if command.name not in _START_NOTHING]
    last: dict[str, Assignment] = {}
    for item in script.assignments:
        if not item.name.startswith(_JOB_PREFIXES) or item.kind not in ("plain", "export", "env-file"):
            continue
        earlier = last.get(item.name)
        if not item.conditional:
            last[item.name] = item
        if earlier is None or item.conditional or None in (item.value, earlier.value) or item.value == earlier.value:
            continue
        if any(earlier.span.start < place < item.span.start for place in started):
            continue
        line = script.source.place(item.span.start)[0]
        message = f"{item.name}={earlier.value} is overridden in {context.line(line)}: {item.name}={item.value}"
        yield Problem(earlier.span, message, "keep one of them")


# Framework and component of Open MPI whose two lists exclude each other.
_OF_TCP = ("OMPI_MCA_btl_tcp_if_", "OMPI_MCA_oob_tcp_if_")


@rule("tcp-include-and-exclude")
def tcp_include_and_exclude(context: Context) -> Iterator[Problem]:
    """Point out two lists of interfaces for TCP that exclude each other."""
    script = context.script
    set_ = [
        item for item in script.assignments if not item.conditional and (item.reaches or item.name in script.exported)
    ]
    for prefix in _OF_TCP:
        lists = [next((item for item in set_ if item.name == prefix + which), None) for which in ("include", "exclude")]
        first, second = lists
        if (
            first is None
            or second is None
            or any(item.name in script.unset or item.value == "" for item in (first, second))
        ):
            continue
        message = f"{first.name} and {second.name} are both set: Open MPI refuses the two together"
        yield Problem(name_span(script, first), message, "keep one of them")
