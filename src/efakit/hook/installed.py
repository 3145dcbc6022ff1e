"""What is to say of a node's software and limits: pure functions from what was read to findings."""

from __future__ import annotations

from efakit.finding import Finding
from efakit.hook.checks import check_huge_pages
from efakit.node.limits import ENOUGH_LOCKED_BYTES, UNLIMITED, enough_to_lock
from efakit.rules.stack import stack_findings
from efakit.versions import COMPONENTS, same_version

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any


def check_versions(software: Mapping[str, str | None], instance_type: str | None) -> list[Finding]:
    """Return what is wrong with the versions on a node: too old for its type, or known to fail together.

    What is about NCCL is a note: a job often brings its own.
    """
    findings = []
    for item in stack_findings(software, instance_type):
        if item.severity == "info":  # what could be better is told where a cluster is planned, not with every job
            continue
        rule = "version-low" if item.rule.startswith(("least-", "better-")) else "known-bad"
        severity = "info" if "nccl" in item.about else item.severity
        findings.append(Finding(rule, severity, "%s; %s (%s)" % (item.message, item.fix, item.source)))
    return findings


def check_stack(software: Mapping[str, str | None], stack: Mapping[str, Any]) -> list[Finding]:
    """Return a note for each component that is not what the cluster's config was rendered for.

    Its jobs' variables were decided for that release: a custom image often has another.
    """
    findings = []
    for component in ("installer", "plugin"):
        planned, found = stack.get(component), software.get(component)
        if isinstance(planned, str) and found and not same_version(planned, found):
            message = "%s %s is installed, and the cluster's config was rendered for %s"
            text = message % (COMPONENTS[component], found, planned)
            findings.append(Finding("version-differs", "info", text))
    return findings


def check_plugin(libraries: Sequence[str], loadable: Sequence[str], *, has_gpu: bool) -> list[Finding]:
    """Return what is to say of the plugin: missing on a node with GPUs, or there and not where the loader looks."""
    if not libraries:
        message = "no aws-ofi-nccl on this node: NCCL goes over TCP unless a job brings its own"
        return [Finding("plugin-missing", "warning", message)] if has_gpu else []
    if not any(name in loadable for name in libraries):
        message = (
            "%s is not in the loader's cache: NCCL finds it only with LD_LIBRARY_PATH, else it goes over TCP; name its "
            "folder in /etc/ld.so.conf.d and run ldconfig" % libraries[0]
        )
        return [Finding("plugin-not-loadable", "warning", message)]
    return []


def check_limits(limits: Mapping[str, Any]) -> list[Finding]:
    """Return what is to say of locked memory, huge pages and cross-memory attach."""
    findings = []
    own = limits["locked_memory"]
    if not enough_to_lock(own):
        message = (
            "slurmd, and so every job, may lock %d KiB of memory; EFA wants no limit, or %d GiB at least: set "
            "LimitMEMLOCK=infinity in slurmd's service" % (own >> 10, ENOUGH_LOCKED_BYTES >> 30)
        )
        findings.append(Finding("memlock-low", "warning", message))
    for file, domain, kind, value in limits["login_limits"]:
        if domain == "*" and not enough_to_lock(value):
            message = "%s limits locked memory to %d KiB (%s): a shell's limit goes with the jobs submitted from it"
            findings.append(Finding("login-memlock-low", "info", message % (file, value >> 10, kind)))
    if own != UNLIMITED and not limits["login_limits"]:
        message = "no row for memlock in /etc/security/limits.d: the EFA installer writes one"
        findings.append(Finding("login-memlock-unset", "info", message))
    findings += check_huge_pages(limits["huge_pages"])
    if limits["ptrace_scope"]:
        message = "kernel.yama.ptrace_scope is %d: libfabric cannot copy between two processes of a node directly"
        findings.append(Finding("ptrace-restricted", "info", message % limits["ptrace_scope"]))
    return findings
