"""Answers questions about all jobs, from the store and from the JSON files that it does not hold yet.

The files are listed first and the generations then: a file that was not seen is in one of these. Jobs that have a file
which the store does not hold are judged anew, with what the store has of them; such rows count instead of the store's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from efakit.errors import MissingExtra, RecordError
from efakit.printable import printable
from efakit.store.held import Held
from efakit.store.judged import NODE_COLUMNS, RUN_COLUMNS, judged_rows
from efakit.store.layout import NODES, RECORDS, RUNS, Generation, day_of
from efakit.store.listing import Unit, hold, list_json
from efakit.store.queries import Filters, Query, query

_DAY = 86_400
_LATEST = 1 << 62
_MOST_TRIES = 10
_MOST_FAULTS = 100
_TYPES = {
    "text": "VARCHAR",
    "json": "VARCHAR",
    "int": "BIGINT",
    "float": "DOUBLE",
    "bool": "BOOLEAN",
    "texts": "VARCHAR[]",
    "ints": "BIGINT[]",
}


@dataclass
class Answer:
    """Rows of a query with the names of their columns; and what the answer leaves out."""

    columns: list[str]
    rows: list[tuple[Any, ...]]

    def dicts(self) -> list[dict[str, Any]]:
        """Return each row with the names of its columns."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


@dataclass
class View:
    """What lay in the folder at one moment, as tables that queries can be put to."""

    generations: list[Generation] = field(default_factory=list)
    runs: list[tuple[Any, ...]] = field(default_factory=list)
    nodes: list[tuple[Any, ...]] = field(default_factory=list)
    records: list[dict[str, Any]] = field(default_factory=list)
    replaced: list[tuple[str, int, str]] = field(default_factory=list)
    """Of the store's records those that do not count any more: cluster's folder, folder's job, record id."""
    json_jobs: int = 0
    damaged: int = 0
    faults: list[str] = field(default_factory=list)


def ask(
    records_dir: Path, filters: Filters, wanted: Sequence[tuple[str, Filters, int | None]]
) -> tuple[View, list[Answer]]:
    """Return the answers to some queries, each by what, with its own filters and its most rows; all of one moment.

    Raises:
        MissingExtra: DuckDB is not installed.
        RecordError: the folder, or a file of the store, cannot be read.
    """
    try:
        import duckdb
    except ImportError as error:
        raise MissingExtra("fleet", "efakit report --since") from error
    with_devices = any(by == "device" for by, _, _ in wanted)
    for _ in range(_MOST_TRIES):
        view: View | None = None
        try:
            view = look(records_dir, filters.since, with_records=with_devices)
            with duckdb.connect() as connection:
                _tables(connection, view, with_devices=with_devices)
                return view, [_run(connection, query(by, own, most)) for by, own, most in wanted]
        except (FileNotFoundError, duckdb.Error) as error:
            if view is not None and all(one.path.is_dir() for one in view.generations):
                message = f"{records_dir}: the store cannot be read: {printable(error, 400)}"
                raise RecordError(f"{message}; 'efakit records verify' says what is broken") from error
    raise RecordError(f"{records_dir}: the store changes faster than it can be read: try again")


def look(records_dir: Path, since: float, *, with_records: bool = False) -> View:
    """Return what the store has from a day on, and the rows of jobs that have files beside it."""
    units = list_json(records_dir)
    held = Held(records_dir)
    hold(units, held)
    first = day_of(max(since, 0.0))
    view = View([one for one in held.generations if one.day >= first])
    for unit in units:
        # A file is written when its job has ended.
        if any(file.mtime_ns / 1e9 >= since - _DAY for file in unit.new_files()):
            _judge(records_dir, unit, view, with_records=with_records)
    return view


def _judge(records_dir: Path, unit: Unit, view: View, *, with_records: bool) -> None:
    from efakit.store.columns import row_of
    from efakit.store.stored import read_unit

    found = read_unit(records_dir, unit.cluster, unit.job_id)
    runs, nodes = judged_rows(found, unit.cluster, unit.job_id, _LATEST)
    if not runs:
        # Not one record can be used: what the store has of the job counts.
        view.damaged += len(found.faults)
        view.faults += [str(fault) for fault in found.faults[: _MOST_FAULTS - len(view.faults)]]
        return
    view.json_jobs += 1
    view.damaged += len(found.faults)
    view.faults += [str(fault) for fault in found.faults[: _MOST_FAULTS - len(view.faults)]]
    view.runs += runs
    view.nodes += nodes
    if with_records:
        place = {"cluster_folder": unit.cluster, "folder_job_id": unit.job_id}
        stored = {f"{row.record_id:016x}" for _, row in unit.rows}
        # A record that was published again takes the place of the first.
        again = stored & {file.record_id for file in unit.new_files()}
        again &= {record["record_id"] for _, record in found.records}
        view.replaced += [(unit.cluster, unit.job_id, record_id) for record_id in sorted(again)]
        stored -= again
        view.records += [
            {**row_of({**record, "devices": list(record["devices"])}), **place}
            for _, record in found.records
            if record["record_id"] not in stored
        ]


def _tables(connection: Any, view: View, *, with_devices: bool) -> None:
    connection.execute("SET enable_progress_bar = false")
    connection.execute("SET autoinstall_known_extensions = false")
    kinds: list[tuple[str, str, dict[str, str], Sequence[Any]]] = [
        ("runs", RUNS, RUN_COLUMNS, view.runs),
        ("nodes", NODES, NODE_COLUMNS, view.nodes),
    ]
    if with_devices:
        from efakit.store.columns import kinds as record_columns

        kinds.append(("records", RECORDS, record_columns(), view.records))
    for name, file, columns, rows in kinds:
        parts = []
        if rows:
            # Imported where it is needed: it takes as long as a query.
            from efakit.store.tables import schema_of, table

            connection.register(f"new_{name}", table(rows, schema_of(columns)))
            parts.append(f"SELECT * FROM new_{name}")
        if view.generations:
            paths = ", ".join(_quoted(str(one.file(file))) for one in view.generations)
            text = (
                f"SELECT {', '.join(columns)} "
                f"FROM read_parquet([{paths}], hive_partitioning = false, union_by_name = true)"
            )
            if name == "records" and view.replaced:
                keys = ", ".join(f"({_quoted(folder)}, {job}, {_quoted(own)})" for folder, job, own in view.replaced)
                text += f" WHERE (cluster_folder, folder_job_id, record_id) NOT IN (VALUES {keys})"
            parts.append(text)
        nulls = ", ".join(f"CAST(NULL AS {_TYPES[kind]}) AS {column}" for column, kind in columns.items())
        text = " UNION ALL BY NAME ".join(parts) or f"SELECT {nulls} WHERE false"
        connection.execute(f"CREATE TEMP VIEW {name} AS {text}")
    # Trino's and Spark's name of it.
    connection.execute("CREATE TEMP MACRO element_at(items, place) AS list_extract(items, place)")


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _run(connection: Any, asked: Query) -> Answer:
    text = asked.text
    for name in sorted(asked.values, key=len, reverse=True):
        text = text.replace(f":{name}", f"${name}")
    done = connection.execute(text, {name: value for name, value in asked.values.items() if f"${name}" in text})
    return Answer([column[0] for column in done.description], done.fetchall())
