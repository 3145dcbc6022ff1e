"""Asks libfabric which EFA domains it offers: ``fi_info -p efa``.

That opens every verbs device and moves its counters: it belongs where no job runs (counters' readers would take it for
the job's traffic), and takes seconds on a node with many devices.
"""

from __future__ import annotations

import os
import time

from efakit.finding import Finding
from efakit.hook.trust import distrust
from efakit.node.command import NoChild, run_program
from efakit.node.files import below

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

_CANDIDATES = ("opt/amazon/efa/bin/fi_info", "usr/bin/fi_info")
# libfabric's domains are the verbs device's name and one of these (man/fi_efa.7.md in ofiwg/libfabric).
_SUFFIXES = ("-rdm", "-dgrm")
# fi_info ends with the error's number: 61 is ENODATA, "No data available" (util/info.c).
_NO_DATA = 61


def fi_info_path(root: str) -> str | None:
    """Return the node's fi_info: the EFA installer's before the distribution's; None where there is none."""
    paths = (below(root, candidate) for candidate in _CANDIDATES)
    return next((path for path in paths if os.access(path, os.X_OK)), None)


def efa_domains(text: str) -> list[str]:
    """Return the verbs devices that ``fi_info``'s output names as EFA domains, each once.

    A device has one block (libfabric 1.x) to three (2.x: efa-direct, efa, datagrams): blocks are not counted.
    """
    devices: set[str] = set()
    is_efa = False
    for line in text.splitlines():
        name, _, value = (part.strip() for part in line.partition(":"))
        if name == "provider":
            is_efa = value.partition(";")[0] == "efa"
        elif name == "domain" and is_efa:
            device = value
            for suffix in _SUFFIXES:
                device = device[: -len(suffix)] if device.endswith(suffix) else device
            devices.add(device)
    return sorted(devices)


def check_fabric(root: str, devices: list[str], seconds: float) -> tuple[list[Finding], list[str] | None]:
    """Return the findings and the EFA domains that libfabric offers; None where it could not be asked.

    ``devices`` are those that sysfs shows.
    """
    path = fi_info_path(root)
    if path is None:
        message = "no fi_info on this node: libfabric's EFA provider is not checked"
        return [Finding("fi-info-missing", "warning", message)], None
    reason = distrust(os.path.realpath(path))
    if reason:
        message = "fi_info is not run as root, since somebody else may have put it there: %s" % reason
        return [Finding("fi-info-untrusted", "warning", message)], None
    ends_at = time.monotonic() + seconds
    first, domains = _ask(path, devices, seconds / 2, ())
    if first is None or first.severity != "error":
        return [] if first is None else [first], domains
    # A prolog may fail for it: what a busy node does once is not told.
    second, domains = _ask(path, devices, ends_at - time.monotonic(), domains or ())
    if second is not None and second.rule not in (first.rule, "fi-info-failed"):
        message = "%s -p efa gave two answers: %s; then: %s" % (path, first.message, second.message)
        second = Finding("fi-info-failed", "warning", message)
    return [] if second is None else [second], domains


def _ask(
    path: str, devices: list[str], seconds: float, seen: Collection[str]
) -> tuple[Finding | None, list[str] | None]:
    """Ask once; return what is wrong, and the EFA domains where there was an answer. Those ``seen`` are not lost."""
    try:
        status, text = run_program([path, "-p", "efa"], {"PATH": "/usr/bin:/bin"}, seconds)
    except NoChild as error:
        return Finding("fi-info-failed", "warning", "%s cannot be run: %s" % (path, error.strerror)), None
    if status is None:
        message = "%s -p efa gave no answer within %.0f s" % (path, seconds)
        return Finding("fi-info-hangs", "error", message), None
    if status not in (0, _NO_DATA):
        message = "%s -p efa ended with status %d: %s" % (path, status, _first_line(text))
        return Finding("fi-info-failed", "warning", message), None
    domains = efa_domains(text)
    lost = [name for name in devices if name not in domains and name not in seen]
    if devices and not domains:
        message = (
            "libfabric offers no EFA domain, though %d EFA devices are there (%s): its efa provider or libefa is "
            "missing, or a verbs device cannot be opened" % (len(devices), _first_line(text))
        )
        return Finding("provider-missing", "error", message), domains
    if lost:
        message = "libfabric offers %d of %d EFA devices; not %s" % (
            len(devices) - len(lost),
            len(devices),
            ", ".join(lost[:8]),
        )
        return Finding("domains-missing", "error", message), domains
    return None, domains


def _first_line(text: str) -> str:
    return (text.strip().splitlines() or ["no output"])[0][:200]
