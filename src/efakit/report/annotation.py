"""The verdict as one short line for a field of a job in Slurm's accounting, and whether it may be written there."""

from __future__ import annotations

import re
from typing import NamedTuple

from efakit.errors import RecordError
from efakit.jobs.node_list import expand
from efakit.jobs.records import JobRun
from efakit.jobs.verdict import VERDICTS, JobVerdict
from efakit.report.answer import between, smaller

PREFIX = "efakit: "
# As sizes.size and the functions of ``report.answer`` write it.
_SIZE = r"(?:an unknown amount|(?:at (?:least|most) )?[0-9.e+]{1,12} [KMGTP]?B)"
_OWN = re.compile(
    rf"{PREFIX}(?:{'|'.join(VERDICTS)}), [0-9]{{1,7}} nodes?(?:, EFA {_SIZE}, TCP {_SIZE})?", re.IGNORECASE | re.ASCII
)
"""A whole line of efakit's, which it may replace: what somebody added to one is somebody's."""
_SECONDS_BETWEEN_CLOCKS = 300


def line_of(verdict: JobVerdict) -> str:
    """Return one line of fewer than a hundred letters, without quotes: verdict, nodes, and bytes by network."""
    nodes = len(verdict.nodes)
    traffic = verdict.traffic
    told = f"{PREFIX}{verdict.verdict}, {nodes} node{'s' * (nodes != 1)}"
    if verdict.verdict in ("incomplete", "shared"):
        return told
    return f"{told}, EFA {between(traffic.exchanged_bounds())}, TCP {smaller(traffic.tcp_tx, traffic.tcp_rx)}"


def decide(text: str, line: str) -> str:
    """Return ``set``, ``same`` or ``foreign``: what is to be done where the field holds ``text`` already.

    sacctmgr writes small letters for capital ones (22.05).
    """
    if text.lower() == line.lower():
        return "same"
    return "set" if not text.strip() or _OWN.fullmatch(text) else "foreign"


class Recorded(NamedTuple):
    """What is kept of a run until its row comes from accounting: the records of a day's jobs do not fit into memory."""

    job_id: int
    nodes: frozenset[str]
    """Those that have a record."""
    began_at: float | None
    ended_at: float
    line: str


def recorded(run: JobRun, verdict: JobVerdict) -> Recorded:
    """Return what is kept of a run."""
    return Recorded(run.job_id, frozenset(run.records), run.began_at, run.ended_at, line_of(verdict))


def is_same_run(run: Recorded, node_list: str | None, started_at: int | None, ended_at: int | None) -> bool:
    """Return whether accounting's row is of this run: its nodes, and the moments of its records within its time."""
    try:
        nodes = set(expand(node_list)) if node_list else set()
    except RecordError:
        return False
    if not nodes or not nodes.issuperset(run.nodes) or started_at is None or ended_at is None:
        return False
    moments = [run.ended_at, *([run.began_at] if run.began_at is not None else [])]
    least, most = started_at - _SECONDS_BETWEEN_CLOCKS, ended_at + _SECONDS_BETWEEN_CLOCKS
    return all(least <= moment <= most for moment in moments)
