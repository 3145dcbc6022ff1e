"""The bytes of a run, with what is not known of them: each amount is a range, from what was counted upwards.

What was not read is not zero. An amount of which a part was not read may be anything from the known part up.

Storage. FSx for Lustre over EFA uses the ranks' devices: what a client writes, the servers read from it, and what it
reads, it reads from them (kefalnd_send and kefalnd_handle_putr_req, ``lnet/klnds/efalnd/efalnd.c`` in lustre-release
2.17.0); messages up to 8900 bytes are sends. So storage that reads and writes alike looks like an exchange, in the
classes too. Where LNet's own counters are in the record, they tell it apart: what the ranks sent is what EFA sent
without what LNet did, and as much was received. LNet counts all of its networks together, and a client of FSx over EFA
has one by TCP as well (AWS, "Configuring EFA clients"): what went there is at most what the node's TCP interfaces sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from efakit.catalog.thresholds import LNET_MESSAGE
from efakit.jobs.devices import PackedDevices
from efakit.node.counters import CLASSES, TOTALS

Record = Mapping[str, Any]

_BY_CLASS = tuple(name for pair in CLASSES for name in pair)
_TOTALS = frozenset(TOTALS)
_OF_DEVICES = (*TOTALS, *_BY_CLASS)
# Where each stands in Traffic.counted: the devices' totals, their classes, and then the interfaces' totals.
_CLASSES = slice(len(TOTALS), len(_OF_DEVICES))
_TCP = slice(len(_OF_DEVICES), None)
_PLACES = range(len(_OF_DEVICES) + len(TOTALS))
_NONE: frozenset[int] = frozenset()
_TOTAL_PLACES = frozenset(_PLACES[: len(TOTALS)])
_CLASS_PLACES = frozenset(_PLACES[_CLASSES])
_DEVICE_PLACES = _TOTAL_PLACES | _CLASS_PLACES
_TCP_PLACES = frozenset(_PLACES[_TCP])
# The classes' share of tx_bytes + rx_bytes from which on they explain the traffic. A driver counts all three.
_EXPLAINED = 0.5
# The classes that LNet's traffic is in: sends and reads.
_OF_LNET = slice(0, 2)


class Amount(NamedTuple):
    """A number of bytes: ``known_bytes`` were counted; where not ``complete``, there may be any more."""

    known_bytes: int = 0
    complete: bool = True

    def __add__(self, other: Amount) -> Amount:  # type: ignore[override]
        """Return the sum of both."""
        return Amount(self.known_bytes + other.known_bytes, self.complete and other.complete)

    @staticmethod
    def sum(amounts: Sequence[Amount]) -> Amount:
        """Return the sum of any number of amounts."""
        return Amount(sum([one[0] for one in amounts]), False not in [one[1] for one in amounts])

    def bounds(self) -> tuple[float, ...]:
        """Return the least and the greatest value that it can have: one number where it is known."""
        return (self.known_bytes,) if self.complete else (self.known_bytes, float("inf"))


UNKNOWN = Amount(0, complete=False)


# The least and the greatest number of bytes.
Span = tuple[int, int]


class Lnet(NamedTuple):
    """What LNet moved over EFA: the least and the greatest number of bytes, sent and received; and over TCP.

    ``messages`` are all that it sent and received where it has EFA. ``blind``: on some node LNet is there, and was not
    read.
    """

    sent: Span = (0, 0)
    received: Span = (0, 0)
    tcp_sent: Span = (0, 0)
    tcp_received: Span = (0, 0)
    messages: int = 0
    blind: bool = False

    def __add__(self, other: Lnet) -> Lnet:  # type: ignore[override]
        """Return the sum of both."""
        return Lnet(
            _added(self.sent, other.sent),
            _added(self.received, other.received),
            _added(self.tcp_sent, other.tcp_sent),
            _added(self.tcp_received, other.tcp_received),
            self.messages + other.messages,
            self.blind or other.blind,
        )

    def is_exact(self) -> bool:
        """Return whether it is known how much of it was over EFA, and how much over TCP."""
        spans = (self.sent, self.received, self.tcp_sent, self.tcp_received)
        return not self.blind and all(least == most for least, most in spans)

    def own_bytes(self) -> int:
        """Return how much LNet's headers and control messages may add in one direction: its counters hold payload."""
        return int(LNET_MESSAGE.value) * self.messages


def _added(one: Span, other: Span) -> Span:
    return one[0] + other[0], one[1] + other[1]


NO_LNET = Lnet()


class Traffic(NamedTuple):
    """Bytes by way and direction, of one node or of all.

    Plain numbers, since thousands of nodes have them: ``counted`` holds what devices counted, sent and received, in
    all and by each of CLASSES, and then what TCP interfaces did. ``partly`` has the places of those of which not all
    was read. ``classless``: a device counts no classes.
    """

    counted: tuple[int, ...] = (0,) * (len(_OF_DEVICES) + len(TOTALS))
    partly: frozenset[int] = _NONE
    classless: bool = False
    lnet: Lnet = NO_LNET

    @staticmethod
    def sum(parts: Sequence[Traffic]) -> Traffic:
        """Return the sum of the traffic of any number of nodes."""
        return Traffic(
            tuple(map(sum, zip(Traffic().counted, *[one.counted for one in parts], strict=True))),
            _NONE.union(*[one.partly for one in parts]),
            True in [one.classless for one in parts],
            sum([one.lnet for one in parts if one.lnet is not NO_LNET], NO_LNET),
        )

    def _amount(self, place: int) -> Amount:
        return Amount(self.counted[place], place not in self.partly)

    def _most(self, place: int) -> float:
        return float("inf") if place in self.partly else self.counted[place]

    @property
    def efa_tx(self) -> Amount:
        """What the devices sent."""
        return self._amount(0)

    @property
    def efa_rx(self) -> Amount:
        """What the devices received."""
        return self._amount(1)

    @property
    def tcp_tx(self) -> Amount:
        """What the TCP interfaces sent."""
        return self._amount(_TCP.start)

    @property
    def tcp_rx(self) -> Amount:
        """What the TCP interfaces received."""
        return self._amount(_TCP.start + 1)

    @property
    def by_class(self) -> tuple[tuple[Amount, Amount], ...]:
        """Sent and received bytes of each of CLASSES."""
        return tuple((self._amount(place), self._amount(place + 1)) for place in _PLACES[_CLASSES][::2])

    def _knows_efa(self) -> bool:
        """Return whether the totals are known, or else the classes, where these are counted."""
        if not self.partly or self.partly.isdisjoint(_TOTAL_PLACES):
            return True
        return self.partly.isdisjoint(_CLASS_PLACES) and self.counts_classes()

    def by_way(self) -> tuple[int, int, int, int]:
        """Return what is known of the bytes over EFA, sent and received, and over TCP, as plain numbers."""
        counted = self.counted
        return counted[0], counted[1], counted[-2], counted[-1]

    def knows_tcp(self) -> bool:
        """Return whether all that the TCP interfaces sent and received was read."""
        return not self.partly or self.partly.isdisjoint(_TCP_PLACES)

    def counts_classes(self) -> bool:
        """Return whether bytes by operation class explain what travelled.

        Not where a driver does not count them, and not where they hold less than half of tx_bytes and rx_bytes.
        """
        return self._ways() != (False,)

    def _ways(self) -> tuple[bool, ...]:
        """Return whether the classes are to be counted; both where what is not known leaves that open."""
        if self.classless:
            return (False,)
        explained = sum(self.counted[_CLASSES])
        explains = explained >= _EXPLAINED * (self.counted[0] + self.counted[1])
        if self.partly <= _TCP_PLACES or (explains and explained):
            return (explains,)
        return (True, False)

    def exchanged_bounds(self) -> tuple[float, ...]:
        """Return the least and the greatest number of bytes that the nodes exchanged over EFA, one number if known.

        Of each class the smaller of what they sent and what they received: what one side alone counts went to or came
        from storage. Where the classes tell nothing, the smaller of tx_bytes and rx_bytes. Without what LNet moved.
        """
        least, most = float("inf"), 0.0
        for by_class in self._ways():
            places = _PLACES[_CLASSES] if by_class else _PLACES[:2]
            low = [(self.counted[place], self.counted[place + 1]) for place in places[::2]]
            high: Sequence[tuple[float, float]] = low
            if not self.partly.isdisjoint(places):
                high = [(self._most(place), self._most(place + 1)) for place in places[::2]]
            least = min(least, sum(map(min, low)) if self.lnet is NO_LNET else self._without_lnet(low)[0])
            most = max(most, sum(map(min, high)) if self.lnet is NO_LNET else self._without_lnet(high)[1])
        return (least,) if least == most else (least, most)

    def _without_lnet(self, pairs: Sequence[tuple[float, float]]) -> tuple[float, float]:
        """Return the least and the greatest exchange that such bytes, sent and received by class, leave to the ranks.

        The ranks received what they sent: each side without LNet's part is their exchange, and the smaller one where
        something else is in it.
        """
        pool, others = pairs[_OF_LNET], pairs[_OF_LNET.stop :]
        rest = sum(map(min, others))
        most, lowest = sum(map(min, pool)), []
        for place, (lnet_least, lnet_most) in enumerate((self.lnet.sent, self.lnet.received)):
            side = sum(pair[place] for pair in pool)
            # What is one-sided in another class may be LNet's, if its driver ever moves data by RDMA writes.
            beside = sum(pair[place] - min(pair) for pair in others if pair[place] > min(pair))
            most = min(most, max(0.0, side - max(0.0, lnet_least - beside)))
            lowest.append(max(0.0, side - lnet_most))
        # LNet on a node where it was not read may be what makes the sides differ.
        least = min(lowest) if self.lnet.blind else max(lowest)
        return rest + min(most, least), rest + most

    def storage_bytes(self, *, is_whole: bool = True) -> tuple[int, int]:
        """Return what storage, not other nodes, was sent and sent back, at least.

        It is what was one-sided, or what LNet counted. A class whose other side was not read tells nothing. Nor does
        any where this is not ``is_whole``: what one side alone counts may be of another job or of a node without a
        record.
        """
        classes = range(_CLASSES.start, _CLASSES.stop, 2) if is_whole and self.counts_classes() else ()
        sent = sum([int(max(0, self.counted[place] - self._most(place + 1))) for place in classes])
        received = sum([int(max(0, self.counted[place + 1] - self._most(place))) for place in classes])
        return max(sent, self.lnet.sent[0]), max(received, self.lnet.received[0])

    def tells_storage(self) -> bool:
        """Return whether no more than ``storage_bytes`` went to storage and came from there."""
        if not self.lnet.is_exact() or not self.partly.isdisjoint(_DEVICE_PLACES):
            return False
        return self.counts_classes() or not any(self.counted[: _CLASSES.stop])

    def moved_bounds(self) -> tuple[float, ...]:
        """Return the least and the greatest number of bytes that EFA moved but for LNet's, both directions together."""
        if self.lnet is NO_LNET:
            known = max(self.counted[0] + self.counted[1], sum(self.counted[_CLASSES]))
            return (known,) if self._knows_efa() else (known, float("inf"))
        least, most = 0.0, 0.0
        for place, (lnet_least, lnet_most) in enumerate((self.lnet.sent, self.lnet.received)):
            known = max(self.counted[place], sum(self.counted[_CLASSES][place::2]))
            least += max(0, known - lnet_most)
            most += max(0, known - lnet_least)
        if not self._knows_efa():
            most = float("inf")
        return (least,) if least == most else (least, most)


def traffic_of(record: Record) -> Traffic:
    """Return the bytes of one node's record."""
    devices = record["devices"]
    if not isinstance(devices, list):  # packed
        sums = devices.totals(_OF_DEVICES)
        # Of packed devices every counter was read; where they are not all of them, any may be more.
        partly = _DEVICE_PLACES if record["devices_unknown"] else _NONE
        classless = None in sums and not devices.has_any(_BY_CLASS)
        counted = tuple([known or 0 for known in sums]) if None in sums else sums
    else:
        counted, partly, classless = _listed(devices, unknown=bool(record["devices_unknown"]))
    sent, received, partly_tcp = _tcp(record)
    partly = partly | partly_tcp if partly_tcp else partly
    bare = Traffic((*counted, sent, received), partly, classless)
    return bare if record.get("lnet") is None else bare._replace(lnet=_lnet(record["lnet"], bare))


def _listed(devices: Sequence[Mapping[str, Any]], *, unknown: bool) -> tuple[tuple[int, ...], frozenset[int], bool]:
    """Return what devices counted, of which some counters may not have been read, and which of it not wholly."""
    items = [_Item(item) for item in devices]
    amounts = [_sum(items, name, unknown) for name in _OF_DEVICES]
    partly = frozenset(place for place, amount in enumerate(amounts) if not amount.complete)
    classless = any(item.lacks_all(_BY_CLASS) for item in items)
    return tuple([amount.known_bytes for amount in amounts]), partly, classless


def _tcp(record: Record) -> tuple[int, int, frozenset[int]]:
    """Return the bytes of a node's interfaces, sent and received, and which of the two not wholly."""
    interfaces, unknown = record["interfaces"], bool(record["interfaces_unknown"])
    sent = received = 0
    for item in interfaces:
        counters = item["counters"]
        if item["unknown"] or not counters.keys() >= _TOTALS:
            break
        sent += counters["tx_bytes"]
        received += counters["rx_bytes"]
    else:
        # Nearly always: without an object for each interface.
        return sent, received, _TCP_PLACES if unknown else _NONE
    items = [_Item(item) for item in interfaces]
    amounts = [_sum(items, name, unknown) for name in TOTALS]
    partly = frozenset(place for place, amount in zip(_PLACES[_TCP], amounts, strict=True) if not amount.complete)
    return amounts[0].known_bytes, amounts[1].known_bytes, partly


def _lnet(read: Mapping[str, Any], of_node: Traffic) -> Lnet:
    """Return what LNet moved over EFA and TCP, of what it and each of them sent and received."""
    if read["error"] is not None:
        return Lnet(blind=True)
    efa, tcp = (of_node.efa_tx, of_node.efa_rx), (of_node.tcp_tx, of_node.tcp_rx)
    networks = read["networks"]
    has_efa, has_tcp = (any(_is_of(name, kind) for name in networks) for kind in ("efa", "tcp"))
    # Whatever else there is, or interfaces that nobody counts, may have taken any part of it.
    only_these = all(_is_of(name, "efa") or _is_of(name, "tcp") for name in networks) and (
        read["all_tcp"] or not has_tcp
    )
    spans: list[tuple[Span, Span]] = []
    for moved, over_efa, over_tcp in zip((read["send_bytes"], read["recv_bytes"]), efa, tcp, strict=True):
        most_efa = moved if has_efa else 0
        most_tcp = _most(moved, over_tcp) if has_tcp else 0
        least_efa = max(0, moved - most_tcp) if has_efa and only_these else 0
        least_tcp = min(most_tcp, moved - (_most(moved, over_efa) if has_efa else 0)) if only_these else 0
        spans.append(((least_efa, most_efa), (least_tcp, most_tcp)))
    (sent, tcp_sent), (received, tcp_received) = spans
    return Lnet(sent, received, tcp_sent, tcp_received, read["messages"] if has_efa else 0)


def _most(moved: int, way: Amount) -> int:
    return int(min(moved, way.bounds()[-1]))


def _is_of(network: str, kind: str) -> bool:
    """Whether a network of LNet's is of a kind: ``efa``, ``efa1``."""
    return network.startswith(kind) and not network[len(kind) :].strip("0123456789")


def unknown_parts(record: Record) -> list[str]:
    """Return what is not known of a node's bytes, in words: ``rdmap16s27: tx_bytes, rx_bytes``."""
    parts = []
    if record["devices_unknown"] and not record["resets"] and record["baseline"] != "missing":
        parts.append("the EFA devices could not all be recognised")
    for kind, names in (("devices", _OF_DEVICES), ("interfaces", TOTALS)):
        if isinstance(record[kind], PackedDevices):
            continue  # all of them were read
        for item in record[kind]:
            if not item["unknown"] and item["counters"].keys() >= _TOTALS:
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
    amounts = [item.amount(name) for item in items]
    whole = Amount.sum(amounts)
    return Amount(whole.known_bytes, complete=False) if unknown else whole


def _few(names: list[str]) -> str:
    return ", ".join(names[:2]) + (f" and {len(names) - 2} more" if len(names) > 2 else "")
