"""``efakit explain``."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from efakit.plan.plan import make_plan
from efakit.spec.load import load_spec


@click.command(short_help="Say what efakit decides for a spec, and why.")
@click.argument("spec", type=click.Path(path_type=Path))
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def explain(spec: Path, form: str) -> None:
    """Say what efakit decides for SPEC: each choice, its reason and its source. Writes nothing."""
    plan = make_plan(load_spec(spec))
    if form == "json":
        decisions = [{**asdict(decision), "place": list(decision.place)} for decision in plan.decisions]
        click.echo(json.dumps({"stack": plan.stack._asdict(), "decisions": decisions}, indent=2))
        return
    click.echo(plan.stack.summary())
    for decision in plan.decisions:
        click.echo(f"\n{decision.subject}: {decision.choice}")
        click.echo(click.wrap_text(decision.reason, 100, "  ", "  "))
        if decision.source:
            click.echo(f"  {decision.source}")
