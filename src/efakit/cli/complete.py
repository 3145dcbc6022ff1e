"""What the shell's completion offers: names of the catalog, of rules and of a spec's jobs."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import click

Completion = Callable[[click.Context, click.Parameter, str], list[str]]


def _of(names: Callable[[click.Context], Iterable[str]]) -> Completion:
    def complete(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
        return [name for name in names(context) if name.startswith(incomplete)]

    return complete


def _instances(context: click.Context) -> Iterable[str]:
    from efakit.catalog.instances import all_types

    return sorted(instance.name for instance in all_types())


def _variables(context: click.Context) -> Iterable[str]:
    from efakit.catalog.variable_names import known

    return sorted(known())


def _templates(context: click.Context) -> Iterable[str]:
    from efakit.catalog.job_templates import template_names

    return template_names()


def _rules(context: click.Context) -> Iterable[str]:
    from efakit.rules.registry import rules

    return rules()


def _jobs(context: click.Context) -> Iterable[str]:
    """Return the names of the jobs of the spec on the command line, none where it cannot be read."""
    from pathlib import Path

    from efakit.errors import EfakitError
    from efakit.spec.yamltext import read_document

    # Behind an option without its value click has not told arguments and options apart yet.
    spec = context.params.get("spec") or next((word for word in context.args if not word.startswith("-")), None)
    if spec is None or str(spec) == "-":
        return ()
    try:
        data = read_document(Path(spec)).data
    except EfakitError:
        return ()
    jobs = data.get("jobs") if isinstance(data, dict) else None
    return [str(job["name"]) for job in jobs or () if isinstance(job, dict) and "name" in job]


instances = _of(_instances)
variables = _of(_variables)
rules = _of(_rules)
templates = _of(_templates)
jobs = _of(_jobs)
