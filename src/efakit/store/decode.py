"""A record's file as its row and its record: quickly where it is as today's hooks write it, else by the common reader.

What the quick way takes has every field of the record's type and no other, each of its type and within its bounds;
whatever it does not take, the common reader judges (``efakit.jobs.json_file``, ``efakit.jobs.fields``).
"""

from __future__ import annotations

import struct
import types
import typing
from array import array
from collections.abc import Iterable, Mapping, Sequence
from functools import cache, lru_cache
from itertools import chain
from typing import Annotated, Any, NamedTuple, TypedDict

import msgspec

from efakit.jobs.columns import ColumnDevices, is_even, listed
from efakit.jobs.devices import PackedDevices, pack
from efakit.jobs.fields import Record, checks_of
from efakit.jobs.json_file import parse_json
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


class About(NamedTuple):
    """Names of a node's devices, with their PCI addresses and drivers; most records of a fleet have one of a few."""

    names: tuple[str, ...]
    pci_addresses: tuple[str | None, ...]
    drivers: tuple[str | None, ...]
    both: tuple[str | None, ...]
    """PCI address and driver of one device after the other."""
    colons: int


class Shape(NamedTuple):
    """How many devices, and which counters each of them has: of the port, and of the driver."""

    devices: int
    port: tuple[str, ...]
    software: tuple[str, ...]


class Quick(NamedTuple):
    """A record of which every counter of every device was read, all of them: column after column, 64 bits each."""

    value: Mapping[str, Any]
    shape: Shape
    numbers: bytes
    about: About


def decode(data: bytes, below: str, folder_job_id: int, lists: NodeLists) -> tuple[Row | Quick, Record]:
    """Return row and record of a file; ``below`` is its path below the records folder.

    Raises:
        Unusable: it is no record of this efakit's, or none of this folder's job.
    """
    row: Row | Quick
    quick = _quick(data)
    if quick is not None:
        row, record = quick
        check_place(record, below.partition("/")[0], folder_job_id, lists)
        return row, record
    value = parse_json(data)
    record = usable(value, below, folder_job_id, lists)
    return row_of(value), record


def _quick(data: bytes) -> tuple[Row | Quick, Record] | None:
    # The hooks write ASCII; msgspec takes some of what is not UTF-8. An escaped colon would not be counted.
    if len(data) > _MOST_BYTES or not data.isascii() or b"\\" in data:
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


def _finish_whole(value: Value, colons: int) -> tuple[Row | Quick, Record] | None:
    """Return what is read of a record of which every counter was read."""
    devices = value["devices"]
    about = _about(bytes(devices.names), bytes(devices.pci_addresses), bytes(devices.drivers))
    port, software = devices.counters, devices.device_counters
    columns = [*port.values(), *software.values()]
    names = tuple(port), tuple(software)
    if about is None or value["schema_version"] != SCHEMA_VERSION or not {"tx_bytes", "rx_bytes"} <= port.keys():
        return None
    count = len(about.names)
    if set(map(len, columns)) != {count} or colons != 7 + len(columns) + about.colons:
        return None
    if not count or not _have_columns(*names):
        return None
    value["devices"] = _Columns(about.names, about.both, *names, columns)
    numbers = _numbers(count * len(columns)).pack(*chain.from_iterable(columns))
    return Quick(value, Shape(count, *names), numbers, about), value


def _finish_partly(value: Value, colons: int) -> tuple[Row | Quick, Record] | None:
    """Return the same where some counters were not read, or not every device has each."""
    devices = value["devices"]
    colons -= len(devices) + sum([len(devices[name]) for name in _OBJECTS])
    if colons != _in_texts([*devices["names"], *devices["pci_addresses"]]) or not is_even(devices):
        return None
    if value["schema_version"] != SCHEMA_VERSION:
        return None
    return row_of(value, sure=True), {**value, "devices": listed(devices)}


def _finish_older(value: Value, colons: int) -> tuple[Row | Quick, Record] | None:
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


@lru_cache(maxsize=1024)
def _about(names: bytes, pci_addresses: bytes, drivers: bytes) -> About | None:
    """Return what tells devices apart; None where it is not of as many devices, or one name is there twice."""
    key = Annotated[str, msgspec.Meta(min_length=1, max_length=_MOST_LETTERS)]
    try:
        own = tuple(msgspec.json.decode(names, type=Annotated[list[key], msgspec.Meta(max_length=_MOST_ITEMS)]))
        others = [tuple(msgspec.json.decode(one, type=list[str | None])) for one in (pci_addresses, drivers)]
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None
    if len(set(own)) != len(own) or any(len(one) != len(own) for one in others):
        return None
    both = tuple(chain.from_iterable(zip(*others, strict=True)))
    return About(own, others[0], others[1], both, _in_texts([*own, *both]))


@lru_cache(maxsize=256)
def _numbers(count: int) -> struct.Struct:
    return struct.Struct(f"={count}q")


@lru_cache(maxsize=256)
def _have_columns(port: tuple[str, ...], software: tuple[str, ...]) -> bool:
    return {f"device_{name}" for name in port} | {f"driver_{name}" for name in software} <= kinds().keys()


class _Columns(PackedDevices):
    """Packed devices of which the columns are there already; a device by itself is hardly ever asked for."""

    __slots__ = ("_columns",)

    def __init__(
        self,
        names: tuple[str, ...],
        about: tuple[str | None, ...],
        port: tuple[str, ...],
        software: tuple[str, ...],
        columns: list[list[int]],
    ) -> None:
        super().__init__(names, about, port, _NONE, software, _NONE, ())
        self._columns = columns

    def total(self, name: str) -> int | None:
        """Return the sum of a counter over the devices; None where the driver has no such counter."""
        place = self._places.get(name)
        return None if place is None else sum(self._columns[place])

    def column(self, name: str) -> Sequence[int | None] | None:
        """Return a counter of each device; None where the driver has no such counter."""
        place = self._places.get(name)
        return None if place is None else self._columns[place]

    def __getitem__(self, index: Any) -> Any:
        return self._whole()[index]

    def __reduce__(self) -> tuple[Any, ...]:
        return self._whole().__reduce__()

    def _whole(self) -> PackedDevices:
        return ColumnDevices.of_columns(self.names, self.about, self._port, self._software, self._columns)


_NONE = array("Q")


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
    count = Annotated[int, msgspec.Meta(ge=0, le=MOST_INT)]
    none = Annotated[dict[str, int], msgspec.Meta(max_length=0)]
    fields: list[tuple[str, Any]] = [
        *((name, msgspec.Raw) for name in ("names", "pci_addresses", "drivers")),
        *((name, dict[str, list[count]]) for name in ("counters", "device_counters")),
        *((name, none) for name in ("unknown", "errors")),
    ]
    whole = msgspec.defstruct("Devices", fields, forbid_unknown_fields=True, gc=False)
    older = _bounded(list[DeviceRecord])
    kinds = ((whole, _finish_whole), (_bounded(DeviceColumns), _finish_partly), (older, _finish_older))
    hints = typing.get_type_hints(RecordType, include_extras=True)
    others = {name: _bounded(hint) for name, hint in hints.items()}
    of_older = {name: hint for name, hint in others.items() if name != "lnet"}
    return tuple(
        (msgspec.json.Decoder(TypedDict("Record", {**own, "devices": kind})), finish)  # type: ignore[operator]
        for (kind, finish), own in zip(kinds, (others, others, of_older), strict=True)
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
