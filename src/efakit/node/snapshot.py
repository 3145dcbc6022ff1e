"""Takes a snapshot: the counters of one node at one moment.

A snapshot arrives in pieces, one a device, so that a read which never returns costs its own piece and no other.
"""

from __future__ import annotations

import time

from efakit.node.counters import find_interfaces, read_device_counters, read_interface, read_port_counters
from efakit.node.devices import find_devices
from efakit.node.files import below, read_text_or_none

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any, TypedDict

    class DeviceReading(TypedDict):
        """One EFA device and its counters."""

        name: str
        pci_address: str | None
        driver: str | None
        device_id: str | None
        verbs: str | None
        counters: dict[str, int]
        device_counters: dict[str, int]
        errors: list[str]

    class InterfaceReading(TypedDict):
        """One network interface and its counters."""

        name: str
        counters: dict[str, int]
        errors: list[str]

    class Snapshot(TypedDict):
        """All pieces of one node; ``complete`` is false where some never came."""

        taken_at: float
        complete: bool
        boot_id: str | None
        instance_type: str | None
        driver_version: str | None
        devices_present: list[str]
        foreign_devices: list[str]
        devices: list[DeviceReading]
        interfaces: list[InterfaceReading]


def pieces(root: str, tcp_interfaces: str | Sequence[str]) -> Iterator[dict[str, Any]]:
    """Read the node below ``root`` and give the snapshot's pieces: machine, devices, interfaces, end."""
    devices, foreign = find_devices(root)
    yield {
        "piece": "machine",
        "boot_id": read_text_or_none(below(root, "proc/sys/kernel/random/boot_id")),
        # On Nitro the DMI product name is the instance type.
        "instance_type": read_text_or_none(below(root, "sys/class/dmi/id/product_name")),
        # The kernel's own efa driver has no version file, which is no fault.
        "driver_version": read_text_or_none(below(root, "sys/module/efa/version")),
        "devices_present": [device["name"] for device in devices],
        "foreign_devices": foreign,
    }
    for device in devices:
        port = read_port_counters(device["path"])
        own = read_device_counters(device["path"])
        yield {
            "piece": "device",
            "name": device["name"],
            "pci_address": device["pci_address"],
            "driver": device["driver"],
            "device_id": device["device_id"],
            "verbs": device["verbs"],
            "counters": port["counters"],
            "device_counters": own["counters"],
            "errors": port["errors"] + own["errors"],
        }
    for name in find_interfaces(root, tcp_interfaces):
        reading = read_interface(root, name)
        yield {"piece": "interface", "name": name, "counters": reading["counters"], "errors": reading["errors"]}
    yield {"piece": "end"}


def assemble(parts: Iterable[dict[str, Any]]) -> Snapshot:
    """Put the pieces that arrived together; ``taken_at`` is now, in seconds since the epoch."""
    snapshot: Snapshot = {
        "taken_at": time.time(),
        "complete": False,
        "boot_id": None,
        "instance_type": None,
        "driver_version": None,
        "devices_present": [],
        "foreign_devices": [],
        "devices": [],
        "interfaces": [],
    }
    for part in parts:
        kind = part.pop("piece")
        if kind == "machine":
            snapshot.update(part)  # type: ignore[typeddict-item]
        elif kind == "device":
            snapshot["devices"].append(part)  # type: ignore[arg-type]
        elif kind == "interface":
            snapshot["interfaces"].append(part)  # type: ignore[arg-type]
        elif kind == "end":
            snapshot["complete"] = True
    return snapshot
