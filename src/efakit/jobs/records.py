"""Reads the records of a job from the records folder: CLUSTER/JOB/NODE.RUN.json, as the hook publishes them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ClusterShell.NodeSet import RESOLVER_NOGROUP, NodeSet, NodeSetException

from efakit.errors import RecordError
from efakit.node.record import SCHEMA_VERSION, run_key

Record = Mapping[str, Any]


@dataclass(frozen=True)
class JobRun:
    """One run of a job: its records by node, and the nodes that it had."""

    cluster: str
    job_id: int
    run: str
    records: Mapping[str, Record]
    node_names: tuple[str, ...]
    ended_at: float


def find_runs(records_dir: Path, job_id: int) -> list[JobRun]:
    """Return all runs of a job, of all clusters, the newest last; empty where there is no record of it.

    A requeued job keeps its id, and two clusters, or one whose ids began anew, may each have one of this id: records
    are one run's only where cluster, run and node list agree. Raises RecordError where a record cannot be read.
    """
    if not records_dir.is_dir():
        raise RecordError(f"{records_dir}: no such folder; --records names the folder that the hooks publish to")
    runs: dict[tuple[str, str, str], dict[str, Record]] = {}
    for path in sorted(records_dir.glob(f"*/{job_id}/*.json")):
        if path.name.startswith("."):
            continue
        record = _load(path)
        key = (record["cluster"], run_key(record["sluid"], record["restart_count"]), record["node_list"] or "")
        runs.setdefault(key, {})[record["node"]] = record
    found = [
        JobRun(
            cluster,
            job_id,
            run,
            records,
            _node_names(node_list, records),
            max(record["ended_at"] for record in records.values()),
        )
        for (cluster, run, node_list), records in runs.items()
    ]
    return sorted(found, key=lambda item: item.ended_at)


def expand(node_list: str) -> tuple[str, ...]:
    """Return the names in Slurm's node list: gpu-st-p5-[1-2] -> gpu-st-p5-1, gpu-st-p5-2; raise RecordError."""
    try:
        return tuple(NodeSet(node_list, resolver=RESOLVER_NOGROUP))
    except NodeSetException as error:
        raise RecordError(f"{node_list!r} is not a node list: {error}") from error


def _node_names(node_list: str, records: Mapping[str, Record]) -> tuple[str, ...]:
    return expand(node_list) if node_list else tuple(sorted(records))


def _load(path: Path) -> Record:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except PermissionError as error:
        raise RecordError(f"{path}: you may not read it; hooks.records_mode in the spec decides who may") from error
    except (OSError, ValueError) as error:
        raise RecordError(f"{path}: cannot be read: {error}") from error
    version = record.get("schema_version") if isinstance(record, dict) else None
    if not isinstance(version, int):
        raise RecordError(f"{path}: is no record of efakit")
    if version > SCHEMA_VERSION:
        raise RecordError(
            f"{path}: has format {version}, and this efakit reads up to {SCHEMA_VERSION}: install a newer efakit"
        )
    missing = {"cluster", "job_id", "node", "node_list", "sluid", "restart_count", "ended_at", "devices"} - set(record)
    if missing:
        raise RecordError(f"{path}: is damaged: {', '.join(sorted(missing))} missing")
    return dict(record)
