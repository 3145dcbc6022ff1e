"""The rails as a drawing: a bar each up to the node in the middle, and a line from the least to the most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from efakit.jobs.findings.node import count
from efakit.jobs.sizes import size
from efakit.report.html.axes import LETTER, Line, Text, shortened, steps
from efakit.report.html.grid import Grid, Rail

_WIDTH, _HIGH, _TOP = 1000, 120, 14
_MOST_LETTERS = 16


@dataclass(frozen=True)
class Bar:
    """One rail: where its bar stands, how high it is, and from where to where its line goes; all in pixels."""

    rail: Rail
    x: float
    wide: float
    y: float
    high: float
    line: tuple[float, float] | None
    says: str


@dataclass(frozen=True)
class Chart:
    """The rails side by side, with a scale of bytes."""

    width: int
    height: int
    base: int
    bars: Sequence[Bar]
    lines: Sequence[Line]
    labels: Sequence[Text]


def draw(grid: Grid) -> Chart | None:
    """Return the chart of a grid's rails; None where none of them carried anything."""
    most = max((rail.most or 0 for rail in grid.rails), default=0)
    if not grid.middle:
        return None
    marks = steps(most)
    top = max(marks[-1], most)
    texts = [size(mark) for mark in marks]
    left = int(max(map(len, texts)) * LETTER) + 12
    names = [shortened(rail.name, _MOST_LETTERS) for rail in grid.rails]
    wide = max(14, min(80, (_WIDTH - left) // len(names)))
    longest = int(max(map(len, names)) * LETTER) + 1
    upright = longest + 6 > wide
    base = _TOP + _HIGH

    def y(value: float) -> float:
        return round(base - _HIGH * value / top, 1)

    width = left + wide * len(names) + 4
    bars, labels = [], [Text(left - 6, y(mark) + 4, text, "end") for mark, text in zip(marks, texts, strict=True)]
    for at, (rail, name) in enumerate(zip(grid.rails, names, strict=True)):
        x, middle = left + (at + 0.5) * wide, rail.middle or 0
        line = None if rail.least is None or rail.most is None else (y(rail.least), y(rail.most))
        bar = min(0.62 * wide, 30)
        bars.append(
            Bar(rail, round(x - bar / 2, 1), round(bar, 1), y(middle), round(base - y(middle), 1), line, says(rail))
        )
        labels.append(Text(x + 4, base + 8, name, "end", True) if upright else Text(x, base + 18, name, "middle"))
        if rail.nothing:
            labels.append(Text(x, _TOP - 4, f"{rail.nothing:,}", "middle", style="zero"))
    lines = [Line(left, y(mark), width - left) for mark in marks]
    return Chart(width, base + (longest + 14 if upright else 26), base, bars, lines, labels)


def says(rail: Rail) -> str:
    """Return a rail in words."""
    if rail.middle is None or rail.least is None or rail.most is None:
        return f"{shortened(rail.name, 60)}: not known"
    nothing = f"; nothing on {count(rail.nothing, 'node')}" if rail.nothing else ""
    return (
        f"{shortened(rail.name, 60)}: {size(rail.middle)} on the node in the middle, "
        f"{size(rail.least)} to {size(rail.most)}{nothing}"
    )
