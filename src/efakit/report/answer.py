"""The sentence that answers whether a job used EFA."""

from __future__ import annotations

from efakit.catalog.thresholds import TCP_FLOOR
from efakit.jobs.sizes import size
from efakit.jobs.traffic import Amount, Traffic
from efakit.jobs.verdict import JobVerdict


def answer(verdict: JobVerdict) -> str:
    """Return one sentence: what the nodes exchanged, and over what."""
    traffic, nodes = verdict.traffic, f"the {len(verdict.nodes)} nodes"
    exchanged = exchanged_over_efa(traffic)
    if verdict.verdict not in _BY_TRAFFIC:
        return _not_by_traffic(verdict)
    tcp = _exchanged_over_tcp(verdict)
    if verdict.verdict == "efa" and tcp is None:
        return f"EFA: {nodes} exchanged {exchanged} over EFA, and {_QUIET}."
    if verdict.verdict == "efa":
        return f"EFA: {nodes} exchanged {exchanged} over EFA, and {tcp} over TCP."
    if verdict.verdict == "tcp-fallback":
        return f"Not EFA: {nodes} exchanged {tcp} over TCP, and {exchanged} over EFA."
    if verdict.verdict == "mixed":
        return f"Partly EFA: {verdict.reason}; {nodes} exchanged {exchanged} over EFA and {tcp} over TCP."
    if tcp is None:
        return f"Neither: {nodes} exchanged {exchanged} over EFA, and {_QUIET}."
    return f"Neither: {nodes} exchanged {exchanged} over EFA and {tcp} over TCP, no more than housekeeping."


_QUIET = "no more than housekeeping over TCP, beside files or storage"
_BY_TRAFFIC = ("efa", "tcp-fallback", "mixed", "no-traffic")


def _not_by_traffic(verdict: JobVerdict) -> str:
    if verdict.verdict == "single-node":
        return f"One node: {verdict.reason.removeprefix('one node: ')}."
    if verdict.verdict == "shared":
        return f"Not known: other jobs used the nodes too ({verdict.reason})."
    return f"Not known: {verdict.reason}."


def _exchanged_over_tcp(verdict: JobVerdict) -> str | None:
    """Return what was exchanged over TCP in words; None where that is housekeeping, though TCP moved more.

    What TCP moved on the side with less is no more than that: TCP's answers to files are in it, and storage's bytes.
    """
    sent, received = verdict.traffic.tcp_tx, verdict.traffic.tcp_rx
    moved = min(sent.known_bytes, received.known_bytes)
    if moved < TCP_FLOOR.value:
        return smaller(sent, received)
    least, most = verdict.over_tcp()[0], verdict.over_tcp()[-1]
    loud = [node.traffic for node in verdict.nodes if node.traffic is not None and _is_loud(node.traffic)]
    if most < TCP_FLOOR.value and loud and verdict.verdict in ("efa", "no-traffic"):
        return None
    if most == float("inf"):
        return f"at least {size(least)}" if least else "an unknown amount"
    return size(moved) if least >= moved / 2 or not loud else f"at most {size(moved)}"


def _is_loud(traffic: Traffic) -> bool:
    return max(traffic.tcp_tx.known_bytes, traffic.tcp_rx.known_bytes) >= TCP_FLOOR.value


def exchanged_over_efa(traffic: Traffic) -> str:
    """Return what was exchanged over EFA as people read it; where that is not known, what it is at least or at most."""
    least, *most = traffic.exchanged_bounds()
    if not most:
        return size(least)
    if least:
        return f"at least {size(least)}"
    return "an unknown amount" if most[0] == float("inf") else f"at most {size(most[0])}"


def smaller(one: Amount, other: Amount) -> str:
    """Return the smaller of two amounts as people read it, with ``at least`` where it is not wholly known."""
    if one.complete and other.complete:
        return size(min(one.known_bytes, other.known_bytes))
    known = min(one.known_bytes, other.known_bytes)
    return f"at least {size(known)}" if known else "an unknown amount"
