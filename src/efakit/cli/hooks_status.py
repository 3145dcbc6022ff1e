"""``efakit hooks status``."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click

from efakit.cli.command import Command
from efakit.errors import UsageError

if TYPE_CHECKING:
    from efakit.doctor.cluster_checks import Check

_COLOURS = {"ok": "green", "info": "cyan", "warning": "yellow", "error": "red"}


@click.command(
    cls=Command,
    exit_1="Something prevents the hooks from working, or harms jobs.",
    fine="The hooks can work.",
)
@click.option("--node", "nodes", metavar="NODES", help="Ask these nodes for their exporter, such as gpu-st-p5-[1-64].")
@click.option("--srun-option", "options", multiple=True, metavar="OPTION", help="With --node: for srun, repeatable.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def status(nodes: str | None, options: tuple[str, ...], form: str) -> None:
    """Check whether this cluster's hooks can work: Slurm's running configuration, the files, the settings.

    It works on any Slurm cluster, even if efakit did not render it, and reads this machine's files. The exit code
    is 1 if something prevents the hooks from working, or harms jobs.

    It also says whether the exporter is on this machine, of which version, and whether it serves; with --node of other
    nodes, which it asks by a small job each, as 'efakit doctor --node' does.
    """
    if nodes is None and options:
        raise UsageError("--srun-option is for --node")
    from efakit import __version__
    from efakit.doctor.cluster_checks import checks
    from efakit.doctor.site import look_at
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
    exporters = _exporters(nodes, options, {"path": home.path, "version": home.version} if home else None)
    if form == "json":
        document = {
            "slurm_version": config.get("SLURM_VERSION"),
            "home": home.path if home else None,
            "hooks_version": home.version if home else None,
            "checks": [check.as_data() for check in found],
            "exporters": [
                {"node": node, **(state or dict.fromkeys(_STATE)), "error": why} for node, state, why in exporters
            ],
        }
        click.echo(json.dumps(document, indent=2))
    else:
        _print_text(found)
        _print_exporters(exporters)
    sys.exit(1 if any(check.severity == "error" for check in found) else 0)


_STATE = ("installed", "version", "unit", "enabled", "active", "listen")
_START_SECONDS = 30
# A node, what it has of the exporter, and why that is not known.
_Exporter = tuple[str, "dict[str, Any] | None", "str | None"]


def _exporters(nodes: str | None, options: tuple[str, ...], home: dict[str, Any] | None) -> list[_Exporter]:
    from efakit.doctor.local import exporter_here

    if nodes is None:
        return [exporter_here()]
    from efakit.cli.ask_nodes import ask
    from efakit.jobs.node_list import expand

    names = expand(nodes)
    documents, silent = ask(names, home, options, _START_SECONDS)
    found: dict[str, _Exporter] = {node: (node, None, why) for node, why in silent}
    for document in documents:
        state = document.part("exporter")
        why = None if state else "its hooks are of an older efakit, or it could not be read"
        found[document.node] = (document.node, state, why)
    return [found.get(name, (name, None, "it gave no answer")) for name in names]


def _print_exporters(exporters: list[_Exporter]) -> None:
    """Print what the nodes have, those alike on one line."""
    from efakit.cli.doctor_text import folded
    from efakit.doctor.exporter_checks import exporter_words
    from efakit.printable import printable

    by_words: dict[str, list[str]] = {}
    for node, state, why in exporters:
        by_words.setdefault(exporter_words(state) + (f" ({why})" if why else ""), []).append(node)
    for words, names in by_words.items():
        click.echo(printable(f"exporter on {folded(names)}: {words}"))


def _print_text(found: list[Check]) -> None:
    for check in found:
        word = click.style(f"{check.severity:<8}", fg=_COLOURS[check.severity])
        click.echo(f"{word}{check.rule}: {check.message}")
        if check.fix:
            click.echo(f"        fix: {check.fix}")
    errors = sum(check.severity == "error" for check in found)
    warnings = sum(check.severity == "warning" for check in found)
    click.echo(f"{len(found)} checks: {errors} errors, {warnings} warnings")
