"""The verdict: what the records of a job amount to.

In this order, the first that holds:

1. ``incomplete``: a node has no record, no baseline, not every counter, was reset in between, or its prolog failed on
   purpose (the job then ran elsewhere).
2. ``shared``: another job ran on one of the nodes at the same time; counters are per device, not per job.
3. ``single-node``: the job had one node, whose ranks use NVLink or shared memory.
4. By traffic, over the whole job:
   ``no-traffic``: EFA below its floor, and TCP not above its own in both directions.
   ``tcp-fallback``: EFA below its floor, TCP sent and TCP received both above theirs. Storage is read one-sidedly;
   ranks talk both ways.
   ``mixed``: EFA above its floor, but a node fell back by the rule above, or TCP sent and TCP received are both above
   their floor and each exceeds half of all EFA bytes.
   ``efa``: EFA above its floor, and none of that.

A node's own verdict follows from the same rules for its bytes alone. Thresholds: ``efakit.catalog.thresholds``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from efakit.catalog.counters import BYTES_BY_OPERATION
from efakit.catalog.thresholds import EFA_FLOOR, TCP_FLOOR
from efakit.jobs.records import Record

VERDICTS = ("efa", "tcp-fallback", "mixed", "no-traffic", "single-node", "shared", "incomplete")


@dataclass(frozen=True)
class Traffic:
    """Bytes by way and direction. ``efa_moved`` is the larger of tx + rx and the sum over operation classes."""

    efa_tx_bytes: int = 0
    efa_rx_bytes: int = 0
    tcp_tx_bytes: int = 0
    tcp_rx_bytes: int = 0
    efa_moved_bytes: int = 0

    def __add__(self, other: Traffic) -> Traffic:
        """Return the sum of both."""
        return Traffic(
            self.efa_tx_bytes + other.efa_tx_bytes,
            self.efa_rx_bytes + other.efa_rx_bytes,
            self.tcp_tx_bytes + other.tcp_tx_bytes,
            self.tcp_rx_bytes + other.tcp_rx_bytes,
            self.efa_moved_bytes + other.efa_moved_bytes,
        )


@dataclass(frozen=True)
class NodeVerdict:
    """One node's part; ``traffic`` None where nothing is known, ``notes`` say what is remarkable."""

    node: str
    verdict: str
    traffic: Traffic | None
    devices_expected: int | None
    devices_found: int | None
    devices: tuple[Mapping[str, Any], ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class JobVerdict:
    """The verdict of a job's run, its reason in words, and its nodes."""

    verdict: str
    reason: str
    traffic: Traffic
    nodes: tuple[NodeVerdict, ...]


def judge(
    node_names: Iterable[str], records: Mapping[str, Record], damaged: Mapping[str, str] | None = None
) -> JobVerdict:
    """Return the verdict of one run: its nodes, the record of each that has one, and why others' cannot be used."""
    broken = damaged or {}
    names = sorted({*node_names, *records}, key=_natural)
    nodes = tuple(
        _judge_node(name, records.get(name), broken.get(name, "no record"), single=len(names) == 1) for name in names
    )
    traffic = sum((node.traffic for node in nodes if node.traffic), Traffic())
    verdict, reason = _judge_job(nodes, traffic)
    return JobVerdict(verdict, reason, traffic, nodes)


def _judge_job(nodes: tuple[NodeVerdict, ...], traffic: Traffic) -> tuple[str, str]:
    for verdict in ("incomplete", "shared"):
        concerned = [node for node in nodes if node.verdict == verdict]
        if concerned:
            first = concerned[0]
            more = f", and {len(concerned) - 1} more nodes" if len(concerned) > 1 else ""
            return verdict, f"{first.node}: {first.notes[0]}{more}"
    if len(nodes) == 1:
        return "single-node", "one node: its ranks use NVLink or shared memory, so EFA may rest"
    verdict = _by_traffic(traffic)
    fallen = [node.node for node in nodes if node.verdict == "tcp-fallback"]
    if verdict == "efa" and fallen:
        return "mixed", f"{', '.join(fallen[:4])}{' ...' if len(fallen) > 4 else ''} fell back to TCP"
    return verdict, _REASONS[verdict]


_REASONS = {
    "efa": "the job's bytes travelled over EFA",
    "tcp-fallback": "EFA was at rest while the nodes sent and received over TCP",
    "mixed": "TCP sent and TCP received each exceed half of what travelled over EFA",
    "no-traffic": "neither EFA nor TCP moved more than a job's housekeeping does",
}


def _by_traffic(traffic: Traffic) -> str:
    talked_tcp = min(traffic.tcp_tx_bytes, traffic.tcp_rx_bytes) >= TCP_FLOOR.value
    if traffic.efa_moved_bytes < EFA_FLOOR.value:
        return "tcp-fallback" if talked_tcp else "no-traffic"
    more_tcp = 2 * min(traffic.tcp_tx_bytes, traffic.tcp_rx_bytes) > traffic.efa_moved_bytes
    return "mixed" if talked_tcp and more_tcp else "efa"


def _judge_node(name: str, record: Record | None, why_none: str, *, single: bool) -> NodeVerdict:
    if record is None:
        return NodeVerdict(name, "incomplete", None, None, None, (), (why_none,))
    troubles = _troubles(record)
    findings = [item["message"] for item in record["findings"] if item.get("severity") != "info"]
    known = record["baseline"] != "missing" and not record["resets"]
    traffic = _traffic(record) if known else None
    notes = [*troubles, *findings]
    if troubles or traffic is None:
        verdict = "incomplete"
    elif record["shared_with"]:
        verdict = "shared"
        notes.insert(0, f"shared with job {', '.join(map(str, record['shared_with']))}")
    else:
        verdict = "single-node" if single else _by_traffic(traffic)
    return NodeVerdict(
        name,
        verdict,
        traffic,
        record["devices_expected"],
        record["devices_found"],
        tuple({"name": device["name"], "counters": device["counters"]} for device in record["devices"]),
        tuple(dict.fromkeys(notes)),
    )


def _troubles(record: Record) -> list[str]:
    """Return why a record's differences cannot be relied on; empty where they can."""
    troubles = [f"counters began anew: {sign}" for sign in record["resets"]]
    if record.get("prolog_failed"):
        troubles.insert(0, record["prolog_failed"])
    elif record["baseline"] == "missing":
        troubles.append("no baseline: the prolog did not run, or could not keep it")
    elif record["baseline"] == "incomplete":
        troubles.append("not every counter was read by the deadline")
    unread = [item["name"] for item in (*record["devices"], *record["interfaces"]) if item["errors"]]
    if unread:
        troubles.append(f"counters of {', '.join(unread[:4])}{' ...' if len(unread) > 4 else ''} could not be read")
    return troubles


def _traffic(record: Record) -> Traffic:
    devices = [device["counters"] for device in record["devices"]]
    interfaces = [interface["counters"] for interface in record["interfaces"]]
    sent, received = _sum(devices, "tx_bytes"), _sum(devices, "rx_bytes")
    by_operation = sum(_sum(devices, name) for name in BYTES_BY_OPERATION)
    return Traffic(
        efa_tx_bytes=sent,
        efa_rx_bytes=received,
        tcp_tx_bytes=_sum(interfaces, "tx_bytes"),
        tcp_rx_bytes=_sum(interfaces, "rx_bytes"),
        efa_moved_bytes=max(sent + received, by_operation),
    )


def _sum(groups: Iterable[Mapping[str, int]], name: str) -> int:
    return sum(group.get(name, 0) for group in groups)


def _natural(name: str) -> tuple[tuple[int, int | str], ...]:
    """Return a sort key by which node-2 comes before node-10."""
    parts: list[tuple[int, int | str]] = []
    digits = ""
    for letter in name + "\0":
        if letter.isdigit():
            digits += letter
            continue
        if digits:
            parts.append((0, int(digits)))
            digits = ""
        parts.append((1, letter))
    return tuple(parts)
