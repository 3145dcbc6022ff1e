"""The fields of a record that a reader relies on: their types and ranges. What it does not know, it leaves out.

``efakit/node/record.schema.json`` describes the whole record. A record of version 1 comes out in the shape of version 2
(``efakit.jobs.version_1``), so that nothing behind this module needs to know that there was another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from efakit.jobs.json_file import Unusable

Record = Mapping[str, Any]

NEWEST_VERSION = 2
MOST_COMPONENTS = 128
"""Of a heterogeneous job: MAX_HET_JOB_COMPS in SchedMD/slurm, ``src/common/slurm_protocol_defs.h``."""

_TOO_LARGE = 1 << 64
_MOST_JOBS = 1 << 32
_LATEST = 253_402_300_799
"""The end of the year 9999, seconds since the epoch."""
_MOST_ITEMS = 10_000
_MOST_LETTERS_OF_A_NAME = 1024
_DIGITS = "0123456789"
_MISSING = object()

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
    checks = _VERSION_1 if version == 1 else _VERSION_2
    damaged = [name for name, check in checks.items() if not check(value.get(name, _MISSING))]
    if damaged:
        raise Unusable(f"is damaged: {', '.join(damaged)} missing, of the wrong type or out of range")
    record = {name: value.get(name) for name in checks}
    for name, known in (("devices", _DEVICE), ("interfaces", _INTERFACE)):
        # Nothing counts a device's own counters, and thousands of records have them.
        record[name] = [{key: item.get(key) for key in known if key in item} for item in value[name]]
    return record


def is_name(value: Any) -> bool:
    """Whether ``value`` may be a node's or a cluster's name: no name has other digits than 0 to 9."""
    return (
        isinstance(value, str)
        and 0 < len(value) <= _MOST_LETTERS_OF_A_NAME
        and (value.isascii() or not any(letter.isdigit() and letter not in _DIGITS for letter in value))
    )


def is_job_id(value: Any) -> bool:
    """Whether ``value`` may be a job's id: Slurm's are 32 bits wide."""
    return type(value) is int and 0 < value < _MOST_JOBS


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < _TOO_LARGE


def _is_time(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value <= _LATEST


def _is_whole_time(value: Any) -> bool:
    return type(value) is int and 0 <= value <= _LATEST


def _is_duration(value: Any) -> bool:
    return type(value) in (int, float) and -_LATEST <= value <= _LATEST


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_run(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _MOST_LETTERS_OF_A_NAME


def _is_record_id(value: Any) -> bool:
    return isinstance(value, str) and len(value) == 16 and set(value) <= set("0123456789abcdef")


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool)


def _is_list_of(check: _Check) -> _Check:
    return lambda value: isinstance(value, list) and len(value) <= _MOST_ITEMS and all(map(check, value))


def _or_null(check: _Check) -> _Check:
    return lambda value: value is None or check(value)


def _or_missing(check: _Check) -> _Check:
    return lambda value: value is _MISSING or value is None or check(value)


def _is_finding(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and _is_text(value.get("message"))
        and all(value.get(name) is None or _is_text(value[name]) for name in ("rule", "severity"))
    )


def _are_readings(*, tell_unknown: bool) -> _Check:
    """Return the check of a list of devices or interfaces with their counters."""
    lists = ("errors", "unknown") if tell_unknown else ("errors",)

    def is_reading(item: Any) -> bool:
        return (
            isinstance(item, dict)
            and _is_run(item.get("name"))
            and all(_are_texts(item.get(name)) for name in lists)
            and all(item.get(name) is None or _is_text(item[name]) for name in ("pci_address", "driver"))
            and isinstance(item.get("counters"), dict)
            and len(item["counters"]) <= _MOST_ITEMS
            and all(map(_is_count, item["counters"].values()))
        )

    is_list = _is_list_of(is_reading)
    return lambda value: is_list(value) and len({item["name"] for item in value}) == len(value)


_are_texts = _is_list_of(_is_text)
_DEVICE = ("name", "pci_address", "driver", "counters", "errors", "unknown")
_INTERFACE = ("name", "counters", "errors", "unknown")

_BOTH: dict[str, _Check] = {
    "schema_version": _is_count,
    "cluster": is_name,
    "job_id": is_job_id,
    "restart_count": _or_null(_is_count),
    "sluid": _or_null(_is_run),
    "node": is_name,
    "node_list": _or_null(_is_text),
    "node_count": _or_missing(_is_count),
    "user_id": _or_missing(_is_count),
    "user": _or_missing(_is_text),
    "partition": _or_missing(_is_text),
    "exit_code": _or_missing(_is_text),
    "derived_exit_code": _or_missing(_is_text),
    "expected_by": _or_missing(_is_text),
    "instance_type": _or_missing(_is_text),
    "driver_version": _or_missing(_is_text),
    "mode": _or_missing(_is_text),
    "boot_id": _or_missing(_is_text),
    "began_at": _or_missing(_is_time),
    "ended_at": _is_time,
    "baseline": lambda value: value in ("ok", "missing", "incomplete"),
    "resets": _are_texts,
    "devices_expected": _or_null(_is_count),
    "devices_found": _is_count,
    "shared_with": _is_list_of(is_job_id),
    "prolog_failed": _or_missing(_is_text),
    "findings": _is_list_of(_is_finding),
}
_VERSION_1: dict[str, _Check] = {
    **_BOTH,
    "started_at": _or_missing(_is_whole_time),
    "devices": _are_readings(tell_unknown=False),
    "interfaces": _are_readings(tell_unknown=False),
}
_VERSION_2: dict[str, _Check] = {
    **_BOTH,
    "record_id": _is_record_id,
    "run": _is_run,
    "run_from": lambda value: value in ("baseline", "epilog"),
    "started_at": _or_null(_is_whole_time),
    "ends_at": _or_missing(_is_whole_time),
    "het_job_id": _or_null(is_job_id),
    "node_list_at_end": _or_null(_is_text),
    "installation_id": _or_null(_is_run),
    "clock_jump_seconds": _or_missing(_is_duration),
    "devices": _are_readings(tell_unknown=True),
    "interfaces": _are_readings(tell_unknown=True),
    "devices_unknown": _is_bool,
    "interfaces_unknown": _is_bool,
    "doubts": _are_texts,
}
