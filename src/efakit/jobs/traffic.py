"""The bytes of a run, with what is not known of them: each amount is a range, from what was counted upwards.

What was not read is not zero. An amount of which a part was not read may be anything from the known part up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from efakit.jobs.devices import PackedDevices
from efakit.node.counters import CLASSES, TOTALS

Record = Mapping[str, Any]

_BY_CLASS = tuple(name for pair in CLASSES for name in pair)
_BOTH = frozenset(("tx_bytes", "rx_bytes"))
# The classes' share of tx_bytes + rx_bytes from which on they explain the traffic. A driver counts all three.
_EXPLAINED = 0.5


@dataclass(frozen=True)
class Amount:
    """A number of bytes: ``known_bytes`` were counted; where not ``complete``, there may be any more."""

    known_bytes: int = 0
    complete: bool = True

    def __add__(self, other: Amount) -> Amount:
        """Return the sum of both."""
        return Amount(self.known_bytes + other.known_bytes, self.complete and other.complete)

    @staticmethod
    def sum(amounts: Sequence[Amount]) -> Amount:
        """Return the sum of any number of amounts."""
        return Amount(sum([one.known_bytes for one in amounts]), all(one.complete for one in amounts))

    def bounds(self) -> tuple[float, ...]:
        """Return the least and the greatest value that it can have: one number where it is known."""
        return (self.known_bytes,) if self.complete else (self.known_bytes, float("inf"))


UNKNOWN = Amount(0, complete=False)
_NOTHING = Amount()


@dataclass(frozen=True)
class Traffic:
    """Bytes by way and direction, of one node or of all.

    ``by_class`` holds sent and received bytes of each of CLASSES. ``classless``: a device counts no classes.
    """

    efa_tx: Amount = Amount()
    efa_rx: Amount = Amount()
    tcp_tx: Amount = Amount()
    tcp_rx: Amount = Amount()
    by_class: tuple[tuple[Amount, Amount], ...] = ((Amount(), Amount()),) * len(CLASSES)
    classless: bool = False

    def __add__(self, other: Traffic) -> Traffic:
        """Return the sum of both."""
        return Traffic(
            self.efa_tx + other.efa_tx,
            self.efa_rx + other.efa_rx,
            self.tcp_tx + other.tcp_tx,
            self.tcp_rx + other.tcp_rx,
            tuple((a + c, b + d) for (a, b), (c, d) in zip(self.by_class, other.by_class, strict=True)),
            self.classless or other.classless,
        )

    @staticmethod
    def sum(parts: Sequence[Traffic]) -> Traffic:
        """Return the sum of the traffic of any number of nodes."""
        return Traffic(
            Amount.sum([one.efa_tx for one in parts]),
            Amount.sum([one.efa_rx for one in parts]),
            Amount.sum([one.tcp_tx for one in parts]),
            Amount.sum([one.tcp_rx for one in parts]),
            tuple(
                (
                    Amount.sum([one.by_class[place][0] for one in parts]),
                    Amount.sum([one.by_class[place][1] for one in parts]),
                )
                for place in range(len(CLASSES))
            ),
            any(one.classless for one in parts),
        )

    def counts_classes(self) -> bool:
        """Return whether bytes by operation class explain what travelled.

        Not where a driver does not count them, and not where they hold less than half of tx_bytes and rx_bytes.
        """
        return self._ways() != (False,)

    def _ways(self) -> tuple[bool, ...]:
        """Return whether the classes are to be counted; both where what is not known leaves that open."""
        if self.classless:
            return (False,)
        sides = [side for pair in self.by_class for side in pair]
        explained = sum(side.known_bytes for side in sides)
        explains = explained >= _EXPLAINED * (self.efa_tx.known_bytes + self.efa_rx.known_bytes)
        if all(side.complete for side in (*sides, self.efa_tx, self.efa_rx)) or (explains and explained):
            return (explains,)
        return (True, False)

    def exchanged_bounds(self) -> tuple[float, ...]:
        """Return the least and the greatest number of bytes that the nodes exchanged over EFA, one number if known.

        Of each class the smaller of what they sent and what they received: what one side alone counts went to or came
        from storage. Where the classes tell nothing, the smaller of tx_bytes and rx_bytes.
        """
        least, most = float("inf"), 0.0
        for by_class in self._ways():
            pairs = self.by_class if by_class else ((self.efa_tx, self.efa_rx),)
            least = min(least, sum(min(sent.known_bytes, received.known_bytes) for sent, received in pairs))
            most = max(most, sum(min(sent.bounds()[-1], received.bounds()[-1]) for sent, received in pairs))
        return (least,) if least == most else (least, most)

    def storage_bytes(self) -> tuple[int, int]:
        """Return what was sent and what was received one-sidedly, as far as it is known: storage, not other nodes."""
        pairs = self.by_class if self.counts_classes() else ()
        sent = sum(max(0, out.known_bytes - into.known_bytes) for out, into in pairs)
        received = sum(max(0, into.known_bytes - out.known_bytes) for out, into in pairs)
        return sent, received

    @cached_property
    def efa_moved(self) -> Amount:
        """The bytes that EFA moved in both directions: the larger of the totals and of the sum over classes."""
        sides = [side for pair in self.by_class for side in pair]
        known = max(self.efa_tx.known_bytes + self.efa_rx.known_bytes, sum([side.known_bytes for side in sides]))
        complete = self.efa_tx.complete and self.efa_rx.complete
        return Amount(known, complete or (all(side.complete for side in sides) and self.counts_classes()))


def traffic_of(record: Record) -> Traffic:
    """Return the bytes of one node's record."""
    if isinstance(record["devices"], PackedDevices):
        return _traffic_of_packed(record, record["devices"])
    devices = [_Item(item) for item in record["devices"]]
    no_devices = bool(record["devices_unknown"])
    sent, received = _over_interfaces(record)
    return Traffic(
        efa_tx=_sum(devices, "tx_bytes", no_devices),
        efa_rx=_sum(devices, "rx_bytes", no_devices),
        tcp_tx=sent,
        tcp_rx=received,
        by_class=tuple((_sum(devices, out, no_devices), _sum(devices, into, no_devices)) for out, into in CLASSES),
        classless=any(device.lacks_all(_BY_CLASS) for device in devices),
    )


def _traffic_of_packed(record: Record, devices: PackedDevices) -> Traffic:
    """Return the same where every counter of every device was read."""
    no_devices = bool(record["devices_unknown"])

    def total(name: str) -> Amount:
        known = devices.total(name) or 0
        return Amount(known, not no_devices) if known or no_devices else _NOTHING

    sent, received = _over_interfaces(record)
    return Traffic(
        total("tx_bytes"),
        total("rx_bytes"),
        sent,
        received,
        tuple([(total(out), total(into)) for out, into in CLASSES]),
        not devices.has_any(_BY_CLASS),
    )


def _over_interfaces(record: Record) -> tuple[Amount, Amount]:
    """Return the bytes of a node's interfaces, sent and received."""
    interfaces, unknown = record["interfaces"], bool(record["interfaces_unknown"])
    counted = [item["counters"] for item in interfaces if not item["unknown"]]
    if not unknown and len(counted) == len(interfaces) and all(counters.keys() >= _BOTH for counters in counted):
        # Nearly always: without an object for each interface.
        return Amount(sum([own["tx_bytes"] for own in counted])), Amount(sum([own["rx_bytes"] for own in counted]))
    items = [_Item(item) for item in interfaces]
    return _sum(items, "tx_bytes", unknown), _sum(items, "rx_bytes", unknown)


def unknown_parts(record: Record) -> list[str]:
    """Return what is not known of a node's bytes, in words: ``rdmap16s27: tx_bytes, rx_bytes``."""
    parts = []
    if record["devices_unknown"] and not record["resets"] and record["baseline"] != "missing":
        parts.append("the EFA devices could not all be recognised")
    for kind, names in (("devices", (*TOTALS, *_BY_CLASS)), ("interfaces", TOTALS)):
        if isinstance(record[kind], PackedDevices):
            continue  # all of them were read
        for item in record[kind]:
            if not item["unknown"] and item["counters"].keys() >= _BOTH:
                continue
            amounts = _Item(item)
            unread = [name for name in names if not amounts.amount(name).complete]
            if unread:
                parts.append(f"{item['name']}: {_few(unread)} not read at both moments")
    if record["interfaces_unknown"] and not record["resets"] and record["baseline"] != "missing":
        parts.append("no TCP interface was found")
    return parts


class _Item:
    def __init__(self, item: Mapping[str, Any]) -> None:
        self._counters, self._unknown = item["counters"], frozenset(item["unknown"])

    def amount(self, name: str) -> Amount:
        # Every driver and every interface has the totals: one that is missing was not read.
        if name in self._unknown or (name in TOTALS and name not in self._counters):
            return UNKNOWN
        return Amount(self._counters.get(name, 0))

    def lacks_all(self, names: Iterable[str]) -> bool:
        return not any(name in self._counters or name in self._unknown for name in names)


def _sum(items: Iterable[_Item], name: str, unknown: bool) -> Amount:
    return sum((item.amount(name) for item in items), UNKNOWN if unknown else Amount())


def _few(names: list[str]) -> str:
    return ", ".join(names[:2]) + (f" and {len(names) - 2} more" if len(names) > 2 else "")
