"""What the checks of a job's records share: a node's counters, the thresholds, and how a finding is made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from operator import add
from typing import Any, NamedTuple, cast

from efakit.catalog.thresholds import STANDS_OUT
from efakit.errors import UsageError
from efakit.finding import Finding
from efakit.jobs.devices import Column, Devices, ListedDevices, devices_of
from efakit.jobs.traffic import Traffic
from efakit.node.counters import CLASSES
from efakit.printable import printable
from efakit.rules.registry import rules_of

Limits = Mapping[str, float]
MOST_NAMES = 3
_LONGEST_NAME = 60
_BITS = 8
_GIGA = 1e9
_BOTH_WAYS = ("tx_bytes", "rx_bytes")


class Standout(NamedTuple):
    """A finding of a job's records, and the nodes and devices that it is about.

    ``whole``: it is about the job, such as two groups of nodes, and not about a node that is unlike the others.
    """

    finding: Finding
    nodes: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    whole: bool = False


@dataclass(frozen=True)
class Job:
    """What is known of a run before anything is remarked: its records, its nodes' bytes and the whole's."""

    records: Mapping[str, Mapping[str, Any]]
    verdict: str
    traffic: Traffic
    by_node: Mapping[str, Traffic | None]
    """None where nothing is known of a node's bytes."""
    verdicts: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def nodes(self) -> list[Node]:
        """The counters of the nodes with a record."""
        return [made_of(node, record) for node, record in self.records.items()]

    @cached_property
    def line_rate_shares(self) -> dict[str, tuple[float, float]]:
        """By node, the parts of its type's line rate that it sent and received, as far as they are known."""
        shares = ((node.name, node.line_rate_shares()) for node in self.nodes)
        return {name: own for name, own in shares if own is not None}


class Node:
    """The counters of one node's devices."""

    def __init__(self, name: str, record: Mapping[str, Any], devices: Devices) -> None:
        self.name = name
        self.record = record
        self.devices = devices
        self.counted = record["baseline"] != "missing" and not record["resets"]
        """Whether differences mean anything; a record has none otherwise."""
        # functools.cached_property takes a lock, and that as long as the sums: there are thousands of nodes.
        self._moved: list[int | None] | None = None
        self._least_and_most: tuple[int, int] | None = None

    def column(self, counter: str) -> Column | None:
        """Return a counter of each device, None for each that was not read; None where the driver lacks it."""
        return self.devices.column(counter) if self.counted else None

    def total(self, counter: str) -> int:
        """Return the sum over the devices that were read."""
        return (self.devices.total(counter) or 0) if self.counted else 0

    def paired(self, counter: str, of: str) -> tuple[int, int]:
        """Return the sums of two counters over the devices of which both were read: a part and its whole."""
        if self.counted and isinstance(self.devices, ListedDevices):
            return self.devices.paired(counter, of)
        return self.total(counter), self.total(of)

    def counted_any(self, counters: tuple[str, ...]) -> bool:
        """Return whether one of these counters is more than zero on a device, as far as they were read."""
        if not self.counted:
            return False
        if isinstance(self.devices, ListedDevices):
            return any(self.total(counter) for counter in counters)
        return self.devices.counted_any(counters)

    @property
    def moved(self) -> list[int | None]:
        """The bytes that each device moved; None where not all of them are known."""
        if self._moved is None:
            self._moved = self._moved_by_device()
        return self._moved

    def _moved_by_device(self) -> list[int | None]:
        sent, received = self.column("tx_bytes"), self.column("rx_bytes")
        if sent is None or received is None:
            return [None] * len(self.devices.names)
        if isinstance(self.devices, ListedDevices):
            return [None if a is None or b is None else a + b for a, b in zip(sent, received, strict=True)]
        return list(map(add, cast("Sequence[int]", sent), cast("Sequence[int]", received)))

    @property
    def least_and_most_moved(self) -> tuple[int, int]:
        """The bytes of the devices that moved the least and the most; -1 for one of which they are not known."""
        if self._least_and_most is None:
            moved: Sequence[int | None] = self.moved
            # Of packed devices all are known, or none is.
            unread = None in (moved if isinstance(self.devices, ListedDevices) else moved[:1])
            known = [-1 if value is None else value for value in moved] if unread else moved
            numbers = cast("Sequence[int]", known) or (0,)
            self._least_and_most = min(numbers), max(numbers)
        return self._least_and_most

    def line_rate_shares(self) -> tuple[float, float] | None:
        """Return the parts of its type's line rate that it sent and received over the job's time; None: unknown.

        An average over all of the job, start-up and pauses too: a low one is no fault.
        """
        record = self.record
        began = record.get("began_at")
        gbps = _gbps(record.get("instance_type") or "")
        if began is None or gbps is None:
            return None
        # What the node's clock was set by in between is no time that the job took.
        seconds = record["ended_at"] - began - (record.get("clock_jump_seconds") or 0)
        if seconds < 1:
            return None
        # What was not counted, or not read of a device, is not zero.
        if not self.counted or record["devices_unknown"] or not self.moved or self.least_and_most_moved[0] < 0:
            return None
        sent, received = self.devices.totals(_BOTH_WAYS)
        bits = seconds * gbps * _GIGA
        return (sent or 0) * _BITS / bits, (received or 0) * _BITS / bits

    def by_operation(self, place: int) -> int | None:
        """Return the bytes of one device by operation class: the totals need not hold them. None: not all were read."""
        columns = [column for pair in CLASSES for name in pair if (column := self.column(name)) is not None]
        known = [number for column in columns if (number := column[place]) is not None]
        return sum(known) if len(known) == len(columns) else None

    def moved_by(self, place: int) -> int | None:
        """Return the bytes that one device moved, also by its counters of operations; None: not known."""
        total, by_class = self.moved[place], self.by_operation(place)
        return None if total is None or by_class is None else max(total, by_class)


@cache
def _gbps(instance_type: str) -> float | None:
    from efakit.catalog import instances
    from efakit.errors import UnknownInstanceType

    try:
        return instances.get(instance_type).bandwidth_gbps or None if instance_type else None
    except UnknownInstanceType:
        return None


def made_of(name: str, record: Mapping[str, Any]) -> Node:
    """Return a node's counters."""
    return Node(name, record, devices_of(record))


def limits_with(changes: Mapping[str, float]) -> Limits:
    """Return the thresholds by name with some of them changed; raise UsageError for a name that no row has."""
    limits = {row.name: row.value for row in STANDS_OUT}
    for name, value in changes.items():
        if name not in limits:
            raise UsageError(f"no threshold is called {name!r}: {', '.join(limits)}")
        limits[name] = value
    return limits


def standout(
    rule: str,
    message: str,
    nodes: Iterable[str] = (),
    devices: Iterable[str] = (),
    *,
    severity: str = "",
    fix: str = "",
    whole: bool = False,
) -> Standout:
    """Return a finding by its rule's row; ``severity`` where it is another than the row's."""
    row = rules_of("job")[rule]
    names = tuple(dict.fromkeys(nodes))
    finding = Finding(rule, severity or row.severity, message, fix=fix, source=row.source, about=names)
    return Standout(finding, names, tuple(dict.fromkeys(devices)), whole)


def some(names: Sequence[str], most: int = MOST_NAMES) -> str:
    """Return names as people read them, the first few."""
    shown = ", ".join(printable(name, _LONGEST_NAME) for name in names[:most])
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")


def share(value: float) -> str:
    """Return a small ratio in words: 0.04 %, 12 per million."""
    if value >= 0.0001:
        return f"{100 * value:.2g} %"
    return f"{1e6 * value:.2g} per million"


def count(number: int, one: str, many: str = "") -> str:
    """Return a number with its noun."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
