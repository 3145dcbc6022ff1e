"""A short way to read a record as the hook writes it: thousands of them are one job's.

It gives a record exactly where ``parse_json`` and ``check_record`` would, with the same values, or None: then these are
asked, and they say what is wrong. It saves a Python call for each object and each number of the text.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from efakit.jobs.columns import packed as pack_columns
from efakit.jobs.devices import PackedDevices, pack
from efakit.jobs.fields import COLUMNS_SINCE, KNOWN, MISSING, checks_of
from efakit.jobs.json_file import refuse_constant
from efakit.node.record import SCHEMA_VERSION

_DECODER = json.JSONDecoder(parse_constant=refuse_constant)
_VERSIONS = (2, SCHEMA_VERSION)
_CHECKS = tuple((name, check) for name, check in checks_of(SCHEMA_VERSION).items() if name != "devices")
_FIELDS = frozenset(checks_of(SCHEMA_VERSION)) | frozenset({"foreign_devices", "late_devices", "hugepages"})
_NOT_READ = ("foreign_devices", "late_devices", "hugepages")
_NAMES = tuple(name for name, _ in _CHECKS)
_SHAPE_OF_INTERFACES = frozenset(KNOWN[SCHEMA_VERSION, "interfaces"])
_MOST_DEVICES = 256
_LONGEST_NAME = 256


_PLAIN = frozenset((str, int, float, bool, type(None)))
_LAST_GOOD: dict[str, Any] = dict.fromkeys(_NAMES, MISSING)
_FASTER: list[Callable[[bytes], Any]] = []


def prepare_for_many() -> None:
    """Let msgspec read the texts where it is installed: in a third of the time, which its import takes for a few."""
    if not _FASTER:
        with contextlib.suppress(ImportError):
            from msgspec.json import decode

            _FASTER.append(decode)


def read_quickly(data: bytes) -> dict[str, Any] | None:
    """Return the record in a JSON text, its devices packed; None where it is not wholly as the hook writes it."""
    # Without a backslash, a text between quotes is what it means, and its colons can be counted.
    if b"\\" in data:
        return None
    try:
        # msgspec takes some of what is not UTF-8.
        value = _FASTER[0](data) if _FASTER and data.isascii() else _DECODER.decode(data.decode("utf-8"))
    except (ValueError, RecursionError):
        return None
    if type(value) is not dict or not value.keys() <= _FIELDS:
        return None
    get = value.get
    version = get("schema_version")
    if version not in _VERSIONS or type(version) is not int:
        return None
    for name in _NOT_READ:
        if get(name):
            return None
    if not _are_good(value):
        return None
    if any(item.keys() != _SHAPE_OF_INTERFACES for item in value["interfaces"]):
        return None
    devices = value.pop("devices", None)
    packed = _packed(devices, pack if version < COLUMNS_SINCE else pack_columns)
    if packed is None:
        return None
    # Every colon of the text is between a name and its value, or in a text: a name that is there twice is one too many.
    of_devices = _colons_of_columns if version >= COLUMNS_SINCE else _colons_of
    if _colons(value) + of_devices(devices, packed) + 1 != data.count(b":"):
        return None
    record: dict[str, Any] = {name: get(name) for name in _NAMES}
    record["devices"] = packed
    return record


def _are_good(value: Mapping[str, Any]) -> bool:
    """Return whether each field but the devices is as it must be: of one job's records most have the same value."""
    get, last = value.get, _LAST_GOOD
    for name, check in _CHECKS:
        item = get(name, MISSING)
        good = last[name]
        kind = type(item)
        if kind is not type(good) or kind not in _PLAIN or item != good:
            if not check(item):
                return False
            last[name] = item
    return True


def _packed(devices: Any, how: Callable[[Any], PackedDevices | None]) -> PackedDevices | None:
    try:
        packed = how(devices)
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError):  # what is no device, or has no counters
        return None
    if packed is None or not 0 < len(packed.names) <= _MOST_DEVICES or len(set(packed.names)) != len(packed.names):
        return None
    if packed.names in _GOOD and packed.about in _GOOD:
        return packed
    for name in packed.names:
        if type(name) is not str or not 0 < len(name) <= _LONGEST_NAME:
            return None
    if set(map(type, packed.about)) - {str, type(None)}:
        return None
    if len(_GOOD) < _MOST_KNOWN:
        _GOOD.update((packed.names, packed.about))
    return packed


_GOOD: set[tuple[Any, ...]] = set()
_MOST_KNOWN = 1024


def _colons(value: Any) -> int:
    """Return how many colons a value has as text: one for each name, and those within texts."""
    if type(value) is str:
        return int(value.count(":"))
    if type(value) is list:
        return sum([_colons(item) for item in value if item])
    if type(value) is not dict:
        return 0
    texts = [*value]
    found = len(value)
    for item in value.values():
        if type(item) is str:
            texts.append(item)
        elif item and type(item) in (list, dict):
            found += _colons(item)
    return found + "".join(texts).count(":")


def _colons_of(devices: list[Mapping[str, Any]], packed: PackedDevices) -> int:
    """Return the same of devices, of which all have the same counters."""
    first = devices[0]
    names = [*first["counters"], *first["device_counters"]]
    each = len(first) + len(names) + "".join(names).count(":")
    return len(devices) * each + _colons_of_texts(packed)


def _colons_of_columns(devices: Mapping[str, Any], packed: PackedDevices) -> int:
    names = [*devices, *devices["counters"], *devices["device_counters"]]
    return len(names) + "".join(names).count(":") + _colons_of_texts(packed)


def _colons_of_texts(packed: PackedDevices) -> int:
    return "".join(packed.names).count(":") + "".join(filter(None, packed.about)).count(":")
