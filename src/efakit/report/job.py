"""What a job's report says, whatever its form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from efakit.diagnose.causes import Cause
from efakit.jobs.findings import Standout
from efakit.jobs.node_list import fold
from efakit.jobs.records import JobRun
from efakit.jobs.traffic import UNKNOWN, Amount, Traffic
from efakit.jobs.verdict import JobVerdict
from efakit.report.answer import answer

if TYPE_CHECKING:
    from efakit.report.bench import BenchReport

_MOST_LISTED = 100
"""Of faults and of doubts: the first tell, and thousands of nodes may each have one."""


class SlurmFacts(NamedTuple):
    """What Slurm knows of the job, else its records; None where neither tells. ``note`` says why Slurm did not."""

    name: str | None = None
    state: str | None = None
    elapsed_seconds: int | None = None
    node_list: str | None = None
    note: str | None = None
    user: str | None = None
    account: str | None = None
    partition: str | None = None
    exit_code: str | None = None
    """Slurm's EXIT:SIGNAL."""
    reason: str | None = None
    """Slurm's word for why the job ended as it did, or waits."""
    node_count: int | None = None
    script: str | None = None
    output_file: str | None = None
    source: str | None = None
    """Who told it: ``squeue``, ``sacct`` or ``pyslurm``; ``records`` where Slurm did not."""


@dataclass(frozen=True)
class JobReport:
    """A run of a job with its verdict, what stands out, why, and what to do next.

    ``other_runs`` are the job's other runs, newest first.
    """

    run: JobRun
    verdict: JobVerdict
    slurm: SlurmFacts
    other_runs: tuple[str, ...] = ()
    stands_out: tuple[Standout, ...] = ()
    causes: tuple[Cause, ...] = ()
    next_step: str = ""
    line_rate: tuple[float, float] | None = None
    """Of the instance's line rate, the part that the node in the middle sent and received over the job's time."""
    limits: Mapping[str, float] | None = None
    """The thresholds of what stands out, where they are not the catalog's."""
    bench: BenchReport | None = None
    """The result tables of the job's logs, where they were asked for."""


def component_names(run: JobRun) -> list[str]:
    """Return the components of a heterogeneous job as Slurm shows them: 10+0, 10+1; empty for any other job."""
    return [f"{run.job_id}+{job_id - run.job_id}" for job_id in run.het]


def as_data(report: JobReport, *, devices: bool = False) -> dict[str, Any]:
    """Return the report as JSON data; byte counts are integers, null where they are not known.

    ``devices``: with the counters of each node's devices.
    """
    run, verdict = report.run, report.verdict
    to_storage, from_storage = verdict.storage_or_unknown()
    return {
        "job_id": run.job_id,
        "cluster": run.cluster,
        "run": run.run,
        "run_key": run.key,
        "started_at": run.started_at,
        "began_at": run.began_at,
        "ended_at": run.ended_at if run.records else None,
        "other_runs": list(report.other_runs),
        "components": component_names(run),
        "verdict": verdict.verdict,
        "answer": answer(verdict),
        "reason": verdict.reason,
        "name": report.slurm.name,
        "state": report.slurm.state,
        "elapsed_seconds": report.slurm.elapsed_seconds,
        "node_list": report.slurm.node_list,
        "user": report.slurm.user,
        "account": report.slurm.account,
        "partition": report.slurm.partition,
        "exit_code": report.slurm.exit_code,
        "state_reason": report.slurm.reason,
        "node_count": report.slurm.node_count,
        "script": report.slurm.script,
        "output_file": report.slurm.output_file,
        "told_by": report.slurm.source,
        **_bytes(verdict.traffic),
        "storage_sent_bytes": to_storage,
        "storage_received_bytes": from_storage,
        "line_rate_sent": report.line_rate[0] if report.line_rate else None,
        "line_rate_received": report.line_rate[1] if report.line_rate else None,
        "findings": [*map(_standout, report.stands_out), *_findings(run)],
        "causes": [_cause(item) for item in report.causes],
        **(_bench_data(report.bench) if report.bench else {}),
        "next": report.next_step or None,
        "nodes": [
            {
                "node": node.node,
                "verdict": node.verdict,
                "devices_expected": node.devices_expected,
                "devices_found": node.devices_found,
                **_bytes(node.traffic),
                **({"devices": [_device(device) for device in node.devices]} if devices else {}),
                "unknown": list(node.unknown),
                "notes": list(node.notes),
            }
            for node in verdict.nodes
        ],
        "doubts": list(run.doubts[:_MOST_LISTED]),
        "notes": [*verdict.notes, *run.notes][:_MOST_LISTED],
        "faults": [{"file": fault.file, "why": fault.why} for fault in run.faults[:_MOST_LISTED]],
        "fault_count": len(run.faults),
    }


def _bench_data(bench: BenchReport) -> dict[str, Any]:
    from efakit.report.bench import bench_data  # the tables' rows take as long as fifty records

    return {"bench": bench_data(bench)}


def byte_counts(traffic: Traffic | None) -> dict[str, Amount]:
    """Return the four byte counts of a run or a node by the names that they have in the report."""
    if traffic is None:
        return dict.fromkeys(("efa_tx_bytes", "efa_rx_bytes", "tcp_tx_bytes", "tcp_rx_bytes"), UNKNOWN)
    return {
        "efa_tx_bytes": traffic.efa_tx,
        "efa_rx_bytes": traffic.efa_rx,
        "tcp_tx_bytes": traffic.tcp_tx,
        "tcp_rx_bytes": traffic.tcp_rx,
    }


def _bytes(traffic: Traffic | None) -> dict[str, Any]:
    """Return byte counts, null where not all of one is known, and what is known of them at least."""
    counts = byte_counts(traffic)
    return {
        **{name: count.known_bytes if count.complete else None for name, count in counts.items()},
        "at_least": {name: count.known_bytes for name, count in counts.items()},
    }


def _device(device: Any) -> dict[str, Any]:
    counters = {**device["counters"], **(device.get("device_counters") or {})}
    # A record has them as the kernel listed them, and the store in another order.
    return {"name": device["name"], "counters": dict(sorted(counters.items()))}


def _standout(item: Standout) -> dict[str, Any]:
    """Return what stands out as data; ``node`` is null where it is about the job or about several nodes."""
    finding = item.finding
    return {
        "node": item.nodes[0] if len(item.nodes) == 1 else None,
        "rule": finding.rule,
        "severity": str(finding.severity),
        "message": finding.message,
        "nodes": fold(item.nodes),
        "devices": list(item.devices),
        "about_job": item.whole,
        "fix": finding.fix,
        "source": finding.source,
    }


def _cause(item: Cause) -> dict[str, Any]:
    return {
        "cause": item.text,
        "from": item.origin,
        "sure": item.sure,
        "rule": item.rule or None,
        "nodes": fold(item.nodes),
        "fix": item.fix,
        "source": item.source,
    }


def _findings(run: JobRun) -> list[dict[str, Any]]:
    """Return what the hooks found, each with its node."""
    return [
        {"node": node, **{name: item.get(name) for name in ("rule", "severity", "message")}}
        for node, record in sorted(run.records.items())
        for item in record["findings"]
    ]
