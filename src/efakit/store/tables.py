"""Rows as tables of Arrow, and the Parquet files of a generation."""

from __future__ import annotations

import contextlib
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from operator import itemgetter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from efakit.errors import RecordError
from efakit.printable import printable
from efakit.store.columns import kinds

ROWS_OF_A_GROUP = 8192
ROWS_OF_A_GROUP_WITH_LISTS = 2048
"""A report of one job decodes a group up to the job's rows: at 16 devices a record, 29 ms of 2048 rows and 87 of 8192.
Half as many take 19 ms, but make writing a tenth and the devices of a fleet a third slower."""
_ROWS_AT_ONCE = 512
_TYPES = {
    "text": pa.string(),
    "json": pa.string(),
    "int": pa.int64(),
    "float": pa.float64(),
    "bool": pa.bool_(),
    "texts": pa.list_(pa.string()),
    "ints": pa.list_(pa.int64()),
}


@cache
def records_schema() -> pa.Schema:
    """Return the schema of the records' files: no unsigned numbers, which some engines take for signed ones."""
    return schema_of(kinds())


def schema_of(columns: Mapping[str, str]) -> pa.Schema:
    """Return the schema of columns, each with its kind."""
    return pa.schema([(name, _TYPES[kind]) for name, kind in columns.items()])


def table(rows: Sequence[Mapping[str, Any]] | Sequence[tuple[Any, ...]], schema: pa.Schema) -> pa.Table:
    """Return rows as a table: what a row by names does not have is null; other rows have a value for each column."""
    values: Iterable[Sequence[Any]]
    if rows and isinstance(rows[0], tuple):
        values = zip(*rows, strict=True)
    else:
        values = (_values(rows, field.name) for field in schema)
    columns = [_column(own, field.type) for own, field in zip(values, schema, strict=True)]
    return pa.Table.from_arrays(columns, schema=schema)


def _values(rows: Sequence[Any], name: str) -> list[Any]:
    try:
        return list(map(itemgetter(name), rows))
    except KeyError:
        return [row.get(name) for row in rows]


def _column(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    if kind != _TYPES["ints"]:
        return pa.array(values, kind)
    offsets, flat, place = array("i", [0]), array("q"), 0
    try:
        for value in values:
            if value is not None:
                flat.extend(value)
                place += len(value)
            offsets.append(place)
    except TypeError:
        return pa.array(values, kind)  # a device of some lacks the counter
    missing = pa.array([value is None for value in values]) if None in values else None
    flat_array = pa.Array.from_buffers(pa.int64(), len(flat), [None, pa.py_buffer(flat)])
    offset_array = pa.Array.from_buffers(pa.int32(), len(offsets), [None, pa.py_buffer(offsets)])
    return pa.ListArray.from_arrays(offset_array, flat_array, mask=missing)


def streamed(rows: pa.Table) -> pa.Buffer:
    """Return a table as one buffer, from which ``unstreamed`` makes it again without a copy."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as stream:
        stream.write_table(rows)
    return sink.getvalue()


def unstreamed(data: pa.Buffer) -> pa.Table:
    """Return the table in a buffer."""
    with pa.ipc.open_stream(data) as stream:
        return stream.read_all()


class Writer:
    """Writes one file in groups of rows; it keeps what is less than a group."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._schema = schema
        texts = [field.name for field in schema if field.type in (_TYPES["text"], _TYPES["json"])]
        texts += [f"{field.name}.list.element" for field in schema if field.type == _TYPES["texts"]]
        self._file = pq.ParquetWriter(
            path,
            schema,
            compression="zstd",
            compression_level=1,
            use_dictionary=texts,
            # Nobody asks for the least or the greatest of all devices.
            write_statistics=[field.name for field in schema if not pa.types.is_list(field.type)],
            version="2.6",
        )
        lists = any(pa.types.is_list(field.type) for field in schema)
        self._rows_of_a_group = ROWS_OF_A_GROUP_WITH_LISTS if lists else ROWS_OF_A_GROUP
        self._kept: list[pa.Table] = []
        self.rows_kept = 0

    def add(self, rows: pa.Table) -> None:
        """Add rows, in whatever order their columns are."""
        self._kept.append(aligned(rows, self._schema))
        self.rows_kept += rows.num_rows
        if self.rows_kept >= self._rows_of_a_group:
            self.flush()

    def flush(self) -> None:
        """Write what is kept, in groups of about the same size."""
        if self.rows_kept:
            groups = max(1, round(self.rows_kept / self._rows_of_a_group))
            self._file.write_table(pa.concat_tables(self._kept), row_group_size=-(-self.rows_kept // groups))
        self._kept, self.rows_kept = [], 0

    def close(self) -> None:
        """Write the rest, and the file's end."""
        self.flush()
        self._file.close()


def aligned(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return a table with the columns of a schema: an older efakit's file lacks some, and a newer one's has more."""
    if rows.schema.equals(schema):
        return rows
    there = set(rows.column_names)
    columns = [
        rows[field.name].cast(field.type) if field.name in there else pa.nulls(rows.num_rows, field.type)
        for field in schema
    ]
    return pa.Table.from_arrays(columns, schema=schema)


class UnreadableFile(RecordError):
    """A file of the store that cannot be read. ``told`` says which of its folder, and why."""

    def __init__(self, path: Path, why: str) -> None:
        self.told = f"{path.name} cannot be read: {why}"
        super().__init__(f"{path}: cannot be read: {why}; 'efakit records verify' says what else is broken")


@contextlib.contextmanager
def opened(path: Path) -> Iterator[pq.ParquetFile]:
    """Open a Parquet file.

    Raises:
        FileNotFoundError: it is not there, or not any more.
        RecordError: it cannot be read.
    """
    try:
        with pq.ParquetFile(path) as file:
            yield file
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError, EOFError) as error:
        raise UnreadableFile(path, printable(error, 200)) from error


def batches(path: Path, rows: int = ROWS_OF_A_GROUP // 2) -> Iterator[pa.Table]:
    """Give the rows of a file in parts."""
    with opened(path) as file:
        for batch in file.iter_batches(rows):
            yield pa.Table.from_batches([batch])


def of_jobs(path: Path, folder_job_ids: Iterable[int]) -> list[dict[str, Any]]:
    """Return the rows of some jobs' folders, without reading the groups of rows that have none of them.

    Rows are chosen by their places: a filter of Arrow's imports ``pyarrow.compute``, which takes longer than to read
    the rows of one job.

    Raises:
        FileNotFoundError: the file is not there, or not any more.
        RecordError: it cannot be read.
    """
    wanted = sorted(set(folder_job_ids))
    found: list[dict[str, Any]] = []
    with opened(path) as file:
        column = file.schema_arrow.get_field_index("folder_job_id")
        for group in range(file.num_row_groups):
            limits = file.metadata.row_group(group).column(column).statistics
            own = set(wanted if limits is None else wanted[bisect_left(wanted, limits.min) :])
            if own and (limits is None or min(own) <= limits.max):
                ids = file.read_row_group(group, columns=["folder_job_id"], use_threads=False)["folder_job_id"]
                found += _rows_at(file, group, [at for at, job_id in enumerate(ids.to_pylist()) if job_id in own])
    return found


def _rows_at(file: pq.ParquetFile, group: int, places: list[int]) -> list[dict[str, Any]]:
    """Return the rows at these places of a group, of which no more is read than up to the last."""
    found: list[dict[str, Any]] = []
    begin = 0
    for batch in file.iter_batches(_ROWS_AT_ONCE, row_groups=[group]) if places else ():
        end = begin + batch.num_rows
        for first, last in _spans(places[bisect_left(places, begin) : bisect_left(places, end)]):
            found += batch.slice(first - begin, last - first + 1).to_pylist()
        if places[-1] < end:
            break
        begin = end
    return found


def _spans(places: list[int]) -> Iterator[tuple[int, int]]:
    """Give the first and the last of places that follow one another: a job's rows mostly do."""
    begin = 0
    for at in range(1, len(places) + 1):
        if at == len(places) or places[at] != places[at - 1] + 1:
            yield places[begin], places[at - 1]
            begin = at


def of_nodes(path: Path, nodes: Iterable[str]) -> dict[str, str]:
    """Return the nodes of the records that are of these nodes, by record id."""
    values = pa.array(sorted(nodes), pa.string())
    found: dict[str, str] = {}
    with opened(path) as file:
        for group in range(file.num_row_groups):
            rows = file.read_row_group(group, columns=["node", "record_id"])
            kept = rows.filter(_is_in(rows["node"], values))
            found.update(zip(kept["record_id"].to_pylist(), kept["node"].to_pylist(), strict=True))
    return found


def of_records(path: Path, record_ids: Iterable[str]) -> list[dict[str, Any]]:
    """Return the rows of some records, by their ids."""
    values = pa.array(sorted(record_ids), pa.string())
    found: list[dict[str, Any]] = []
    with opened(path) as file:
        for group in range(file.num_row_groups):
            ids = file.read_row_group(group, columns=["record_id"])["record_id"]
            keep = _is_in(ids, values)
            if keep.true_count:
                found += file.read_row_group(group).filter(keep).to_pylist()
    return found


def without(rows: pa.Table, keys: set[tuple[int, str]] | set[int], *names: str) -> pa.Table:
    """Return the rows whose values of these columns are not among ``keys``."""
    if not keys or not rows.num_rows:
        return rows
    values = rows[names[0]].to_pylist()
    own: Iterable[Any] = zip(values, rows[names[1]].to_pylist(), strict=True) if len(names) > 1 else values
    keep = [key not in keys for key in own]
    return rows if all(keep) else rows.filter(pa.array(keep))


def _is_in(ids: Any, values: Any) -> Any:
    import pyarrow.compute as pc

    return pc.is_in(ids, value_set=values).combine_chunks()
