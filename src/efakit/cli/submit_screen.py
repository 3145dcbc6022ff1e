"""What ``efakit submit`` prints: lines for people as it goes, or one JSON document at the end."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from efakit.printable import printable

if TYPE_CHECKING:
    from efakit.errors import EfakitError
    from efakit.finding import Finding

_COLOURS = {"error": "red", "warning": "yellow", "info": "cyan"}


class Screen:
    """Prints as it goes for people; for programs one JSON document at the end."""

    def __init__(self, form: str) -> None:
        self.for_people = form == "text"
        self.data: dict[str, Any] = {"job_id": None, "submitted": False, "looks": [], "findings": [], "commands": []}

    def say(self, line: str) -> None:
        """Print a line of progress, on stderr."""
        click.echo(f"efakit: {printable(line)}", err=True)

    def tell(self, line: str) -> None:
        """Print a line for people, on stdout."""
        if self.for_people:
            click.echo(printable(line))

    def findings(self, findings: Sequence[Finding]) -> None:
        """Print findings for people, and keep them for programs."""
        self.data["findings"] = [item.as_data() for item in findings]
        for item in findings:
            severity = click.style(item.severity, fg=_COLOURS[item.severity], bold=True)
            place = f"{item.place}: " if item.place.file else ""
            if self.for_people:
                click.echo(f"{printable(place)}{severity} {item.rule}: {printable(item.message)}")
                if item.fix:
                    click.echo(f"    fix: {printable(item.fix)}")

    def fail(self, error: EfakitError) -> None:
        """Say an error, keep it beside what is known already, and end with its exit code."""
        self.say(str(error))
        self.data["error"] = {"message": str(error), "exit_code": error.exit_code}
        self.end(error.exit_code)

    def end(self, code: int) -> None:
        """Print the document, and end with ``code``."""
        if not self.for_people:
            self.data["exit_code"] = code
            click.echo(json.dumps(self.data, indent=2))
        sys.stdout.flush()
        if code:
            raise click.exceptions.Exit(code)
