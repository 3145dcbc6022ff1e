"""A result table as a drawing: its numbers by size, the median of earlier runs, and what the line rate allows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

from markupsafe import Markup

from efakit.diagnose.bench.judge import Judged, name_of, number, size_words
from efakit.jobs.findings import Limits
from efakit.report.html.axes import LETTER, Hit, Line, Text, area, path, steps

NOT_KNOWN = "not known"
_WIDTH, _HIGH, _TOP = 900, 180, 10
_LEAST, _MOST = 18, 64
"""Pixels of a size."""
MOST_POINTS = 100
_MOST_DECADES = 6
_DOT = 3.5
_SHAPES = {
    "this": f"m-{_DOT} 0a{_DOT} {_DOT} 0 1 0 {2 * _DOT} 0a{_DOT} {_DOT} 0 1 0 -{2 * _DOT} 0z",
    "median": f"m-{_DOT} -{_DOT}h{2 * _DOT}v{2 * _DOT}h-{2 * _DOT}z",
}
"""The mark of a line's points, round or square: colours alone tell nothing to some."""


@dataclass(frozen=True)
class Curve:
    """One line of a drawing: its class, its path, the marks on it, the mark alone, and what it is in words."""

    name: str
    line: Markup
    marks: Markup
    mark: Markup
    says: str


@dataclass(frozen=True)
class Chart:
    """A table's numbers by size; ``unknown`` is the area of sizes without a number."""

    width: int
    height: int
    curves: Sequence[Curve]
    unknown: Markup
    lines: Sequence[Line]
    labels: Sequence[Text]
    hits: Sequence[Hit]
    says: str
    sizes_a_point: int
    is_log: bool
    from_its_end: bool
    """Whether its end tells most, and is what a narrow screen shows first."""


@dataclass(frozen=True)
class _Point:
    """One size, or several that share a place: the worst of their numbers, and whether one has none."""

    name: str
    sizes: Sequence[int]
    value: float | None
    median: float | None
    lacks: bool


def draw(judged: Judged, limits: Limits) -> Chart | None:
    """Return the drawing of a table; None where it has fewer than two sizes, or no number."""
    table, values = judged.table, judged.table.by_size()
    if judged.row is None or len(values) < 2:
        return None
    together = -(-len(values) // MOST_POINTS)
    points = _points(values, judged.medians, together, max if table.is_latency else min)
    bound = judged.bound(limits)
    known = [value for one in points for value in (one.value, one.median) if value is not None]
    marks, height_of = _scale([*known, *([] if bound is None else [bound])], is_log=table.is_latency)
    texts = [*map(number, marks[:-1]), f"{number(marks[-1])} {table.unit}"]
    # The scale stands where the numbers tell most: of bandwidths at the large sizes, of latencies at the small.
    is_latency = table.is_latency
    base, beside = _TOP + _HIGH, int(max(map(len, texts)) * LETTER) + 12
    wide = max(_LEAST, min(_MOST, (_WIDTH - beside) // len(points)))
    longest = int(max(len(one.name) for one in points) * LETTER) + 1
    upright = longest + 8 > wide
    left, long = beside if is_latency else 8, wide * len(points) + 4

    def y(value: float) -> float:
        return round(base - _HIGH * height_of(value), 1)

    xs = [left + (at + 0.5) * wide for at in range(len(points))]
    curves = []
    if bound is not None:
        level = path(f"M{left} {y(bound):g}h{long}")
        says = f"what the line rate allows: {number(bound)} {table.unit}"
        curves.append(Curve("most", level, Markup(), Markup(), says))
    if judged.medians:
        runs = judged.earlier_runs
        says = f"median of {runs} earlier runs" if runs != 1 else "one earlier run"
        curves.append(_curve("median", [(x, one.median) for x, one in zip(xs, points, strict=True)], y, says))
    curves.append(_curve("this", [(x, one.value) for x, one in zip(xs, points, strict=True)], y, "this run"))
    place, anchor = (left - 6, "end") if is_latency else (left + long + 6, "start")
    labels = [Text(place, y(mark) + 4, text, anchor) for mark, text in zip(marks, texts, strict=True)]
    for x, one in zip(xs, points, strict=True):
        labels.append(
            Text(x + 4, base + 8, one.name, "end", True) if upright else Text(x, base + 18, one.name, "middle")
        )
    spaces = [area(x - wide / 2, _TOP, wide, _HIGH) for x in xs]
    says = f"{name_of(table)}, {table.unit} by size, of {len(values)} sizes: "
    shown = [one for one in points if one.value is not None]
    says += "; ".join(_says(one, bound, table.unit) for one in ([shown[0], shown[-1]] if len(shown) > 1 else shown))
    lacking = sum(value is None for value in values.values())
    says += f"; {lacking} {NOT_KNOWN}" if lacking else ""
    return Chart(
        8 + long + beside,
        base + (longest + 14 if upright else 26),
        curves,
        path(*(space for space, one in zip(spaces, points, strict=True) if one.lacks)),
        [Line(left, y(mark), long) for mark in marks],
        labels,
        [Hit(space, _says(one, bound, table.unit)) for space, one in zip(spaces, points, strict=True)],
        f"{says}. The table below has the same figures.",
        together,
        is_latency,
        not is_latency,
    )


def part_of(value: float, most: float) -> str:
    """Return a number as a part of the most that is possible."""
    return f"{100 * value / most:.2g} %" if value < most else f"{100 * value / most:.0f} %"


def _points(
    values: Mapping[int, float | None],
    medians: Mapping[int, float],
    together: int,
    worst: Callable[[list[float]], float],
) -> list[_Point]:
    sizes, points = list(values), []
    for at in range(0, len(sizes), together):
        own = sizes[at : at + together]
        known = [(value, size) for size in own if (value := values[size]) is not None]
        value = worst([one for one, _ in known]) if known else None
        # The median of the size whose number is shown: of another one it would compare nothing.
        size = next((size for one, size in known if one == value), own[0])
        points.append(_Point(size_words(own[0]), own, value, medians.get(size), len(known) < len(own)))
    return points


def _scale(values: Sequence[float], *, is_log: bool) -> tuple[list[float], Callable[[float], float]]:
    """Return the marks of a scale, and what gives the height of a value on it, from 0 to 1."""
    most = max(values)
    if not is_log:
        marks = steps(most)
        top = max(marks[-1], most)
        return marks, lambda value: value / top
    high = ceil(log10(most)) if most > 0 else 0
    least = min((value for value in values if value > 0), default=1.0)
    low = max(min(floor(log10(least)), high - 1), high - _MOST_DECADES)
    marks = [10.0**power for power in range(low, high + 1)]
    return marks, lambda value: max(0.0, (log10(value) - low) / (high - low)) if value > 0 else 0.0


def _curve(name: str, points: Sequence[tuple[float, float | None]], y: Callable[[float], float], says: str) -> Curve:
    """Return a line through points; where one is not known, the line has a gap."""
    line, marks, pen = [], [], "M"
    for x, value in points:
        if value is None:
            pen = "M"
            continue
        line.append(f"{pen}{x:g} {y(value):g}")
        marks.append(f"M{x:g} {y(value):g}{_SHAPES[name]}")
        pen = "L"
    return Curve(name, path(*line), path(*marks), path(_SHAPES[name]), says)


def _says(point: _Point, bound: float | None, unit: str) -> str:
    several = len(point.sizes) > 1
    name = f"{point.name} to {size_words(point.sizes[-1])}, the worst" if several else point.name
    if point.value is None:
        return f"{name}: {NOT_KNOWN}"
    told = f"{name}: {number(point.value)} {unit}"
    if bound:
        told += f", {part_of(point.value, bound)} of what the line rate allows"
    return told + ("" if point.median is None else f"; earlier {number(point.median)}")
