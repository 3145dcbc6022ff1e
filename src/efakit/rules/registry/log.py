"""Rules about logs: one a known line, made from the catalog's rows, and what several lines together amount to."""

from __future__ import annotations

from efakit.catalog.log_lines import LogLine, lines
from efakit.rules.registry.row import Rule

_PAGE = "docs/diagnose.md"
_HEALTHY = "gpu-1:101:190 [0] NCCL INFO NET/OFI Selected provider is efa, fabric is efa-direct (found 32 nics)"

_TOGETHER = (
    Rule(
        "log-fallback",
        room="log",
        severity="error",
        what="NCCL or MPI chose TCP sockets, and the job ran on several nodes.",
        why="The job's bytes went over TCP and not over EFA: slower, and without an error. What the log says of the "
        "reasons stands below it. Where the log does not say that there were several nodes, it is a warning.",
        wrong="gpu-1:101:190 [0] NCCL INFO Using network Socket",
        right="gpu-1:101:190 [0] NCCL INFO Using network Libfabric",
        source="https://github.com/aws/aws-ofi-nccl/issues/67",
    ),
    Rule(
        "log-nics-missing",
        room="log",
        severity="warning",
        what="The plugin found fewer EFA devices than the instance type has.",
        why="The job has only a part of the node's bandwidth.",
        wrong="NCCL INFO NET/OFI Running on p5.48xlarge platform, and: Selected provider is efa (found 4 nics)",
        right="NCCL INFO NET/OFI Running on p5.48xlarge platform, and: Selected provider is efa (found 32 nics)",
        source=_PAGE,
    ),
    Rule(
        "log-nics-differ",
        room="log",
        severity="warning",
        what="Processes of one job found different numbers of EFA devices.",
        why="A collective is as fast as its slowest node.",
        wrong="Selected provider is efa (found 32 nics) on gpu-1, (found 31 nics) on gpu-2",
        right="Selected provider is efa (found 32 nics) on gpu-1 and gpu-2",
        source=_PAGE,
    ),
    Rule(
        "log-python-exception",
        room="log",
        severity="error",
        what="A process of the job ended with an exception of Python that no row knows.",
        why="Where it is the first failure of the job, what others say afterwards only follows from it. It is reported "
        "only where the log says that the job failed: programs print exceptions that they have caught, too.",
        wrong="ValueError: could not convert string to float",
        right="a log without an exception",
        source=_PAGE,
    ),
)


def made() -> tuple[Rule, ...]:
    """Return what several lines amount to, then the rule of each line."""
    return (*_TOGETHER, *map(_of_line, lines()))


def _of_line(row: LogLine) -> Rule:
    sure = "" if row.sure else " (possible)"
    effect, cause, fix = (_without_groups(text) for text in (row.effect, row.cause, row.fix))
    return Rule(
        row.id,
        "log",
        row.severity,
        f"{row.program}: {effect}.",
        f"Cause{sure}: {cause}. What to do: {fix}.",
        row.source,
        row.example,
        _HEALTHY,
    )


def _without_groups(text: str) -> str:
    """Return a text with the names of what a line fills in: ``{error}`` becomes ``ERROR``."""
    words = text.split("{")
    return words[0] + "".join(f"{name.upper()}{rest}" for name, _, rest in (word.partition("}") for word in words[1:]))
