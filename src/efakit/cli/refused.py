"""What a command prints where its input is wrong: text on stderr, and for programs the format that they asked for."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise

import click

from efakit.errors import EfakitError, UsageError
from efakit.finding import ERROR, Finding
from efakit.printable import printable_lines

_FORMAT = "--format"


def tell(error: EfakitError, arguments: Sequence[str]) -> None:
    """Print an error of a command that was called with ``arguments``."""
    say(error)
    _tell_programs(error.findings, str(error), error.exit_code, arguments)


def say(error: EfakitError) -> None:
    """Print an error for people."""
    # Names and texts of files, records and Slurm stand in it.
    click.echo("\n".join(f"efakit: {line}" for line in printable_lines(error)), err=True)


def all_of(errors: Sequence[UsageError]) -> UsageError:
    """Return several errors as one, with the findings of each."""
    whole = UsageError("\n".join(map(str, errors)))
    whole.findings = tuple(finding for error in errors for finding in error.findings)
    return whole


def tell_usage(error: click.ClickException, arguments: Sequence[str]) -> None:
    """Print an error of click's: an option or argument that is wrong."""
    from io import StringIO

    text = StringIO()
    error.show(text)
    click.echo("\n".join(printable_lines(text.getvalue())), err=True)
    _tell_programs((), error.format_message(), error.exit_code, arguments)


def _tell_programs(findings: tuple[Finding, ...], message: str, code: int, arguments: Sequence[str]) -> None:
    form = _format_of(arguments)
    if form not in ("json", "sarif", "github"):
        return
    from efakit.cli.findings_output import FORMATS

    findings = findings or (Finding("input-unusable", ERROR, message),)
    if form != "json" or arguments[0] == "lint":
        FORMATS[form](findings, 0)
        return
    error = {"message": message, "exit_code": code}
    click.echo(json.dumps({"error": error, "findings": [item.as_data() for item in findings]}, indent=2))


def _format_of(arguments: Sequence[str]) -> str:
    """Return the last format that the arguments name; click may have ended before it read them."""
    named = [after for before, after in pairwise(arguments) if before == _FORMAT]
    named += [word.partition("=")[2] for word in arguments if word.startswith(f"{_FORMAT}=")]
    return named[-1] if named else ""
