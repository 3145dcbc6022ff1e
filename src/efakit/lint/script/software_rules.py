"""Rules for the software that a script runs on, where the caller names it: versions that do not go together."""

from __future__ import annotations

from collections.abc import Iterator

from efakit.lint.script.rule import Context, Problem, rule
from efakit.lint.script.variable_rules import on_efa
from efakit.rules.stack import stack_findings


@rule("software-broken")
def software_broken(context: Context) -> Iterator[Problem]:
    """Refuse what surely does not work with NCCL."""
    yield from _found(context, "error")


@rule("software-risky")
def software_risky(context: Context) -> Iterator[Problem]:
    """Name faults that a job of NCCL may run into."""
    yield from _found(context, "warning")


def _found(context: Context, severity: str) -> Iterator[Problem]:
    """Speak at the first launcher: no line of the script names the versions."""
    first = next(iter(context.jobs.work), None)
    if first is None or "nccl" not in context.workloads or not on_efa(context):
        return
    for found in stack_findings(context.target.versions, context.target.instance):
        if found.severity == severity:
            yield Problem(first[1][0].word.span, found.message, found.fix, source=found.source)
