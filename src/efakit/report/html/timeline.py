"""Runs by day and verdict as stacked bars: what failed stands at the base, where heights can be compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from efakit.report.html.axes import LETTER, Hit, Line, Text, area, path, steps
from efakit.report.html.verdicts import MEANING

_WIDTH, _HIGH, _TOP = 1010, 180, 12
_MOST_BARS = 400
_TICK = 84


@dataclass(frozen=True)
class Timeline:
    """The drawing: a path for each verdict, with a scale of runs and of days."""

    width: int
    height: int
    stacks: Sequence[tuple[str, str]]
    lines: Sequence[Line]
    labels: Sequence[Text]
    hits: Sequence[Hit]
    says: str
    days_a_bar: int


@dataclass(frozen=True)
class Bar:
    """Some days that are one bar, and their runs by verdict."""

    first: date
    last: date
    runs: Mapping[str, int]

    @property
    def name(self) -> str:
        """The days as people read them."""
        return str(self.first) if self.first == self.last else f"{self.first} to {self.last}"


def bars_of(days: Mapping[date, Mapping[str, int]], first: date, last: date) -> list[Bar]:
    """Return a bar for each day from the first to the last, with or without runs; of many days, for several."""
    together = -(-((last - first).days + 1) // _MOST_BARS)
    found = []
    for at in range(0, (last - first).days + 1, together):
        begin = first + timedelta(days=at)
        end = min(begin + timedelta(days=together - 1), last)
        own = [days[day] for place in range(together) if (day := begin + timedelta(days=place)) in days]
        found.append(Bar(begin, end, {verdict: sum(runs[verdict] for runs in own) for verdict in MEANING}))
    return found


def draw(bars: Sequence[Bar]) -> Timeline:
    """Return the drawing of some bars, of which there is at least one."""
    most = max(sum(bar.runs.values()) for bar in bars)
    marks = [mark for mark in steps(max(most, 1)) if mark == int(mark)]
    top = max(marks[-1], most, 1)
    left = int(max(len(f"{mark:,.0f}") for mark in marks) * LETTER) + 12
    wide = (_WIDTH - left) / len(bars)
    gap = 0.0 if wide < 4 else min(4.0, 0.15 * wide)
    bar_wide = min(wide - gap, 60)
    base = _TOP + _HIGH
    stacks: dict[str, list[str]] = {verdict: [] for verdict in MEANING}
    hits = []
    for at, bar in enumerate(bars):
        x, y = round(left + (at + 0.5) * wide - bar_wide / 2, 2), float(base)
        for verdict, count in bar.runs.items():
            high = round(_HIGH * count / top, 2)
            if count:
                y = round(y - high, 2)
                stacks[verdict].append(area(x, y, round(bar_wide, 2), high))
        told = [f"{count:,} {verdict}" for verdict, count in bar.runs.items() if count]
        hits.append(Hit(area(round(left + at * wide, 2), _TOP, round(wide, 2), _HIGH), f"{bar.name}: {_and(told)}"))
    lines = [Line(left, round(base - _HIGH * mark / top, 1), _WIDTH - left) for mark in marks]
    labels = [Text(left - 6, line.y + 4, f"{mark:,.0f}", "end") for line, mark in zip(lines, marks, strict=True)]
    every = max(1, int(-(-_TICK // wide)))
    for at in range(0, len(bars), every):
        x = left + (at + 0.5) * wide
        if x + 5.5 * LETTER <= _WIDTH + 20:
            labels.append(Text(round(x, 1), base + 18, str(bars[at].first), "middle"))
    says = f"Runs by day and verdict from {bars[0].first} to {bars[-1].last}; the table below has the same figures."
    kept = [(verdict, path(*parts)) for verdict, parts in stacks.items() if parts]
    together = (bars[0].last - bars[0].first).days + 1
    return Timeline(_WIDTH + 20, base + 26, kept, lines, labels, hits, says, together)


def _and(told: Sequence[str]) -> str:
    return ", ".join(told) or "no runs"
