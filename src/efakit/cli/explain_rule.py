"""``efakit explain --rule``: what a rule finds, why that matters, an example that is wrong and the same one right."""

from __future__ import annotations

import json
from typing import Any

import click

from efakit.catalog.enforceable import RENAMED
from efakit.catalog.evidence import Evidence, entries
from efakit.cli.wrapped import wrapped
from efakit.errors import UsageError
from efakit.nearness import did_you_mean
from efakit.rules.registry import ROOMS, Rule, given_text, nearest_rules, rule_of

_WIDTH = 100
_FACTS = {"log": "the line"}


def explain_rule(id_: str, form: str) -> None:
    """Print a rule; raise UsageError for an id that no rule has."""
    rule = rule_of(id_)
    if rule is None and id_ in RENAMED:
        raise UsageError(f"--rule {id_}: the rule is now called {RENAMED[id_]}")
    if rule is None:
        hint = did_you_mean(nearest_rules(id_)) or "docs/rules.md lists the rules"
        raise UsageError(f"--rule {id_}: unknown rule; {hint}")
    if form == "json":
        click.echo(json.dumps(rule_data(rule), indent=2))
        return
    click.echo(f"{rule.id}: {rule.severity}, in {' and '.join(ROOMS[room] for room in rule.room.split())}")
    for text in (rule.what, rule.why, f"Holds for {rule.where}." if rule.where else ""):
        if text:
            click.echo("\n" + wrapped(text, _WIDTH))
    _example("Wrong", rule.wrong, given_text(rule.given))
    _example("Right", rule.right, given_text(rule.given if rule.right_given is None else rule.right_given))
    click.echo()
    if {"script", "variable"} & set(rule.room.split()):
        click.echo(f"efakit lint --fix fixes it{' where that is safe' if rule.mends else ': no'}")
    if rule.vendor:
        click.echo(f"pcluster's own message: {rule.vendor}")
    if rule.stricter:
        click.echo(wrapped(f"Stricter than pcluster: {rule.stricter}", _WIDTH))
    if rule.stops_render:
        click.echo("efakit render refuses a spec with it")
    if rule.enforce:
        how = "by default" if rule.enforce == "default" else "where hooks.enforce lists it"
        click.echo(f"Mode enforce fails the prolog for it {how}")
    click.echo(f"Source: {rule.source}")
    for entry in _evidence(rule):
        side = f"{entry.side} {entry.version}" if entry.version else _FACTS.get(rule.room, "the fault")
        click.echo(f"Evidence, {side}: {entry}")


def _evidence(rule: Rule) -> list[Evidence]:
    """Return what proves a known fault of a release, boundary by boundary, or a known line of a log."""
    return [entry for table in ("known_faults", "log_lines") for entry in entries(table) if entry.row == rule.id]


def _example(title: str, text: str, given: str) -> None:
    click.echo(f"\n{title}{f' ({given})' if given else ''}:")
    for line in shown_example(text).split("\n"):
        click.echo(f"    {line}".rstrip())


def shown_example(text: str) -> str:
    """Return an example as a terminal and a page can show it: a carriage return as ^M, a bad byte by its number."""
    shown = text.rstrip("\n").replace("\r", "^M")
    return "".join(f"\\x{ord(letter) - 0xDC00:02x}" if "\ud800" <= letter <= "\udfff" else letter for letter in shown)


def rule_data(rule: Rule) -> dict[str, Any]:
    """Return a rule as JSON values."""
    right = rule.given if rule.right_given is None else rule.right_given
    return {
        "id": rule.id,
        "rooms": rule.room.split(),
        "severity": rule.severity,
        "what": rule.what,
        "why": rule.why,
        "where": rule.where,
        "wrong": shown_example(rule.wrong),
        "wrong_given": dict(rule.given),
        "right": shown_example(rule.right),
        "right_given": dict(right),
        "mends": rule.mends,
        "pcluster": rule.vendor,
        "stricter": rule.stricter,
        "stops_render": rule.stops_render,
        "enforce": rule.enforce,
        "source": rule.source,
        "evidence": [
            {"side": entry.side, "version": entry.version, "kind": entry.kind, "is": str(entry)}
            for entry in _evidence(rule)
        ],
    }
