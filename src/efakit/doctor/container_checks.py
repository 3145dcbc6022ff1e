"""Enroot's devices on a node, and what an image must have."""

from __future__ import annotations

from collections.abc import Iterator

from efakit.doctor.document import Document
from efakit.doctor.subject import Subject
from efakit.finding import Finding


def container_findings(subject: Subject) -> Iterator[Finding]:
    """Give a finding where Enroot's containers on a node with EFA cannot have its devices."""
    part = subject.document.part("enroot")
    settings = part["settings"] if part else None
    if settings and settings["restrict_dev"] and not settings["infiniband_in"]:
        message = "/etc/enroot/enroot.conf has ENROOT_RESTRICT_DEV: containers have no EFA device"
        yield Finding("enroot-restricted", "error", message)


def without_enroot(document: Document) -> bool:
    """Return whether a compute node surely has no Enroot; a head node needs none."""
    part, limits = document.part("enroot"), document.part("limits")
    is_node = bool(document.devices) or bool(limits and limits["slurm"]["slurmd"])
    return is_node and not document.in_image and part is not None and part["settings"] is None


def image_findings(subject: Subject) -> Iterator[Finding]:
    """Give a finding where an image has no libfabric at all."""
    software, loader = subject.document.part("software"), subject.document.part("loader")
    if not software or not loader or loader["cache"] is None:
        return
    versions = subject.document.versions
    cached = any(path.rpartition("/")[2].startswith("libfabric.so") for path in loader["cache"])
    if not versions.get("libfabric") and not cached:
        yield Finding("image-without-efa", "error", "the image has no libfabric, so no EFA provider")
