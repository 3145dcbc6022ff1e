"""Reads the counters of EFA devices and network interfaces.

A counter's file that is missing means that this driver does not have the counter, never that it is zero: drivers
have 5, 13, 17 or 22 port counters (``src/efa_verbs.c`` in amzn/amzn-drivers, by tag).
"""

from __future__ import annotations

import os

from efakit.node.files import below, link_name, list_folder, read_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypedDict

    class Reading(TypedDict):
        """The counters of one device or interface: values by name, and the files that could not be read."""

        counters: dict[str, int]
        errors: list[str]


# ib_core's own file among the counters: how long, in ms, a reading is kept (linux, drivers/infiniband/core/sysfs.c).
_NO_COUNTER = "lifespan"
_INTERFACE_COUNTERS = ("rx_bytes", "rx_packets", "tx_bytes", "tx_packets")


def read_port_counters(device_path: str) -> Reading:
    """Read all port counters of an EFA device (it has one port), in one pass.

    One pass within ib_core's 10 ms cache costs five admin commands; ``tx_bytes`` is not read apart.
    """
    return _read_folder(os.path.join(device_path, "ports/1/hw_counters"))


def read_device_counters(device_path: str) -> Reading:
    """Read the driver's own counters of an EFA device (admin commands, failed allocations): these cost nothing."""
    return _read_folder(os.path.join(device_path, "hw_counters"))


def find_interfaces(root: str, wanted: str | Sequence[str]) -> list[str]:
    """Return the names of the interfaces whose bytes count as TCP.

    ``auto``: those whose driver is ``ena``, since lo, bridges and veth pairs would count a byte twice. Otherwise
    the given names, present or not.
    """
    if not isinstance(wanted, str):
        return list(wanted)
    folder = below(root, "sys/class/net")
    return [name for name in list_folder(folder) if link_name(os.path.join(folder, name, "device/driver")) == "ena"]


def read_interface(root: str, name: str) -> Reading:
    """Read bytes and packets, sent and received, of one network interface."""
    folder = below(root, "sys/class/net", name, "statistics")
    return _read_files(folder, _INTERFACE_COUNTERS)


def _read_folder(folder: str) -> Reading:
    return _read_files(folder, [name for name in list_folder(folder) if name != _NO_COUNTER])


def _read_files(folder: str, names: Sequence[str]) -> Reading:
    counters: dict[str, int] = {}
    errors: list[str] = []
    for name in names:
        try:
            counters[name] = int(read_text(os.path.join(folder, name)))
        except (OSError, ValueError) as error:
            errors.append("%s: %s" % (name, getattr(error, "strerror", None) or "not a number"))
    return {"counters": counters, "errors": errors}
