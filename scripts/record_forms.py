"""A record of version 2 in the form of version 3, and its devices one by one: for benchmarks and tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from efakit.jobs.columns import listed


def by_columns(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record of version 2 as version 3 has it."""
    return {**record, "schema_version": 3, "devices": columns_of(record["devices"])}


def columns_of(devices: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return devices by columns."""
    return {
        "names": [device["name"] for device in devices],
        "pci_addresses": [device["pci_address"] for device in devices],
        "drivers": [device["driver"] for device in devices],
        **{
            group: {
                name: [device[group].get(name) for device in devices]
                for name in dict.fromkeys(name for device in devices for name in device[group])
            }
            for group in ("counters", "device_counters")
        },
        **{
            name: {device["name"]: device[name] for device in devices if device[name]} for name in ("unknown", "errors")
        },
    }


def one_by_one(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record with its devices in a list, whatever its version."""
    devices = record["devices"]
    return {**record, "devices": listed(devices) if isinstance(devices, dict) else devices}
