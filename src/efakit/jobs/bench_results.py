"""A run's benchmark results as they are kept for later runs: plain values, to JSON and back."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from efakit.jobs.json_file import Newer, Unusable

VERSION = 1
_MOST_TABLES = 1_000
_MOST_ROWS = 10_000
_MOST_NODES = 100_000
_LONGEST = 256


class Key(NamedTuple):
    """What two results must share to be compared."""

    tool: str
    test: str
    variant: str
    unit: str
    instance_type: str
    node_count: int
    ranks: int
    data_type: str


@dataclass(frozen=True)
class Measured:
    """The numbers of one table, by size in bytes."""

    key: Key
    nodes: tuple[str, ...]
    values: Mapping[int, float]


@dataclass(frozen=True)
class KeptRun:
    """What one run measured."""

    cluster: str
    job_id: int
    run: str
    ended_at: float
    tables: tuple[Measured, ...]

    def as_data(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "schema_version": VERSION,
            "kind": "benchmarks",
            "cluster": self.cluster,
            "job_id": self.job_id,
            "run": self.run,
            "ended_at": self.ended_at,
            "tables": [
                {
                    **table.key._asdict(),
                    "nodes": list(table.nodes),
                    "rows": [{"size_bytes": size, "value": value} for size, value in sorted(table.values.items())],
                }
                for table in self.tables
            ],
        }


def kept_run(data: Any) -> KeptRun:
    """Return what a JSON value says; raise Unusable where it is no result of benchmarks."""
    if not isinstance(data, dict) or data.get("kind") != "benchmarks":
        raise Unusable("is no result of benchmarks")
    if type(data.get("schema_version")) is not int or data["schema_version"] > VERSION:
        raise Newer("was written by a newer efakit")
    tables = _list(data, "tables", _MOST_TABLES)
    ended_at = data.get("ended_at")
    if isinstance(ended_at, bool) or not isinstance(ended_at, (int, float)) or not math.isfinite(ended_at):
        raise Unusable("ended_at is no time")
    return KeptRun(
        _text(data, "cluster"), _count(data, "job_id"), _text(data, "run"), float(ended_at), tuple(map(_table, tables))
    )


def _table(data: Any) -> Measured:
    if not isinstance(data, dict):
        raise Unusable("a table is no object")
    texts = ("tool", "test", "variant", "unit", "instance_type", "data_type")
    numbers = ("node_count", "ranks")
    key = Key(**{name: _text(data, name) for name in texts}, **{name: _count(data, name) for name in numbers})  # type: ignore[arg-type]
    nodes = _list(data, "nodes", _MOST_NODES)
    if any(not isinstance(node, str) or len(node) > _LONGEST for node in nodes):
        raise Unusable("a node's name is no text")
    values = {}
    for row in _list(data, "rows", _MOST_ROWS):
        if not isinstance(row, dict):
            raise Unusable("a row is no object")
        value = row.get("value")
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e12:
            raise Unusable("a value is no number of a measurement")
        values[_count(row, "size_bytes")] = float(value)
    return Measured(key, tuple(nodes), values)


def _text(data: Mapping[str, Any], name: str) -> str:
    value = data.get(name)
    if not isinstance(value, str) or len(value) > _LONGEST:
        raise Unusable(f"{name} is no text")
    return value


def _count(data: Mapping[str, Any], name: str) -> int:
    value = data.get(name)
    if type(value) is not int or value < 0:
        raise Unusable(f"{name} is no number")
    return value


def _list(data: Mapping[str, Any], name: str, most: int) -> list[Any]:
    value = data.get(name)
    if not isinstance(value, list) or len(value) > most:
        raise Unusable(f"{name} is no list")
    return value


def earlier_than(run: KeptRun, others: Iterable[KeptRun]) -> list[KeptRun]:
    """Return the other runs of the cluster that ended before this one, oldest first."""
    return sorted(
        (
            other
            for other in others
            if other.cluster == run.cluster
            and (other.job_id, other.run) != (run.job_id, run.run)
            and other.ended_at < run.ended_at
        ),
        key=lambda other: other.ended_at,
    )
