"""Reads the counters of EFA devices and network interfaces.

A counter's file that is missing means that this driver does not have the counter, never that it is zero: drivers
have 5, 13, 17 or 22 port counters (``src/efa_verbs.c`` in amzn/amzn-drivers, by tag).
"""

from __future__ import annotations

import errno
import os

from efakit.node.files import OWN_LACK, again, below, link_target, names_in, read_rest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Sequence
    from typing import TypedDict

    class Reading(TypedDict):
        """The counters of one device or interface: values by name, and the files that could not be read.

        ``own_errors`` are those of ``errors`` that tell of a lack of the hook's own process (``files.OWN_LACK``).
        """

        counters: dict[str, int]
        errors: list[str]
        own_errors: list[str]


# ib_core's own file among the counters: how long, in ms, a reading is kept (linux, drivers/infiniband/core/sysfs.c).
NO_COUNTER = "lifespan"
# What one side sends and the other receives, by operation class. A node's read is its peer's answer to it.
CLASSES = (
    ("send_bytes", "recv_bytes"),
    ("rdma_read_resp_bytes", "rdma_read_bytes"),
    ("rdma_write_bytes", "rdma_write_recv_bytes"),
)
TOTALS = ("tx_bytes", "rx_bytes")
PORT_FOLDER, DEVICE_FOLDER = "ports/1/hw_counters", "hw_counters"
_BYTES = frozenset((*TOTALS, *(name for pair in CLASSES for name in pair)))
_INTERFACE_COUNTERS = ("rx_bytes", "rx_packets", "tx_bytes", "tx_packets")
# Counters are unsigned, 64 bits wide: 20 digits and a line's end.
MOST_BYTES, TOO_LARGE = 32, 1 << 64


def read_port_counters(device_path: str) -> Reading:
    """Read all port counters of an EFA device (it has one port), in one pass.

    Each admin command of a refresh fetches a group of them, and ib_core keeps a refresh for 10 ms: one pass within that
    time costs five commands, where a pause between two files would cost five more. So nothing else is done in
    between (``efa_get_hw_stats`` in amzn/amzn-drivers; lifespan in linux, ``drivers/infiniband/core/sysfs.c``).
    """
    return _read_folder(device_path, PORT_FOLDER, may_lack=False)


def read_byte_counters(device_path: str) -> Reading:
    """Read the port counters of an EFA device that count bytes, by class and in all, as ``read_port_counters`` does."""
    return _read_folder(device_path, PORT_FOLDER, may_lack=False, only=_BYTES)


def read_device_counters(device_path: str) -> Reading:
    """Read the driver's own counters of an EFA device (admin commands, failed allocations): these cost nothing."""
    return _read_folder(device_path, DEVICE_FOLDER, may_lack=True)


def read_counters(device_path: str) -> tuple[Reading, Reading]:
    """Read an EFA device's port counters, then the driver's own."""
    return read_port_counters(device_path), read_device_counters(device_path)


def find_interfaces(root: str, wanted: str | Sequence[str]) -> list[str]:
    """Return the names of the interfaces whose bytes count as TCP.

    ``auto``: those whose driver is ``ena``, since lo, bridges and veth pairs would count a byte twice. Otherwise
    the given names, present or not, each once. Raises OSError where the kernel would not tell: that is not "none".
    """
    if not isinstance(wanted, str):
        return list(dict.fromkeys(wanted))
    folder = below(root, "sys/class/net")
    return [name for name in again(names_in, folder) if _driver(os.path.join(folder, name)) == "ena"]


def _driver(interface: str) -> str | None:
    """Return the driver of a network interface, None for one that has no device, such as lo; raise OSError."""
    try:
        return again(link_target, os.path.join(interface, "device/driver"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        if error.errno == errno.EINVAL:  # no link
            return None
        raise


def read_interface(root: str, name: str, counters: Sequence[str] = _INTERFACE_COUNTERS) -> Reading:
    """Read bytes and packets, sent and received, of one network interface; or what else ``counters`` names."""
    folder = below(root, "sys/class/net", name, "statistics")
    try:
        handle = again(_open_folder, folder)
    except OSError as error:
        return _unread(error, *counters)
    try:
        return _read_files(handle, counters)
    finally:
        os.closerange(handle, handle + 1)


def _read_folder(device_path: str, name: str, *, may_lack: bool, only: Container[str] | None = None) -> Reading:
    # By a descriptor of the folder: a path through sysfs' links is resolved once instead of for each counter.
    try:
        handle = again(_open_folder, os.path.join(device_path, name))
    except FileNotFoundError as error:
        return _unread(error) if may_lack else _unread(error, name)
    except OSError as error:
        return _unread(error, name)
    try:
        names = os.listdir(handle)
        names.sort()
        if NO_COUNTER in names:
            names.remove(NO_COUNTER)
        if only is not None:
            names = [one for one in names if one in only]
        return _read_files(handle, names)
    except OSError as error:
        return _unread(error, name)
    finally:
        os.closerange(handle, handle + 1)


def _open_folder(path: str) -> int:
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def _unread(error: OSError, *names: str) -> Reading:
    errors = ["%s: %s" % (name, error.strerror) for name in names]
    return {"counters": {}, "errors": errors, "own_errors": errors if error.errno in OWN_LACK else []}


def _read_files(folder: int, names: Sequence[str], *, last: bool = False) -> Reading:
    counters: dict[str, int] = {}
    errors: list[str] = []
    own_errors: list[str] = []
    once_more: list[str] = []
    # closerange, as it does not fail: what was read is read.
    open_file, read, close, flags = os.open, os.read, os.closerange, os.O_RDONLY | os.O_CLOEXEC
    for name in names:
        try:
            file = open_file(name, flags, dir_fd=folder)
            try:
                text = read(file, MOST_BYTES)
                if text[-1:] != b"\n":
                    text = read_rest(file, text, MOST_BYTES)
            finally:
                close(file, file + 1)
        except OSError as error:
            if error.errno not in OWN_LACK:
                errors.append("%s: %s" % (name, error.strerror))
            elif last:
                own_errors.append("%s: %s" % (name, error.strerror))
            else:
                once_more.append(name)
            continue
        digits = text.rstrip()
        if digits.isdigit() and int(digits) < TOO_LARGE:
            counters[name] = int(digits)
        else:
            errors.append("%s: not a number" % name)
    reading: Reading = {"counters": counters, "errors": errors + own_errors, "own_errors": own_errors}
    if once_more:
        later = _read_files(folder, once_more, last=True)
        counters.update(later["counters"])
        reading["errors"] = errors + later["errors"]
        reading["own_errors"] = later["own_errors"]
    return reading
