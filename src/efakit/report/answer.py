"""The sentence that answers whether a job used EFA."""

from __future__ import annotations

import math
from collections.abc import Sequence

from efakit.jobs.sizes import size
from efakit.jobs.traffic import Amount
from efakit.jobs.verdict import JobVerdict


def answer(verdict: JobVerdict) -> str:
    """Return one sentence: what the nodes exchanged, and over what."""
    traffic, nodes = verdict.traffic, f"the {len(verdict.nodes)} nodes"
    exchanged = between(traffic.exchanged_bounds())
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


def between(bounds: Sequence[float]) -> str:
    """Return what lies between two numbers of bytes, or is one, as people read it."""
    if len(bounds) < 2:
        return size(bounds[0])
    if bounds[0]:
        return f"at least {size(bounds[0])}"
    return f"at most {size(bounds[-1])}" if math.isfinite(bounds[-1]) else "an unknown amount"


def smaller(one: Amount, other: Amount) -> str:
    """Return the smaller of two amounts as people read it, with ``at least`` where it is not wholly known."""
    if one.complete and other.complete:
        return size(min(one.known_bytes, other.known_bytes))
    known = min(one.known_bytes, other.known_bytes)
    return f"at least {size(known)}" if known else "an unknown amount"
