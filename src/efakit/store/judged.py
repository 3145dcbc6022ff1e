"""The verdicts of a job's runs as rows: one a run, and one a node of a run.

A verdict is settled by all records of a job: which of them are of one run, which one of a node counts, what is in doubt
and what unknown bytes may have been (``efakit.jobs``). So it is made in Python, once, when a job's records come into
the store, by the same functions that ``efakit report JOBID`` calls; a query over all jobs reads it. Whenever a record
of a job comes in, all its runs are judged anew: of a job's rows those with the latest ``judged`` count.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from efakit.jobs.devices import Devices, devices_of
from efakit.jobs.fields import Record
from efakit.jobs.reader import Found
from efakit.jobs.runs import JobRun, runs_of
from efakit.jobs.traffic import Amount, Traffic
from efakit.jobs.verdict import JobVerdict, NodeVerdict, judge
from efakit.store.columns import MOST_INT
from efakit.store.layout import day_of

_BYTES = ("efa_tx_bytes", "efa_rx_bytes", "tcp_tx_bytes", "tcp_rx_bytes")
_SUMS = (
    "tx_pkts",
    "retrans_pkts",
    "retrans_bytes",
    "retrans_timeout_events",
    "rx_drops",
    "unresponsive_remote_events",
    "impaired_remote_conn_events",
    "rdma_read_wr_err",
    "rdma_write_wr_err",
)
_COMMON = {
    "cluster_folder": "text",
    "folder_job_id": "int",
    "judged": "int",
    "cluster_name": "text",
    "job_id": "int",
    "run": "text",
    "run_key": "text",
    "user_name": "text",
    "partition_name": "text",
    "day": "text",
    "ended_at": "float",
    "verdict": "text",
}
RUN_COLUMNS = {
    **_COMMON,
    "reason": "text",
    "started_at": "int",
    "began_at": "float",
    "nodes": "int",
    "records": "int",
    **dict.fromkeys(_BYTES, "int"),
    **{f"{name}_at_least": "int" for name in _BYTES},
    "storage_sent_bytes": "int",
    "storage_received_bytes": "int",
}
NODE_COLUMNS = {
    **_COMMON,
    "node_name": "text",
    "record_id": "text",
    "node_verdict": "text",
    "instance_type": "text",
    "driver_version": "text",
    "devices_expected": "int",
    "devices_found": "int",
    "devices_idle": "int",
    **dict.fromkeys(_BYTES, "int"),
    **{f"{name}_at_least": "int" for name in _BYTES},
    **dict.fromkeys(_SUMS, "int"),
}
Row = dict[str, Any]


def judged_rows(found: Found, folder: str, folder_job_id: int, judged: int) -> tuple[list[Row], list[Row]]:
    """Return the rows of all runs of a folder's job, and of their nodes."""
    runs: list[Row] = []
    nodes: list[Row] = []
    for run in runs_of(found, folder_job_id):
        verdict = judge(run.node_names, run.records, run.damaged, run.doubts)
        common = {
            "cluster_folder": _text(folder),
            "folder_job_id": folder_job_id,
            "judged": judged,
            "cluster_name": _text(run.cluster),
            "job_id": run.job_id,
            "run": _text(run.run),
            "run_key": _text(run.key),
            "user_name": _first(run, "user"),
            "partition_name": _first(run, "partition"),
            "day": day_of(run.ended_at),
            "ended_at": float(run.ended_at),
            "verdict": verdict.verdict,
        }
        runs.append(_run_row(common, run, verdict))
        nodes += _node_rows(common, run, verdict)
    return runs, nodes


def _run_row(common: Mapping[str, Any], run: JobRun, verdict: JobVerdict) -> Row:
    storage = verdict.traffic.storage_bytes()
    return {
        **common,
        "reason": _text(verdict.reason),
        "started_at": run.started_at,
        "began_at": None if run.began_at is None else float(run.began_at),
        "nodes": len(verdict.nodes),
        "records": len(run.records),
        **_bytes(verdict.traffic),
        "storage_sent_bytes": min(storage[0], MOST_INT),
        "storage_received_bytes": min(storage[1], MOST_INT),
    }


def _node_rows(common: Mapping[str, Any], run: JobRun, verdict: JobVerdict) -> Iterator[Row]:
    for node in verdict.nodes:
        record = run.records.get(node.node)
        row = {**common, "node_name": _text(node.node), "node_verdict": node.verdict, **_bytes(node.traffic)}
        if record is not None:
            row |= _of_record(record, node)
        yield row


def _of_record(record: Record, node: NodeVerdict) -> Row:
    devices = devices_of(record)
    return {
        "record_id": record["record_id"],
        "ended_at": float(record["ended_at"]),
        "instance_type": _text(record["instance_type"]),
        "driver_version": _text(record["driver_version"]),
        "devices_expected": _number(node.devices_expected),
        "devices_found": _number(node.devices_found),
        "devices_idle": _idle(devices),
        **{name: _number(devices.total(name)) for name in _SUMS},
    }


def _idle(devices: Devices) -> int | None:
    """Return how many devices moved nothing where another one of the node did; None where nothing was counted."""
    sent, received = devices.column("tx_bytes"), devices.column("rx_bytes")
    if not sent or not received:
        return None
    moved = [one + other for one, other in zip(sent, received, strict=True) if one is not None and other is not None]
    if not moved:
        return None
    return moved.count(0) if any(moved) else 0


def _bytes(traffic: Traffic | None) -> Row:
    amounts = (Amount(0, complete=False),) * 4 if traffic is None else (
        traffic.efa_tx, traffic.efa_rx, traffic.tcp_tx, traffic.tcp_rx,
    )  # fmt: skip
    row: Row = {}
    for name, amount in zip(_BYTES, amounts, strict=True):
        known = min(amount.known_bytes, MOST_INT)
        row[name] = known if amount.complete else None
        row[f"{name}_at_least"] = known
    return row


def _first(run: JobRun, name: str) -> str | None:
    return next((_text(record[name]) for record in run.records.values() if record[name] is not None), None)


def _number(value: int | None) -> int | None:
    return None if value is None else min(value, MOST_INT)


def _text(text: Any) -> Any:
    """Return a text that every engine takes: no half of a surrogate pair."""
    return text.encode("utf-8", "replace").decode() if isinstance(text, str) and not text.isascii() else text
