"""Prints findings for people, one line each and what to do below it."""

from __future__ import annotations

from collections.abc import Iterable

import click

from efakit.finding import Finding


def print_findings(findings: Iterable[Finding], *, err: bool = False) -> None:
    """Print findings on stdout, with ``err`` on stderr."""
    for item in findings:
        click.echo(f"{item.place}: {item.severity} {item.rule}: {item.message}", err=err)
        if item.fix:
            click.echo(f"    fix: {item.fix}", err=err)
