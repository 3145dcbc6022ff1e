"""Tables of records that were decoded quickly: no row is made, each column comes of all of them at once."""

from __future__ import annotations

import json
from array import array
from collections.abc import Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

import pyarrow as pa

from efakit.jobs.lines import About, Column, Shape
from efakit.store.columns import INTERFACE_COUNTERS, items_row, plan
from efakit.store.decode import Quick
from efakit.store.tables import records_schema


def quick_tables(place: Mapping[str, str], rows: Sequence[tuple[int, Quick]]) -> list[pa.Table]:
    """Return the rows of one day's records, each with its folder's job id; ``place`` has what is alike of all."""
    by_shape: dict[Shape, list[tuple[int, Quick]]] = {}
    for row in rows:
        by_shape.setdefault(row[1].shape, []).append(row)
    return [_table(place, shape, own) for shape, own in by_shape.items()]


def _table(place: Mapping[str, str], shape: Shape, rows: Sequence[tuple[int, Quick]]) -> pa.Table:
    count = len(rows)
    values = [quick.value for _, quick in rows]
    plain, as_json = plan()[0]
    columns: dict[str, Any] = {name: [text] * count for name, text in place.items()}
    columns |= {name: list(map(itemgetter(name), values)) for name in plain}
    columns |= {name: list(map(_json_text, map(itemgetter(name), values))) for name in as_json}
    columns |= {"folder_job_id": [job_id for job_id, _ in rows], "device_count": [shape.devices] * count}
    columns |= _interfaces([value["interfaces"] for value in values])
    columns |= _abouts([quick.about for _, quick in rows])
    columns |= _counters(shape, [quick.columns for _, quick in rows])
    arrays = [_array(columns.get(field.name), field.type, count) for field in records_schema()]
    return pa.Table.from_arrays(arrays, schema=records_schema())


def _array(values: Any, kind: pa.DataType, count: int) -> pa.Array:
    if values is None:
        return pa.nulls(count, kind)
    return pa.array(values, kind) if isinstance(values, list) else values


def _json_text(value: Any) -> str | None:
    if value == []:
        return "[]"
    return None if value is None else json.dumps(value)


def _interfaces(values: Sequence[Sequence[Mapping[str, Any]]]) -> dict[str, list[Any]]:
    """Return the columns of the records' interfaces."""
    if all(_is_plain(item) for own in values for item in own):
        found: dict[str, list[Any]] = {"interface_names": [[item["name"] for item in own] for own in values]}
        counted = [[item["counters"] for item in own] for own in values]
        for name in INTERFACE_COUNTERS:
            found[f"interface_{name}"] = [[one[name] for one in own] if own else None for own in counted]
        return found
    rows = [items_row({"interfaces": own}, "interfaces") for own in values]
    return {name: [row.get(name) for row in rows] for name in {name for row in rows for name in row}}


def _is_plain(item: Mapping[str, Any]) -> bool:
    """Whether of an interface all counters that have a column were read, and there are no others."""
    return item["counters"].keys() == _COUNTERS and not item["unknown"] and not item["errors"]


_COUNTERS = frozenset(INTERFACE_COUNTERS)


def _abouts(abouts: Sequence[About]) -> dict[str, pa.Array]:
    """Return the columns of names, PCI addresses and drivers: few nodes differ in them."""
    runs = [(about, len(list(own))) for about, own in groupby(abouts)]
    # Array.take would import pyarrow.compute, which takes as long as some hundred records.
    return {
        column: pa.concat_arrays([_repeated(getattr(about, name), count) for about, count in runs])
        for column, name in _NAMES.items()
    }


def _repeated(texts: Sequence[str | None], count: int) -> pa.Array:
    """Return a column of the same list, so many times."""
    array = pa.array([texts], _TEXTS)
    while len(array) < count:
        array = pa.concat_arrays([array, array.slice(0, count - len(array))])
    return array


_NAMES = {"device_names": "names", "device_pci_address": "pci_addresses", "device_driver": "drivers"}
_TEXTS = pa.list_(pa.string())


def _counters(shape: Shape, records: Sequence[tuple[Column, ...]]) -> dict[str, pa.Array]:
    """Return a list column of each counter: its column of each record, one after the other."""
    offsets = array("i", range(0, shape.devices * (len(records) + 1), shape.devices))
    offset_array = pa.Array.from_buffers(pa.int32(), len(offsets), [None, pa.py_buffer(offsets)])
    names = [*(f"device_{name}" for name in shape.port), *(f"driver_{name}" for name in shape.software)]
    found = {}
    for name, columns in zip(names, zip(*records, strict=True), strict=True):
        flat = b"".join([numbers for numbers, _ in columns])
        values = pa.Array.from_buffers(pa.int64(), shape.devices * len(records), [None, pa.py_buffer(flat)])
        found[name] = pa.ListArray.from_arrays(offset_array, values)
    return found
