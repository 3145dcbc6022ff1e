"""Decides while a job runs whether its ranks talk over TCP and not over EFA. Values in, values out: it reads nothing.

A look every two seconds goes only as far as it must. First come the bytes of the TCP interfaces, which cost next to
nothing. Where they went both ways, the connections with the job's other nodes: storage, downloads and S3 are none of
these. Where the ranks exchange data there, EFA's counters. Ranks talk over TCP where they go on for several looks,
their exchange is larger than a bootstrap's, EFA rested meanwhile, and EFA carried less than that since the job began.
"""

from __future__ import annotations

from efakit.catalog.thresholds import EFA_FLOOR, TCP_FLOOR, WATCH_BOOTSTRAP, WATCH_EXCHANGE, WATCH_LOOKS
from efakit.node.counters import CLASSES, TOTALS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Literal

    from efakit.node.connections import Connections

    # The byte counters of each EFA device that was read, and whether that is all of them.
    Counters = Mapping[str, Mapping[str, int]]
    Devices = tuple[Counters, bool]
    Answer = Literal["fallback", "unknown"] | None

LOOK_SECONDS = 2.0
# Traffic that is older has nothing to do with what is seen now.
_LAPSE_SECONDS = 30.0
# A look that finds storage's traffic, or EFA in use, is not repeated at once: it costs more than a glance.
_STORAGE_PAUSE_SECONDS, _EFA_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 8.0, 15.0, 60.0
# As in ``jobs.traffic``: from this share on the classes explain what travelled.
_EXPLAINED = 0.5
_LEAST_BYTES = int(WATCH_EXCHANGE.value * LOOK_SECONDS)


class Exchange:
    """What one node has seen of its traffic; times are seconds of one clock that only goes forward."""

    def __init__(self, nodes: int) -> None:
        self.floor_bytes = int(TCP_FLOOR.value + WATCH_BOOTSTRAP.value * nodes)
        self.exchanged_bytes = 0
        self.peers: set[bytes] = set()
        self.since = 0.0
        self._interfaces: tuple[int, int] | None = None
        self._connections: Connections | None = None
        self._connections_at = 0.0
        self._looks, self._suspect_at = 0, 0.0
        self._total_bytes = 0
        self._first: Devices = ({}, False)
        self._at_suspicion: Devices | None = None
        self._not_before = 0.0
        self._pause_seconds = _EFA_PAUSE_SECONDS

    def begin(self, now: float, connections: Connections | None, devices: Devices) -> None:
        """Take what there was before the ranks began; connections are None where they could not be read."""
        self._connections, self._connections_at, self._first = connections, now, devices

    def glance(self, now: float, interfaces: tuple[int, int] | None) -> bool:
        """Take the bytes sent and received by the TCP interfaces, None: not read; return whether to look further."""
        before, self._interfaces = self._interfaces, interfaces
        if now < self._not_before:
            return False
        if interfaces is None:
            return True
        if before is None:
            return False
        return min(interfaces[0] - before[0], interfaces[1] - before[1]) >= _LEAST_BYTES

    def look(self, now: float, connections: Connections) -> bool:
        """Take the connections with the job's other nodes; return whether EFA's counters are wanted."""
        before, passed = self._connections, now - self._connections_at
        self._connections, self._connections_at = connections, now
        if now - self._suspect_at > _LAPSE_SECONDS:
            self._forget()
        if before is None or passed > _LAPSE_SECONDS:
            return False
        sent = received = 0
        peers = set()
        for key, (now_sent, now_received, peer) in connections.items():
            old = before.get(key, (0, 0, peer))
            sent += now_sent - old[0]
            received += now_received - old[1]
            peers.add(peer)
        exchanged = min(sent, received)
        self._total_bytes += max(0, exchanged)
        if exchanged < _LEAST_BYTES * max(1.0, passed / LOOK_SECONDS):
            if not self._looks:
                self._not_before = now + _STORAGE_PAUSE_SECONDS
            return False
        self._looks += 1
        self._suspect_at = now
        if self._at_suspicion is None:
            self.since = now
            return True
        self.exchanged_bytes += exchanged
        self.peers |= peers
        return self._looks >= WATCH_LOOKS.value and self.exchanged_bytes >= self.floor_bytes

    def answer(self, now: float, devices: Devices) -> Answer:
        """Take the devices' counters after a look that wanted them; return what there is to say, None: nothing."""
        if self._at_suspicion is None:
            self._at_suspicion = devices
            return None
        moved, in_all = (ranks_bytes(before[0], devices[0]) for before in (self._at_suspicion, self._first))
        if moved is None or in_all is None:  # the counters began anew, and so does what is known of them
            self._forget()
            self._first, self._total_bytes = devices, 0
            return None
        if moved < EFA_FLOOR.value and in_all <= self._total_bytes:
            return "fallback" if _same_devices(self._first, self._at_suspicion, devices) else "unknown"
        self._forget()
        self._not_before = now + self._pause_seconds
        self._pause_seconds = min(2 * self._pause_seconds, _LONGEST_PAUSE_SECONDS)
        return None

    def put_off(self, now: float) -> None:
        """Begin anew later: the bytes may be another job's."""
        self._forget()
        self._not_before = now + _LONGEST_PAUSE_SECONDS

    def _forget(self) -> None:
        self._looks, self.exchanged_bytes = 0, 0
        self._at_suspicion, self.peers = None, set()


def _same_devices(*readings: Devices) -> bool:
    """Return whether each reading is of all devices, and these are the same: one that came or went was not compared."""
    return all(complete for _, complete in readings) and len({frozenset(counters) for counters, _ in readings}) == 1


def ranks_bytes(before: Counters, after: Counters) -> int | None:
    """Return what this node's ranks exchanged over EFA between two readings; None where counters began anew.

    Of each operation class the smaller of what was sent and what was received, since storage is one-sided; where the
    driver does not count classes, or they do not explain what travelled, of all bytes (``efakit.jobs.traffic``). A
    device that was not read both times counts nothing.
    """
    grown: dict[str, int] = {}
    classless = False
    for name in set(before) & set(after):
        old, counters = before[name], after[name]
        if set(old) != set(counters) or any(counters[one] < old[one] for one in counters):
            return None
        classless = classless or not any(one in counters for pair in CLASSES for one in pair)
        for one, value in counters.items():
            grown[one] = grown.get(one, 0) + value - old[one]
    totals = [grown.get(one, 0) for one in TOTALS]
    pairs = [(grown.get(sent, 0), grown.get(received, 0)) for sent, received in CLASSES]
    if classless or sum(map(sum, pairs)) < _EXPLAINED * sum(totals):
        return min(totals)
    return sum(map(min, pairs))
