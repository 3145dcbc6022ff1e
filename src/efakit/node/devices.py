"""Finds a node's EFA devices in sysfs, and whether a process could open them.

A device is EFA when its driver is ``efa``; where no driver is bound, when it has Amazon's PCI vendor id and an id
of 0xefa0 to 0xefaf. Never by name (udev renames devices) and never by counting (p6-b200 shows two mlx5 devices
beside its eight). Sources: ``efa_main.c`` in amzn/amzn-drivers, ofiwg/libfabric #12753, aws-samples/aws-do-eks PR #63.
"""

from __future__ import annotations

import errno
import os
import stat

from efakit.node.files import OWN_LACK, below, link_name, link_target, names_in, read_text, read_text_or_none, told

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing is slow to import on a compute node
    from typing import TypedDict

    class Device(TypedDict):
        """One RDMA device as sysfs shows it. An error tells why something is not known, None that it is."""

        name: str
        path: str
        pci_address: str | None
        driver: str | None
        driver_error: str | None
        device_id: str | None
        verbs: str | None
        verbs_error: str | None

    class Unknown(TypedDict):
        """Something that may be an EFA device, and why that is not known."""

        name: str
        error: str


_AMAZON_VENDOR = 0x1D0F
_EFA_ID, _EFA_ID_MASK = 0xEFA0, 0xFFF0
# Errors by which the device itself says that it cannot be opened. Any other may be a lack of this process's own.
_DEVICE_GONE = (errno.ENOENT, errno.ENODEV, errno.ENXIO, errno.EIO)
# What a process needs: to read and to write. The kernel gives it to all (linux, uverbs_main.c: mode 0666).
_GROUP, _OTHERS = 0o060, 0o006


def find_devices(root: str) -> tuple[list[Device], list[str], list[Unknown]]:
    """Return the EFA devices below ``root``, the names of the RDMA devices of other vendors, and what may be either.

    All are sorted by name, and empty where there is no RDMA at all. OSError is raised where the kernel would not tell:
    that is not "none".
    """
    folder = below(root, "sys/class/infiniband")
    efa: list[Device] = []
    foreign: list[str] = []
    unknown: list[Unknown] = []
    names = _list_class(root, folder)
    verbs, verbs_error = _verbs_of(root) if names else ({}, None)
    for name in names:
        path = os.path.join(folder, name)
        pci = os.path.join(path, "device")
        driver, driver_error = told(link_target, os.path.join(pci, "driver"))
        is_efa, error = (driver == "efa", "") if driver is not None else _is_efa_function(pci)
        if is_efa:
            efa.append(
                {
                    "name": name,
                    "path": path,
                    "pci_address": link_name(pci),
                    "driver": driver,
                    "driver_error": driver_error,
                    "device_id": read_text_or_none(os.path.join(pci, "device")),
                    "verbs": verbs.get(name),
                    "verbs_error": None if name in verbs else verbs_error,
                }
            )
        elif is_efa is None:
            unknown.append({"name": name, "error": error})
        else:
            foreign.append(name)
    return efa, foreign, unknown


def unbound_functions(root: str) -> tuple[list[str], list[Unknown]]:
    """Return the PCI addresses of the EFA functions to which no driver is bound, and what may be one.

    Such a function has no RDMA device: where the driver was not built for the running kernel, ``find_devices`` finds
    nothing at all. One that somebody has given to another driver (vfio-pci) is used otherwise. What is read here, the
    kernel keeps in memory.
    """
    folder = below(root, "sys/bus/pci/devices")
    names, error = told(names_in, folder)
    if error is not None:
        return [], [{"name": "sys/bus/pci/devices", "error": error}]
    unbound: list[str] = []
    unknown: list[Unknown] = []
    for address in names or ():
        is_efa, why = _is_efa_function(os.path.join(folder, address))
        if is_efa is not False:
            driver, error = told(link_target, os.path.join(folder, address, "driver"))
            if driver is None and (is_efa is None or error is not None):
                unknown.append({"name": address, "error": error or why})
            elif driver is None:
                unbound.append(address)
    return unbound, unknown


def try_to_open(root: str, verbs: str) -> tuple[str | None, str | None]:
    """Return why no job could open this verbs device (``uverbs3``), or why that is not known; None twice: one could.

    Opening allocates nothing on the device: that takes a further command (linux, ``ib_uverbs_open``). A plain file
    stands for a device in a stand-in tree.
    """
    path = below(root, "dev/infiniband", verbs)
    shown = "/dev/infiniband/" + verbs
    for attempt in (1, 2):
        try:
            mode = os.stat(path).st_mode
            if stat.S_ISREG(mode):
                return None, None
            if not stat.S_ISCHR(mode):
                return "%s is not a device" % shown, None
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
            break
        except OSError as error:
            text = "%s cannot be opened: %s" % (shown, error.strerror)
            if error.errno in _DEVICE_GONE:
                return text, None
            if attempt == 2 or error.errno not in OWN_LACK:
                return None, text
    os.closerange(descriptor, descriptor + 1)  # that it fails to close says nothing
    if mode & _OTHERS != _OTHERS and mode & _GROUP != _GROUP:
        return "%s may be opened by its owner only (mode %04o)" % (shown, stat.S_IMODE(mode)), None
    return None, None


def _list_class(root: str, folder: str) -> list[str]:
    """Return the names of a class of devices; none where the kernel has no such class, which only sysfs can tell."""
    names, error = told(names_in, folder)
    if error is not None or (names is None and told(os.stat, below(root, "sys/class"))[0] is None):
        raise OSError(0, error or "sysfs is not there", folder)
    return names or []


def _is_efa_function(pci: str) -> tuple[bool | None, str]:
    """Return whether a PCI function is EFA by its ids; None where they cannot be read, and why."""
    device_id, id_error = told(read_text, os.path.join(pci, "device"))
    vendor, vendor_error = told(read_text, os.path.join(pci, "vendor"))
    is_vendor = vendor_error is not None or _masked(vendor, 0xFFFF) == _AMAZON_VENDOR
    is_device = id_error is not None or _masked(device_id, _EFA_ID_MASK) == _EFA_ID
    error = vendor_error or id_error
    if error is not None and is_vendor and is_device:
        return None, error
    return is_vendor and is_device, ""


def _masked(number: str | None, mask: int) -> int | None:
    try:
        return int(number or "", 16) & mask
    except ValueError:
        return None


def _verbs_of(root: str) -> tuple[dict[str, str], str | None]:
    """Return the verbs device of each RDMA device, rdmap116s0 -> uverbs11, and why there may be more of them."""
    folder = below(root, "sys/class/infiniband_verbs")
    found = {}
    names, error = told(names_in, folder)
    for name in names or ():
        device, why = told(read_text, os.path.join(folder, name, "ibdev"))
        if device is not None:
            found[device] = name
        elif name.startswith("uverbs"):  # not abi_version, which is a file
            error = why or error
    return found, error
