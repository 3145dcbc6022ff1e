"""The least that makes Parquet of records: read, msgspec by type, a column a counter, Arrow, zstd; two processes.

Without verdicts, checks, index, or a word for what is damaged. The bars of ``efakit records compact`` were set by what
this made on one machine: 20,100 records of version 2 a second at 16 devices, and 16,300 at 32. ``make bench`` holds a
compaction to the same parts of what it makes here.
"""

from __future__ import annotations

import sys
import time
from array import array
from collections.abc import Mapping, Sequence
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated, Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

_AT_ONCE = 1000
_WORKERS = 2
_COUNT = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]


def _struct(name: str, fields: Mapping[str, Any]) -> Any:
    return msgspec.defstruct(name, list(fields.items()), gc=False)


def _decoder(record: Mapping[str, Any]) -> tuple[Any, list[str], list[str], list[str]]:
    """Return what decodes records like this one, and the names of their plain fields and of both groups of counters."""
    device = record["devices"][0]
    groups = [list(device["counters"]), list(device["device_counters"])]
    counters = {name: _COUNT for names in groups for name in names}
    inner = [_struct(f"Group{at}", {name: counters[name] for name in names}) for at, names in enumerate(groups)]
    kinds = {"counters": inner[0], "device_counters": inner[1], "unknown": list[str], "errors": list[str]}
    devices = list[_struct("Device", {name: kinds.get(name, str) for name in device})]  # type: ignore[misc]
    fields = {name: devices if name == "devices" else _kind(value) for name, value in record.items()}
    plain = [name for name, value in record.items() if isinstance(value, (str, int, float))]
    return msgspec.json.Decoder(_struct("Record", fields)), plain, *groups


def _kind(value: Any) -> Any:
    return {int: _COUNT, float: float, str: str, bool: bool}.get(type(value), Any)


def write(paths: Sequence[Path], out: Path) -> None:
    """Write the records in these files as one Parquet file."""
    decoder, plain, port, software = _decoder(msgspec.json.decode(paths[0].read_bytes()))
    writer = None
    for begin in range(0, len(paths), _AT_ONCE):
        columns: dict[str, list[Any]] = {name: [] for name in plain}
        names, offsets = [], array("i", [0])
        numbers = {name: array("q") for name in (*port, *software)}
        for path in paths[begin : begin + _AT_ONCE]:
            record = decoder.decode(path.read_bytes())
            for name, column in columns.items():
                column.append(getattr(record, name))
            names.append([device.name for device in record.devices])
            offsets.append(offsets[-1] + len(record.devices))
            for name in port:
                numbers[name].extend([getattr(device.counters, name) for device in record.devices])
            for name in software:
                numbers[name].extend([getattr(device.device_counters, name) for device in record.devices])
        places = pa.Array.from_buffers(pa.int32(), len(offsets), [None, pa.py_buffer(offsets)])
        arrays = {name: pa.array(column) for name, column in columns.items()} | {"names": pa.array(names)}
        for name, values in numbers.items():
            flat = pa.Array.from_buffers(pa.int64(), len(values), [None, pa.py_buffer(values)])
            arrays[name] = pa.ListArray.from_arrays(places, flat)
        table = pa.table(arrays)
        writer = writer or pq.ParquetWriter(out, table.schema, compression="zstd", compression_level=1)
        writer.write_table(table)
    if writer:
        writer.close()


def rate(folder: Path) -> float:
    """Return how many of the records below a folder, all of one kind, it makes Parquet of in a second."""
    paths = sorted(folder.rglob("*.json"))
    context = get_context("fork")
    began = time.perf_counter()
    workers = [
        context.Process(target=write, args=(paths[at::_WORKERS], folder / f"{at}.parquet")) for at in range(_WORKERS)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    taken = time.perf_counter() - began
    if any(worker.exitcode for worker in workers):
        raise SystemExit("the bare compaction failed")
    return len(paths) / taken


if __name__ == "__main__":
    print(rate(Path(sys.argv[1])))
