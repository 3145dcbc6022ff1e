"""Locked memory, huge pages, cross-memory attach, and what slurmd lets jobs lock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from efakit.doctor.subject import Subject
from efakit.finding import Finding
from efakit.hook.installed import check_limits
from efakit.node.limits import ENOUGH_LOCKED_BYTES, UNLIMITED, enough_to_lock

_UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def limit_findings(subject: Subject) -> Iterator[Finding]:
    """Give what is wrong with the limits of slurmd, of this process, and of login shells."""
    limits = subject.document.part("limits")
    if not limits:
        return
    slurm, own = limits["slurm"], limits["locked_memory"]
    running = slurm["memlock_bytes"]
    for finding in check_limits({**limits, "locked_memory": own if running is None else running}):
        if finding.rule != "memlock-low":
            yield finding
    yield from _of_some(limits)
    if not enough_to_lock(running):
        yield _low(f"slurmd, and so every job, may lock {running >> 10} KiB of memory")
    elif not enough_to_lock(own):
        yield _low(f"the process that looked may lock {own >> 10} KiB of memory: jobs take the limit of their shell")
    unit = unit_bytes(slurm["memlock_unit"])
    if running is None and not enough_to_lock(unit):
        yield _low(f"slurmd's service has LimitMEMLOCK={slurm['memlock_unit']}")


def login_findings(subject: Subject) -> Iterator[Finding]:
    """Give what of a head node's limits its shells pass on to jobs, unless PropagateResourceLimits says otherwise."""
    limits = subject.document.part("limits")
    if not limits:
        return
    own = limits["locked_memory"]
    if not enough_to_lock(own):
        message = f"this shell may lock {own >> 10} KiB of memory, and sbatch passes its limit on to jobs"
        yield Finding("login-memlock-low", "info", message)
    for file, domain, kind, value in limits["login_limits"]:
        if domain == "*" and not enough_to_lock(value):
            message = f"{file} limits locked memory to {value >> 10} KiB ({kind}), and sbatch passes it on to jobs"
            yield Finding("login-memlock-low", "info", message)
    yield from _of_some(limits)


def _of_some(limits: Mapping[str, Any]) -> Iterator[Finding]:
    """Give the limits of single users and groups; those of all are told elsewhere."""
    for file, domain, kind, value in limits["login_limits"]:
        if domain != "*" and not enough_to_lock(value):
            message = f"{file} limits locked memory of {domain} to {value >> 10} KiB ({kind})"
            yield Finding("login-memlock-low", "info", message)


def unit_bytes(text: str | None) -> int | None:
    """Return LimitMEMLOCK in bytes (systemd.exec(5)); None where it is not set or not understood."""
    value = (text or "").rpartition(":")[2].strip()
    if value == "infinity":
        return UNLIMITED
    factor = _UNITS.get(value[-1:].upper(), 1)
    digits = value[:-1] if factor > 1 else value
    return int(digits) * factor if digits.isdigit() and len(digits) <= 18 else None


def _low(what: str) -> Finding:
    message = f"{what}; EFA wants no limit, or {ENOUGH_LOCKED_BYTES >> 30} GiB at least"
    return Finding("memlock-low", "warning", message)
