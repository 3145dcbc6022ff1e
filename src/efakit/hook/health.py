"""The health check: what a prolog has no time for, at boot and on idle nodes (Slurm's HealthCheckProgram).

Its result lies in the spool as ``health.json``, where the prologs read it. It tells and records; it never drains a
node. Slurm kills it after 60 s (``HealthCheckTimeout``); it ends within 20.
"""

from __future__ import annotations

import os
import time

from efakit.finding import Finding, findings_in
from efakit.hook.expectation import expected_devices
from efakit.hook.folder import open_folder
from efakit.hook.json_text import dumps_lines
from efakit.hook.needed import keep_exports
from efakit.hook.run import failure
from efakit.hook.spool import ACTIVE, FOLDER_MODE, HEALTH_FILE, note_run
from efakit.hook.trust import load_trusted
from efakit.node.devices import find_devices
from efakit.node.files import below, read_text_or_none
from efakit.node.limits import huge_pages, locked_memory_limit, login_limits, ptrace_scope
from efakit.node.record import finding_records, safe_name
from efakit.node.snapshot import since_boot
from efakit.node.software import PLUGIN_FILES, find_plugins, find_software

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from efakit.hook.run import Run
    from efakit.hook.settings import Settings

SCHEMA_VERSION = 1

_DEADLINE_SECONDS = 20.0
# Up to which share of the deadline each part may go on.
_READ_UNTIL, _FABRIC_UNTIL, _KEEP_UNTIL = 0.2, 0.7, 0.8
_MOST_CACHE_BYTES = 1 << 24
# Rules whose findings come from fi_info: kept from the last time where it cannot run now.
_FABRIC_RULES = (
    "fi-info-missing",
    "fi-info-untrusted",
    "fi-info-hangs",
    "fi-info-failed",
    "provider-missing",
    "domains-missing",
)


def health_check(run: Run) -> str:
    """Look at the node, leave the result for the prologs, publish what waits in the spool; return one line."""
    from efakit.hook.outbox import flush

    settings = run.settings
    run.deadline_seconds = _DEADLINE_SECONDS
    root, spool_dir = settings.root, settings.spool_dir
    seen = _only(run.in_time(lambda: iter([look_at(settings, run.node)]), _READ_UNTIL))
    result, findings = _judge(run, seen)
    # The tasks' exports first: they lie in memory, and a spool that hangs takes all the time there is.
    told = failure(run.in_time(lambda: keep_exports(root, settings.run_dir), _KEEP_UNTIL))
    kept = failure(run.in_time(lambda: _keep(run, spool_dir, result, findings), _KEEP_UNTIL))
    notes = ["not kept for the prologs: %s" % kept] if kept else []
    notes += ["nothing left for the task prolog: %s" % told] if told else []
    return "health-check: %s; %s" % ("; ".join([_summary(result, findings), *notes]), flush(run))


def _judge(run: Run, seen: Mapping[str, Any] | None) -> tuple[dict[str, Any], list[Finding]]:
    """Return the result of the check, which is kept for the prologs, and its findings."""
    findings = list(run.findings)
    result: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "time_seconds": time.time(),
        "node": run.node,
        "boot_id": None,
        "instance_type": None,
        "devices_expected": None,
        "devices_found": None,
        "domains": None,
        "software": {},
    }
    if seen is None:
        findings.append(Finding("node-unreadable", "error", "the node's own files could not be read in time"))
        return result, findings
    devices, instance_type = seen["devices"], seen["instance_type"]
    expectation = expected_devices(run.settings, run.node, instance_type, run.efa_interfaces)
    # That devices are missing is no finding here: each prolog counts them anew, and at boot some may come late.
    found = None if devices is None else len(devices)
    result.update(devices_expected=expectation["devices_expected"], devices_found=found)
    result.update({name: seen[name] for name in ("boot_id", "instance_type", "software")})
    if devices or result["devices_expected"]:
        fabric, domains = _fabric(run, seen)
        result["domains"] = None if domains is None else len(domains)
        findings += fabric + _of_software_and_limits(seen, run.settings.stack or {})
    return result, findings


def _of_software_and_limits(seen: Mapping[str, Any], planned: Mapping[str, Any]) -> list[Finding]:
    from efakit.hook.installed import check_limits, check_plugin, check_stack, check_versions

    software, instance_type = seen["software"], seen["instance_type"]
    return [
        *check_versions(software, instance_type),
        *check_plugin(seen["plugins"], seen["loadable"], has_gpu=seen["has_gpu"]),
        *check_limits(seen["limits"]),
        *check_stack(software, planned),
    ]


def look_at(settings: Settings, node: str) -> dict[str, Any]:
    """Read all that needs no program to be run, below the settings' ``root``."""
    root, spool_dir = settings.root, settings.spool_dir
    boot_id = read_text_or_none(below(root, "proc/sys/kernel/random/boot_id"))
    return {
        "software": find_software(root),
        "plugins": find_plugins(root),
        "loadable": loadable_plugins(root),
        "has_gpu": os.path.isdir(below(root, "proc/driver/nvidia")),
        "boot_id": boot_id,
        "instance_type": read_text_or_none(below(root, "sys/class/dmi/id/product_name")),
        "devices": efa_names(root),
        "busy": _is_busy(settings, node, boot_id),
        "last": load_trusted(os.path.join(spool_dir, HEALTH_FILE)) or {},
        "limits": {
            "locked_memory": locked_memory_limit(root),
            "login_limits": login_limits(root),
            "huge_pages": huge_pages(root),
            "ptrace_scope": ptrace_scope(root),
        },
    }


def efa_names(root: str) -> list[str] | None:
    """Return the names of the EFA devices; None where the kernel would not tell, which is not "none"."""
    try:
        return [device["name"] for device in find_devices(root)[0]]
    except OSError:
        return None


def loadable_plugins(root: str) -> list[str]:
    """Return the paths of the plugin's libraries that the dynamic loader's cache holds (ldconfig's /etc/ld.so.cache).

    The cache's strings, library names and paths, end with a NUL each (glibc, sysdeps/generic/dl-cache.h).
    """
    try:
        descriptor = os.open(below(root, "etc/ld.so.cache"), os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            data = os.read(descriptor, _MOST_CACHE_BYTES)
        finally:
            os.close(descriptor)
    except OSError:
        return []
    ends = tuple(b"/" + name.encode() for name in PLUGIN_FILES)
    return [text.decode("utf-8", "replace") for text in data.split(b"\0") if text[:1] == b"/" and text.endswith(ends)]


def _is_busy(settings: Settings, node: str, boot_id: str | None) -> bool:
    """Return whether a job may move bytes here now: its baseline is in the spool, and nothing says that it rests."""
    from efakit.hook.baselines import Baselines
    from efakit.hook.liveness import is_at_rest
    from efakit.hook.moment import Moment

    try:
        with open_folder(os.path.join(settings.spool_dir, ACTIVE)) as folder:
            now = Moment(settings, boot_id, since_boot(), None)
            return any(not is_at_rest(kept, now) for kept in Baselines(folder, safe_name(node)).all())
    except OSError:
        return False  # no spool, so no baseline


def _fabric(run: Run, seen: Mapping[str, Any]) -> tuple[list[Finding], list[str] | None]:
    """Ask libfabric, unless a job runs here, whose counters that would move: then this boot's last answer holds."""
    from efakit.hook.fabric import check_fabric

    if seen["busy"]:
        last = seen["last"]
        known = findings_in(last.get("findings")) if last.get("boot_id") == seen["boot_id"] else []
        return [item for item in known if item.rule in _FABRIC_RULES], None
    return check_fabric(run.settings.root, seen["devices"] or [], run.left(_FABRIC_UNTIL))


def _keep(run: Run, spool_dir: str, result: Mapping[str, Any], findings: list[Finding]) -> Iterator[Any]:
    with open_folder(spool_dir, FOLDER_MODE) as folder:
        told = {**result, "findings": finding_records(findings)}
        folder.write(HEALTH_FILE, dumps_lines(told).encode(), 0o600)
        yield {}
        note_run(folder, "health-check", "ok", run.seconds())


def _only(values: list[Any]) -> dict[str, Any] | None:
    """Return what work gave, None where it failed or did not end."""
    value = values[0] if len(values) == 1 else None
    return value if isinstance(value, dict) and "failed" not in value else None


def _summary(result: Mapping[str, Any], findings: list[Finding]) -> str:
    software = result["software"]
    names = (("EFA installer", "installer"), ("libfabric", "libfabric"), ("driver", "driver"), ("plugin", "plugin"))
    parts = ["%s %s" % (label, software.get(name) or "unknown") for label, name in names]
    if result["devices_found"] is not None:
        expected = result["devices_expected"]
        parts.append("%d of %s EFA devices" % (result["devices_found"], "?" if expected is None else expected))
    if result["domains"] is not None:
        parts.append("%d EFA domains" % result["domains"])
    parts += ["%s: %s" % (item.severity, item.message) for item in findings if item.severity != "info"]
    return "; ".join(parts)
