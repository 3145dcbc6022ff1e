"""Devices, driver and provider: the hook's own checks, on a document."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from efakit.catalog.gpudirect import LEAST_DMABUF_KERNEL, requires_gpudirect
from efakit.doctor.subject import Subject
from efakit.finding import Finding
from efakit.hook.checks import check_devices, check_node
from efakit.hook.fabric import judge_fabric
from efakit.versions import within

# The hook says these of a job; here they only mean that something is not known.
_UNREAD = ("snapshot-incomplete", "device-unreadable")


def device_findings(subject: Subject) -> Iterator[Finding]:
    """Give what is wrong with the number of devices, their drivers, their verbs devices and their counters."""
    snapshot: Any = subject.document.part("devices")
    if snapshot is None:
        return  # told among what was not read
    for finding in (*check_devices(snapshot, subject.expectation), *check_node(snapshot)):
        if finding.rule in _UNREAD:
            yield Finding("not-read", "info", finding.message)
        elif finding.rule != "huge-pages-few":  # told with the limits
            yield finding
    yield from _peer_memory(subject)


def fabric_findings(subject: Subject) -> Iterator[Finding]:
    """Give what is wrong with libfabric's answer."""
    asked = subject.document.part("fabric")
    if asked:
        yield from judge_fabric(asked, list(subject.document.devices))


def image_fabric_findings(subject: Subject) -> Iterator[Finding]:
    """Give a finding where an image's libfabric does not start; that it finds no device there is no fault."""
    for finding in fabric_findings(subject):
        if finding.rule == "fi-info-failed":
            yield finding


def _peer_memory(subject: Subject) -> Iterator[Finding]:
    """Give a finding where GPUDirect RDMA has neither of its two ways; an unknown kernel has both."""
    document = subject.document
    kernel, software = document.part("kernel"), document.part("software")
    if not kernel or not software or not software["has_gpu"] or not document.devices:
        return
    if not requires_gpudirect(subject.instance_type):
        return
    release = document.versions.get("kernel")
    known = [text for text in kernel["peer_memory"].values() if text is not None]
    modules = kernel["modules"]
    may_load = modules is None or "efa_nv_peermem" in modules
    if within(release, None, LEAST_DMABUF_KERNEL) and known and not any(known) and not may_load:
        message = (
            f"Linux {release} has no dma-buf for RDMA (that takes {LEAST_DMABUF_KERNEL}), and the EFA driver names no "
            "provider of the GPUs' memory: GPUDirect RDMA does not work"
        )
        yield Finding("peer-memory-missing", "error", message)
