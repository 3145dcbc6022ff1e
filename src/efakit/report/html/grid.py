"""A job's nodes by its devices: what each device moved, and in which class of the heat map that falls.

Zero, what was not read, and a device that a node lacks are classes of their own: none of them looks like a value.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import median
from typing import Any

from efakit.jobs.findings.node import Node, made_of
from efakit.jobs.sizes import size
from efakit.jobs.traffic import Amount

ABSENT = -1
"""In place of a value: the node has no device of this name."""
Value = int | None
"""Bytes sent and received together; None: not known."""

NOTHING, UNKNOWN, LACKING = "z", "u", "a"
SPECIAL = (NOTHING, UNKNOWN, LACKING)
SCALE = "012345678"
AS_MEDIAN = "4"
_BOUNDS = (0.25, 0.5, 0.8, 0.95, 1.05, 1.25, 2.0, 4.0)
_FURTHEST = NOTHING + UNKNOWN + LACKING + "08172635" + AS_MEDIAN
"""The classes, the most remarkable first."""
_MOST_DEVICES = 64


@dataclass(frozen=True)
class Rail:
    """The devices of one name over all nodes, in bytes sent and received together."""

    name: str
    carried: int
    """On so many nodes more than nothing."""
    nothing: int
    unknown: int
    least: int | None
    middle: float | None
    most: int | None
    sent: Amount
    received: Amount


@dataclass(frozen=True)
class Grid:
    """Nodes, devices, and a row of values and of classes for each node."""

    nodes: tuple[str, ...]
    devices: tuple[str, ...]
    values: Sequence[Sequence[Value]]
    idle_bytes: float
    """What counts as nothing."""
    rails: tuple[Rail, ...]
    by_place: bool = False
    """The devices have so many names that they are told by their place among their node's."""

    @cached_property
    def middle(self) -> float | None:
        """The bytes of the device in the middle, of those that moved anything."""
        moved = [value for row in self.values for value in row if value is not None and value >= self._least]
        return median(moved) if moved else None

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """A letter for each device of each node."""
        middle, least = self.middle or 1.0, self._least
        limits = [bound * middle for bound in _BOUNDS]

        def letter(value: Value) -> str:
            if value is None:
                return UNKNOWN
            if value < least:
                return LACKING if value == ABSENT else NOTHING
            return SCALE[bisect_right(limits, value)]

        return tuple("".join(map(letter, row)) for row in self.values)

    @cached_property
    def counts(self) -> Counter[str]:
        """How many devices are in each class."""
        return Counter("".join(self.classes))

    @property
    def _least(self) -> float:
        return max(self.idle_bytes, 1)


def most_remarkable(letters: Iterable[str]) -> str:
    """Return the class that stands for several devices: what is zero never disappears behind others."""
    return min(letters, key=_FURTHEST.index)


def in_words(letter: str, grid: Grid) -> str:
    """Return what a class means."""
    if letter in SPECIAL:
        return {
            NOTHING: f"moved nothing (less than {size(max(grid.idle_bytes, 1))})",
            UNKNOWN: "not known: not read, or no record",
            LACKING: "no such device on the node",
        }[letter]
    return _SHARES[SCALE.index(letter)]


_SHARES = (
    *("under 25 %", "25 to 50 %", "50 to 80 %", "80 to 95 %", "95 to 105 %"),
    *("105 to 125 %", "125 to 200 %", "200 to 400 %", "400 % and more"),
)


def grid_of(nodes: Sequence[str], records: Mapping[str, Mapping[str, Any]], idle_bytes: float) -> Grid:
    """Return the grid of a run's nodes, of which some may have no record."""
    made = {name: made_of(name, records[name]) for name in nodes if name in records}
    names = _names(made.values())
    by_place = len(names) > _MOST_DEVICES
    if by_place:
        most = min(max(len(node.devices.names) for node in made.values()), _MOST_DEVICES)
        names = [f"device {place}" for place in range(1, most + 1)]
    moved = [_row(made.get(name), names, by_place, idle_bytes) for name in nodes]
    rails = tuple(_rails(names, moved, list(made.values()), by_place, idle_bytes))
    return Grid(tuple(nodes), tuple(names), moved, idle_bytes, rails, by_place)


def _names(nodes: Iterable[Node]) -> list[str]:
    """Return the names of all devices, in the order that the nodes have them in."""
    sets = Counter(node.devices.names for node in nodes)
    return list(dict.fromkeys(name for names, _ in sets.most_common() for name in names))


def _places(node: Node, names: Sequence[str], by_place: bool) -> list[int]:
    """Return the place of each device among the node's, -1 where it lacks it."""
    own = node.devices.names
    if own == tuple(names):
        return list(range(len(own)))
    if by_place:
        return [place if place < len(own) else -1 for place in range(len(names))]
    at = {name: place for place, name in enumerate(own)}
    return [at.get(name, -1) for name in names]


def _row(node: Node | None, names: Sequence[str], by_place: bool, idle_bytes: float) -> list[Value]:
    if node is None or not node.counted or node.record["devices_unknown"]:
        # Whether a device is missing is not known either.
        known = {} if node is None else dict(zip(node.devices.names, node.moved, strict=True))
        return [known.get(name) for name in names]
    if node.devices.names == tuple(names) and all(value is not None and value >= idle_bytes for value in node.moved):
        return node.moved
    return [ABSENT if place < 0 else _moved(node, place, idle_bytes) for place in _places(node, names, by_place)]


def _moved(node: Node, place: int, idle_bytes: float) -> Value:
    value = node.moved[place]
    return value if value is None or value >= idle_bytes else node.moved_by(place)


def _rails(
    names: Sequence[str], rows: Sequence[Sequence[Value]], nodes: Sequence[Node], by_place: bool, idle_bytes: float
) -> Iterable[Rail]:
    sums = {way: [0] * len(names) for way in ("tx_bytes", "rx_bytes")}
    unread = {way: [len(nodes) < len(rows)] * len(names) for way in sums}
    for node in nodes:
        places = _places(node, names, by_place)
        for way, total in sums.items():
            column = node.column(way)
            for at, place in enumerate(places):
                value = column[place] if column is not None and place >= 0 else None
                if value is None:
                    unread[way][at] |= place >= 0 or bool(node.record["devices_unknown"])
                else:
                    total[at] += value
    for at, name in enumerate(names):
        own = [row[at] for row in rows]
        known = [value for value in own if value is not None and value != ABSENT]
        carried = sum(value >= max(idle_bytes, 1) for value in known)
        yield Rail(
            name,
            carried,
            len(known) - carried,
            own.count(None),
            min(known, default=None),
            median(known) if known else None,
            max(known, default=None),
            *(Amount(total[at], not unread[way][at]) for way, total in sums.items()),
        )
