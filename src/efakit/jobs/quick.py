"""A short way to read a record as the hook writes it: thousands of them are one job's.

It gives a record exactly where ``parse_json`` and ``check_record`` would, with the same values, or None: then these are
asked, and they say what is wrong. It saves a Python call for each object and each number of the text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from efakit.jobs.devices import PackedDevices, pack
from efakit.jobs.fields import KNOWN, MISSING, checks_of, has_only_known
from efakit.jobs.json_text import colons, decode
from efakit.jobs.lines import read_lines

_VERSION = 2
_CHECKS = tuple((name, check) for name, check in checks_of(_VERSION).items() if name != "devices")
_FIELDS = frozenset(checks_of(_VERSION)) | frozenset({"foreign_devices", "late_devices", "hugepages"})
_NOT_READ = ("foreign_devices", "late_devices", "hugepages")
_NAMES = tuple(name for name, _ in _CHECKS)
_SHAPE_OF_INTERFACES = frozenset(KNOWN[_VERSION, "interfaces"])
_MOST_DEVICES = 256
_LONGEST_NAME = 256


_PLAIN = frozenset((str, int, float, bool, type(None)))
_LAST_GOOD: dict[str, Any] = dict.fromkeys(_NAMES, MISSING)


def read_quickly(data: bytes) -> dict[str, Any] | None:
    """Return the record in a JSON text, its devices packed; None where it is not wholly as the hook writes it."""
    found = read_lines(data)
    if found is not None:
        record = found.picked(_NAMES)
        record["devices"] = found.devices()
        return record
    return _read_version_2(data)


def _read_version_2(data: bytes) -> dict[str, Any] | None:
    # Without a backslash, a text between quotes is what it means, and its colons can be counted.
    if b"\\" in data:
        return None
    try:
        value = decode(data)
    except (ValueError, RecursionError):
        return None
    if type(value) is not dict or not value.keys() <= _FIELDS:
        return None
    get = value.get
    if get("schema_version") != _VERSION or type(get("schema_version")) is not int:
        return None
    for name in _NOT_READ:
        if get(name):
            return None
    if not _are_good(value):
        return None
    if any(item.keys() != _SHAPE_OF_INTERFACES for item in value["interfaces"]):
        return None
    if not has_only_known("findings", value["findings"]) or not has_only_known("lnet", get("lnet")):
        return None
    devices = value.pop("devices", None)
    packed = _packed(devices)
    if packed is None:
        return None
    # Every colon of the text is between a name and its value, or in a text: a name that is there twice is one too many.
    if colons(value) + _colons_of(devices, packed) + 1 != data.count(b":"):
        return None
    record = {name: get(name) for name in _NAMES}
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


def _packed(devices: Any) -> PackedDevices | None:
    try:
        packed = pack(devices)
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError):  # what is no device, or has no counters
        return None
    if packed is None or not 0 < len(packed.names) <= _MOST_DEVICES or len(set(packed.names)) != len(packed.names):
        return None
    if packed.names in _GOOD_NAMES and packed.about in _GOOD_ABOUT:
        return packed
    for name in packed.names:
        if type(name) is not str or not 0 < len(name) <= _LONGEST_NAME:
            return None
    if set(map(type, packed.about)) - {str, type(None)}:
        return None
    if len(_GOOD_NAMES) + len(_GOOD_ABOUT) < _MOST_KNOWN:
        _GOOD_NAMES.add(packed.names)
        _GOOD_ABOUT.add(packed.about)
    return packed


# Apart: a PCI address may be null or empty, and a name may not.
_GOOD_NAMES: set[tuple[Any, ...]] = set()
_GOOD_ABOUT: set[tuple[Any, ...]] = set()
_MOST_KNOWN = 1024


def _colons_of(devices: list[Mapping[str, Any]], packed: PackedDevices) -> int:
    """Return the same of devices, of which all have the same counters."""
    first = devices[0]
    names = [*first["counters"], *first["device_counters"]]
    each = len(first) + len(names) + "".join(names).count(":")
    return len(devices) * each + "".join(packed.names).count(":") + "".join(filter(None, packed.about)).count(":")
