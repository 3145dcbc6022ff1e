"""The verdicts of a job's runs as rows: one a run, and one a node of a run.

A verdict is settled by all records of a job: which of them are of one run, which one of a node counts, what is in doubt
and what unknown bytes may have been (``efakit.jobs``). So it is made in Python, once, when a job's records come into
the store, by the same functions that ``efakit report JOBID`` calls; a query over all jobs reads it. Whenever a record
of a job comes in, all its runs are judged anew: of a job's rows those with the latest ``judged`` count.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from efakit.jobs.devices import Devices, ListedDevices, devices_of
from efakit.jobs.fields import Record
from efakit.jobs.reader import Found
from efakit.jobs.runs import JobRun, runs_of
from efakit.jobs.traffic import Traffic
from efakit.jobs.verdict import JobVerdict, NodeVerdict, judge
from efakit.node.counters import CLASSES, TOTALS
from efakit.store.columns import MOST_INT
from efakit.store.layout import day_of

_BYTES = ("efa_tx_bytes", "efa_rx_bytes", "tcp_tx_bytes", "tcp_rx_bytes")
_BY_CLASS = tuple(name for pair in CLASSES for name in pair)
_ALL_BYTES = (*TOTALS, *_BY_CLASS)
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


def judged_rows(found: Found, folder: str, folder_job_id: int, judged: int) -> tuple[list[Any], list[Any]]:
    """Return the rows of all runs of a folder's job, and of their nodes: tuples in the order of their columns."""
    runs: list[tuple[Any, ...]] = []
    nodes: list[tuple[Any, ...]] = []
    for run in runs_of(found, folder_job_id):
        verdict = judge(run.node_names, run.records, run.damaged, run.doubts, lacks_component=run.lacks_component)
        place = (_text(folder), folder_job_id, judged, _text(run.cluster), run.job_id, _text(run.run), _text(run.key))
        who_and_when = (_first(run, "user"), _first(run, "partition"), day_of(run.ended_at))
        common = (*place, *who_and_when, float(run.ended_at), verdict.verdict)
        runs.append((*common, *_of_run(run, verdict)))
        for node in verdict.nodes:
            record = run.records.get(node.node)
            if record is None:
                nodes.append((*common, _text(node.node), None, node.verdict, *_NO_RECORD))
            else:
                ended_at = float(record["ended_at"])
                nodes.append((*place, *who_and_when, ended_at, verdict.verdict, *_of_node(node, record)))
    return runs, nodes


def _of_run(run: JobRun, verdict: JobVerdict) -> tuple[Any, ...]:
    """Return what RUN_COLUMNS has behind what is common to both."""
    sent, received = verdict.storage_or_unknown()
    return (
        _text(verdict.reason),
        run.started_at,
        None if run.began_at is None else float(run.began_at),
        len(verdict.nodes),
        len(run.records),
        *_bytes(verdict.traffic),
        *_fitting((sent, received)),
    )


def _of_node(node: NodeVerdict, record: Record) -> tuple[Any, ...]:
    """Return what NODE_COLUMNS has behind what is common to both."""
    devices = devices_of(record)
    # A device that nobody recognised is not missing.
    is_unsure = record["devices_unknown"] and record["baseline"] != "missing" and not record["resets"]
    devices_found = None if is_unsure else node.devices_found
    expected, found, *sums = _fitting((node.devices_expected, devices_found, *_sums(devices)))
    return (
        _text(node.node),
        record["record_id"],
        node.verdict,
        _text(record["instance_type"]),
        _text(record["driver_version"]),
        expected,
        found,
        _idle(devices),
        *_bytes(node.traffic),
        *sums,
    )


def _sums(devices: Devices) -> tuple[int | None, ...]:
    """Return the sum of each of _SUMS; packets and those sent again of the devices of which both were read."""
    sums = devices.totals(_SUMS)
    if not isinstance(devices, ListedDevices) or None in sums[:2]:
        return sums
    again, packets = devices.paired("retrans_pkts", "tx_pkts")
    return packets, again, *sums[2:]


def _idle(devices: Devices) -> int | None:
    """Return how many devices moved nothing where another one of the node did; None where nothing was counted."""
    sent = devices.column("tx_bytes")
    if sent and 0 not in sent and not isinstance(devices, ListedDevices):
        return 0  # as nearly always; of packed devices every counter was read
    received = devices.column("rx_bytes")
    if not sent or not received:
        return None
    if not isinstance(devices, ListedDevices) and not devices.counted_any(_ALL_BYTES):
        return 0  # as wherever a job fell back
    # The totals need not hold the bytes of an operation class; what was not read of one is not zero.
    ways = [sent, received, *[column for name in _BY_CLASS if (column := devices.column(name)) is not None]]
    of_devices = list(zip(*ways, strict=True))
    moved = [sum(number or 0 for number in own) for own in of_devices]
    if all(None in own[:2] for own in of_devices):
        return None
    resting = sum(not total and None not in own for total, own in zip(moved, of_devices, strict=True))
    return resting if any(moved) else 0


def _bytes(traffic: Traffic | None) -> Iterable[int | None]:
    """Return the four byte counts, null where not all of one is known, and then what is known of each at least."""
    if traffic is None:
        return _NOTHING_KNOWN
    at_least = _fitting(traffic.by_way())
    if not traffic.partly:
        return (*at_least, *at_least)
    amounts = (traffic.efa_tx, traffic.efa_rx, traffic.tcp_tx, traffic.tcp_rx)
    known = [number if amount.complete else None for number, amount in zip(at_least, amounts, strict=True)]
    return (*known, *at_least)


_NOTHING_KNOWN = (*(None,) * len(_BYTES), *(0,) * len(_BYTES))
# Of a node without a record: instance type, driver, and how many devices.
_NO_RECORD = (*(None,) * 5, *_NOTHING_KNOWN, *(None,) * len(_SUMS))


def _first(run: JobRun, name: str) -> str | None:
    return next((_text(record[name]) for record in run.records.values() if record[name] is not None), None)


def _fitting(values: Sequence[int | None]) -> Sequence[int | None]:
    """Return numbers that every engine takes: of 64 bits with a sign."""
    if max([value or 0 for value in values]) <= MOST_INT:
        return values
    return [None if value is None else min(value, MOST_INT) for value in values]


def _text(text: Any) -> Any:
    """Return a text that every engine takes: no half of a surrogate pair."""
    return text.encode("utf-8", "replace").decode() if isinstance(text, str) and not text.isascii() else text
