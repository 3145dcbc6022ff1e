"""The record: one node's part of one job, with the difference of both snapshots. This module owns its format.

Published as JSON Schema in ``record.schema.json`` beside this file. A reader must accept fields that it does not know;
a field that changes its meaning raises ``SCHEMA_VERSION``.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from efakit.node.snapshot import Snapshot

SCHEMA_VERSION = 1
_SAFE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.")
_MOST_LETTERS, _DIGEST_BYTES = 80, 16


def run_key(sluid: str | None, restart_count: int | None) -> str:
    """Return what tells one run of a job from its other runs.

    A requeued job keeps its id. Slurm's SLUID (25.11 and later) names one run; before that the restart count does.
    """
    return sluid if sluid else "r%d" % (restart_count or 0)


def safe_name(text: str) -> str:
    """Return ``text`` fit for a part of a file name: at most 80 characters, no separator, no leading dot.

    A name that is not so already gets a digest of the whole: no two names are one file's. What needs none has no ``~``.
    """
    kept = "".join(letter if letter in _SAFE else "_" for letter in text)
    if kept[:1] in ("", "."):
        kept = "_" + kept[1:]
    if kept == text and 0 < len(text) <= _MOST_LETTERS:
        return text
    digest = _digest(text.encode("utf-8", "surrogatepass"))
    return "%s~%s" % (kept[: _MOST_LETTERS - 1 - len(digest)], digest)


def _digest(data: bytes) -> str:
    try:
        from _blake2 import blake2b  # hashlib takes long to import
    except ImportError:
        from hashlib import blake2b
    return str(blake2b(data, digest_size=_DIGEST_BYTES).hexdigest())


def record_path(record: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return where a record lies below the records folder: cluster, job, file."""
    run = run_key(record["sluid"], record["restart_count"])
    name = "%s.%s.json" % (safe_name(record["node"]), safe_name(run))
    return safe_name(record["cluster"]), "%d" % record["job_id"], name


def make_record(
    job: dict[str, Any],
    expectation: dict[str, Any],
    baseline: Snapshot | None,
    final: Snapshot,
) -> dict[str, Any]:
    """Return the record of one node.

    ``job`` holds what Slurm told the hook (``cluster``, ``job_id``, ``restart_count``, ``sluid``, ``node``, ...) and
    stands in the record as it is. ``expectation`` holds ``devices_expected`` and ``expected_by``. Without a baseline,
    or after a reset, differences mean nothing: the counters are then left out and the reason stands in their place.
    """
    resets = reset_signs(baseline, final) if baseline else []
    usable = baseline if baseline and not resets else None
    state = "missing" if baseline is None else "ok" if baseline["complete"] and final["complete"] else "incomplete"
    record: dict[str, Any] = {"schema_version": SCHEMA_VERSION}
    record.update(job)
    record.update(expectation)
    record.update(
        {
            "began_at": baseline["taken_at"] if baseline else None,
            "ended_at": final["taken_at"],
            "boot_id": final["boot_id"],
            "instance_type": final["instance_type"],
            "driver_version": final["driver_version"],
            "baseline": state,
            "resets": resets,
            "devices_found": len(final["devices_present"]),
            "foreign_devices": final["foreign_devices"],
            "late_devices": baseline.get("late") if baseline else None,
            "hugepages": final.get("hugepages"),
            "devices": [_device(usable, device) for device in final["devices"]],
            "interfaces": [_interface(usable, interface) for interface in final["interfaces"]],
        }
    )
    return record


def reset_signs(before: Snapshot, after: Snapshot) -> list[str]:
    """Return the signs that counters began anew between two snapshots.

    Counters are 64 bits wide and wrap after years, so a decrease is a reset (driver reload, reboot).
    """
    signs = []
    if before["boot_id"] and after["boot_id"] and before["boot_id"] != after["boot_id"]:
        signs.append("the node was rebooted")
    if _listed(before) and _listed(after) and _set(before) != _set(after):
        signs.append("the set of EFA devices changed")
    signs += ["%s is another device now" % name for name in _moved(before, after)]
    for kind in ("devices", "interfaces"):
        earlier = {item["name"]: item for item in before[kind]}
        for item in after[kind]:
            old = earlier.get(item["name"])
            fallen = _fallen(old, item) if old else None
            if fallen:
                signs.append("%s of %s went down" % (fallen, item["name"]))
    return signs


def _listed(snapshot: Snapshot) -> bool:
    # A baseline that an older hook wrote does not say; it was complete only where the devices had been listed.
    return bool(snapshot.get("devices_listed", snapshot["complete"]))


def _set(snapshot: Snapshot) -> list[str]:
    return sorted(snapshot["devices_present"])


def _moved(before: Snapshot, after: Snapshot) -> list[str]:
    """Return the devices that are at another PCI address: the same name then means another device."""
    earlier = {device["name"]: device["pci_address"] for device in before["devices"]}
    return [
        device["name"]
        for device in after["devices"]
        if device["pci_address"] != earlier.get(device["name"], device["pci_address"])
    ]


def _fallen(old: Any, new: Any) -> str | None:
    for group in ("counters", "device_counters"):
        for name, value in new.get(group, {}).items():
            if value < old.get(group, {}).get(name, value):
                return str(name)
    return None


def _device(baseline: Snapshot | None, device: Any) -> dict[str, Any]:
    old = _named(baseline["devices"], device["name"]) if baseline else None
    return {
        "name": device["name"],
        "pci_address": device["pci_address"],
        "driver": device["driver"],
        "counters": _difference(old, device, "counters"),
        "device_counters": _difference(old, device, "device_counters"),
        "errors": device["errors"],
    }


def _interface(baseline: Snapshot | None, interface: Any) -> dict[str, Any]:
    old = _named(baseline["interfaces"], interface["name"]) if baseline else None
    return {
        "name": interface["name"],
        "counters": _difference(old, interface, "counters"),
        "errors": interface["errors"],
    }


def _named(items: Any, name: str) -> Any:
    return next((item for item in items if item["name"] == name), None)


def _difference(old: Any, new: Any, group: str) -> dict[str, int]:
    """Return the differences of the counters that both snapshots have."""
    if old is None:
        return {}
    return {name: value - old[group][name] for name, value in new[group].items() if name in old[group]}
