"""Writes a stand-in EFA device tree below a root folder: sysfs, /dev/infiniband and proc as a node would have them.

There is no EFA hardware on a test machine and no emulator of it. What a test does with such a tree is a simulation
of the devices; names, texts and layout are those of real nodes (kernel `drivers/infiniband/core/sysfs.c`, amzn-drivers
`kernel/linux/efa`). The folders sys/class/net and sys/devices/virtual/net are left alone: the lab mounts a host's
real interfaces there.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from .efa_devices import (
    BASIC_COUNTERS,
    GENERATIONS,
    MESSAGE_COUNTERS,
    Device,
    Generation,
    generic_devices,
    instance_devices,
)
from .move_counters import add, replace_text

__all__ = [
    "Device",
    "add",
    "generic_devices",
    "instance_devices",
    "read",
    "remove_device",
    "reset_counters",
    "write_node",
]

# Counters that are far from zero on a node which has been up for a while; the others start at 0.
BUSY_COUNTERS = frozenset(
    BASIC_COUNTERS[:4] + MESSAGE_COUNTERS + ("rdma_write_wrs", "rdma_write_bytes", "rdma_write_recv_bytes")
)
MLX5_COUNTERS = ("duplicate_request", "out_of_sequence", "rx_read_requests", "rx_write_requests")
Made = TypeVar("Made")
BOOT_ID = "7f3d2c7e-5b1a-4d8e-9c55-0d6a4e1b2f90"


def write_node(
    root: Path,
    instance_type: str,
    devices: Sequence[Device] | None = None,
    *,
    port_counters: int = 22,
    flat_list: bool = False,
    driver_version: str | None = "",
    boot_id: str = BOOT_ID,
    jobs_may_write: bool = True,
) -> list[Device]:
    """Write the tree, in place of an earlier one, and return the devices.

    `devices` are by default those of the instance type. `port_counters` is 5, 13, 17 or 22 and chooses the driver
    generation. With `flat_list` both levels show all counters, as drivers before 1.14.0 did. `driver_version` None
    leaves the version file out, as the kernel's own driver does. `jobs_may_write` lets a job that is not root move
    the counters (it makes the folders writable; counter files stay 0444 as in sysfs).
    """
    generation = GENERATIONS[port_counters]
    devices = list(devices) if devices is not None else instance_devices(instance_type)
    _clear(root)
    (root / "tmp").mkdir(parents=True, exist_ok=True)
    (root / "tmp").chmod(0o1777)
    _write_machine(root, instance_type, boot_id)
    if driver_version is not None:
        _write(root / "sys/module/efa/version", driver_version or generation.driver_version)
    for index, device in enumerate(devices):
        folder = root / "sys/devices/pci0000:00" / device.pci_address
        _write_pci_function(root, folder, device, generation)
        _write_verbs_device(root, folder, index, device)
        if device.driver == "efa":
            _write_efa(folder / "infiniband" / device.name, index, device, generation, flat_list)
        else:
            _write_mlx5(folder / "infiniband" / device.name, device)
    for counters in (root / "sys/devices/pci0000:00").glob("*/infiniband/*/**/hw_counters"):
        counters.chmod(0o777 if jobs_may_write else 0o755)
    return devices


def read(root: Path, device: str) -> dict[str, int]:
    """The port counters of a device as they are now, without `lifespan`."""
    folder = root / "sys/class/infiniband" / device / "ports/1/hw_counters"
    return {path.name: int(path.read_text()) for path in folder.iterdir() if path.name != "lifespan"}


def reset_counters(root: Path, device: str) -> None:
    """All of a device's counters at 0, as after a reload of the driver."""
    base = root / "sys/class/infiniband" / device
    for path in (*base.glob("ports/1/hw_counters/*"), *base.glob("hw_counters/*")):
        if path.name != "lifespan":
            replace_text(path, "0\n", root / "tmp")


def remove_device(root: Path, device: str) -> None:
    """Take one device away, as when it failed to probe."""
    link = root / "sys/class/infiniband" / device
    function = (link / "device").resolve()
    for verbs in (function / "infiniband_verbs").iterdir():
        (root / "sys/class/infiniband_verbs" / verbs.name).unlink()
        (root / "dev/infiniband" / verbs.name).unlink()
    link.unlink()
    (root / "sys/bus/pci/devices" / function.name).unlink()
    shutil.rmtree(function)


def unbind_device(root: Path, device: str) -> None:
    """Take the driver from one device, as when it was not built for the running kernel: the PCI function stays."""
    link = root / "sys/class/infiniband" / device
    function = (link / "device").resolve()
    for verbs in (function / "infiniband_verbs").iterdir():
        (root / "sys/class/infiniband_verbs" / verbs.name).unlink()
        (root / "dev/infiniband" / verbs.name).unlink()
    link.unlink()
    for name in ("infiniband", "infiniband_verbs"):
        shutil.rmtree(function / name)
    (root / "sys/bus/pci/drivers/efa" / function.name).unlink()
    (function / "driver").unlink()


def _clear(root: Path) -> None:
    """Only what this module writes: sys/class/net may be a mount point."""
    for folder in (
        "sys/class/infiniband",
        "sys/class/infiniband_verbs",
        "sys/devices/pci0000:00",
        "sys/bus/pci",
        "sys/module/efa",
        "dev/infiniband",
    ):
        shutil.rmtree(root / folder, ignore_errors=True)


def _write_machine(root: Path, instance_type: str, boot_id: str) -> None:
    dmi = root / "sys/devices/virtual/dmi/id"
    _write(dmi / "product_name", instance_type)
    _write(dmi / "sys_vendor", "Amazon EC2")
    _link(root / "sys/class/dmi/id", "../../devices/virtual/dmi/id")
    _write(root / "proc/sys/kernel/random/boot_id", boot_id)
    (root / "sys/class/infiniband").mkdir(parents=True)  # there as soon as ib_core is loaded


def _write_pci_function(root: Path, folder: Path, device: Device, generation: Generation) -> None:
    is_efa = device.driver == "efa"
    _write(folder / "vendor", "0x1d0f" if is_efa else "0x15b3")
    _write(folder / "device", f"0x{device.pci_device_id:04x}")
    _write(folder / "class", "0x020000" if is_efa else "0x020700")
    _write(folder / "numa_node", str(device.numa_node))
    _write(folder / "local_cpulist", "0-47,96-143" if device.numa_node == 0 else "48-95,144-191")
    if is_efa:
        _write(folder / ("p2p" if generation.has_p2p else "gdr"), "" if generation.has_p2p else "0")
    driver = root / "sys/bus/pci/drivers" / device.driver
    driver.mkdir(parents=True, exist_ok=True)
    _link(folder / "driver", f"../../../bus/pci/drivers/{device.driver}")
    _link(driver / folder.name, f"../../../../devices/pci0000:00/{folder.name}")
    _link(root / "sys/bus/pci/devices" / folder.name, f"../../../devices/pci0000:00/{folder.name}")


def _write_verbs_device(root: Path, folder: Path, index: int, device: Device) -> None:
    uverbs = f"uverbs{index}"
    verbs = folder / "infiniband_verbs" / uverbs
    _write(verbs / "ibdev", device.name)
    _write(verbs / "abi_version", "1")
    _write(verbs / "dev", f"231:{192 + index}")
    _link(verbs / "device", f"../../../{folder.name}")
    target = f"../../devices/pci0000:00/{folder.name}"
    _link(root / "sys/class/infiniband_verbs" / uverbs, f"{target}/infiniband_verbs/{uverbs}")
    _link(root / "sys/class/infiniband" / device.name, f"{target}/infiniband/{device.name}")
    _link(folder / "infiniband" / device.name / "device", f"../../../{folder.name}")
    _write(root / "dev/infiniband" / uverbs, "")


def _write_efa(base: Path, index: int, device: Device, generation: Generation, flat_list: bool) -> None:
    guid = f"0000:0000:0000:{index + 1:04x}" if generation.has_node_guid else "0000:0000:0000:0000"
    _write(base / "node_type", "7: unspecified")
    _write(base / "node_guid", guid)
    _write(base / "sys_image_guid", "0000:0000:0000:0000")
    _write(base / "fw_ver", "0.0.0.0")  # noqa: S104 - a version, no address
    rate = device.rate_gbps if generation.has_device_rate else 100
    # efa_query_port says ACTIVE and LinkUp whatever happens.
    _write_port(base, "4: ACTIVE", "5: LinkUp", _rate_text(rate), "Unknown")
    port = {name: _start_value(name, index) for name in generation.port_counters}
    own = {name: 100 + index if name.endswith("ted_cmds") else 0 for name in generation.device_counters}
    _write_counters(base / "ports/1/hw_counters", {**port, **own} if flat_list else port)
    _write_counters(base / "hw_counters", {**port, **own} if flat_list else own)


def _write_mlx5(base: Path, device: Device) -> None:
    _write(base / "node_type", "1: CA")
    _write(base / "fw_ver", "28.43.2026")
    _write_port(base, "4: ACTIVE", "5: LinkUp", f"{device.rate_gbps} Gb/sec (4X NDR)", "InfiniBand")
    _write_counters(base / "ports/1/hw_counters", dict.fromkeys(MLX5_COUNTERS, 0))
    _write(base / "ports/1/counters/port_xmit_data", "0")


def _write_port(base: Path, state: str, phys_state: str, rate: str, link_layer: str) -> None:
    port = base / "ports/1"
    _write(port / "state", state)
    _write(port / "phys_state", phys_state)
    _write(port / "rate", rate)
    _write(port / "link_layer", link_layer)


def _write_counters(folder: Path, values: dict[str, int]) -> None:
    for name, value in values.items():
        _write(folder / name, str(value))
    _write(folder / "lifespan", "12")  # the default 10 ms in jiffies of a 250 Hz kernel
    (folder / "lifespan").chmod(0o644)


def _start_value(counter: str, index: int) -> int:
    """Different for each device and counter, so that a mistaken baseline shows."""
    return (index + 1) * 1_000_003 + len(counter) * 10_007 if counter in BUSY_COUNTERS else 0


def _rate_text(rate_gbps: int) -> str:
    """efa_link_gbps_to_speed_and_width: 400 and more 8X HDR, 200 4X HDR, 100 4X EDR."""
    width = "8X HDR" if rate_gbps >= 400 else "4X HDR" if rate_gbps >= 200 else "4X EDR"
    return f"{rate_gbps} Gb/sec ({width})"


def _write(path: Path, text: str) -> None:
    """Write a file. A tree has 1,800 of them, and most tests of the hook write one: so by few calls."""
    file = _anew(lambda name: os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644), path)
    os.write(file, f"{text}\n".encode())
    os.fchmod(file, 0o444)
    os.close(file)


def _link(path: Path, target: str) -> None:
    _anew(lambda name: name.symlink_to(target), path)


def _anew(make: Callable[[Path], Made], path: Path) -> Made:
    """Make a file or link, in its folder, in place of what is there."""
    while True:
        try:
            return make(path)
        except FileNotFoundError:
            path.parent.mkdir(parents=True)
        except FileExistsError:
            path.unlink()
