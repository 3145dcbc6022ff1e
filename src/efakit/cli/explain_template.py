"""``efakit explain --template``: what a job template launches, which keys of a job it reads, what it sets."""

from __future__ import annotations

import json

import click

from efakit.catalog.job_templates import JobTemplate, job_template, template_names
from efakit.catalog.variables import WORKLOADS
from efakit.cli.wrapped import wrapped
from efakit.errors import UsageError
from efakit.nearness import nearest

_LAUNCHERS = {
    "srun": "srun starts each rank",
    "mpirun": "mpirun starts each rank",
    "node": "srun starts one launcher per node, which starts the node's ranks",
    "none": "your own script starts the ranks",
}


def explain_template(name: str, form: str) -> None:
    """Print a template; raise UsageError for a name that no built-in template has."""
    names = template_names()
    if name not in names:
        raise UsageError(f"--template: unknown template {name!r}{nearest(name, names)} ({', '.join(names)})")
    row = job_template(name)
    if form == "json":
        click.echo(json.dumps({**row._asdict(), "variables": [item._asdict() for item in row.variables]}, indent=2))
        return
    _print(row)


def _print(row: JobTemplate) -> None:
    click.echo(f"{row.name}: {row.what}")
    click.echo(f"  {_LAUNCHERS[row.launcher]}")
    if row.needs:
        click.echo(f"  needs nodes with {'GPUs' if row.needs == 'gpu' else 'Neuron devices'}")
    if row.workloads:
        click.echo(f"  environment: that of {' and '.join(WORKLOADS[name] for name in row.workloads)}")
    keys = ", ".join(f"{key} (required)" if key in row.required else key for key in row.keys)
    click.echo(wrapped(f"keys of its own: {keys}", 110, "  ", "    "))
    for title, words in (("program", [row.program]), ("args", row.args), ("launcher_args", row.launcher_args)):
        if any(words):
            click.echo(f"  {title} by default: {' '.join(words)}")
    if row.modules:
        click.echo(f"  modules by default: {', '.join(row.modules)}")
    for item in row.variables:
        click.echo(wrapped(f"sets {item.name}={item.value}: {item.reason}", 110, "  ", "    "))
    click.echo(f"  {row.source}")
