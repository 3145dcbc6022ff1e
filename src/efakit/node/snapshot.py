"""Takes a snapshot: the counters of one node at one moment.

A snapshot arrives in pieces, one a device, so that a read which never returns costs its own piece and no other.
"""

from __future__ import annotations

import os
import time
from _functools import partial  # type: ignore[import-not-found] # functools itself imports collections

from efakit.node.counters import find_interfaces, read_counters, read_interface
from efakit.node.devices import find_devices, try_to_open, unbound_functions
from efakit.node.files import below, link_name, read_text_or_none, told
from efakit.node.limits import huge_pages
from efakit.node.lnet import read_lnet
from efakit.node.parallel import in_parallel_when_slow

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Sequence
    from typing import Any, TypedDict

    from efakit.node.counters import Reading
    from efakit.node.devices import Device, Unknown
    from efakit.node.limits import HugePages
    from efakit.node.lnet import LnetReading

    class DeviceReading(TypedDict):
        """One EFA device and its counters; ``unusable`` says why no process could open it.

        ``registration`` is the kernel's number for it, another one after the driver has taken the device anew; None
        where it is not known. ``driver_error``, ``verbs_error`` and ``open_error`` say why one of these is not known,
        and ``own_errors`` which of ``errors`` tell of a lack of the hook's own: none of that is the device's fault.
        """

        name: str
        pci_address: str | None
        driver: str | None
        driver_error: str | None
        device_id: str | None
        verbs: str | None
        verbs_error: str | None
        registration: int | None
        unusable: str | None
        open_error: str | None
        counters: dict[str, int]
        device_counters: dict[str, int]
        errors: list[str]
        own_errors: list[str]

    class InterfaceReading(TypedDict):
        """One network interface and its counters."""

        name: str
        pci_address: str | None
        counters: dict[str, int]
        errors: list[str]

    class Late(TypedDict):
        """Devices that were not there, or not ready, at the first look."""

        devices_at_first: int
        waited_seconds: float

    class Snapshot(TypedDict):
        """All pieces of one node; ``complete`` is false where some never came.

        ``devices_listed`` is false where the device set itself is not known, and ``devices_present`` then says nothing.
        ``interfaces_present`` is empty where no TCP interface is known, and ``interfaces_error`` may say why.
        ``since_boot_seconds`` is a clock that nobody sets.
        ``unknown_devices`` and ``unknown_functions`` may be EFA devices, and functions without driver, or not.
        ``lnet`` is None where the node has no LNet.
        """

        taken_at: float
        since_boot_seconds: float | None
        complete: bool
        devices_listed: bool
        list_error: str | None
        boot_id: str | None
        instance_type: str | None
        driver_version: str | None
        hugepages: HugePages | None
        late: Late | None
        devices_present: list[str]
        foreign_devices: list[str]
        unknown_devices: list[Unknown]
        unbound_functions: list[str]
        interfaces_present: list[str]
        interfaces_error: str | None
        unknown_functions: list[Unknown]
        devices: list[DeviceReading]
        interfaces: list[InterfaceReading]
        lnet: LnetReading | None


_LOOK_AGAIN_SECONDS = 0.1


def pieces(
    root: str,
    tcp_interfaces: str | Sequence[str],
    expected: Callable[[str | None], int | None] | None = None,
    wait_seconds: float = 0.0,
    without: Container[str] = (),
    read: Callable[[str], tuple[Reading, Reading]] = read_counters,
) -> Iterator[dict[str, Any]]:
    """Read the node below ``root`` and give the snapshot's pieces: machine, devices, interfaces, end.

    The counters of the devices ``without`` are not read; those of the others by ``read``.

    ``expected`` tells the number of devices of an instance type. As long as fewer are ready, and for ``wait_seconds``
    at most, they are looked for again: p5en's come late (awslabs/awsome-distributed-ai, GPU cluster health check).
    """
    machine: dict[str, Any] = {
        "piece": "machine",
        "boot_id": read_text_or_none(below(root, "proc/sys/kernel/random/boot_id")),
        # On Nitro the DMI product name is the instance type.
        "instance_type": read_text_or_none(below(root, "sys/class/dmi/id/product_name")),
        # The kernel's own efa driver has no version file, which is no fault.
        "driver_version": read_text_or_none(below(root, "sys/module/efa/version")),
        "hugepages": huge_pages(root),
    }
    interfaces = _interfaces(root, tcp_interfaces, machine)
    wanted = expected(machine["instance_type"]) if expected else None
    devices: list[Device] = []
    listed = True
    try:
        devices, foreign, unknown, machine["late"] = _look_for(root, wanted, wait_seconds)
    except OSError as error:
        listed = False
        machine.update(devices_listed=False, list_error="%s: %s" % (error.filename, error.strerror))
    else:
        machine["devices_present"] = [device["name"] for device in devices]
        machine["foreign_devices"] = foreign
        machine["unknown_devices"] = unknown
        # Only where devices are missing: a node has hundreds of PCI functions.
        unbound = unbound_functions(root) if wanted is not None and len(devices) < wanted else ([], [])
        machine["unbound_functions"], machine["unknown_functions"] = unbound
    yield machine

    # Interfaces and devices alike: one whose read never returns costs its own result only.
    reads: list[Callable[[], dict[str, Any]]] = [partial(_read_lnet, root, tcp_interfaces == "auto")]
    reads += [partial(_read_interface, root, name) for name in interfaces]
    reads += [partial(_read_device, root, device, read) for device in devices if device["name"] not in without]
    yield from in_parallel_when_slow(_call, reads)
    if listed:
        yield {"piece": "end"}


def _call(read: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    return read()


def _interfaces(root: str, tcp_interfaces: str | Sequence[str], machine: dict[str, Any]) -> list[str]:
    """Return the TCP interfaces, and note in ``machine`` which they are, or why nobody knows."""
    try:
        names, error = find_interfaces(root, tcp_interfaces), None
    except OSError as failed:
        names, error = [], "%s: %s" % (failed.filename, failed.strerror)
    machine["interfaces_present"] = names
    machine["interfaces_error"] = error or (None if names else "no interface has the driver ena")
    return names


def _look_for(
    root: str, wanted: int | None, wait_seconds: float
) -> tuple[list[Device], list[str], list[Unknown], Late | None]:
    """Return the devices, EFA, foreign and unknown, once enough are ready or the time is up."""
    devices, foreign, unknown = find_devices(root)
    at_first = _ready(devices)
    began = time.monotonic()
    waited = 0.0
    while wanted is not None and _ready(devices) < wanted and waited + _LOOK_AGAIN_SECONDS <= wait_seconds:
        time.sleep(_LOOK_AGAIN_SECONDS)
        try:
            devices, foreign, unknown = find_devices(root)
        except OSError:
            break  # what was seen before holds
        waited = time.monotonic() - began
    came_late = _ready(devices) > at_first
    late: Late | None = {"devices_at_first": at_first, "waited_seconds": round(waited, 1)} if came_late else None
    return devices, foreign, unknown, late


def _ready(devices: Iterable[Device]) -> int:
    return sum(device["driver"] == "efa" and device["verbs"] is not None for device in devices)


def _read_lnet(root: str, all_tcp: bool) -> dict[str, Any]:
    return {"piece": "lnet", "lnet": read_lnet(root, all_tcp=all_tcp)}


def _read_interface(root: str, name: str) -> dict[str, Any]:
    reading = read_interface(root, name)
    return {
        "piece": "interface",
        "name": name,
        "pci_address": link_name(below(root, "sys/class/net", name, "device")),
        "counters": reading["counters"],
        "errors": reading["errors"],
    }


def _read_device(root: str, device: Device, read: Callable[[str], tuple[Reading, Reading]]) -> dict[str, Any]:
    verbs = device["verbs"]
    unusable, open_error = try_to_open(root, verbs) if verbs else (None, None)
    port, own = read(device["path"])
    return {
        "piece": "device",
        "name": device["name"],
        "pci_address": device["pci_address"],
        "driver": device["driver"],
        "driver_error": device["driver_error"],
        "device_id": device["device_id"],
        "verbs": verbs,
        "verbs_error": device["verbs_error"],
        "registration": told(_number_of_folder, device["path"])[0],
        "unusable": unusable,
        "open_error": open_error,
        "counters": port["counters"],
        "device_counters": own["counters"],
        "errors": port["errors"] + own["errors"],
        "own_errors": port["own_errors"] + own["own_errors"],
    }


def _number_of_folder(path: str) -> int:
    """Return the number of a device's folder in sysfs: the kernel gives a folder that it makes anew another one.

    ``kernfs_new_node`` in linux, fs/kernfs/dir.c: numbers are given in turn, and begin again at each boot.
    """
    return os.stat(path).st_ino


def assemble(parts: Iterable[dict[str, Any]]) -> Snapshot:
    """Put the pieces that arrived together; ``taken_at`` is now, in seconds since the epoch."""
    snapshot: Snapshot = {
        "taken_at": time.time(),
        "since_boot_seconds": since_boot(),
        "complete": False,
        "devices_listed": False,
        "list_error": None,
        "boot_id": None,
        "instance_type": None,
        "driver_version": None,
        "hugepages": None,
        "late": None,
        "devices_present": [],
        "foreign_devices": [],
        "unknown_devices": [],
        "unbound_functions": [],
        "interfaces_present": [],
        "interfaces_error": None,
        "unknown_functions": [],
        "devices": [],
        "interfaces": [],
        "lnet": None,
    }
    for part in parts:
        kind = part.pop("piece")
        if kind == "machine":
            snapshot.update({"devices_listed": True, **part})  # type: ignore[typeddict-item]
        elif kind == "lnet":
            snapshot["lnet"] = part["lnet"]
        elif kind == "device":
            snapshot["devices"].append(part)  # type: ignore[arg-type]
        elif kind == "interface":
            snapshot["interfaces"].append(part)  # type: ignore[arg-type]
        elif kind == "end":
            snapshot["complete"] = True
    snapshot["devices"].sort(key=lambda device: device["name"])
    snapshot["interfaces"].sort(key=lambda interface: interface["name"])
    return snapshot


def since_boot() -> float | None:
    """Return the seconds since the node was started, by a clock that nobody sets; None where there is none."""
    try:
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    except (AttributeError, OSError):  # another system than Linux, or a very old one
        return None
