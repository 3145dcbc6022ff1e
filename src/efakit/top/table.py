"""Rates as tables of 80 columns: nodes, the worst first, and the devices of one node."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from efakit.printable import printable
from efakit.top.sample import DeviceRates, NodeRates

_UNKNOWN = "?"
_UNITS = ("B/s", "kB/s", "MB/s", "GB/s", "TB/s")
_BAR = 6
# The widths of all columns and a blank between them come to 79: rich cuts numbers off where they do not fit.
_NAME, _DEVICE_NAME = 21, 13
_SPEED, _SPEED_OR_MORE, _PERCENT, _AGAIN, _DEVICES = len("99.9 MB/s"), len(">99.9 MB/s"), 5, 6, 5


def of_nodes(found: Sequence[NodeRates], most_rows: int | None = None) -> RenderableType:
    """Return a row a node, at most ``most_rows``: first what is not known, then by the share of the line rate."""
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    table.add_column("NODE", no_wrap=True, max_width=_NAME, overflow="ellipsis")
    _numbers(table, SENT=_SPEED_OR_MORE, RECEIVED=_SPEED_OR_MORE, TCP=_SPEED, LINE=_PERCENT)
    table.add_column("", no_wrap=True, min_width=_BAR)
    _numbers(table, AGAIN=_AGAIN, EFA=_DEVICES)
    rows = sorted(found, key=_worst_first)
    shown = rows if most_rows is None or len(rows) <= most_rows else rows[: max(0, most_rows - 1)]
    unknown: list[Text] = []
    for node in shown:
        if node.error is not None:
            table.add_row(_name(node.node, _NAME), *[_UNKNOWN] * 4, "", _UNKNOWN, _UNKNOWN, style="yellow")
            unknown.append(Text(_cut(printable(f"{node.node}: {node.error}"), 79), style="yellow"))
            continue
        share = node.of_line_rate
        table.add_row(
            _name(node.node, _NAME),
            _speed(node.tx, at_least=node.partial),
            _speed(node.rx, at_least=node.partial),
            _speed(_larger(node.tcp_tx, node.tcp_rx)),
            _percent(share),
            bar(share, _BAR),
            _again(node.retransmits),
            _count(node),
            style="yellow" if node.partial or node.found != (node.expected or node.found) else None,
        )
    parts: list[RenderableType] = [table]
    if len(shown) < len(rows):
        left = rows[len(shown) :]
        unread = sum(node.of_line_rate is None for node in left)
        what = f"{unread} of them unknown" if unread else "with a larger share of their line rate"
        parts.append(Text(f"and {len(left)} nodes{',' if unread else ''} {what}"))
    return Group(*parts, *unknown[: 3 if most_rows is not None else None])


def of_devices(node: NodeRates) -> RenderableType:
    """Return the devices of a node, two beside each other."""
    if node.found == 0:
        return Text(f"{node.node}: no EFA device was found")
    if not node.devices:
        return Text(f"{node.node}: nothing is known of single devices")
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for _ in range(2):
        table.add_column("DEVICE", no_wrap=True, max_width=_DEVICE_NAME, overflow="ellipsis")
        _numbers(table, SENT=_SPEED, RECEIVED=_SPEED, LINE=_PERCENT)
    half = (len(node.devices) + 1) // 2
    for left, right in zip(node.devices[:half], [*node.devices[half:], None], strict=False):
        table.add_row(*_device(left), *(_device(right) if right else ()))
    return table


def rows_of_devices(node: NodeRates) -> int:
    """Return how many lines the devices of a node take."""
    return 1 + (len(node.devices) + 1) // 2


def bar(share: float | None, width: int) -> str:
    """Return a bar of ASCII letters: a terminal of a compute node may know no others."""
    if share is None:
        return " " * width
    full = min(width, round(share * width))
    return "#" * full + "." * (width - full)


def _device(device: DeviceRates) -> tuple[Text | str, ...]:
    share = None
    if device.share and device.tx is not None and device.rx is not None:
        share = max(device.tx, device.rx) / device.share
    return (
        _name(device.name, _DEVICE_NAME),
        _speed(device.tx),
        _speed(device.rx),
        _percent(share),
    )


def _numbers(table: Table, **columns: int) -> None:
    for name, width in columns.items():
        table.add_column(name, justify="right", no_wrap=True, min_width=width)


def _percent(share: float | None) -> str:
    if share is None:
        return _UNKNOWN
    return f"{share:.0%}" if share < 10 else ">999%"


def _again(share: float | None) -> str:
    if share is None:
        return _UNKNOWN
    return f"{share:.2%}" if share < 0.1 else f"{min(share, 1):.1%}"


def _worst_first(node: NodeRates) -> tuple[int, float, str]:
    share = node.of_line_rate
    return (0 if node.error is not None else 1 if share is None else 2, share or 0.0, node.node)


def _count(node: NodeRates) -> str:
    expected = "" if node.expected is None else f"/{node.expected}"
    return f"{_UNKNOWN if node.found is None else node.found}{expected}"


def _speed(value: float | None, *, at_least: bool = False) -> str:
    if value is None:
        return _UNKNOWN
    unit = 0
    while value >= 999.5 and unit < len(_UNITS) - 1:
        value /= 1000
        unit += 1
    digits = 0 if unit == 0 or value >= 99.95 else 1
    return f"{'>' if at_least else ''}{value:.{digits}f} {_UNITS[unit]}"


def _larger(first: float | None, second: float | None) -> float | None:
    return None if first is None or second is None else max(first, second)


def _name(text: str, width: int) -> Text:
    """Return a name that fits: its beginning and its end, where nodes of one group differ."""
    text = printable(text)
    if len(text) <= width:
        return Text(text)
    begin = (width - 1) // 3
    return Text(f"{text[:begin]}~{text[begin + 1 - width :]}")


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 3] + "..."
