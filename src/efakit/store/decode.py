"""A record's file as its row and its record: quickly where it is as today's hooks write it, else by the common reader.

What the quick way takes has every field of the record's type and no other, each of its type and within its bounds;
whatever it does not take, the common reader judges (``efakit.jobs.json_file``, ``efakit.jobs.fields``).
"""

from __future__ import annotations

import types
import typing
from functools import cache
from typing import Annotated, Any, TypedDict

import msgspec

from efakit.jobs.columns import is_even, listed
from efakit.jobs.columns import packed as pack_columns
from efakit.jobs.fields import Record, checks_of
from efakit.jobs.json_file import parse_json
from efakit.jobs.node_list import NodeLists
from efakit.jobs.reader import check_place, usable
from efakit.node.record import SCHEMA_VERSION
from efakit.node.record_type import Record as RecordType
from efakit.store.columns import MOST_INT, row_of

_MOST_ITEMS = 10_000
_MOST_LETTERS = 1024
_LATEST = 253_402_300_799
_MOST_BYTES = 1 << 20
"""A file of the quick way: what is larger has texts that the common reader looks at."""

Value = dict[str, Any]


def decode(data: bytes, below: str, folder_job_id: int, lists: NodeLists) -> tuple[dict[str, Any], Record]:
    """Return row and record of a file; ``below`` is its path below the records folder.

    Raises:
        Unusable: it is no record of this efakit's, or none of this folder's job.
    """
    value = _quick(data)
    if value is not None:
        row = row_of(value, sure=True)
        packed = pack_columns(value["devices"])
        record: Record = {**value, "devices": listed(value["devices"]) if packed is None else packed}
        check_place(record, below.partition("/")[0], folder_job_id, lists)
        return row, record
    value = parse_json(data)
    record = usable(value, below, folder_job_id, lists)
    return row_of(value), record


def _quick(data: bytes) -> Value | None:
    # The hooks write ASCII; msgspec takes some of what is not UTF-8. An escaped colon would not be counted.
    if len(data) > _MOST_BYTES or not data.isascii() or b"\\" in data:
        return None
    try:
        value: Value = _decoder().decode(data)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None
    devices, interfaces = value["devices"], value["interfaces"]
    # A colon for each name, once: a name more, a name twice, or a text that was not thought of is a colon more.
    colons = len(value) + len(devices) + sum([len(devices[name]) for name in _OBJECTS]) + 4 * len(interfaces)
    colons += sum([len(item["counters"]) for item in interfaces])
    colons += 2 * (value["late_devices"] is not None) + 3 * (value["hugepages"] is not None)
    lnet = value["lnet"]
    colons += len(lnet or ())
    texts = list(devices["pci_addresses"])
    texts += [*lnet["networks"], lnet["error"]] if lnet else []
    texts += [value["exit_code"], value["derived_exit_code"], value["expected_by"]]
    for item in value["findings"]:
        colons += 3
        texts += item.values()
    colons += "".join([text for text in texts if text]).count(":")
    if data.count(b":") != colons or value["schema_version"] != SCHEMA_VERSION:
        return None
    for name, check in _checks():
        if not check(value[name]):
            return None
    if len({item["name"] for item in interfaces}) != len(interfaces):
        return None
    return value if is_even(devices) else None


_OBJECTS = ("counters", "device_counters", "unknown", "errors")


@cache
def _checks() -> tuple[tuple[str, Any], ...]:
    """Return the checks of what no type of msgspec's says: names and ids."""
    names = ("cluster", "node", "run", "sluid", "installation_id", "record_id")
    return tuple((name, check) for name, check in checks_of(SCHEMA_VERSION).items() if name in names)


@cache
def _decoder() -> Any:
    return msgspec.json.Decoder(_bounded(RecordType))


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
