"""Rows that need mounts: what can be wrong with the file systems below the devices, the spool and the records."""

from __future__ import annotations

import errno
from typing import Any

from tests.hook.faults.faulty_mount import HANG
from tests.hook.faults.keeping import UNKEPT, nothing_half
from tests.hook.faults.lives import shared
from tests.hook.faults.mount_steps import (
    DEVICE_TREE,
    RECORDS,
    SPOOL,
    dead,
    emptied,
    faulty,
    filled,
    hangs,
    healed,
    read_only,
    then,
    tmpfs,
    unmounted,
    without_inodes,
    writable,
)
from tests.hook.faults.reading import CUT_SHORT
from tests.hook.faults.story import (
    DEVICES,
    EFA_BYTES,
    TCP_BYTES,
    Case,
    Step,
    efa_bytes,
    epilog,
    finding,
    flush,
    hook,
    prolog,
    published,
    record,
    said,
    tcp_bytes,
    traffic,
    waits,
    whole,
)

QUICK = {"deadline_seconds": 1}
# Where nothing hangs nothing waits for it, and a run has the time that it needs on a busy machine.
PATIENT = {"deadline_seconds": 60}
SLOW_THINGS = (hook("health-check", None), flush)
ONE_COUNTER = "*rdmap32s27*hw_counters/tx_bytes"


def deadline(*rules: tuple[str, str, int]) -> dict[str, Any]:
    return QUICK if any(fault == HANG for _, _, fault in rules) else PATIENT


def reading(
    name: str, *rules: tuple[str, str, int], must: tuple[Step, ...], settings: dict[str, Any] | None = None
) -> Case:
    """Return the case of a device tree with faults from before the job on."""
    steps = (faulty(DEVICE_TREE, *rules), prolog, epilog, unmounted(DEVICE_TREE))
    return Case(name, steps, must, settings or deadline(*rules))


def publishing(name: str, *rules: tuple[str, str, int]) -> Case:
    """Return the case of a records folder with faults in the epilog, which are over before the flush."""
    steps = (faulty(RECORDS), prolog, traffic, then(RECORDS, *rules), epilog, unmounted(RECORDS), flush)
    return Case(name, steps, (*whole(), published(7), waits(), said("not published")), deadline(*rules))


def spooling(name: str, *rules: tuple[str, str, int], must: tuple[Step, ...] = UNKEPT) -> Case:
    """Return the case of a spool with faults in the epilog: its baseline cannot be had, the devices are told."""
    steps = (faulty(SPOOL), prolog, traffic, then(SPOOL, *rules), epilog, unmounted(SPOOL))
    return Case(name, steps, must, deadline(*rules))


EIO, ENOSPC, EDQUOT, ESTALE, EROFS = errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.ESTALE, errno.EROFS
BYTES = (efa_bytes(DEVICES * EFA_BYTES), tcp_bytes(TCP_BYTES))

CASES = [
    # Waits the longest, and so begins first.
    Case(
        "a spool that hangs at the health check and the flush",
        (faulty(SPOOL), prolog, then(SPOOL, hangs("getattr")), *SLOW_THINGS, unmounted(SPOOL), traffic, epilog),
        (*whole(), published(7), said("flush: the spool cannot be looked at: not finished by the deadline")),
        QUICK,
    ),
    # Reads that are never answered, and that SIGKILL does not end.
    reading("a counter is never answered", hangs("read", ONE_COUNTER), must=CUT_SHORT),
    reading("all counters are never answered", hangs("read", "*hw_counters/*"), must=CUT_SHORT),
    reading("a counter is never opened", hangs("open", ONE_COUNTER), must=CUT_SHORT),
    reading(
        "a device's counters are never listed", hangs("readdir", "*rdmap32s27/ports/1/hw_counters"), must=CUT_SHORT
    ),
    reading("the devices are never listed", hangs("readdir", "/sys/class/infiniband"), must=CUT_SHORT),
    reading("a device's driver is never told", hangs("readlink", "*/driver"), must=CUT_SHORT),
    reading("the boot id is never told", hangs("read", "*/boot_id"), must=CUT_SHORT),
    reading(
        "the interface's counters are never answered",
        hangs("read", "*eth0/statistics/*"),
        must=(record(baseline="incomplete", devices=DEVICES),),
    ),
    Case(
        "a counter is never answered from the middle of the job on",
        (faulty(DEVICE_TREE), prolog, then(DEVICE_TREE, hangs("read", ONE_COUNTER)), epilog, unmounted(DEVICE_TREE)),
        (*CUT_SHORT, record(devices_found=DEVICES)),
        QUICK,
    ),
    Case(
        "a counter is not answered before the job only",
        (
            *(faulty(DEVICE_TREE, hangs("read", ONE_COUNTER)), prolog, unmounted(DEVICE_TREE), epilog),
            *(hook("prolog", 8), traffic, hook("epilog", 8)),
        ),
        (record(baseline="incomplete"), record(8, baseline="ok"), efa_bytes(DEVICES * EFA_BYTES, 8)),
        QUICK,
    ),
    # Reads that fail.
    reading(
        "a counter fails with EIO",
        ("read", ONE_COUNTER, EIO),
        must=(record(baseline="ok"), finding("counters-unreadable")),
    ),
    reading(
        "all counters fail with EIO",
        ("read", "*hw_counters/*", EIO),
        must=(record(baseline="ok", devices_found=DEVICES), finding("counters-unreadable")),
    ),
    reading(
        "a counter fails with ENODEV",
        ("read", ONE_COUNTER, errno.ENODEV),
        must=(record(baseline="ok"), finding("counters-unreadable")),
    ),
    reading(
        "a device's counters fail to be listed",
        ("readdir", "*rdmap32s27/ports/1/hw_counters", EIO),
        must=(record(baseline="ok", devices_found=DEVICES), finding("counters-unreadable")),
    ),
    # A device without a verbs device may get one: the prolog waits for it as long as it can.
    reading(
        "the verbs devices fail to be listed",
        ("readdir", "/sys/class/infiniband_verbs", EIO),
        must=(record(),),
        settings={"deadline_seconds": 4},
    ),
    reading(
        "a verbs device's name fails to be read",
        ("read", "*/ibdev", EIO),
        must=(record(),),
        settings={"deadline_seconds": 4},
    ),
    reading("a device's driver fails to be told", ("readlink", "*rdmap32s27/device/driver", EIO), must=(record(),)),
    reading("the verbs devices are never listed", hangs("readdir", "/sys/class/infiniband_verbs"), must=CUT_SHORT),
    reading("the devices fail to be listed", ("readdir", "/sys/class/infiniband", EIO), must=CUT_SHORT),
    # The spool.
    Case("a spool that is full before the job", (tmpfs(SPOOL), filled(SPOOL), prolog, epilog), UNKEPT),
    Case(
        "a spool that a job fills",
        (tmpfs(SPOOL), prolog, traffic, filled(SPOOL), epilog),
        (*whole(), published(7), nothing_half),
    ),
    Case(
        "a spool with room for half a record",
        (tmpfs(SPOOL), prolog, traffic, filled(SPOOL, 2000), epilog),
        (*whole(), published(7), nothing_half),
    ),
    Case("a spool with room for half a baseline", (tmpfs(SPOOL), filled(SPOOL, 4096), prolog, epilog), UNKEPT),
    Case(
        "a spool without inodes",
        (tmpfs(SPOOL, inodes=20), prolog, traffic, without_inodes(SPOOL), epilog),
        (*whole(), published(7)),
    ),
    Case(
        "a spool that a job fills while the records folder is read-only",
        (
            *(tmpfs(SPOOL), tmpfs(RECORDS, mode="0755"), prolog, traffic, filled(SPOOL), read_only(RECORDS)),
            *(epilog, emptied(SPOOL), writable(RECORDS), flush),
        ),
        (*whole(), published(7), waits(), nothing_half),
    ),
    Case("a spool that is read-only before the job", (tmpfs(SPOOL), read_only(SPOOL), prolog, epilog), UNKEPT),
    Case(
        "a spool that becomes read-only in the job",
        (tmpfs(SPOOL), prolog, traffic, read_only(SPOOL), epilog),
        (record(baseline="ok"), *BYTES, published(7)),
    ),
    Case("a spool that nobody may write to lastingly", (tmpfs(SPOOL, mode="0777"), prolog, epilog), UNKEPT),
    spooling("a spool that is never listed", hangs("readdir")),
    spooling("a spool whose baseline is never read", hangs("read")),
    spooling("a spool that is never looked at", hangs("getattr")),
    spooling(
        "a spool that fails with EIO", *[(operation, "*", EIO) for operation in ("readdir", "read", "create", "write")]
    ),
    spooling("a spool that takes no record", ("create", "/outbox/*", EIO), must=(*whole(), published(7))),
    spooling("a spool that takes no whole record", ("write", "/outbox/*", ENOSPC), must=(*whole(), published(7))),
    spooling("a spool that renames no record", ("rename", "/outbox/*", EIO), must=(*whole(), published(7))),
    spooling("a spool that keeps its baselines", ("unlink", "/active/*", EROFS), must=(*whole(), published(7))),
    Case(
        "a spool whose server is dead",
        (faulty(SPOOL), prolog, dead(SPOOL), epilog, unmounted(SPOOL)),
        UNKEPT,
        PATIENT,
    ),
    # The records folder.
    Case(
        "a records folder that is full",
        (tmpfs(RECORDS, mode="0755"), prolog, traffic, filled(RECORDS), epilog, emptied(RECORDS), flush),
        (*whole(), published(7), waits(), nothing_half),
    ),
    Case(
        "a records folder with room for half a record",
        (tmpfs(RECORDS, mode="0755"), prolog, traffic, filled(RECORDS, 2000), epilog, emptied(RECORDS), flush),
        (*whole(), published(7), waits(), nothing_half),
    ),
    Case(
        "a records folder without inodes",
        (tmpfs(RECORDS, mode="0755"), prolog, traffic, without_inodes(RECORDS), epilog, emptied(RECORDS), flush),
        (*whole(), published(7), waits()),
    ),
    Case(
        "a records folder that is read-only",
        (tmpfs(RECORDS, mode="0755"), read_only(RECORDS), prolog, traffic, epilog, writable(RECORDS), flush),
        (*whole(), published(7), waits(), said("Read-only")),
    ),
    publishing("a records folder that is never looked at", hangs("getattr")),
    publishing("a records folder that makes no folder in time", hangs("mkdir")),
    publishing("a records folder that creates no file in time", hangs("create")),
    publishing("a records folder that takes no bytes in time", hangs("write")),
    publishing("a records folder that syncs no file in time", hangs("fsync")),
    publishing("a records folder that renames no file in time", hangs("rename")),
    publishing("a records folder that refuses to be looked at", ("getattr", "*", ESTALE)),
    publishing("a records folder that refuses a folder", ("mkdir", "*", EDQUOT)),
    publishing("a records folder that refuses a file", ("create", "*", errno.EACCES)),
    publishing("a records folder that refuses bytes", ("write", "*", ENOSPC)),
    publishing("a records folder that refuses to sync", ("fsync", "*", EIO)),
    publishing("a records folder that refuses to close", ("flush", "*", EDQUOT)),
    publishing("a records folder that refuses to rename", ("rename", "*", EIO)),
    Case(
        "a records folder that hangs through three jobs",
        (
            *(faulty(RECORDS, hangs("getattr")), prolog, traffic, epilog),
            *(hook("prolog", 8), traffic, hook("epilog", 8), hook("prolog", 9), traffic, hook("epilog", 9)),
            *(unmounted(RECORDS), flush),
        ),
        (published(7, 8, 9), waits(), *(efa_bytes(DEVICES * EFA_BYTES, job) for job in (7, 8, 9))),
        QUICK,
    ),
    Case(
        "a records folder that hangs and comes back",
        (faulty(RECORDS, hangs("create")), prolog, traffic, epilog, healed(RECORDS), flush, unmounted(RECORDS)),
        (*whole(), published(7), waits()),
        QUICK,
    ),
    Case(
        "a spool that hangs in one epilog only",
        (
            *(faulty(SPOOL), prolog, then(SPOOL, hangs("readdir", "*active*")), epilog, unmounted(SPOOL)),
            *(hook("prolog", 8), hook("epilog", 8), hook("prolog", 9), traffic, hook("epilog", 9)),
        ),
        (record(baseline="missing"), shared(job7=[], job8=[7], job9=[]), efa_bytes(DEVICES * EFA_BYTES, 9)),
        QUICK,
    ),
    Case(
        "a records folder whose server is dead",
        (faulty(RECORDS), prolog, traffic, dead(RECORDS), epilog, unmounted(RECORDS), flush),
        (*whole(), published(7), waits(), said("not published")),
        QUICK,
    ),
    Case(
        "a records folder and a counter that hang at once",
        (
            *(faulty(RECORDS, hangs("getattr")), faulty(DEVICE_TREE, hangs("read", ONE_COUNTER)), prolog, epilog),
            *(unmounted(DEVICE_TREE), unmounted(RECORDS), flush),
        ),
        CUT_SHORT,
        QUICK,
    ),
]
