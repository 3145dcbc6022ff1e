"""How ``efakit doctor`` prints what it found, for people: each finding once, with all nodes that have it."""

from __future__ import annotations

from collections.abc import Sequence

import click

from efakit.doctor.examine import Examined
from efakit.doctor.judge import Told
from efakit.printable import printable

_COLOURS = {"info": "cyan", "warning": "yellow", "error": "red"}
_MOST_PARTS, _MOST_DIGITS = 12, 18


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
    one = "1 image" if any(node["in_image"] for node in examined.nodes) else "1 node"
    nodes = f"{len(examined.nodes)} nodes" if several else one if examined.nodes else "no node"
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


def folded(names: Sequence[str]) -> str:
    """Return names as Slurm writes them, the numbers at their ends as ranges: gpu-[1-3,7], cpu-1."""
    numbers: dict[tuple[str, int], list[int]] = {}
    plain: list[str] = []
    for name in names:
        stem = name.rstrip("0123456789")
        digits = name[len(stem) :]
        if digits and digits.isascii() and len(digits) <= _MOST_DIGITS:
            numbers.setdefault((stem, len(digits) if digits[0] == "0" else 0), []).append(int(digits))
        else:
            plain.append(name)
    parts = [f"{stem}{_ranges(found, width)}" for (stem, width), found in numbers.items()]
    parts += plain
    more = f" and {len(parts) - _MOST_PARTS} more" if len(parts) > _MOST_PARTS else ""
    return ", ".join(parts[:_MOST_PARTS]) + more


def _ranges(numbers: Sequence[int], width: int) -> str:
    runs: list[list[int]] = []
    for number in sorted(set(numbers)):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    texts = [f"{first:0{width}}" if first == last else f"{first:0{width}}-{last:0{width}}" for first, last in runs]
    return texts[0] if len(runs) == 1 and runs[0][0] == runs[0][1] else f"[{','.join(texts)}]"


def _print(items: list[Told], *, several: bool) -> None:
    finding, first = items[0].finding, items[0]
    word = click.style(str(finding.severity), fg=_COLOURS[finding.severity], bold=True)
    names = [item.node for item in items if item.node]
    listed = printable(folded(names))
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
