"""A record's file as its row and its record: quickly where it is as hooks write it, else by the common reader.

The quickest way is line by line (``efakit.jobs.lines``). What the next one takes, by msgspec, has every field of the
record's type and no other, each of its type and within its bounds; whatever neither takes, the common reader judges
(``efakit.jobs.json_file``, ``efakit.jobs.fields``).
"""

from __future__ import annotations

import types
import typing
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from typing import Annotated, Any, NamedTuple, TypedDict

import msgspec

from efakit.jobs.columns import is_even, listed
from efakit.jobs.devices import pack
from efakit.jobs.fields import Record, checks_of
from efakit.jobs.json_file import parse_json
from efakit.jobs.json_text import has_long_number
from efakit.jobs.lines import FIELDS, About, Column, Shape, read_lines
from efakit.jobs.node_list import NodeLists
from efakit.jobs.reader import check_place, usable
from efakit.node.record import SCHEMA_VERSION
from efakit.node.record_type import DeviceColumns, DeviceRecord
from efakit.node.record_type import Record as RecordType
from efakit.store.columns import MOST_INT, kinds, row_of

_MOST_ITEMS = 10_000
_MOST_LETTERS = 1024
_LATEST = 253_402_300_799
_MOST_BYTES = 1 << 20
"""A file of the quick way: what is larger has texts that the common reader looks at."""

Value = dict[str, Any]


Row = dict[str, Any]


class Quick(NamedTuple):
    """A record of which every counter of every device was read."""

    value: Mapping[str, Any]
    shape: Shape
    columns: tuple[Column, ...]
    about: About


def decode(data: bytes, below: str, folder_job_id: int, lists: NodeLists) -> tuple[Row | Quick, Record]:
    """Return row and record of a file; ``below`` is its path below the records folder.

    Raises:
        Unusable: it is no record of this efakit's, or none of this folder's job.
    """
    row: Row | Quick
    quick = quickly(data)
    if quick is not None:
        row, record = quick
        check_place(record, below.partition("/")[0], folder_job_id, lists)
        return row, record
    value = parse_json(data)
    record = usable(value, below, folder_job_id, lists)
    return row_of(value), record


def quickly(data: bytes) -> tuple[Row | Quick, Record] | None:
    """Return row and record of a file where a quick way takes it; its place is not looked at."""
    return _by_lines(data) or _by_type(data)


def _by_lines(data: bytes) -> tuple[Quick, Record] | None:
    found = read_lines(data)
    if found is None or len(found.places.names) != len(FIELDS) - 1:  # the devices stand beside
        return None
    if not _has_columns(found.shape):
        return None
    value = found.fields()
    value["devices"] = found.devices()
    return Quick(value, found.shape, found.columns, found.about), value


def _by_type(data: bytes) -> tuple[Row, Record] | None:
    # The hooks write ASCII; msgspec takes some of what is not UTF-8. An escaped colon would not be counted.
    if len(data) > _MOST_BYTES or not data.isascii() or b"\\" in data or has_long_number(data):
        return None
    for decoder, finish in _ways():
        try:
            value: Value = decoder.decode(data)
        except (msgspec.DecodeError, ValueError, RecursionError):
            continue
        finished = finish(value, data.count(b":") - _colons(value))
        if finished is not None:
            return finished if _is_good(value) else None
    return None


def _colons(value: Value) -> int:
    """Return the colons of all but the devices: one for each name, and those in texts that may have some.

    A name more, a name twice, or a text that was not thought of is a colon more.
    """
    interfaces, findings = value["interfaces"], value["findings"]
    colons = len(value) + 4 * len(interfaces) + sum([len(item["counters"]) for item in interfaces])
    colons += 2 * (value["late_devices"] is not None) + 3 * (value["hugepages"] is not None)
    texts = [value["exit_code"], value["derived_exit_code"], value["expected_by"]]
    lnet = value.get("lnet")
    if lnet:
        colons += len(lnet)
        texts += [*lnet["networks"], lnet["error"]]
    for item in findings:
        colons += 3
        texts += item.values()
    return colons + "".join([text for text in texts if text]).count(":")


def _is_good(value: Value) -> bool:
    """Return whether names and ids are such, of which no type of msgspec's says so."""
    for name, check in _checks():
        if not check(value[name]):
            return False
    interfaces = value["interfaces"]
    return len(interfaces) == 1 or len({item["name"] for item in interfaces}) == len(interfaces)


def _finish_partly(value: Value, colons: int) -> tuple[Row, Record] | None:
    """Return row and record where some counters were not read, or not every device has each."""
    devices = value["devices"]
    colons -= len(devices) + sum([len(devices[name]) for name in _OBJECTS])
    if colons != _in_texts([*devices["names"], *devices["pci_addresses"]]) or not is_even(devices):
        return None
    if value["schema_version"] != SCHEMA_VERSION:
        return None
    return row_of(value, sure=True), {**value, "devices": listed(devices)}


def _finish_older(value: Value, colons: int) -> tuple[Row, Record] | None:
    """Return the same of a record of version 2."""
    devices = value["devices"]
    colons -= 7 * len(devices) + sum([len(item["counters"]) + len(item["device_counters"]) for item in devices])
    if colons != _in_texts([text for item in devices for text in (item["name"], item["pci_address"])]):
        return None
    if value["schema_version"] != _OLDER_VERSION or len({item["name"] for item in devices}) != len(devices):
        return None
    value["lnet"] = None
    packed = pack(devices)
    return row_of(value, sure=True), value if packed is None else {**value, "devices": packed}


def _in_texts(texts: Iterable[str | None]) -> int:
    return "".join([text for text in texts if text]).count(":")


_OBJECTS = ("counters", "device_counters", "unknown", "errors")
_OLDER_VERSION = 2


@lru_cache(maxsize=256)
def _has_columns(shape: Shape) -> bool:
    return {f"device_{name}" for name in shape.port} | {f"driver_{name}" for name in shape.software} <= kinds().keys()


@cache
def _checks() -> tuple[tuple[str, Any], ...]:
    """Return the checks of what no type of msgspec's says: names and ids."""
    checks = checks_of(SCHEMA_VERSION)
    # Thousands of records have the same; their type is text or null by now.
    alike = ("cluster", "node", "run", "sluid", "installation_id")
    return *((name, lru_cache(maxsize=4096)(checks[name])) for name in alike), ("record_id", checks["record_id"])


@cache
def _ways() -> tuple[tuple[Any, Any], ...]:
    """Return the decoders, the most frequent first, each with what makes row and record of its value."""
    older = _bounded(list[DeviceRecord])
    kinds = ((_bounded(DeviceColumns), _finish_partly), (older, _finish_older))
    hints = typing.get_type_hints(RecordType, include_extras=True)
    others = {name: _bounded(hint) for name, hint in hints.items()}
    of_older = {name: hint for name, hint in others.items() if name != "lnet"}
    return tuple(
        (msgspec.json.Decoder(TypedDict("Record", {**own, "devices": kind})), finish)  # type: ignore[operator]
        for (kind, finish), own in zip(kinds, (others, of_older), strict=True)
    )


def _bounded(hint: Any, kind: str = "") -> Any:
    """Return a type with the bounds that the common reader has, as msgspec takes it."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        kinds = [doc.kind for doc in arguments[1:] if getattr(doc, "kind", "")]
        return _bounded(arguments[0], kind or "".join(kinds[:1]))
    if origin in (typing.Union, types.UnionType):
        (inner,) = (argument for argument in arguments if argument is not type(None))
        return typing.Optional[_bounded(inner, kind)]  # noqa: UP045 - made at run time
    if origin is typing.Literal:
        return hint
    if hint is str:
        return Annotated[str, msgspec.Meta(min_length=1, max_length=_MOST_LETTERS)] if kind == "key" else str
    if hint is int:
        least, most = {"job-id": (1, (1 << 32) - 1), "time": (0, _LATEST)}.get(kind, (0, MOST_INT))
        return Annotated[int, msgspec.Meta(ge=least, le=most)]
    if hint is float:
        least = -_LATEST if kind == "duration" else 0
        return Annotated[float, msgspec.Meta(ge=least, le=_LATEST)]
    if origin is list:
        return Annotated[list[_bounded(arguments[0], kind)], msgspec.Meta(max_length=_MOST_ITEMS)]  # type: ignore[misc]
    if origin is dict:
        return Annotated[dict[str, _bounded(arguments[1], kind)], msgspec.Meta(max_length=_MOST_ITEMS)]  # type: ignore[misc]
    if typing.is_typeddict(hint):
        hints = typing.get_type_hints(hint, include_extras=True)
        return TypedDict(hint.__name__, {name: _bounded(inner) for name, inner in hints.items()})  # type: ignore[operator]
    return hint
