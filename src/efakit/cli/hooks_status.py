"""``efakit hooks status``."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import click

from efakit.cli.command import Command

if TYPE_CHECKING:
    from efakit.doctor.cluster_checks import Check

_COLOURS = {"ok": "green", "info": "cyan", "warning": "yellow", "error": "red"}


@click.command(
    cls=Command,
    exit_1="Something prevents the hooks from working, or harms jobs.",
    fine="The hooks can work.",
)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def status(form: str) -> None:
    """Check whether this cluster's hooks can work: Slurm's running configuration, the files, the settings.

    It works on any Slurm cluster, even if efakit did not render it, and reads this machine's files. The exit code
    is 1 if something prevents the hooks from working, or harms jobs.
    """
    from efakit import __version__
    from efakit.doctor.cluster_checks import checks
    from efakit.doctor.site import look_at
    from efakit.errors import UsageError
    from efakit.slurm import running_config
    from efakit.slurm.job import SourceError

    try:
        config = running_config()
    except SourceError as error:
        message = f"Slurm did not show its configuration: scontrol: {error}; run this where Slurm's commands work"
        raise UsageError(message) from error
    site = look_at(config)
    found = checks(site, __version__)
    home = site.home
    if form == "json":
        document = {
            "slurm_version": config.get("SLURM_VERSION"),
            "home": home.path if home else None,
            "hooks_version": home.version if home else None,
            "checks": [check.as_data() for check in found],
        }
        click.echo(json.dumps(document, indent=2))
    else:
        _print_text(found)
    sys.exit(1 if any(check.severity == "error" for check in found) else 0)


def _print_text(found: list[Check]) -> None:
    for check in found:
        word = click.style(f"{check.severity:<8}", fg=_COLOURS[check.severity])
        click.echo(f"{word}{check.rule}: {check.message}")
        if check.fix:
            click.echo(f"        fix: {check.fix}")
    errors = sum(check.severity == "error" for check in found)
    warnings = sum(check.severity == "warning" for check in found)
    click.echo(f"{len(found)} checks: {errors} errors, {warnings} warnings")
