"""How ``efakit doctor`` prints what it found, for people: each finding once, with all nodes that have it."""

from __future__ import annotations

import click

from efakit.doctor.examine import Examined
from efakit.doctor.judge import Told
from efakit.printable import printable

_COLOURS = {"info": "cyan", "warning": "yellow", "error": "red"}
_MOST_NODES = 8


def print_examined(examined: Examined, *, verbose: bool) -> None:
    """Print the findings, grouped over the nodes, and a line that sums up."""
    several = len(examined.nodes) > 1
    for items in _grouped(examined.told):
        _print(items, several=several)
    if verbose:
        for node, lines in examined.looked_at.items():
            click.echo(f"looked at: {printable(node) or 'the cluster'}")
            for line in lines:
                click.echo(f"    {printable(line)}")
    counts = {
        name: sum(item.finding.severity == name for item in examined.told) for name in ("error", "warning", "info")
    }
    nodes = f"{len(examined.nodes)} nodes" if several else "1 node" if examined.nodes else "no node"
    where = f"{nodes} and the cluster" if "" in examined.looked_at else nodes
    if examined.told:
        click.echo(
            f"{where}: {counts['error']} error{'s' * (counts['error'] != 1)}, "
            f"{counts['warning']} warning{'s' * (counts['warning'] != 1)}, {counts['info']} info"
        )
    else:
        click.echo(f"{where}: nothing found")


def _grouped(told: list[Told]) -> list[list[Told]]:
    """Return the findings in their order, those that say the same of several nodes together."""
    groups: dict[tuple[str, str, str], list[Told]] = {}
    for item in told:
        finding = item.finding
        groups.setdefault((finding.rule, str(finding.severity), finding.message), []).append(item)
    return list(groups.values())


def _print(items: list[Told], *, several: bool) -> None:
    finding, first = items[0].finding, items[0]
    word = click.style(str(finding.severity), fg=_COLOURS[finding.severity], bold=True)
    names = [printable(item.node) for item in items if item.node]
    listed = ", ".join(names[:_MOST_NODES]) + (
        f" and {len(names) - _MOST_NODES} more" if len(names) > _MOST_NODES else ""
    )
    where = f"{listed}: " if several and names else ""
    click.echo(f"{where}{word} {finding.rule}: {printable(finding.message, 4000)}")
    if first.why:
        click.echo(f"    why: {printable(first.why)}")
    if finding.fix:
        click.echo(f"    fix: {printable(finding.fix)}")
    if all(item.commands == first.commands for item in items):
        for command in first.commands:
            click.echo(f"    run: {printable(command)}")
    else:
        click.echo("    run: commands that name the node; --fix-script writes those of each")
    if finding.source:
        click.echo(f"    see: {printable(finding.source)}")
