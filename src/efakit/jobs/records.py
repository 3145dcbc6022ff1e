"""Reads the records of a job from the records folder: CLUSTER/JOB/NODE.RUN.json, as the hook publishes them."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ClusterShell.NodeSet import RESOLVER_NOGROUP, NodeSet, NodeSetException

from efakit.errors import RecordError
from efakit.node.record import SCHEMA_VERSION, run_key, safe_name

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
    damaged: Mapping[str, str] = field(default_factory=dict)
    """By node, why its record cannot be used."""


def find_runs(records_dir: Path, job_id: int) -> list[JobRun]:
    """Return all runs of a job, of all clusters, the newest last; empty where there is no record of it.

    A requeued job keeps its id, and two clusters, or one whose ids began anew, may each have one of this id: records
    are one run's only where cluster, run and node list agree. A record that cannot be used makes its node known as
    damaged; RecordError is raised where a folder cannot be read, or where a job has no other records.
    """
    runs: dict[tuple[str, str, str], dict[str, Record]] = {}
    damaged: dict[tuple[str, str], dict[str, str]] = {}
    faults: list[RecordError] = []
    for path in _record_files(records_dir, job_id):
        try:
            record = _load(path)
        except RecordError as error:
            node, _, run = path.stem.rpartition(".")
            damaged.setdefault((path.parents[1].name, run), {})[node] = str(error)
            faults.append(error)
            continue
        key = (record["cluster"], run_key(record["sluid"], None, record["restart_count"]), record["node_list"] or "")
        runs.setdefault(key, {})[record["node"]] = record
    found = [
        JobRun(
            cluster,
            job_id,
            run,
            records,
            _node_names(node_list, records),
            max(record["ended_at"] for record in records.values()),
            damaged.get((safe_name(cluster), safe_name(run)), {}),
        )
        for (cluster, run, node_list), records in runs.items()
    ]
    if faults and not found:
        raise faults[0]
    return sorted(found, key=lambda item: item.ended_at)


def expand(node_list: str) -> tuple[str, ...]:
    """Return the names in Slurm's node list: gpu-st-p5-[1-2] -> gpu-st-p5-1, gpu-st-p5-2; raise RecordError."""
    try:
        return tuple(NodeSet(node_list, resolver=RESOLVER_NOGROUP))
    except NodeSetException as error:
        raise RecordError(f"{node_list!r} is not a node list: {error}") from error


def _node_names(node_list: str, records: Mapping[str, Record]) -> tuple[str, ...]:
    return expand(node_list) if node_list else tuple(sorted(records))


def _record_files(records_dir: Path, job_id: int) -> Iterator[Path]:
    """Give the job's files, of all clusters; raise RecordError where a folder cannot be read, lest it seem empty."""
    try:
        clusters = sorted(records_dir.iterdir())
    except (FileNotFoundError, NotADirectoryError) as error:
        message = f"{records_dir}: no such folder; --records names the folder that the hooks publish to"
        raise RecordError(message) from error
    except OSError as error:
        raise _unreadable(records_dir, error) from error
    for cluster in clusters:
        try:
            files = sorted((cluster / str(job_id)).iterdir())
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise _unreadable(cluster / str(job_id), error) from error
        # A name with a dot in front is a file that is being written.
        yield from (path for path in files if path.suffix == ".json" and not path.name.startswith("."))


def _unreadable(path: Path, error: OSError) -> RecordError:
    if isinstance(error, PermissionError):
        return RecordError(f"{path}: you may not read it; hooks.records_mode in the spec decides who may")
    return RecordError(f"{path}: cannot be read: {error.strerror}")


def _load(path: Path) -> Record:
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise RecordError(f"{path}: is no record of efakit: not even a file")
        record = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise _unreadable(path, error) from error
    except (ValueError, RecursionError) as error:
        raise RecordError(f"{path}: cannot be read: {error}") from error
    version = record.get("schema_version") if isinstance(record, dict) else None
    if not isinstance(version, int) or isinstance(version, bool):
        raise RecordError(f"{path}: is no record of efakit")
    if version > SCHEMA_VERSION:
        raise RecordError(
            f"{path}: has format {version}, and this efakit reads up to {SCHEMA_VERSION}: install a newer efakit"
        )
    damaged = [name for name, check in _FIELDS.items() if not check(record.get(name, _MISSING))]
    if damaged:
        raise RecordError(f"{path}: is damaged: {', '.join(damaged)} missing or of the wrong type")
    return dict(record)


_MISSING = object()


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _is_readings(value: Any) -> bool:
    """Whether ``value`` is a list of devices or interfaces with their counters."""
    return isinstance(value, list) and all(
        isinstance(item, dict)
        and _is_text(item.get("name"))
        and _is_texts(item.get("errors"))
        and isinstance(item.get("counters"), dict)
        and all(map(_is_count, item["counters"].values()))
        for item in value
    )


# What a report relies on; ``efakit/node/record.schema.json`` describes the whole record.
_FIELDS: dict[str, Callable[[Any], bool]] = {
    "cluster": _is_text,
    "job_id": _is_count,
    "node": _is_text,
    "node_list": lambda value: value is None or _is_text(value),
    "sluid": lambda value: value is None or _is_text(value),
    "restart_count": lambda value: value is None or _is_count(value),
    "ended_at": lambda value: _is_count(value) or isinstance(value, float),
    "baseline": lambda value: value in ("ok", "missing", "incomplete"),
    "resets": _is_texts,
    "devices_expected": lambda value: value is None or _is_count(value),
    "devices_found": _is_count,
    "devices": _is_readings,
    "interfaces": _is_readings,
    "shared_with": lambda value: isinstance(value, list) and all(map(_is_count, value)),
    "prolog_failed": lambda value: value is _MISSING or value is None or _is_text(value),
    "findings": lambda value: (
        isinstance(value, list) and all(isinstance(item, dict) and _is_text(item.get("message")) for item in value)
    ),
}
