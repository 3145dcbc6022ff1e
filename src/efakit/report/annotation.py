"""The verdict as one short line for a job's AdminComment, and whether it may be written there."""

from __future__ import annotations

from efakit.errors import RecordError
from efakit.jobs.node_list import expand
from efakit.jobs.records import JobRun
from efakit.jobs.sizes import size
from efakit.jobs.verdict import JobVerdict
from efakit.report.answer import smaller

PREFIX = "efakit: "
"""How a line begins that efakit wrote, and may replace."""
_SECONDS_BETWEEN_CLOCKS = 300


def line_of(verdict: JobVerdict) -> str:
    """Return one line of fewer than a hundred letters, without quotes: verdict, nodes, and bytes by network."""
    nodes = len(verdict.nodes)
    traffic = verdict.traffic
    told = f"{PREFIX}{verdict.verdict}, {nodes} node{'s' * (nodes != 1)}"
    if verdict.verdict in ("incomplete", "shared"):
        return told
    return f"{told}, EFA {size(traffic.exchanged_bounds()[0])}, TCP {smaller(traffic.tcp_tx, traffic.tcp_rx)}"


def decide(comment: str, line: str) -> str:
    """Return ``set``, ``same`` or ``foreign``: what is to be done where a job has ``comment`` already.

    sacctmgr writes small letters for capital ones (22.05).
    """
    if comment.lower() == line.lower():
        return "same"
    return "set" if not comment.strip() or comment.startswith(PREFIX) else "foreign"


def is_same_run(run: JobRun, node_list: str | None, started_at: int | None, ended_at: int | None) -> bool:
    """Return whether accounting's row is of this run: its nodes, and the moments of its records within its time."""
    try:
        nodes = set(expand(node_list)) if node_list else set()
    except RecordError:
        return False
    if not nodes or not nodes.issuperset(run.records) or started_at is None or ended_at is None:
        return False
    moments = [run.ended_at, *([run.began_at] if run.began_at is not None else [])]
    least, most = started_at - _SECONDS_BETWEEN_CLOCKS, ended_at + _SECONDS_BETWEEN_CLOCKS
    return all(least <= moment <= most for moment in moments)
