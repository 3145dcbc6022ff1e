"""Rows: what can be wrong with the files that a snapshot reads. FIFOs and folders stand in for a kernel's troubles."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from tests.hook.faults.story import (
    DEVICES,
    EFA_BYTES,
    TCP_BYTES,
    Case,
    Step,
    Story,
    efa_bytes,
    epilog,
    finding,
    no_finding,
    prolog,
    record,
    said,
    tcp_bytes,
    verdict,
    whole,
    work,
)
from tests.lab import efa_tree

FIRST, LAST = 0, DEVICES - 1
QUICK = {"deadline_seconds": 2}
Breaking = Callable[[Path], None]


def counter(index: int, breaking: Breaking, name: str = "tx_bytes") -> Step:
    """Break one port counter of a device."""
    return lambda story: breaking(story.port(index) / name)


def file(place: str, breaking: Breaking) -> Step:
    """Break a file below the node's root."""
    return lambda story: breaking(story.node.root / place)


def hanging(path: Path) -> None:
    gone(path)
    os.mkfifo(path)


def failing(path: Path) -> None:
    gone(path)
    path.mkdir()


def gone(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def looping(path: Path) -> None:
    gone(path)
    path.symlink_to(path.name)


def holding(text: str | bytes) -> Breaking:
    def breaking(path: Path) -> None:
        path.unlink()
        path.write_bytes(text if isinstance(text, bytes) else text.encode())

    return breaking


def without(*indices: int) -> Step:
    """Take devices away, as when they failed to probe."""

    def step(story: Story) -> None:
        for name in [story.names()[index] for index in indices]:
            efa_tree.remove_device(story.node.root, name)

    return step


def written(instance: str = "p4d.24xlarge", count: int | None = None, port_counters: int = 22) -> Step:
    """Write another device tree in place of the first."""

    def step(story: Story) -> None:
        devices = None if count is None else efa_tree.generic_devices(count)
        efa_tree.write_node(story.node.root, instance, devices, port_counters=port_counters)

    return step


def foreign_only(story: Story) -> None:
    mlx5 = [device for device in efa_tree.instance_devices("p6-b200.48xlarge") if device.driver != "efa"]
    efa_tree.write_node(story.node.root, "p4d.24xlarge", mlx5)


def without_driver(story: Story) -> None:
    (story.port(FIRST).parents[2] / "device/driver").unlink()


def under_an_odd_name(story: Story) -> None:
    path = story.node.root / "sys/class/infiniband" / story.names()[FIRST]
    path.rename(path.with_name(os.fsdecode(b'a"\n\xff$(b)')))


def renamed(story: Story) -> None:
    name = story.names()[FIRST]
    path = story.node.root / "sys/class/infiniband" / name
    path.rename(path.with_name("efa_0"))


ONE_LOST = (record(devices_found=DEVICES, devices=DEVICES), efa_bytes((DEVICES - 1) * EFA_BYTES), tcp_bytes(TCP_BYTES))
UNREADABLE = (*ONE_LOST, finding("counters-unreadable"))
# A snapshot that never came to its end: what it has is told, and no device is called missing.
CUT_SHORT = (record(baseline="incomplete"), finding("snapshot-incomplete"), no_finding("devices-missing"))
GARBAGE = (
    "",
    "\n",
    "n/a\n",
    "-1\n",
    "1e9\n",
    "0x10\n",
    "1_000\n",
    "\u0663\n",
    b"\xff\xfe\x00",
    "9" * 4000,
    str(1 << 64),
)

CASES = [
    # Reads that hang.
    *(
        Case(f"a counter of device {which} hangs", work(counter(index, hanging)), CUT_SHORT, QUICK)
        for which, index in {"one": FIRST, "two": 1, "four": LAST}.items()
    ),
    Case(
        "a counter begins to hang in the job",
        work(None, counter(LAST, hanging)),
        (*CUT_SHORT, record(devices_found=DEVICES)),
        QUICK,
    ),
    Case("a counter hangs before the job only", (counter(LAST, hanging), prolog, written(), epilog), CUT_SHORT, QUICK),
    Case(
        "a driver's own counter hangs",
        work(lambda story: hanging(story.port(LAST).parents[2] / "hw_counters/cmds_err")),
        CUT_SHORT,
        QUICK,
    ),
    Case(
        "the interface's counters hang",
        work(file("sys/class/net/eth0/statistics/rx_bytes", hanging)),
        (record(baseline="incomplete", devices=DEVICES), efa_bytes(DEVICES * EFA_BYTES)),
        QUICK,
    ),
    *(
        Case(f"{place} hangs", work(file(place, hanging)), CUT_SHORT, QUICK)
        for place in ("proc/sys/kernel/random/boot_id", "sys/class/dmi/id/product_name", "sys/module/efa/version")
    ),
    Case(
        "the PCI id of an unbound device hangs",
        work(lambda story: (without_driver(story), hanging(story.port(FIRST).parents[2] / "device/vendor"))),
        CUT_SHORT,
        QUICK,
    ),
    # Reads that fail.
    Case("a counter is a folder", work(counter(FIRST, failing)), UNREADABLE),
    Case("a counter becomes a folder in the job", work(None, counter(FIRST, failing)), UNREADABLE),
    Case("a counter's link goes in a circle", work(counter(FIRST, looping)), UNREADABLE),
    Case(
        "all counters fail",
        work(lambda story: [failing(path) for i in range(DEVICES) for path in story.port(i).iterdir()]),
        (record(baseline="ok", devices=DEVICES), efa_bytes(None), tcp_bytes(TCP_BYTES), finding("counters-unreadable")),
    ),
    Case("the counters' folder is a file", work(lambda s: (gone(s.port(0)), s.port(0).write_text("1\n"))), ONE_LOST),
    Case("the boot id is a folder", work(file("proc/sys/kernel/random/boot_id", failing)), whole()),
    Case("the instance type is a folder", work(file("sys/class/dmi/id/product_name", failing)), whole()),
    Case(
        "the interface's counters fail",
        work(file("sys/class/net/eth0/statistics/rx_bytes", failing)),
        (record(baseline="ok"), efa_bytes(DEVICES * EFA_BYTES), tcp_bytes(None)),
    ),
    # What vanishes.
    Case("a counter vanishes in the job", work(None, counter(FIRST, gone)), ONE_LOST),
    Case(
        "a counter is a dangling link", work(counter(FIRST, lambda p: (gone(p), p.symlink_to("nowhere")))), UNREADABLE
    ),
    Case("a device's counters vanish in the job", work(None, lambda story: gone(story.port(FIRST))), ONE_LOST),
    Case(
        "a device vanishes in the job",
        work(None, without(FIRST)),
        (record(devices_found=DEVICES - 1, baseline="ok"), finding("devices-missing"), verdict("incomplete")),
    ),
    Case(
        "all devices vanish in the job",
        work(None, without(*range(DEVICES))),
        (record(devices_found=0, devices=0), finding("devices-missing"), verdict("incomplete")),
    ),
    Case(
        "the driver is unloaded in the job",
        work(None, file("sys/class/infiniband", gone)),
        (record(devices_found=0), finding("devices-missing"), verdict("incomplete")),
    ),
    Case(
        "the interface vanishes in the job",
        work(None, file("sys/class/net/eth0", gone)),
        (record(baseline="ok"), tcp_bytes(None)),
    ),
    Case(
        "the driver's version vanishes",
        work(file("sys/module/efa/version", gone)),
        (*whole(), record(driver_version=None)),
    ),
    Case(
        "the instance type is not told",
        work(file("sys/class/dmi/id/product_name", gone)),
        (*whole(), record(instance_type=None)),
    ),
    Case(
        "the boot id is not told", work(file("proc/sys/kernel/random/boot_id", gone)), (*whole(), record(boot_id=None))
    ),
    Case(
        "a device's PCI function vanishes",
        work(None, lambda s: gone(s.port(0).parents[2] / "device")),
        (record(), said("epilog")),
    ),
    # Garbage.
    *(Case(f"a counter holds {text[:8]!r}", work(counter(FIRST, holding(text))), UNREADABLE) for text in GARBAGE),
    Case("a counter turns to garbage in the job", work(None, counter(FIRST, holding("?"))), UNREADABLE),
    Case("a name of a device is garbage", work(under_an_odd_name), (record(devices_found=DEVICES), said("epilog"))),
    Case("the boot id is garbage", work(file("proc/sys/kernel/random/boot_id", holding(b"\xff\x00\n\n"))), whole()),
    Case(
        "the instance type is garbage",
        work(file("sys/class/dmi/id/product_name", holding(b"p5\xff\x1b[31m\n"))),
        (*whole(), said(r"prolog of job 7: 4 of 4")),
    ),
    # Devices that are not what is expected.
    Case(
        "there are no devices",
        work(file("sys/class/infiniband", gone)),
        (record(devices_found=0, devices=0), finding("devices-missing"), tcp_bytes(TCP_BYTES)),
    ),
    Case(
        "no devices are expected and none are there",
        work(file("sys/class/infiniband", gone)),
        (record(devices_found=0, devices_expected=0, findings=[]), tcp_bytes(TCP_BYTES)),
        {"compute_resources": {"gpu/p5": 0}},
    ),
    Case(
        "half the devices are there",
        work(without(FIRST, 1)),
        (
            record(devices_found=2),
            finding("devices-missing"),
            efa_bytes(2 * EFA_BYTES),
            said("2 of 4 EFA devices found"),
        ),
    ),
    Case(
        "there are more devices than expected",
        work(written(count=8)),
        (record(devices_found=8), finding("devices-extra"), efa_bytes(8 * EFA_BYTES)),
    ),
    Case(
        "all devices are mlx5",
        work(foreign_only),
        (record(devices_found=0, foreign_devices=["ibp115s0f0", "ibp116s0f0"]), finding("devices-missing")),
    ),
    Case(
        "mlx5 devices lie beside",
        (written("p6-b200.48xlarge"), prolog, epilog),
        (record(devices_found=8, devices_expected=8, foreign_devices=["ibp115s0f0", "ibp116s0f0"], findings=[]),),
        {"compute_resources": {"gpu/p5": 8}},
    ),
    Case("a device has no driver", work(without_driver), (*whole(), finding("driver-unbound"))),
    Case(
        "a device has no verbs",
        work(lambda s: gone(next(s.node.root.glob("sys/class/infiniband_verbs/*")))),
        (*whole(), finding("verbs-missing")),
    ),
    Case("no device has verbs", work(file("sys/class/infiniband_verbs", gone)), (*whole(), finding("verbs-missing"))),
    Case("a device is renamed in the job", work(None, renamed), (record(devices_found=DEVICES), verdict("incomplete"))),
    Case(
        "an entry of the class is a plain file",
        work(lambda s: (s.node.root / "sys/class/infiniband/odd").write_text("")),
        (record(foreign_devices=["odd"]),),
    ),
    *(
        Case(f"the driver has {count} port counters", work(written(port_counters=count)), whole())
        for count in (5, 13, 17)
    ),
    Case(
        "the driver is upgraded in the job",
        (written(port_counters=5), prolog, written(port_counters=22), epilog),
        (record(devices_found=DEVICES),),
    ),
    Case(
        "the instance type and the resource are unknown",
        work(written("p99.48xlarge", DEVICES)),
        (*whole(), record(devices_expected=None), finding("devices-unknown")),
        {"compute_resources": {}},
    ),
]
