"""What ``efakit catalog`` prints for people: a table of many types, a page of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from efakit.catalog.instances import Accelerators, Instance, Source
from efakit.cli.console import OutputConsole
from efakit.plan.decision import Decision

UNITS = {
    "memory_mib": "MiB",
    "bandwidth_gbps": "Gb/s, the instance's peak",
    "instance_storage_gb": "GB (10^9 bytes)",
    "cores": "physical cores",
    "efa_interfaces": "interfaces at most",
    "card0_interfaces": "interfaces of all kinds, at most",
}
# Into a file or a pipe a table keeps its full width.
_FULL_WIDTH = 400
_WIDE = 140


@dataclass(frozen=True)
class ShownValue:
    """One value of a type, with its unit and where it is from; None is unknown, of accelerators it is none."""

    value: Any
    unit: str | None
    source: Source


@dataclass(frozen=True)
class ShownType:
    """All that is to be said of one type; ``zones`` None: it is unknown where EC2 offers it."""

    name: str
    note: str | None
    values: Mapping[str, ShownValue]
    zones: Mapping[str, tuple[str, ...]] | None
    offerings_source: Source
    decided_for: str
    decisions: tuple[Decision, ...]


def print_types(types: Sequence[tuple[Instance, int | None]], file: TextIO) -> None:
    """Print one row a type; with each the number of regions that offer it, None where unknown.

    A terminal too narrow for all columns goes without two of them, which ``catalog show`` has.
    """
    console = _console(file)
    wide = console.width >= _WIDE
    table = _table()
    # A cut name would be another type's.
    table.add_column("TYPE", no_wrap=True, min_width=max((len(instance.name) for instance, _ in types), default=0))
    for title in ("EFA", *(["CARDS"] if wide else []), "Gb/s", "VCPUS", "MEMORY GIB"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("ARCH", no_wrap=True)
    table.add_column("ACCELERATORS", overflow="fold")
    if wide:
        table.add_column("SOLD AS", no_wrap=True)
    table.add_column("REGIONS", justify="right", no_wrap=True)
    for instance, regions in types:
        sold = None if instance.usage_classes is None else ", ".join(instance.usage_classes)
        table.add_row(
            instance.name,
            _known(instance.efa_interfaces),
            *([_known(instance.network_cards)] if wide else []),
            _known(instance.bandwidth_gbps),
            _known(instance.vcpus),
            _known(None if instance.memory_mib is None else f"{instance.memory_mib / 1024:g}"),
            _known(instance.architecture),
            _accelerators(instance.accelerators) if instance.accelerators else "-",
            *([_known(sold)] if wide else []),
            _known(regions),
        )
    console.print(table)


def print_type(shown: ShownType, file: TextIO) -> None:
    """Print all that is known of a type: values, offers, decisions, and the sources by number."""
    console, sources = _console(file), _Sources()
    console.print(Text(shown.name, style="bold"))
    if shown.note:
        console.print(Text(shown.note))
    table = _table()
    table.add_column("FIELD", no_wrap=True)
    table.add_column("VALUE", overflow="fold")
    table.add_column("SOURCE", justify="right", no_wrap=True)
    for name, entry in shown.values.items():
        # Of accelerators nothing means none; everywhere else it means unknown.
        value = Text("none") if name == "accelerators" and entry.value is None else _value(entry)
        table.add_row(name, value, sources.number(entry.source))
    console.print(table)
    console.print()
    _print_offers(shown, console, sources)
    console.print()
    console.print(Text(f"Decided by efakit for {shown.decided_for}", style="bold"))
    for decision in shown.decisions:
        source = f" ({decision.source})" if decision.source else ""
        console.print(Text(f"  {decision.subject}: {decision.choice}: {decision.reason}{source}"))
    console.print()
    console.print(Text("Sources", style="bold"))
    for line in sources.lines():
        console.print(Text(line))


class _Sources:
    """Numbers sources in the order in which they are named."""

    def __init__(self) -> None:
        self._found: list[Source] = []

    def number(self, source: Source) -> str:
        if source not in self._found:
            self._found.append(source)
        return f"[{self._found.index(source) + 1}]"

    def lines(self) -> list[str]:
        return [
            f"  [{number}] {source.title}{_dated(source)}: {source.address}"
            for number, source in enumerate(self._found, start=1)
        ]


def _dated(source: Source) -> str:
    parts = [source.version, f"retrieved {source.retrieved}" if source.retrieved else None]
    said = ", ".join(part for part in parts if part)
    return f" ({said})" if said else ""


def _print_offers(shown: ShownType, console: Console, sources: _Sources) -> None:
    if shown.zones is None:
        console.print(Text("The regions that offer it are unknown", style="bold"))
        return
    number = sources.number(shown.offerings_source)
    title = f"Offered in {len(shown.zones)} regions, by the ids of their availability zones {number}"
    console.print(Text(title, style="bold"))
    width = max(map(len, shown.zones))
    for region, zones in shown.zones.items():
        console.print(Text(f"  {region:<{width}}  {' '.join(zones) or 'zones unknown'}"))


def _value(entry: ShownValue) -> Text:
    value = entry.value
    if value is None:
        return Text("unknown", style="dim")
    if isinstance(value, Accelerators):
        return Text(_accelerators(value, memory=True))
    if isinstance(value, tuple):
        return Text(", ".join(value))
    if isinstance(value, bool):
        return Text("yes" if value else "no")
    return Text(f"{value} {entry.unit}" if entry.unit else str(value))


def _accelerators(found: Accelerators, *, memory: bool = False) -> str:
    # EC2 puts the manufacturer into some names already.
    known = [word for word in (found.manufacturer, found.name) if word]
    words = known[1:] if len(known) == 2 and known[0] in known[1] else known
    text = f"{_known(found.count)} x {' '.join(words) or '?'}"
    if memory:
        size = "memory unknown" if found.memory_mib is None else f"{found.memory_mib} MiB each"
        text += f", {size} ({found.kind or 'kind unknown'})"
    return text


def _known(value: object) -> str:
    return "?" if value is None else str(value)


def _table() -> Table:
    return Table(box=None, pad_edge=False, header_style="bold")


def _console(file: TextIO) -> Console:
    width = None if file.isatty() else _FULL_WIDTH
    return OutputConsole(file=file, highlight=False, soft_wrap=True, width=width)
