"""Judges a cluster's installation: the checks of ``hooks status``, and the circuit breaker."""

from __future__ import annotations

import shlex

from efakit.catalog.slurm_faults import slurm_faults
from efakit.doctor.cluster_checks import Check, checks
from efakit.doctor.judge import Told, tell
from efakit.doctor.site import Site
from efakit.doctor.site_data import site_of
from efakit.finding import Finding
from efakit.versions import is_version

_INSTALL = 'sudo "$(command -v efakit)" hooks install SPEC'


def judge_cluster(data: object, version: str, where: str) -> tuple[list[Told], list[str]]:
    """Return what is to be said of a collected cluster, and what was looked at; ``version`` is this efakit's own."""
    site, failed = site_of(data, where)
    found = checks(site, version)
    told = [tell("", (item, _commands(item, site))) for item in found if isinstance(item, Finding)]
    if site.home is not None and len(failed) >= site.home.settings.breaker_nodes_per_hour > 0:
        told.append(tell("", (_breaker(site, failed), ())))
    slurm = site.config.get("SLURM_VERSION") or ""
    for row in slurm_faults(slurm) if is_version(slurm) else ():
        message = f"Slurm {slurm}: {row.effect}"
        told.append(tell("", (Finding("slurm-release", "info", message, fix=row.fix, source=row.source), ())))
    seen = [item.message for item in found if not isinstance(item, Finding)]
    return sorted(told, key=lambda item: item.finding.severity, reverse=True), seen


def _breaker(site: Site, failed: tuple[str, ...]) -> Finding:
    allowed = site.home.settings.breaker_nodes_per_hour if site.home else 0
    named = ", ".join(failed[:8])
    message = f"{len(failed)} nodes failed their prolog on purpose within the hour ({named}), and {allowed} may"
    fix = "look at these nodes (efakit doctor --node), then at expected_devices and compute_resources in hook.json"
    return Finding("breaker-open", "warning", message, fix=fix, source="docs/architecture.md")


def _commands(finding: Check, site: Site) -> tuple[str, ...]:
    """Return the commands that mend what a check found; none where slurm.conf must be edited by hand."""
    if finding.rule == "records" and site.home and site.home.settings.records_dir:
        folder = shlex.quote(site.home.settings.records_dir)
        return (f"sudo install -d -m 0755 {folder}", f"sudo chown root:root {folder}", f"sudo chmod 0755 {folder}")
    if finding.rule in ("files", "version") or "hooks install" in finding.fix:
        return (_INSTALL,)
    if finding.rule == "files-trust":
        path = shlex.quote(finding.file)
        return (f"sudo chown root:root {path}", f"sudo chmod 0755 {path}")
    if finding.rule == "task-prolog" and finding.fix.startswith("chmod ") and site.home and site.home.closed:
        return (f"sudo chmod a+rx {shlex.quote(site.home.closed)}",)
    return ()
