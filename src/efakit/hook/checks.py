"""What a snapshot says about the node's EFA: pure functions from a snapshot to findings."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from efakit.node.snapshot import Snapshot


def check_devices(snapshot: Snapshot, expectation: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the findings about the device set: count, driver, verbs device, files that could not be read."""
    findings = []
    expected, found = expectation["devices_expected"], len(snapshot["devices_present"])
    if not snapshot["complete"]:
        findings.append(finding("snapshot-incomplete", "warning", "not every counter was read by the deadline"))
    if expected is None:
        kind = snapshot["instance_type"] or "unknown instance type"
        findings.append(finding("devices-unknown", "warning", "no device count is known for %s" % kind))
    elif found < expected:
        findings.append(finding("devices-missing", "error", "%d of %d EFA devices found" % (found, expected)))
    elif found > expected:
        findings.append(finding("devices-extra", "warning", "%d EFA devices found, %d expected" % (found, expected)))
    for device in snapshot["devices"]:
        if device["driver"] != "efa":
            findings.append(finding("driver-unbound", "error", "%s has no driver bound" % device["name"]))
        if not device["verbs"]:
            findings.append(finding("verbs-missing", "error", "%s has no uverbs device" % device["name"]))
        if device["errors"]:
            message = "%s: %d counters could not be read (%s)"
            what = message % (device["name"], len(device["errors"]), device["errors"][0])
            findings.append(finding("counters-unreadable", "error", what))
    return findings


def finding(rule: str, severity: str, message: str) -> dict[str, str]:
    """Return one finding of the hook; ``severity`` is error, warning or info."""
    return {"rule": rule, "severity": severity, "message": message}
