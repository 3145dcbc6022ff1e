"""``efakit explain --variable``: all that is known of one environment variable."""

from __future__ import annotations

import json
import re

import click

from efakit.catalog.evidence import Evidence, of_variable
from efakit.catalog.variable_names import Name, known, open_ended
from efakit.catalog.variables import COMPONENTS, WORKLOADS, VariableRule, rows
from efakit.cli.explain_environment import row_data
from efakit.cli.wrapped import wrapped
from efakit.errors import UsageError
from efakit.nearness import did_you_mean, near
from efakit.rules.environment import bounds_text
from efakit.rules.judgement import rows_about

_HEADS = {
    "needed": "Needed: {value}",
    "set-by-plugin": "Set by the plugin itself: {value}",
    "harmful": "Harmful: {values}",
    "no-effect": "No effect: {values}",
    "workaround": "Workaround: {values}",
    "option": "A choice: {values}",
}


def explain_variable(name: str, form: str) -> None:
    """Print the story of a variable; raise UsageError for a name that nothing is known of."""
    about, life = rows_about(name), known().get(name)
    if not about and life is None and not open_ended(name):
        raise UsageError(f"{name}: unknown variable{_nearest(name)}")
    if form == "json":
        lives = None if life is None else life._asdict()
        click.echo(
            json.dumps(
                {
                    "name": name,
                    "read_by": lives,
                    "rules": [{**row_data(row), "evidence": _evidence_data(row)} for row in about],
                },
                indent=2,
            )
        )
        return
    click.echo(f"{name}: {_life(name, life)}")
    for row in about:
        click.echo(f"\n{_head(row)}")
        where = [WORKLOADS[workload] for workload in row.workload.split() if workload != "*"]
        bounds = bounds_text(row)
        if where or bounds:
            click.echo(wrapped("; ".join([*where, bounds] if bounds else where), 110, "  where: ", "         "))
        click.echo(wrapped(row.reason, 110, "  ", "  "))
        if row.fix:
            click.echo(f"  instead: {row.fix}")
        click.echo(f"  rule {row.id}, {row.source}")
        for line in _proofs(row):
            click.echo(wrapped(line, 110, "  ", "    "))


def _evidence_data(row: VariableRule) -> list[dict[str, str]]:
    """Return a row's evidence as JSON has it: of each boundary, or "document" where the row's source is all."""
    found = [{key: value for key, value in entry._asdict().items() if value} for entry in of_variable(row)]
    return found or [{"row": row.id, "name": row.name, "kind": "document", "address": row.source}]


def _proofs(row: VariableRule) -> list[str]:
    """Return the kind of evidence of each boundary of a row, in words."""
    found = of_variable(row)
    if all(entry.kind == "document" for entry in found):
        return ["proven by a document only"]
    return [f"{_boundary(entry)}: {entry}" if entry.component else f"proven by {entry}" for entry in found]


def _boundary(entry: Evidence) -> str:
    return f"{COMPONENTS.get(entry.component, entry.component)} {entry.side} {entry.version}"


def _life(name: str, life: Name | None) -> str:
    if life is None:
        prefix = open_ended(name)
        return f"a parameter of {prefix.component}" if prefix else "no release reads it"
    reader = COMPONENTS.get(life.component, life.component)
    since = f" since {life.since}" if life.since else ""
    return f"read by {reader}{since}" + (f", no more since {life.until}" if life.until else "")


def _head(row: VariableRule) -> str:
    values = row.value.replace("|", ", ")
    if row.value == "*":
        values = "any value"
    elif row.value.startswith("!"):
        values = f"any value but {values[1:]}"
    elif row.value == "":
        values = "the empty value"
    value = "a value of its own" if row.value == "*" else row.value
    return _HEADS[row.effect].format(value=value, values=values)


def _nearest(name: str) -> str:
    wanted = {row.name for row in rows() if row.effect in ("needed", "option") and re.fullmatch(r"\w+", row.name)}
    candidates = {*known(), *wanted}
    meant = did_you_mean(near(name, candidates, most=3, cutoff=0.75))
    return f"; {meant}" if meant else ""
