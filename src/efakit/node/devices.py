"""Finds a node's EFA devices in sysfs, and whether a process could open them.

A device is EFA when its driver is ``efa``; where no driver is bound, when it has Amazon's PCI vendor id and an id
of 0xefa0 to 0xefaf. Never by name (udev renames devices) and never by counting (p6-b200 shows two mlx5 devices
beside its eight). Sources: ``efa_main.c`` in amzn/amzn-drivers, ofiwg/libfabric #12753, aws-samples/aws-do-eks PR #63.
"""

from __future__ import annotations

import os
import stat

from efakit.node.files import below, link_name, list_folder, read_text, read_text_or_none

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing is slow to import on a compute node
    from typing import TypedDict

    class Device(TypedDict):
        """One RDMA device as sysfs shows it."""

        name: str
        path: str
        pci_address: str | None
        driver: str | None
        device_id: str | None
        verbs: str | None


_AMAZON_VENDOR = 0x1D0F
_EFA_ID, _EFA_ID_MASK = 0xEFA0, 0xFFF0
# What a process needs: to read and to write. The kernel gives it to all (linux, uverbs_main.c: mode 0666).
_GROUP, _OTHERS = 0o060, 0o006


def find_devices(root: str) -> tuple[list[Device], list[str]]:
    """Return the EFA devices below ``root``, sorted by name, and the names of the RDMA devices of other vendors.

    Both are empty where there is no RDMA at all. OSError is raised where the kernel would not tell: that is not "none".
    """
    folder = below(root, "sys/class/infiniband")
    efa: list[Device] = []
    foreign: list[str] = []
    names = _list(folder)
    verbs = _verbs_of(root) if names else {}
    for name in names:
        path = os.path.join(folder, name)
        pci = os.path.join(path, "device")
        driver = link_name(os.path.join(pci, "driver"))
        device_id = read_text_or_none(os.path.join(pci, "device"))
        if driver == "efa" or (driver is None and _is_efa_id(pci, device_id)):
            efa.append(
                {
                    "name": name,
                    "path": path,
                    "pci_address": link_name(pci),
                    "driver": driver,
                    "device_id": device_id,
                    "verbs": verbs.get(name),
                }
            )
        else:
            foreign.append(name)
    return efa, foreign


def unbound_functions(root: str) -> list[str]:
    """Return the PCI addresses of the EFA functions that the efa driver has not bound.

    Such a function has no RDMA device: where the driver was not built for the running kernel, ``find_devices`` finds
    nothing at all. What is read here, the kernel keeps in memory.
    """
    folder = below(root, "sys/bus/pci/devices")
    return [
        address
        for address in list_folder(folder)
        if _is_efa_id(os.path.join(folder, address), read_text_or_none(os.path.join(folder, address, "device")))
        and link_name(os.path.join(folder, address, "driver")) != "efa"
    ]


def why_unusable(root: str, verbs: str) -> str | None:
    """Return why no job could open this verbs device (``uverbs3``), None where one could.

    Opening allocates nothing on the device: that takes a further command (linux, ``ib_uverbs_open``). A plain file
    stands for a device in a stand-in tree.
    """
    path = below(root, "dev/infiniband", verbs)
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISREG(mode):
            return None
        if not stat.S_ISCHR(mode):
            return "/dev/infiniband/%s is no device" % verbs
        os.close(os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK))
    except OSError as error:
        return "/dev/infiniband/%s cannot be opened: %s" % (verbs, error.strerror)
    if mode & _OTHERS != _OTHERS and mode & _GROUP != _GROUP:
        return "/dev/infiniband/%s may be opened by its owner only (mode %04o)" % (verbs, stat.S_IMODE(mode))
    return None


def _list(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return []


def _is_efa_id(pci: str, device_id: str | None) -> bool:
    vendor = read_text_or_none(os.path.join(pci, "vendor"))
    try:
        return int(vendor or "", 16) == _AMAZON_VENDOR and int(device_id or "", 16) & _EFA_ID_MASK == _EFA_ID
    except ValueError:
        return False


def _verbs_of(root: str) -> dict[str, str]:
    """Return the verbs device of each RDMA device: rdmap116s0 -> uverbs11."""
    folder = below(root, "sys/class/infiniband_verbs")
    found = {}
    for name in _list(folder):
        try:
            found[read_text(os.path.join(folder, name, "ibdev"))] = name
        except (FileNotFoundError, NotADirectoryError):
            pass  # abi_version, which is a file, or a device that went just now
    return found
