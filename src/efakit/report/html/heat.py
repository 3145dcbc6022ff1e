"""The heat map as a drawing: a row a node, or, of many nodes, a column a node; lines of one class are one stroke."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from markupsafe import Markup

from efakit.jobs.sizes import size
from efakit.report.html.axes import LETTER, Hit, Text, area, path, shortened
from efakit.report.html.grid import ABSENT, SCALE, SPECIAL, Grid, Value, most_remarkable

MOST_ROWS = 64
"""So many nodes have a row each; more have a column each."""
MOST_COLUMNS = 512
"""So many columns can be seen; of more nodes, several are one."""
_MOST_CELLS = 2048
"""So many cells say what they are when pointed at; else the nodes do."""
_WIDTH = 1024
_MOST_LETTERS = 26
_MOST_OF_DEVICE = 16
_TICK = 90
_NOTHING = path()


@dataclass(frozen=True)
class Drawing:
    """A heat map: its size in pixels, and what is drawn from back to front.

    ``strokes`` and ``areas`` are paths by class; those of strokes in cells, where ``scale`` is a cell's size.
    """

    width: int
    height: int
    left: int
    top: int
    cell: tuple[float, float]
    columns: int
    rows: int
    ground: str
    strokes: dict[str, Markup] = field(default_factory=dict)
    areas: dict[str, Markup] = field(default_factory=dict)
    lines: Markup = _NOTHING
    hits: tuple[Hit, ...] = ()
    labels: tuple[Text, ...] = ()
    values: tuple[Text, ...] = ()
    a_column: int = 1
    """So many nodes are one column."""
    flags: Markup = _NOTHING
    """Triangles above the columns of nodes that are marked."""


def draw(grid: Grid, flagged: Collection[str] = ()) -> Drawing | None:
    """Return the drawing of a grid, in which some nodes are marked; None where it has no device."""
    if not grid.devices:
        return None
    return _a_row_each(grid, flagged) if len(grid.nodes) <= MOST_ROWS else _a_column_each(grid, flagged)


def _a_row_each(grid: Grid, flagged: Collection[str]) -> Drawing:
    names = [shortened(name, _MOST_LETTERS) for name in grid.nodes]
    devices = [shortened(name, _MOST_OF_DEVICE) for name in grid.devices]
    left = _text_width(names) + 10
    wide = max(22, min(84, (_WIDTH - left) // len(devices)))
    high = 24 if len(names) <= 16 else 18
    upright = _text_width(devices) + 6 > wide
    top = _text_width(devices) + 10 if upright else 22
    labels = [
        Text(left - 8, top + (at + 0.5) * high + 4, name, "end", style="flag" if grid.nodes[at] in flagged else "")
        for at, name in enumerate(names)
    ]
    for at, name in enumerate(devices):
        x = left + (at + 0.5) * wide
        labels.append(Text(x + 4, top - 8, name, "start", True) if upright else Text(x, top - 8, name, "middle"))
    width, height = left + wide * len(devices) + 1, top + high * len(names) + 1
    values = []
    if not upright and wide >= 60:
        for row, (letters, numbers) in enumerate(zip(grid.classes, grid.values, strict=True)):
            for column, (letter, value) in enumerate(zip(letters, numbers, strict=True)):
                x, y = left + (column + 0.5) * wide, top + (row + 0.5) * high + 4
                values.append(Text(x, y, amount(value), "middle", style=f"t{letter}"))
    hits = _of_cells(grid, left, top, wide, high) if len(names) * len(devices) <= _MOST_CELLS else ()
    return _drawing(grid.classes, width, height, left, top, (wide, high), hits, labels, values)


def _of_cells(grid: Grid, left: int, top: int, wide: float, high: float) -> Iterator[Hit]:
    for row, (node, numbers) in enumerate(zip(grid.nodes, grid.values, strict=True)):
        for column, (device, value) in enumerate(zip(grid.devices, numbers, strict=True)):
            own = area(left + column * wide, top + row * high, wide, high)
            yield Hit(own, f"{shortened(node, 60)} {shortened(device, 60)}: {amount(value)}")


def _a_column_each(grid: Grid, flagged: Collection[str]) -> Drawing:
    together = -(-len(grid.nodes) // MOST_COLUMNS)
    groups = [range(at, min(at + together, len(grid.nodes))) for at in range(0, len(grid.nodes), together)]
    columns = ["".join(map(most_remarkable, zip(*(grid.classes[at] for at in own), strict=True))) for own in groups]
    rows = ["".join(letters) for letters in zip(*columns, strict=True)]
    devices = [shortened(name, _MOST_OF_DEVICE) for name in grid.devices]
    left = _text_width(devices) + 10
    wide = max(2, min(12, (_WIDTH - left) // len(columns)))
    high = 12 if len(devices) > 16 else 20
    top = 14 if flagged else 4
    labels = [Text(left - 8, top + (at + 0.5) * high + 4, name, "end") for at, name in enumerate(devices)]
    bottom = top + high * len(devices)
    width = left + wide * len(columns) + 8
    marked = [at for at, own in enumerate(groups) if any(grid.nodes[node] in flagged for node in own)]
    flags = path(*(f"M{left + (at + 0.5) * wide:g} {top - 2}l-4-8h8z" for at in marked))
    labels += _ticks(grid.nodes, together, left, wide, bottom, width)
    hits = [
        Hit(area(left + at * wide, top, wide, high * len(devices)), _of_nodes(grid, own))
        for at, own in enumerate(groups)
    ]
    return _drawing(rows, width, bottom + 22, left, top, (wide, high), hits, labels, (), together, flags)


def _ticks(nodes: Sequence[str], together: int, left: int, wide: float, y: float, width: float) -> Iterator[Text]:
    """Give some nodes' names below the map, without what all of them begin with."""
    begin = _begin(nodes).rstrip("0123456789")
    columns = -(-len(nodes) // together)
    every = max(1, -(-_TICK // int(wide)))
    for at in range(0, columns, every):
        x = left + at * wide
        name = nodes[at * together]
        text = shortened(name if at == 0 else name[len(begin) :], _MOST_LETTERS if at == 0 else 11)
        room = (width if at + every >= columns else x + every * wide) - x
        if LETTER * len(text) + 16 > room:
            text = shortened(text, max(3, int((room - 16) / LETTER)))
        yield Text(x + 5, y + 16, text)
        yield Text(x, y + 16, "|", style="tick")


def _begin(names: Sequence[str]) -> str:
    """Return the letters that all names begin with."""
    first, last = min(names), max(names)
    same = next((at for at, (one, other) in enumerate(zip(first, last, strict=False)) if one != other), len(first))
    return first[:same]


def _of_nodes(grid: Grid, own: range) -> str:
    node = shortened(grid.nodes[own[0]], 60)
    if len(own) > 1:
        node = f"{node} to {shortened(grid.nodes[own[-1]], 60)}"
    letters = "".join(grid.classes[at] for at in own)
    said = [
        f"{count} {word}"
        for letter, word in zip(SPECIAL, ("moved nothing", "not known", "not there"), strict=True)
        if (count := letters.count(letter))
    ]
    known = [value for at in own for value in grid.values[at] if value is not None and value != ABSENT]
    amounts = f"{size(min(known))} to {size(max(known))} a device" if known else ""
    return f"{node}: {', '.join(filter(None, (amounts, *said)))}"


def _drawing(
    rows: Sequence[str],
    width: float,
    height: float,
    left: int,
    top: int,
    cell: tuple[float, float],
    hits: Iterator[Hit] | Sequence[Hit],
    labels: Sequence[Text],
    values: Sequence[Text],
    together: int = 1,
    flags: Markup = _NOTHING,
) -> Drawing:
    wide, high = cell
    whole = "".join(rows)
    ground = max(SCALE, key=whole.count)
    strokes: dict[str, list[str]] = {}
    areas: dict[str, list[str]] = {}
    for y, row in enumerate(rows):
        x = 0
        for letter, run in groupby(row):
            length = len(list(run))
            if letter in SPECIAL:
                areas.setdefault(letter, []).append(area(left + x * wide, top + y * high, length * wide, high))
            elif letter != ground:
                strokes.setdefault(letter, []).append(f"M{x} {y}h{length}")
            x += length
    columns = len(rows[0])
    lines = [f"M{left} {top + y * high:g}h{columns * wide:g}" for y in range(1, len(rows))]
    if wide >= 6:
        lines += [f"M{left + x * wide:g} {top}v{len(rows) * high:g}" for x in range(1, columns)]
    return Drawing(
        int(width),
        int(height),
        left,
        top,
        cell,
        columns,
        len(rows),
        ground,
        {letter: path(*parts) for letter, parts in sorted(strokes.items())},
        {letter: path(*parts) for letter, parts in sorted(areas.items())},
        path(*lines),
        tuple(hits),
        tuple(labels),
        tuple(values),
        together,
        flags,
    )


def amount(value: Value) -> str:
    """Return what a device moved, as people read it."""
    if value is None:
        return "?"
    return "not there" if value == ABSENT else size(value)


def _text_width(texts: Sequence[str]) -> int:
    return int(max(map(len, texts)) * LETTER) + 1
