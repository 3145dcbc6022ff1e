"""The record: one node's part of one run of a job, with the difference of both snapshots.

Its fields are defined in ``node.record_type``. What was not read is not zero: a difference exists only where both
readings exist, and each counter that must exist and has no difference is named as unknown.
"""

from __future__ import annotations

from efakit.node.lnet import lnet_difference
from efakit.node.unique import digest, random_hex

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from efakit.finding import Finding
    from efakit.node.lnet import LnetReading
    from efakit.node.record_type import DeviceColumns, FindingRecord, InterfaceRecord, JobFields, Record
    from efakit.node.snapshot import Snapshot

SCHEMA_VERSION = 3
_SAFE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.")
_MOST_LETTERS, _DIGEST_BYTES = 80, 16

# Every driver and every interface has these (EFA since 1.4.0).
BYTE_TOTALS = ("tx_bytes", "rx_bytes")
# A driver has a family whole or not at all: EFA_DEFINE_PORT_STATS in amzn/amzn-drivers, ``src/efa_verbs.c``, by tag.
BYTE_FAMILIES = (
    ("send_bytes", "recv_bytes"),
    ("rdma_read_bytes", "rdma_read_resp_bytes"),
    ("rdma_write_bytes", "rdma_write_recv_bytes"),
)
# From here on, the node's clock was set between the snapshots, and does not drift.
CLOCK_JUMP_SECONDS = 60.0


def run_key(sluid: str | None, started_at: int | None, restart_count: int | None) -> str:
    """Return what tells one run of a job from its other runs, and from other jobs of the same id.

    A requeued job keeps its id, and a cluster that was made anew starts at job 1 again (aws/aws-parallelcluster #6362).
    Slurm's SLUID (25.11 and later) names one run; the start time (23.02 and later) does too; before that only the
    restart count is told, which tells the runs of one job apart.
    """
    if sluid:
        return sluid
    return "r%d" % (restart_count or 0) if started_at is None else "t%d" % started_at


def safe_name(text: str) -> str:
    """Return ``text`` fit for a part of a file name: at most 80 characters, no separator, no leading dot.

    A name that is not so already gets a digest of the whole: no two names are one file's. What needs none has no ``~``.
    """
    kept = "".join(letter if letter in _SAFE else "_" for letter in text)
    if kept[:1] in ("", "."):
        kept = "_" + kept[1:]
    if kept == text and 0 < len(text) <= _MOST_LETTERS:
        return text
    mark = _digest(text)
    return "%s~%s" % (kept[: _MOST_LETTERS - 1 - len(mark)], mark)


def _digest(text: str) -> str:
    return digest(text.encode("utf-8", "surrogatepass"), _DIGEST_BYTES)


def record_path(record: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return where a record lies below the records folder: cluster, job, file.

    The components of a heterogeneous job lie in the folder of its first one. A record of version 1 that still waits on
    its node has no id: its own content gives it one, so that it takes no other's place.
    """
    run = record.get("run") or run_key(record["sluid"], None, record["restart_count"])
    own = record.get("record_id") or _digest(repr(sorted(record.items())))
    name = "%s.%s.%s.json" % (safe_name(record["node"]), safe_name(run), safe_name(own))
    return safe_name(record["cluster"]), "%d" % (record.get("het_job_id") or record["job_id"]), name


def new_record_id() -> str:
    """Return a random name for one record: no other record ever has it."""
    return random_hex(8)


def make_record(
    job: JobFields,
    expectation: Mapping[str, Any],
    baseline: Snapshot | None,
    final: Snapshot,
    *,
    mode: str,
    findings: Iterable[Finding] = (),
    shared_with: Sequence[int] = (),
    doubts: Sequence[str] = (),
    prolog_failed: str | None = None,
    installation_id: str | None = None,
    record_id: str | None = None,
) -> Record:
    """Return the record of one node.

    ``job`` is what Slurm told of the run, by the baseline where there is one. ``expectation`` holds
    ``devices_expected`` and ``expected_by``. Without a baseline, or after a reset, differences mean nothing: there are
    none then, and all bytes are unknown. ``record_id`` is the baseline's, where it has one: whoever makes a record of
    it again replaces the first.
    """
    resets = reset_signs(baseline, final) if baseline else []
    usable = baseline if baseline and not resets else None
    state = "missing" if baseline is None else "ok" if baseline["complete"] and final["complete"] else "incomplete"
    record: dict[str, Any] = {"schema_version": SCHEMA_VERSION, "record_id": record_id or new_record_id()}
    record.update(job)
    record.update(
        {
            "run": run_key(job["sluid"], job["started_at"], job["restart_count"]),
            "run_from": "baseline" if baseline else "epilog",
            "doubts": list(doubts),
            "installation_id": installation_id,
            "devices_expected": expectation["devices_expected"],
            "expected_by": expectation["expected_by"],
            "began_at": baseline["taken_at"] if baseline else None,
            "ended_at": final["taken_at"],
            "clock_jump_seconds": clock_jump(baseline, final) if baseline else None,
            "boot_id": final["boot_id"],
            "instance_type": final["instance_type"],
            "driver_version": final["driver_version"],
            "baseline": state,
            "resets": resets,
            "devices_found": len(final["devices_present"]),
            "devices_unknown": not (usable and _all_known(usable) and _all_known(final)),
            "interfaces_unknown": not (usable and interfaces_present(usable) and interfaces_present(final)),
            "foreign_devices": final["foreign_devices"],
            "late_devices": baseline.get("late") if baseline else None,
            "hugepages": final.get("hugepages"),
            "devices": _devices(usable, final),
            "interfaces": _interfaces(usable, final),
            "lnet": _lnet(usable, final),
            "mode": mode,
            "shared_with": list(shared_with),
            "prolog_failed": prolog_failed,
            "findings": finding_records(findings),
        }
    )
    return record  # type: ignore[return-value] # checked against the type by tests/node


def with_findings(record: Record, findings: Iterable[Finding]) -> Record:
    """Return the record with these findings and no others."""
    return {**record, "findings": finding_records(findings)}


def finding_records(findings: Iterable[Finding]) -> list[FindingRecord]:
    """Return findings as a record, or another file of the hook's, has them."""
    kept: list[Any] = [
        {"rule": item.rule, "severity": str(item.severity), "message": item.message} for item in findings
    ]
    return kept


def clock_jump(before: Snapshot, after: Snapshot) -> float | None:
    """Return by how many seconds the clock was set between two snapshots of one boot; None where nobody knows.

    The kernel's clock since boot is never set.
    """
    earlier, later = before.get("since_boot_seconds"), after.get("since_boot_seconds")
    if earlier is None or later is None or not before["boot_id"] or before["boot_id"] != after["boot_id"]:
        return None
    return round((after["taken_at"] - before["taken_at"]) - (later - earlier), 1)


def reset_signs(before: Snapshot, after: Snapshot) -> list[str]:
    """Return the signs that counters began anew between two snapshots.

    Counters are 64 bits wide and wrap after years, so a decrease is a reset (driver reload, reboot).
    """
    signs = []
    if _is_other_boot(before, after):
        signs.append("the node was rebooted")
    # A driver that was loaded anew counts from 0: a busy device may have counted more since than it had before.
    versions = before.get("driver_version"), after.get("driver_version")
    if all(versions) and versions[0] != versions[1]:
        signs.append("the efa driver is version %s now, and was %s" % (versions[1], versions[0]))
    # What may be an EFA device or not, since its kind could not be read, is no device that came or went.
    unsure = {item["name"] for taken in (before, after) for item in taken.get("unknown_devices", ())}
    if _listed(before) and _listed(after) and _set(before) - unsure != _set(after) - unsure:
        signs.append("the set of EFA devices changed")
    for kind in ("devices", "interfaces"):
        signs += ["%s is another device now" % name for name in _moved(before, after, kind)]
    signs += ["the driver took %s anew" % name for name in _taken_anew(before, after)]
    pairs = (before["devices"], after["devices"]), (before["interfaces"], after["interfaces"])
    for olds, news in pairs:
        earlier = _by_name(olds)
        for item in _by_name(news).values():
            old = earlier.get(item["name"])
            fallen = _fallen(old, item) if old else None
            if fallen:
                signs.append("%s of %s went down" % (fallen, item["name"]))
    return signs


def _is_other_boot(before: Snapshot, after: Snapshot) -> bool:
    """Return whether the node was started between two snapshots; where a boot has no name, its clock may tell."""
    if before["boot_id"] and after["boot_id"]:
        return before["boot_id"] != after["boot_id"]
    earlier, later = before.get("since_boot_seconds"), after.get("since_boot_seconds")
    return earlier is not None and later is not None and later < earlier


def _listed(snapshot: Snapshot) -> bool:
    # A baseline that an older hook wrote does not say; it was complete only where the devices had been listed.
    return bool(snapshot.get("devices_listed", snapshot["complete"]))


def interfaces_present(snapshot: Snapshot) -> list[str]:
    """Return the names of the TCP interfaces that a snapshot saw, read or not; an older hook kept those it read."""
    return snapshot.get("interfaces_present", [item["name"] for item in snapshot["interfaces"]])


def _all_known(snapshot: Snapshot) -> bool:
    return _listed(snapshot) and not snapshot.get("unknown_devices")


def _set(snapshot: Snapshot) -> set[str]:
    return set(snapshot["devices_present"])


def _moved(before: Any, after: Any, kind: str) -> list[str]:
    """Return what is at another PCI address: the same name then means another device."""
    earlier = {item["name"]: item.get("pci_address") for item in before[kind]}
    moved = []
    for item in after[kind]:
        # One that could not be read, or that an older hook did not read, says nothing.
        addresses = earlier.get(item["name"]), item.get("pci_address")
        if all(addresses) and addresses[0] != addresses[1]:
            moved.append(item["name"])
    return moved


def _taken_anew(before: Snapshot, after: Snapshot) -> list[str]:
    """Return the devices that the kernel registered again within one boot: the driver resets a device that it takes.

    ``efa_com_dev_reset`` at probe and removal in amzn/amzn-drivers, ``efa_main.c``. A busy device may have counted more
    since than it had before.
    """
    if not before["boot_id"] or before["boot_id"] != after["boot_id"]:
        return []
    earlier = {item["name"]: item.get("registration") for item in before["devices"]}
    numbers = [(item["name"], earlier.get(item["name"]), item.get("registration")) for item in after["devices"]]
    return [name for name, old, new in numbers if old is not None and new is not None and old != new]


def _fallen(old: Any, new: Any) -> str | None:
    for group in ("counters", "device_counters"):
        for name, value in new.get(group, {}).items():
            if value < old.get(group, {}).get(name, value):
                return str(name)
    return None


def _devices(baseline: Snapshot | None, final: Snapshot) -> DeviceColumns:
    earlier = _by_name(baseline["devices"] if baseline else ())
    later = _by_name(final["devices"])
    names = sorted({*final["devices_present"], *(baseline["devices_present"] if baseline else ()), *earlier, *later})
    known = [later.get(name) or earlier.get(name) or {} for name in names]
    unknown = {name: _unknown(earlier.get(name), later.get(name), BYTE_FAMILIES) for name in names}
    errors = {name: later[name]["errors"] for name in names if name in later}
    return {
        "names": names,
        "pci_addresses": [item.get("pci_address") for item in known],
        "drivers": [item.get("driver") for item in known],
        "counters": _columns(names, earlier, later, "counters"),
        "device_counters": _columns(names, earlier, later, "device_counters"),
        "unknown": {name: counters for name, counters in unknown.items() if counters},
        "errors": {name: texts for name, texts in errors.items() if texts},
    }


def _columns(
    names: Sequence[str], earlier: Mapping[str, Any], later: Mapping[str, Any], group: str
) -> dict[str, list[int | None]]:
    """Return the differences of a group's counters, each of all devices, with what the devices do not have as None."""
    found = [_difference(earlier.get(name), later.get(name), group) for name in names]
    counters = dict.fromkeys(counter for one in found for counter in one)
    return {counter: [one.get(counter) for one in found] for counter in counters}


def _interfaces(baseline: Snapshot | None, final: Snapshot) -> list[InterfaceRecord]:
    earlier = _by_name(baseline["interfaces"] if baseline else ())
    later = _by_name(final["interfaces"])
    names = {*interfaces_present(final), *(interfaces_present(baseline) if baseline else ()), *earlier, *later}
    records: list[InterfaceRecord] = []
    for name in sorted(names):
        old, new = earlier.get(name), later.get(name)
        records.append(
            {
                "name": name,
                "counters": _difference(old, new, "counters"),
                "unknown": _unknown(old, new, ()),
                "errors": new["errors"] if new else [],
            }
        )
    return records


def _lnet(baseline: Snapshot | None, final: Snapshot) -> LnetReading | None:
    after = final.get("lnet")
    if after is None:
        return None
    before = baseline.get("lnet") if baseline else None
    # An older hook's baseline does not say whether there was one, and a reading that was cut short neither.
    if before is None and not (baseline and "lnet" in baseline and baseline["complete"]):
        before = {**after, "error": "LNet's counters were not read at the job's start"}
    return lnet_difference(before, after)


def _by_name(items: Any) -> dict[str, Any]:
    return {item["name"]: item for item in items}


def _difference(old: Any, new: Any, group: str) -> dict[str, int]:
    """Return the differences of the counters that both readings have."""
    if old is None or new is None:
        return {}
    return {name: value - old[group][name] for name, value in new[group].items() if name in old[group]}


def _unknown(old: Any, new: Any, families: Sequence[tuple[str, ...]]) -> list[str]:
    """Return the counters that exist, or must, and have no difference.

    One that neither reading has nor failed to read is one that the driver lacks, but for the totals, and but for a
    member of a family of which another member is there.
    """
    before, after = (item["counters"] if item else {} for item in (old, new))
    named = {*before, *after, *BYTE_TOTALS}
    for item in (old, new):
        named.update(error.partition(":")[0] for error in (item["errors"] if item else ()))
    unread = not before and not after
    for family in families:
        if unread or any(name in named for name in family):
            named.update(family)
    # The name of a folder, or of another group's counter, is none of these.
    known = {*before, *after, *BYTE_TOTALS, *(name for family in families for name in family)}
    return sorted(name for name in named if name in known and not (name in before and name in after))
