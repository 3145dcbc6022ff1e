"""What snapshots say about the node's EFA: pure functions from snapshots to findings."""

from __future__ import annotations

from efakit.finding import Finding
from efakit.node.record import CLOCK_JUMP_SECONDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from efakit.node.limits import HugePages
    from efakit.node.record_type import Record
    from efakit.node.snapshot import DeviceReading, Snapshot

_MOST_NAMES = 3
_LACKS = {"driver-unbound": "no driver bound", "verbs-missing": "no uverbs device"}
# Both count since the driver was loaded (``efa_fill_device_stats`` in amzn/amzn-drivers). A command that the device
# never answered closes its admin queue (``efa_com.c``); one that it refused may be a job's own fault.
_UNANSWERED, _REFUSED = "no_completion_cmds", "cmds_err"


def check_devices(snapshot: Snapshot, expectation: Mapping[str, Any]) -> list[Finding]:
    """Return the findings about the device set: count, driver, verbs device, what could not be read."""
    findings = check_count(snapshot, expectation)
    findings += fault_findings(device_faults(snapshot))
    unread = _unreadable(snapshot)
    if unread:
        what = "; ".join("%s: %s (%s)" % (_list(names), text, why) for text, names, why in unread)
        findings.append(Finding("device-unreadable", "warning", what))
    return findings


def device_faults(snapshot: Snapshot) -> dict[str, dict[str, str]]:
    """Return, by rule, which devices or PCI functions show a fault of their own, and what it is.

    What could not be read shows none: that may be a lack of the hook's own process.
    """
    devices = snapshot["devices"]
    unbound = [device["name"] for device in devices if device["driver"] is None and not device["driver_error"]]
    # Without a driver there is no RDMA device, only the PCI function.
    unbound += snapshot["unbound_functions"]
    without_verbs = [device["name"] for device in devices if not device["verbs"] and not device["verbs_error"]]
    unread = {device["name"]: [e for e in device["errors"] if e not in device["own_errors"]] for device in devices}
    return {
        "driver-unbound": dict.fromkeys(unbound, ""),
        "verbs-missing": dict.fromkeys(without_verbs, ""),
        "verbs-unusable": {device["name"]: device["unusable"] for device in devices if device["unusable"]},
        "counters-unreadable": {name: "\n".join(errors) for name, errors in unread.items() if errors},
    }


def fault_findings(faults: Mapping[str, Mapping[str, str]]) -> list[Finding]:
    """Return a finding for each rule of which there are faulty devices."""
    findings = []
    for rule, by_name in faults.items():
        names = list(by_name)
        if not names:
            continue
        if rule in _LACKS:
            what = _have(names, _LACKS[rule])
        elif rule == "verbs-unusable":
            what = "%s: %s" % (_list(names), by_name[names[0]])
        else:
            errors = [error for name in names for error in by_name[name].split("\n")]
            what = "%s: %d counters could not be read (%s)" % (_list(names), len(errors), errors[0])
        findings.append(Finding(rule, "error", what))
    return findings


def check_count(snapshot: Snapshot, expectation: Mapping[str, Any]) -> list[Finding]:
    """Return the findings about the number of devices, and whether all were looked at."""
    if not snapshot["devices_listed"]:
        # What was not looked at is not missing.
        why = snapshot["list_error"] or "not done by the deadline"
        return [Finding("snapshot-incomplete", "warning", "the EFA devices could not be listed: %s" % why)]
    findings = []
    expected, found = expectation["devices_expected"], len(snapshot["devices_present"])
    if not snapshot["complete"]:
        findings.append(Finding("snapshot-incomplete", "warning", "not every counter was read by the deadline"))
    if expected is None:
        kind = snapshot["instance_type"] or "unknown instance type"
        findings.append(Finding("devices-unknown", "warning", "no device count is known for %s" % kind))
    elif found + len(snapshot["unknown_devices"]) < expected:
        findings.append(_too_few(found, expectation))
    elif found > expected:
        findings.append(Finding("devices-extra", "warning", "%d EFA devices found, %d expected" % (found, expected)))
    return findings


def _too_few(found: int, expectation: Mapping[str, Any]) -> Finding:
    expected = expectation["devices_expected"]
    if expectation["expected_from"] != "instance-type":
        return Finding("devices-missing", "error", "%d of %d EFA devices found" % (found, expected))
    # Whoever made the cluster may have left EFA out on some network cards.
    message = "%d EFA devices found; the %s can have %d: say in compute_resources how many this node is to have"
    return Finding("devices-fewer", "warning", message % (found, expectation["expected_by"], expected))


def _unreadable(snapshot: Snapshot) -> list[tuple[str, list[str], str]]:
    """Return what could not be read: what is unknown, of which devices, and why (of the first)."""
    found = []
    for text, items in (
        ("driver not readable", [(item["name"], item["driver_error"]) for item in snapshot["devices"]]),
        ("verbs device not readable", [(item["name"], item["verbs_error"]) for item in snapshot["devices"]]),
        ("verbs device not opened", [(item["name"], item["open_error"]) for item in snapshot["devices"]]),
        ("counters not read", [(item["name"], item["own_errors"][:1]) for item in snapshot["devices"]]),
        ("EFA or not is not known", [(item["name"], item["error"]) for item in snapshot["unknown_devices"]]),
        ("driver not readable", [(item["name"], item["error"]) for item in snapshot["unknown_functions"]]),
    ):
        named = [(name, why if isinstance(why, str) else why[0]) for name, why in items if why]
        if named:
            found.append((text, [name for name, _ in named], named[0][1]))
    return found


def check_node(snapshot: Snapshot) -> list[Finding]:
    """Return the findings about the node before a job: late devices, sick admin queues, huge pages."""
    findings = []
    late = snapshot["late"]
    if late:
        ready, seconds = late["devices_at_first"], late["waited_seconds"]
        what = "only %d EFA devices were ready at first; others came within %.1f s" % (ready, seconds)
        findings.append(Finding("devices-late", "warning", what))
    findings += _check_commands({}, snapshot, "since the driver was loaded", "info")
    return findings + check_huge_pages(snapshot["hugepages"])


def check_huge_pages(pages: HugePages | None) -> list[Finding]:
    """Return what is to say of a node's huge pages: libfabric takes what it can get, and no job loses EFA by it.

    AWS's own check warns where there is none (efa-check.sh in awslabs/libfabric-ci-scripts).
    """
    if not pages or pages["count"] >= pages["wanted"]:
        return []
    message = "%d huge pages of %d KiB; libfabric uses up to %d on a node with this many cores"
    text = message % (pages["count"], pages["size_kib"], pages["wanted"])
    return [Finding("huge-pages-few", "info" if pages["count"] else "warning", text)]


def check_known(record: Record) -> list[Finding]:
    """Return the findings about what is not known of a record's bytes, and about a clock that was set."""
    findings = []
    if record["devices_unknown"] and not record["resets"]:
        message = "the EFA devices were not all recognised at both moments: EFA bytes are not known"
        findings.append(Finding("devices-unlisted", "warning", message))
    if record["interfaces_unknown"] and not record["resets"]:
        message = "no TCP interface was found at both moments: TCP bytes are not known"
        findings.append(Finding("interfaces-unknown", "warning", message))
    unread = [*record["devices"]["unknown"], *(item["name"] for item in record["interfaces"] if item["unknown"])]
    if unread and not record["resets"]:
        message = "%s: counters not read at both moments; their bytes are not known" % _list(unread)
        findings.append(Finding("bytes-unknown", "warning", message))
    if record["resets"]:
        findings.append(Finding("counters-reset", "warning", "counters began anew: %s" % "; ".join(record["resets"])))
    jump = record["clock_jump_seconds"]
    if jump is not None and abs(jump) >= CLOCK_JUMP_SECONDS:
        message = "the node's clock was set by %.0f s while the job ran" % jump
        findings.append(Finding("clock-jumped", "warning", message))
    return findings


def check_growth(baseline: Snapshot, final: Snapshot) -> list[Finding]:
    """Return the findings about admin commands that failed while the job ran."""
    before = {device["name"]: device for device in baseline["devices"]}
    return _check_commands(before, final, "while the job ran", "warning")


def _check_commands(
    before: Mapping[str, DeviceReading], after: Snapshot, when: str, refused_severity: str
) -> list[Finding]:
    findings = []
    for counter, what, rule, severity in (
        (_UNANSWERED, "never answered", "commands-unanswered", "error"),
        (_REFUSED, "refused", "commands-refused", refused_severity),
    ):
        grown = {device["name"]: _growth(before.get(device["name"]), device, counter) for device in after["devices"]}
        names = [name for name, count in grown.items() if count > 0]
        if names:
            message = "%s: %d admin commands %s %s" % (_list(names), sum(grown[name] for name in names), what, when)
            findings.append(Finding(rule, severity, message))
    return findings


def _growth(old: DeviceReading | None, new: DeviceReading, counter: str) -> int:
    earlier = old["device_counters"].get(counter, 0) if old else 0
    return new["device_counters"].get(counter, 0) - earlier


def _list(names: list[str]) -> str:
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (" and %d more" % more if more > 0 else "")


def _have(names: list[str], what: str) -> str:
    return "%s %s %s" % (_list(names), "has" if len(names) == 1 else "have", what)
