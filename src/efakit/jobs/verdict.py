"""The verdict: what the records of a job's run amount to.

In this order, the first that holds:

1. ``incomplete``: a node has no record or no baseline, was reset in between, or its prolog failed on purpose (the job
   then ran elsewhere); or it is not sure that the records are of one run.
2. ``shared``: another job ran, or may have run, on one of the nodes at the same time; counters are per device, not per
   job.
3. ``single-node``: the job had one node, whose ranks use NVLink or shared memory.
4. By traffic, over the whole run. What the nodes exchanged over EFA is, of each operation class, the smaller of what
   they sent and what they received: storage is one-sided (``efakit.jobs.traffic``). What LNet, Lustre's network, moved
   over EFA is storage's; its headers raise the floor. What it moved over TCP is storage's too.
   What they exchanged over TCP is the smaller of what was sent and what was received, less TCP's own answers to the
   larger; nodes that moved less than the floor of TCP, as every node does, do not count.
   ``no-traffic``: exchanged less than the floor over EFA, and less than its own over TCP.
   ``tcp-fallback``: exchanged less than the floor over EFA, and at least its own over TCP.
   ``mixed``: exchanged over EFA at least its floor, but a node fell back by the rule above, or the exchange over TCP
   reaches its floor and exceeds what was exchanged over EFA.
   ``efa``: exchanged over EFA at least its floor, and none of that.

What was not read may be anything from zero up. A verdict by traffic is given only where every such completion gives
the same one, with a note; else it is ``incomplete``. A node's own verdict follows from the same rules for its bytes
alone. Thresholds: ``efakit.catalog.thresholds``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import product
from typing import Any, NamedTuple

from efakit.catalog.thresholds import EFA_FLOOR, TCP_ANSWERS, TCP_FLOOR
from efakit.jobs.sizes import size
from efakit.jobs.traffic import NO_LNET, Lnet, Traffic, traffic_of, unknown_parts

Record = Mapping[str, Any]

_NOTHING_KNOWN = Traffic(partly=frozenset(range(len(Traffic().counted))))
_NUMBERS = re.compile("([0-9]+)")
# Of a number in a node's name: int() refuses some thousand digits.
_MOST_DIGITS = 20

VERDICTS = ("efa", "tcp-fallback", "mixed", "no-traffic", "single-node", "shared", "incomplete")
NOT_WHOLE = ("shared", "incomplete")
"""Where the bytes are not those of one whole job: other jobs' are in them, or a node's are not."""


class NodeVerdict(NamedTuple):
    """One node's part; ``traffic`` None where nothing is known, ``notes`` say what is remarkable."""

    node: str
    verdict: str
    traffic: Traffic | None
    devices_expected: int | None
    devices_found: int | None
    devices: Sequence[Mapping[str, Any]]
    """As the record has them."""
    notes: tuple[str, ...]
    unknown: tuple[str, ...] = ()
    """What is not known of its bytes."""


class JobVerdict(NamedTuple):
    """The verdict of a job's run, its reason in words, and its nodes.

    ``traffic`` is the sum over the nodes; nothing of it is complete where a node's is not known, or where a
    component of a heterogeneous job left no record. ``notes`` say what the verdict leaves open.
    """

    verdict: str
    reason: str
    traffic: Traffic
    nodes: tuple[NodeVerdict, ...]
    notes: tuple[str, ...] = ()

    def storage_bytes(self) -> tuple[int, int]:
        """Return what storage was sent and sent back, at least."""
        return self.traffic.storage_bytes(is_whole=self.verdict not in NOT_WHOLE)

    def over_tcp(self) -> tuple[float, ...]:
        """Return the least and the greatest number of bytes that its nodes exchanged over TCP, one number if known.

        TCP's answers are no exchange, nor is what LNet moved; nor do nodes count that moved less than the floor.
        """
        return _over_tcp([_NOTHING_KNOWN if node.traffic is None else node.traffic for node in self.nodes])

    def tells_storage(self) -> bool:
        """Return whether storage was sent and sent back no more than that."""
        return self.verdict not in NOT_WHOLE and self.traffic.tells_storage()

    def storage_or_unknown(self) -> tuple[int | None, int | None]:
        """Return ``storage_bytes`` with None in place of a zero that is not known."""
        sent, received = self.storage_bytes()
        return (sent, received) if self.tells_storage() else (sent or None, received or None)


def judge(
    node_names: Iterable[str],
    records: Mapping[str, Record],
    damaged: Mapping[str, str] | None = None,
    doubts: Sequence[str] = (),
    *,
    lacks_component: bool = False,
) -> JobVerdict:
    """Return the verdict of one run.

    ``node_names`` are the run's nodes, ``records`` those of them that left one, ``damaged`` says of others why theirs
    cannot be used, and ``doubts`` why the records may not be of one run. ``lacks_component``: there are nodes besides,
    which are in no sum.
    """
    broken = damaged or {}
    names = sorted({*node_names, *records}, key=_natural)
    heard = {name: _hear(records[name]) for name in names if name in records}
    whole = Traffic.sum([*[one.traffic for one in heard.values()], *([_NOTHING_KNOWN] * (len(heard) < len(names)))])
    most = 2 * whole.exchanged_bounds()[-1]
    nodes = tuple(
        [
            _judge_node(name, records[name], heard[name], most, single=len(names) == 1)
            if name in heard
            else NodeVerdict(name, "incomplete", None, None, None, (), (broken.get(name, "no record"),))
            for name in names
        ]
    )
    verdict, reason = _judge_job(nodes, heard, whole)
    if doubts and verdict != "incomplete":
        verdict, reason = "incomplete", f"it is in doubt which run this is: {doubts[0]}"
    if lacks_component:
        whole = whole._replace(partly=_NOTHING_KNOWN.partly)
    return JobVerdict(verdict, reason, whole, nodes, tuple(_notes(verdict, nodes, whole)))


class _Heard(NamedTuple):
    """What a node's record tells of its bytes, and why that cannot be relied on, if so.

    Of what EFA moved and what it exchanged over TCP, the least and the greatest number: one where it is known.
    """

    troubles: Sequence[str]
    traffic: Traffic
    moved: tuple[float, ...]
    over_tcp: tuple[float, ...]
    floor: float
    """Of EFA, both directions together."""


def _hear(record: Record) -> _Heard:
    troubles = _troubles(record)
    traffic = _NOTHING_KNOWN if troubles else traffic_of(record)
    if traffic.lnet is NO_LNET and traffic.knows_tcp():
        # Nearly always: of one node alone, and so without a sum over the parts.
        _, _, sent, received = traffic.by_way()
        is_loud = sent >= TCP_FLOOR.value or received >= TCP_FLOOR.value
        over_tcp = (_exchanged(sent, received) if is_loud else 0.0,)
        return _Heard(troubles, traffic, traffic.moved_bounds(), over_tcp, EFA_FLOOR.value)
    # Both directions count.
    floor = EFA_FLOOR.value + 2 * traffic.lnet.own_bytes()
    return _Heard(troubles, traffic, traffic.moved_bounds(), _over_tcp((traffic,)), floor)


def _judge_job(nodes: tuple[NodeVerdict, ...], heard: Mapping[str, _Heard], traffic: Traffic) -> tuple[str, str]:
    lost = [node for node in nodes if node.traffic is None]
    for verdict, concerned in (("incomplete", lost), ("shared", [node for node in nodes if node.verdict == "shared"])):
        if concerned:
            first = concerned[0]
            more = f", and {len(concerned) - 1} more nodes" if len(concerned) > 1 else ""
            return verdict, f"{first.node}: {first.notes[0]}{more}"
    if len(nodes) == 1:
        return "single-node", "one node: its ranks use NVLink or shared memory, and need no EFA"
    possible = set(_by_traffic(traffic, [one.traffic for one in heard.values()]))
    # Nearly all nodes moved enough over EFA.
    answers = [
        (node, _fell_back(one)) for node, one in zip(nodes, heard.values(), strict=True) if one.moved[0] < one.floor
    ]
    fallen = [node for node, answer in answers if answer == {True}]
    maybe_fallen = [node for node, answer in answers if True in answer]
    if "efa" in possible and maybe_fallen:
        possible |= {"mixed"}
        if fallen:
            possible -= {"efa"}
    if len(possible) > 1:
        return "incomplete", _undecided(nodes, possible)
    verdict = possible.pop()
    if verdict == "mixed" and fallen:
        names = [node.node for node in fallen]
        return verdict, f"{', '.join(names[:4])}{' ...' if len(names) > 4 else ''} fell back to TCP"
    return verdict, _REASONS[verdict]


_REASONS = {
    "efa": "the nodes exchanged their data over EFA",
    "tcp-fallback": "no EFA traffic between the nodes: they exchanged their data over TCP",
    "mixed": "the nodes exchanged more over TCP than over EFA",
    "no-traffic": "the nodes exchanged no more than a job's housekeeping, over EFA or TCP",
}


def _undecided(nodes: tuple[NodeVerdict, ...], possible: set[str]) -> str:
    names = " or ".join(name for name in VERDICTS if name in possible)
    why = _some([(node.node, node.unknown[0]) for node in nodes if node.unknown])
    why = why or _some([(node.node, text) for node in nodes if (text := _lnet_in_doubt(node.traffic))])
    return f"{why}; the verdict could be {names}"


def _some(told: Sequence[tuple[str, str]]) -> str:
    """Return the first of what is told of nodes, and how many others there are."""
    more = f", and {len(told) - 1} more nodes" if len(told) > 1 else ""
    return f"{told[0][0]}: {told[0][1]}{more}" if told else ""


def _lnet_in_doubt(traffic: Traffic | None) -> str | None:
    """Return what is not known of LNet's part, in words; None where it is known."""
    if traffic is None or traffic.lnet.is_exact():
        return None
    lnet = traffic.lnet
    if lnet.blind:
        return "LNet's counters were not read: what storage moved over EFA counts as the ranks'"
    most, least = lnet.sent[1] + lnet.received[1], lnet.sent[0] + lnet.received[0]
    if not most:
        return "LNet's TCP may have gone over interfaces that do not count as TCP here (tcp_interfaces in hook.json)"
    text = f"LNet counts its networks together: of its {size(most)} at least {size(least)} went over EFA"
    return f"{text}, and perhaps all"


def _notes(verdict: str, nodes: tuple[NodeVerdict, ...], traffic: Traffic) -> Iterator[str]:
    unread = [node for node in nodes if node.traffic is not None and node.unknown]
    if unread and verdict not in ("incomplete", "shared", "single-node"):
        more = f", and {len(unread) - 1} more nodes" if len(unread) > 1 else ""
        what = f"{unread[0].node}: {unread[0].unknown[0]}{more}"
        yield f"not all bytes are known ({what}); the verdict is the same whatever they were"
    if verdict in ("efa", "mixed") and not traffic.counts_classes() and (traffic.lnet in (NO_LNET, Lnet(blind=True))):
        yield "no counters by operation class: storage over EFA that reads and writes alike looks like ranks' traffic"
    doubt = _lnet_in_doubt(traffic)
    if doubt and verdict in ("efa", "mixed", "tcp-fallback", "no-traffic"):
        yield f"{doubt}; the verdict is the same whatever it was" if not traffic.lnet.blind else doubt
    sent, received = traffic.tcp_tx.known_bytes, traffic.tcp_rx.known_bytes
    if verdict == "no-traffic" and min(sent, received) >= TCP_FLOOR.value and _over_tcp([traffic])[0] < TCP_FLOOR.value:
        moved = f"{size(sent)} sent, {size(received)} received"
        beside = f"an exchange of less than {size(TCP_ANSWERS.value * max(sent, received))} would not be seen beside it"
        if traffic.lnet.tcp_sent[1] or traffic.lnet.tcp_received[1]:
            yield f"what TCP moved ({moved}) is Lustre's, as LNet counts, with TCP's answers; {beside}"
        else:
            yield f"TCP went one way ({moved}): files or downloads, with TCP's answers; {beside}"


def _by_traffic(whole: Traffic, parts: Sequence[Traffic]) -> Iterator[str]:
    """Give the verdict for each completion of what is not known; ``whole`` is the sum of the nodes' ``parts``."""
    floor = EFA_FLOOR.value + whole.lnet.own_bytes()
    for over_efa, over_tcp in product(whole.exchanged_bounds(), _over_tcp(parts)):
        yield _by_bytes(over_efa, over_efa, over_tcp, floor)


def _by_bytes(efa_bytes: float, efa_one_way_bytes: float, tcp_bytes: float, floor: float) -> str:
    """Return the verdict: the first number is held to EFA's ``floor``, what TCP exchanged to the other two."""
    talked_tcp = tcp_bytes >= TCP_FLOOR.value
    if efa_bytes < floor:
        return "tcp-fallback" if talked_tcp else "no-traffic"
    return "mixed" if talked_tcp and tcp_bytes > efa_one_way_bytes else "efa"


def _over_tcp(parts: Sequence[Traffic]) -> tuple[float, ...]:
    """Return the least and the greatest number of bytes that nodes can have exchanged over TCP, one number if known."""
    known = _over_tcp_if_known(parts)
    if known is not None:
        return (known,)
    loud = [part for part in parts if max(part.tcp_tx.known_bytes, part.tcp_rx.known_bytes) >= TCP_FLOOR.value]
    perhaps = [part for part in parts if max(part.tcp_tx.bounds()[-1], part.tcp_rx.bounds()[-1]) >= TCP_FLOOR.value]
    sent, received = (
        (sum(getattr(part, way).known_bytes for part in loud), sum(getattr(part, way).bounds()[-1] for part in perhaps))
        for way in ("tcp_tx", "tcp_rx")
    )
    lnet = sum((part.lnet for part in loud), NO_LNET)
    if max(lnet.tcp_sent[1], lnet.tcp_received[1]):
        return _beside_lnet(sent, received, lnet)
    least = min(_exchanged(*pair) for pair in product(sent, received))
    # The most is where both are alike, or as near to each other as they can come.
    most = min(sent[1], received[1])
    most = _exchanged(min(max(most, sent[0]), sent[1]), min(max(most, received[0]), received[1]))
    return (least,) if least == most else (least, most)


def _over_tcp_if_known(parts: Sequence[Traffic]) -> float | None:
    """Return the same number where every node's bytes are known and none are LNet's, as nearly always."""
    sent = received = 0
    for part in parts:
        if part.lnet is not NO_LNET or not part.knows_tcp():
            return None
        _, _, tx, rx = part.by_way()
        if tx >= TCP_FLOOR.value or rx >= TCP_FLOOR.value:
            sent += tx
            received += rx
    return _exchanged(sent, received)


def _beside_lnet(sent: tuple[float, float], received: tuple[float, float], lnet: Lnet) -> tuple[float, ...]:
    """Return the same bounds without what LNet moved over TCP; its bytes are answered too, and have headers."""
    answers = TCP_ANSWERS.value * max(sent[0], received[0])
    least = max(0.0, min(sent[0] - lnet.tcp_sent[1], received[0] - lnet.tcp_received[1]) - answers)
    most = max(0.0, min(sent[1] - lnet.tcp_sent[0], received[1] - lnet.tcp_received[0]) - answers)
    if float("inf") in (*sent, *received):
        least = 0.0
    return (least,) if least == most else (least, most)


def _exchanged(sent: float, received: float) -> float:
    """Return what was exchanged over TCP by who sent and received so much: the rest of the smaller is answers."""
    less, more = (sent, received) if sent < received else (received, sent)
    return less if less == float("inf") else max(0.0, less - TCP_ANSWERS.value * more)


def _fell_back(node: _Heard) -> set[bool]:
    """Return whether a node used TCP both ways and EFA not at all, for each value that the unknown bytes may have."""
    return {
        moved < node.floor and over_tcp >= TCP_FLOOR.value for moved, over_tcp in product(node.moved, node.over_tcp)
    }


def _node_by_traffic(node: _Heard, most: float) -> set[str]:
    """Return a node's verdict for each completion.

    A node alone may only send, or only receive; so of its bytes all count, but those that must be storage's: it cannot
    have exchanged more than all nodes together did, which is ``most``, both directions together.
    """
    if len(node.moved) == len(node.over_tcp) == 1:
        moved = min(node.moved[0], most)
        return {_by_bytes(moved, moved / 2, node.over_tcp[0], node.floor)}
    return {
        _by_bytes(moved, moved / 2, over_tcp, node.floor)
        for moved in [min(bound, most) for bound in node.moved]
        for over_tcp in node.over_tcp
    }


def _judge_node(name: str, record: Record, heard: _Heard, most: float, *, single: bool) -> NodeVerdict:
    traffic = None if heard.troubles else heard.traffic
    # Of bytes that are known no part is unknown.
    unknown = tuple(unknown_parts(record)) if traffic is not None and traffic.partly else ()
    notes = [*heard.troubles, *unknown]
    if record["findings"]:
        notes += [item["message"] for item in record["findings"] if item.get("severity") != "info"]
    if traffic is None:
        verdict = "incomplete"
    elif record["shared_with"]:
        verdict = "shared"
        notes.insert(0, f"shared with job {', '.join(map(str, record['shared_with']))}")
    elif single:
        verdict = "single-node"
    else:
        possible = _node_by_traffic(heard, most)
        verdict = possible.pop() if len(possible) == 1 else "incomplete"
        if verdict == "incomplete" and (doubt := _lnet_in_doubt(traffic)):
            notes.append(doubt)
    return NodeVerdict(
        name,
        verdict,
        traffic,
        record["devices_expected"],
        record["devices_found"],
        record["devices"],
        tuple(dict.fromkeys(notes)) if notes else (),
        unknown,
    )


def _troubles(record: Record) -> list[str]:
    """Return why a record's differences cannot be relied on; empty where they can."""
    troubles = [f"counters began anew: {sign}" for sign in record["resets"]]
    if record.get("prolog_failed"):
        troubles.insert(0, record["prolog_failed"])
    elif record["baseline"] == "missing":
        troubles.append("no baseline: the prolog did not run, or could not keep it")
    return troubles


@lru_cache(maxsize=1 << 14)
def _natural(name: str) -> tuple[str | int, ...]:
    """Return a sort key by which node-2 comes before node-10."""
    # In turn a text, which may be empty, and a number; a name that ends comes after one that goes on with a number.
    texts = _NUMBERS.split(name + "\0")
    parts: list[str | int] = list(texts)
    parts[1::2] = [int(digits[:_MOST_DIGITS]) for digits in texts[1::2]]
    return tuple(parts)
