"""One look at a node, and the rates between two of them. What was not read is None and never 0."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

EFA = ("tx_bytes", "rx_bytes", "tx_pkts", "retrans_pkts")
TCP = ("tx_bytes", "rx_bytes")
_MOST_UNSURE = 0.25
"""Of the time between two looks, how much may be unknown."""


@dataclass(frozen=True)
class Sample:
    """What a node's counters were at ``at`` (seconds of a clock that nobody sets), or at most ``within`` off that.

    ``devices`` has the counters that were read by device, None where the exporter tells sums only: these are in
    ``sums``. ``present`` are all devices that are there; None: unknown. ``found`` is their number; None: there may be
    more, which nobody recognised.
    """

    at: float
    devices: Mapping[str, Mapping[str, float]] | None
    present: tuple[str, ...] | None
    sums: Mapping[str, float] = field(default_factory=dict)
    tcp: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """The counters that were read by interface."""
    found: int | None = None
    expected: int | None = None
    line_rate: float | None = None
    jobs: tuple[str, ...] = ()
    within: float = 0.0


@dataclass(frozen=True)
class DeviceRates:
    """Bytes a second of one device; ``share`` is what it may send, in the same unit."""

    name: str
    tx: float | None
    rx: float | None
    share: float | None


@dataclass(frozen=True)
class NodeRates:
    """Bytes a second of a node; ``partial``: some devices were not read, and ``tx`` and ``rx`` are of the others.

    ``error`` says why nothing is known. ``retransmits`` is the share of the packets that were sent again.
    """

    node: str
    error: str | None = None
    tx: float | None = None
    rx: float | None = None
    partial: bool = False
    tcp_tx: float | None = None
    tcp_rx: float | None = None
    retransmits: float | None = None
    line_rate: float | None = None
    found: int | None = None
    expected: int | None = None
    jobs: tuple[str, ...] = ()
    devices: tuple[DeviceRates, ...] = ()

    @property
    def of_line_rate(self) -> float | None:
        """The larger of what is sent and received over EFA, as a share of the line rate; None: unknown."""
        if self.tx is None or self.rx is None or self.partial or not self.line_rate:
            return None
        return max(self.tx, self.rx) / self.line_rate

    def as_data(self) -> dict[str, Any]:
        """Return it for programs; null is unknown."""
        known = not self.partial
        return {
            "node": self.node,
            "error": self.error,
            "efa_tx_bytes_per_second": self.tx if known else None,
            "efa_rx_bytes_per_second": self.rx if known else None,
            "read_devices_tx_bytes_per_second": self.tx,
            "read_devices_rx_bytes_per_second": self.rx,
            "tcp_tx_bytes_per_second": self.tcp_tx,
            "tcp_rx_bytes_per_second": self.tcp_rx,
            "retransmitted_packets_ratio": self.retransmits,
            "line_rate_bytes_per_second": self.line_rate,
            "of_line_rate": self.of_line_rate,
            "devices_found": self.found,
            "devices_expected": self.expected,
            "jobs": list(self.jobs),
            "devices": [
                {
                    "name": device.name,
                    "efa_tx_bytes_per_second": device.tx,
                    "efa_rx_bytes_per_second": device.rx,
                    "share_of_line_rate_bytes_per_second": device.share,
                }
                for device in self.devices
            ],
        }


def rates(node: str, before: Sample | None, after: Sample) -> NodeRates:
    """Return the rates between two looks at a node; of the first look alone only what is no rate."""
    seconds = _seconds(before, after)
    count = after.expected or after.found
    share = after.line_rate / count if after.line_rate and count else None
    then = before.devices if before and before.devices is not None else {}
    devices = tuple(
        DeviceRates(
            name,
            _rate(then.get(name), _of(after, name), "tx_bytes", seconds),
            _rate(then.get(name), _of(after, name), "rx_bytes", seconds),
            share,
        )
        for name in after.present or ()
    )
    if after.devices is None:
        sums = (before.sums if before else None), after.sums
        tx, rx = (_rate(*sums, counter, seconds) for counter in ("tx_bytes", "rx_bytes"))
        if before is not None and before.found != after.found:
            tx = rx = None  # a sum of other devices
        packets, again = (_rate(*sums, counter, seconds) for counter in ("tx_pkts", "retrans_pkts"))
        partial = False
    else:
        tx, rx = _sum(item.tx for item in devices), _sum(item.rx for item in devices)
        partial = after.present is not None and any(item.tx is None or item.rx is None for item in devices)
        # A device that has gone carried something since, and one that nobody recognised may.
        partial |= after.found is None or (before is not None and not _held(before) <= _held(after))
        pairs = (
            [_rate(then.get(name), _of(after, name), counter, seconds) for counter in ("tx_pkts", "retrans_pkts")]
            for name in after.present or ()
        )
        known = [pair for pair in pairs if None not in pair]
        packets, again = (_sum(pair[number] for pair in known) for number in (0, 1))
    return NodeRates(
        node,
        tx=tx,
        rx=rx,
        partial=partial and (tx is not None or rx is not None),
        tcp_tx=_tcp_rate(before, after, "tx_bytes", seconds),
        tcp_rx=_tcp_rate(before, after, "rx_bytes", seconds),
        retransmits=again / packets if again is not None and packets else None,
        line_rate=after.line_rate,
        found=after.found,
        expected=after.expected,
        jobs=after.jobs,
        devices=devices,
    )


def _seconds(before: Sample | None, after: Sample) -> float:
    """Return the time between two looks, 0 where it is not known well enough to tell a rate."""
    if before is None:
        return 0.0
    seconds = after.at - before.at
    return seconds if before.within + after.within <= _MOST_UNSURE * seconds else 0.0


def _tcp_rate(before: Sample | None, after: Sample, counter: str, seconds: float) -> float | None:
    """Return the rate of all interfaces; None where they are not the same in both looks, or one was not read."""
    if before is None or not after.tcp or set(before.tcp) != set(after.tcp):
        return None
    found = [_rate(before.tcp[name], after.tcp[name], counter, seconds) for name in after.tcp]
    return None if None in found else _sum(found)


def _held(sample: Sample) -> set[str]:
    return set(sample.present or ())


def _of(sample: Sample, name: str) -> Mapping[str, float]:
    return (sample.devices or {}).get(name, {})


def _rate(before: Mapping[str, float] | None, after: Mapping[str, float], counter: str, seconds: float) -> float | None:
    """Return None where one is missing, or where the counter has begun anew."""
    then, now = (before or {}).get(counter), after.get(counter)
    if then is None or now is None or now < then or seconds <= 0:
        return None
    return (now - then) / seconds


def _sum(values: Any) -> float | None:
    """Return the sum of what is known, None where nothing is."""
    known = [value for value in values if value is not None]
    return sum(known) if known else None
