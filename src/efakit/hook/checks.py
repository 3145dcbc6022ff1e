"""What snapshots say about the node's EFA: pure functions from snapshots to findings."""

from __future__ import annotations

from efakit.node.record import CLOCK_JUMP_SECONDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from efakit.node.record_type import Record
    from efakit.node.snapshot import DeviceReading, Snapshot

_MOST_NAMES = 3
# Both count since the driver was loaded (``efa_fill_device_stats`` in amzn/amzn-drivers). A command that the device
# never answered closes its admin queue (``efa_com.c``); one that it refused may be a job's own fault.
_UNANSWERED, _REFUSED = "no_completion_cmds", "cmds_err"


def finding(rule: str, severity: str, message: str) -> dict[str, str]:
    """Return one finding of the hook; ``severity`` is error, warning or info."""
    return {"rule": rule, "severity": severity, "message": message}


def check_devices(snapshot: Snapshot, expectation: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the findings about the device set: count, driver, verbs device, files that could not be read."""
    findings = _check_count(snapshot, expectation)
    devices = snapshot["devices"]
    unbound = [device["name"] for device in devices if device["driver"] != "efa"]
    # Without a driver there is no RDMA device, only the PCI function.
    unbound += snapshot["unbound_functions"]
    if unbound:
        findings.append(finding("driver-unbound", "error", _have(unbound, "no driver bound")))
    without_verbs = [device["name"] for device in devices if not device["verbs"]]
    if without_verbs:
        findings.append(finding("verbs-missing", "error", _have(without_verbs, "no uverbs device")))
    unusable = [device for device in devices if device["unusable"]]
    if unusable:
        what = "%s: %s" % (_list([device["name"] for device in unusable]), unusable[0]["unusable"])
        findings.append(finding("verbs-unusable", "error", what))
    unread = [device for device in devices if device["errors"]]
    if unread:
        errors = sum(len(device["errors"]) for device in unread)
        message = "%s: %d counters could not be read (%s)"
        what = message % (_list([device["name"] for device in unread]), errors, unread[0]["errors"][0])
        findings.append(finding("counters-unreadable", "error", what))
    return findings


def check_node(snapshot: Snapshot) -> list[dict[str, str]]:
    """Return the findings about the node before a job: late devices, sick admin queues, huge pages."""
    findings = []
    late = snapshot["late"]
    if late:
        ready, seconds = late["devices_at_first"], late["waited_seconds"]
        what = "only %d EFA devices were ready at first; others came within %.1f s" % (ready, seconds)
        findings.append(finding("devices-late", "warning", what))
    findings += _check_commands({}, snapshot, "since the driver was loaded", "info")
    pages = snapshot["hugepages"]
    if pages and pages["count"] < pages["wanted"]:
        # AWS's own check warns here too (efa-check.sh in awslabs/libfabric-ci-scripts); no job loses EFA by it.
        message = "%d huge pages of %d KiB; libfabric would use up to %d"
        what = message % (pages["count"], pages["size_kib"], pages["wanted"])
        findings.append(finding("hugepages", "info" if pages["count"] else "warning", what))
    return findings


def check_known(record: Record) -> list[dict[str, str]]:
    """Return the findings about what is not known of a record's bytes, and about a clock that was set."""
    findings = []
    if record["devices_unknown"] and not record["resets"]:
        message = "the EFA devices were not listed at both moments: EFA bytes are not known"
        findings.append(finding("devices-unlisted", "warning", message))
    if record["interfaces_unknown"] and not record["resets"]:
        message = "no TCP interface was found at both moments: TCP bytes are not known"
        findings.append(finding("interfaces-unknown", "warning", message))
    unread = [item["name"] for item in (*record["devices"], *record["interfaces"]) if item["unknown"]]
    if unread and not record["resets"]:
        message = "%s: counters not read at both moments; their bytes are not known" % _list(unread)
        findings.append(finding("bytes-unknown", "warning", message))
    if record["resets"]:
        findings.append(finding("counters-reset", "warning", "counters began anew: %s" % "; ".join(record["resets"])))
    jump = record["clock_jump_seconds"]
    if jump is not None and abs(jump) >= CLOCK_JUMP_SECONDS:
        message = "the node's clock was set by %.0f s while the job ran" % jump
        findings.append(finding("clock-jumped", "warning", message))
    return findings


def check_growth(baseline: Snapshot, final: Snapshot) -> list[dict[str, str]]:
    """Return the findings about admin commands that failed while the job ran."""
    before = {device["name"]: device for device in baseline["devices"]}
    return _check_commands(before, final, "while the job ran", "warning")


def _check_count(snapshot: Snapshot, expectation: Mapping[str, Any]) -> list[dict[str, str]]:
    if not snapshot["devices_listed"]:
        # What was not looked at is not missing.
        why = snapshot["list_error"] or "not done by the deadline"
        return [finding("snapshot-incomplete", "warning", "the EFA devices could not be listed: %s" % why)]
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
    return findings


def _check_commands(
    before: Mapping[str, DeviceReading], after: Snapshot, when: str, refused_severity: str
) -> list[dict[str, str]]:
    findings = []
    for counter, what, rule, severity in (
        (_UNANSWERED, "never answered", "commands-unanswered", "error"),
        (_REFUSED, "refused", "commands-refused", refused_severity),
    ):
        grown = {device["name"]: _growth(before.get(device["name"]), device, counter) for device in after["devices"]}
        names = [name for name, count in grown.items() if count > 0]
        if names:
            message = "%s: %d admin commands %s %s" % (_list(names), sum(grown[name] for name in names), what, when)
            findings.append(finding(rule, severity, message))
    return findings


def _growth(old: DeviceReading | None, new: DeviceReading, counter: str) -> int:
    earlier = old["device_counters"].get(counter, 0) if old else 0
    return new["device_counters"].get(counter, 0) - earlier


def _list(names: list[str]) -> str:
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (" and %d more" % more if more > 0 else "")


def _have(names: list[str], what: str) -> str:
    return "%s %s %s" % (_list(names), "has" if len(names) == 1 else "have", what)
