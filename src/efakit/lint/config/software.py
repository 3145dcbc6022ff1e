"""The software that jobs get, on the nodes or in a container: too old for an instance type, or known to be bad."""

from __future__ import annotations

from collections.abc import Iterator

from efakit.catalog.stacks import stack_of
from efakit.lint.config.rule import Problem, rule
from efakit.lint.config.view import ClusterView
from efakit.rules.stack import stack_findings


@rule("software-broken")
def software_broken(view: ClusterView) -> Iterator[Problem]:
    """Refuse what surely does not work."""
    yield from _found(view, "error")


@rule("software-risky")
def software_risky(view: ClusterView) -> Iterator[Problem]:
    """Name faults that jobs may run into."""
    yield from _found(view, "warning")


def _found(view: ClusterView, severity: str) -> Iterator[Problem]:
    for resource, node, instance in view.typed():
        if not resource.efa:
            continue
        stacks = {"": resource.queue.software}
        for job in view.jobs:
            if job.software and job.queue in (None, resource.queue.name):
                stacks[f"container of job {job.name}: "] = stack_of(None, **job.software).versions()
        for where, versions in stacks.items():
            for found in stack_findings(versions, instance.name):
                if found.severity == severity:
                    yield Problem(node.path, where + found.message, found.fix, found.source)
