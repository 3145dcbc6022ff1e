"""The sentence that answers whether a job used EFA."""

from __future__ import annotations

from efakit.jobs.sizes import size
from efakit.jobs.traffic import Amount, Traffic
from efakit.jobs.verdict import JobVerdict


def answer(verdict: JobVerdict) -> str:
    """Return one sentence: what the nodes exchanged, and over what."""
    traffic, nodes = verdict.traffic, f"the {len(verdict.nodes)} nodes"
    exchanged = exchanged_over_efa(traffic)
    tcp = smaller(traffic.tcp_tx, traffic.tcp_rx)
    if verdict.verdict == "efa":
        return f"EFA: {nodes} exchanged {exchanged} over EFA, and {tcp} over TCP."
    if verdict.verdict == "tcp-fallback":
        return f"Not EFA: {nodes} exchanged {tcp} over TCP, and {exchanged} over EFA."
    if verdict.verdict == "mixed":
        return f"Partly EFA: {verdict.reason}; {nodes} exchanged {exchanged} over EFA and {tcp} over TCP."
    if verdict.verdict == "no-traffic":
        return f"Neither: {nodes} exchanged {exchanged} over EFA and {tcp} over TCP, no more than housekeeping."
    if verdict.verdict == "single-node":
        return f"One node: {verdict.reason.removeprefix('one node: ')}."
    if verdict.verdict == "shared":
        return f"Not known: other jobs used the nodes too ({verdict.reason})."
    return f"Not known: {verdict.reason}."


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
