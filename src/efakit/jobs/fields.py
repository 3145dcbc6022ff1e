"""The fields of a record that a reader relies on: their types and ranges. What it does not know, it leaves out.

The checks are made from the record's type (``efakit.node.record_type``), which says of each field from which version on
it is there, and whether a reader needs it. Whatever its version, a record comes out in the shape of version 2, its
devices one by one (``efakit.jobs.version_1``, ``efakit.jobs.columns``), so that nothing behind the reader needs to know
that there are others.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from efakit.jobs.columns import is_even, listed
from efakit.jobs.json_file import Unusable
from efakit.node.record import SCHEMA_VERSION as NEWEST_VERSION
from efakit.node.record_type import DeviceColumns, DeviceRecord, Doc, FindingRecord, InterfaceRecord, LnetRecord
from efakit.node.record_type import Record as RecordType

Record = Mapping[str, Any]

MOST_COMPONENTS = 128
"""Of a heterogeneous job: MAX_HET_JOB_COMPS in SchedMD/slurm, ``src/common/slurm_protocol_defs.h``."""

_LATEST = 253_402_300_799
"""The end of the year 9999, seconds since the epoch."""
_MOST_ITEMS = 10_000
_MOST_LETTERS_OF_A_NAME = 1024
_DIGITS = "0123456789"
MISSING = object()
"""Stands for the value of a field that a record lacks."""
# The least and the greatest number of each kind. Slurm's job ids are 32 bits wide.
_RANGES = {
    "": (0, (1 << 64) - 1),
    "time": (0, _LATEST),
    "duration": (-_LATEST, _LATEST),
    "job-id": (1, (1 << 32) - 1),
}

_Check = Callable[[Any], bool]


def check_record(value: Any) -> dict[str, Any]:
    """Return the known fields of a record, as its version has them.

    Raises:
        Unusable: it is no record, of a version that this efakit does not know, or a field is not as it must be.
    """
    version = value.get("schema_version") if isinstance(value, dict) else None
    if type(version) is not int or version < 1:
        raise Unusable("is not a record of efakit")
    if version > NEWEST_VERSION:
        raise Unusable(
            f"was written by a newer efakit (format {version}, and this one reads up to {NEWEST_VERSION}): "
            "install a newer efakit"
        )
    checks = _CHECKS[version]
    damaged = [name for name, check in checks.items() if not check(value.get(name, MISSING))]
    if damaged:
        raise Unusable(f"is damaged: {', '.join(damaged)} missing, of the wrong type or out of range")
    record = {name: value.get(name) for name in checks}
    devices = listed(value["devices"]) if version >= COLUMNS_SINCE else value["devices"]
    for name, items in (("devices", devices), ("interfaces", value["interfaces"])):
        known = KNOWN[version, name]
        record[name] = [{key: item[key] for key in known if key in item} for item in items]
    return record


def is_name(value: Any) -> bool:
    """Whether ``value`` may be a node's or a cluster's name: no name has other digits than 0 to 9."""
    return _is_key(value) and (
        value.isascii() or not any(letter.isdigit() and letter not in _DIGITS for letter in value)
    )


def is_job_id(value: Any) -> bool:
    """Whether ``value`` may be a job's id."""
    least, most = _RANGES["job-id"]
    return type(value) is int and least <= value <= most


def _is_key(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _MOST_LETTERS_OF_A_NAME


def _is_record_id(value: Any) -> bool:
    return isinstance(value, str) and len(value) == 16 and not value.strip("0123456789abcdef")


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


_TEXTS: dict[str, _Check] = {
    "": _is_text,
    "text": _is_text,
    "key": _is_key,
    "name": is_name,
    "record-id": _is_record_id,
}


@cache
def _hints(kind: Any) -> dict[str, Any]:
    # Once for all versions: the names of types are looked up anew each time.
    return typing.get_type_hints(kind, include_extras=True)


def _fields_of(kind: Any, version: int) -> dict[str, _Check]:
    """Return the checks of the fields that a reader knows of records of a version."""
    found = {}
    for name, hint in _hints(kind).items():
        docs = [doc for doc in getattr(hint, "__metadata__", ()) if isinstance(doc, Doc)]
        if all(doc.read and doc.since <= version for doc in docs):
            check = _check_of(hint, version)
            found[name] = check if all(doc.needed for doc in docs) else _or_missing(check)
    return found


def _check_of(hint: Any, version: int, kind: str = "") -> _Check:
    """Return the check of a value of a type; ``kind`` says what a text or a number is."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        kinds = [doc.kind for doc in arguments[1:] if isinstance(doc, Doc) and doc.kind]
        return _check_of(arguments[0], version, kind or "".join(kinds[:1]))
    if origin in (typing.Union, types.UnionType):
        (inner,) = (argument for argument in arguments if argument is not type(None))
        return _or_null(_check_of(inner, version, kind))
    if hint is str or (origin is typing.Literal and kind):
        return _TEXTS[kind]
    if origin is typing.Literal:
        return lambda value: isinstance(value, str) and value in arguments
    if hint is bool:
        return lambda value: isinstance(value, bool)
    if hint in (int, float):
        return _is_number(*_RANGES[kind], whole=hint is int)
    if origin is list:
        return _is_list_of(_check_of(arguments[0], version, kind), named="name" in _names_of(arguments[0]))
    if origin is dict:
        return _is_dict_of(_check_of(arguments[1], version, kind))
    if typing.is_typeddict(hint):
        return _has_fields(_fields_of(hint, version))
    raise TypeError(f"no check for {hint!r}")


def _names_of(hint: Any) -> frozenset[str]:
    return frozenset(hint.__annotations__ if typing.is_typeddict(hint) else ())


def _is_number(least: float, most: float, *, whole: bool) -> _Check:
    # Called for each counter of thousands of records.
    if whole:
        return lambda value: type(value) is int and least <= value <= most
    return lambda value: type(value) in (int, float) and least <= value <= most


def _is_list_of(check: _Check, *, named: bool) -> _Check:
    def is_list(value: Any) -> bool:
        if not isinstance(value, list) or len(value) > _MOST_ITEMS or not all(map(check, value)):
            return False
        return not named or len({item["name"] for item in value}) == len(value)

    return is_list


def _is_dict_of(check: _Check) -> _Check:
    return lambda value: isinstance(value, dict) and len(value) <= _MOST_ITEMS and all(map(check, value.values()))


def _has_fields(checks: Mapping[str, _Check]) -> _Check:
    pairs = tuple(checks.items())

    def has_fields(value: Any) -> bool:
        return isinstance(value, dict) and all(check(value.get(name, MISSING)) for name, check in pairs)

    return has_fields


def _or_null(check: _Check) -> _Check:
    return lambda value: value is None or check(value)


def _or_missing(check: _Check) -> _Check:
    return lambda value: value is MISSING or value is None or check(value)


def checks_of(version: int) -> Mapping[str, Callable[[Any], bool]]:
    """Return the check of each field that a reader knows of records of a version, by its name."""
    return _CHECKS[version]


def _devices_of(version: int) -> _Check:
    if version < COLUMNS_SINCE:
        return _check_of(list[DeviceRecord], version)
    are_columns = _check_of(DeviceColumns, version)
    return lambda value: are_columns(value) and is_even(value)


COLUMNS_SINCE = 3
"""The version from which on a record has its devices by columns."""
_VERSIONS = range(1, NEWEST_VERSION + 1)
_CHECKS = {version: {**_fields_of(RecordType, version), "devices": _devices_of(version)} for version in _VERSIONS}
KNOWN = {
    (version, name): tuple(_fields_of(item, version))
    for version in _VERSIONS
    for name, item in (("devices", DeviceRecord), ("interfaces", InterfaceRecord))
}
_OPEN = {name: frozenset(_hints(kind)) for name, kind in (("findings", FindingRecord), ("lnet", LnetRecord))}


def has_only_known(name: str, value: Any) -> bool:
    """Whether a good value of a field has no objects with fields that nobody has looked at: of any size and depth."""
    known = _OPEN.get(name)
    if not value or known is None:
        return True
    return all(item.keys() <= known for item in (value if isinstance(value, list) else (value,)))
