"""Versions against what the catalog's rows want of the instance type, and the plugin's library."""

from __future__ import annotations

from collections.abc import Iterator

from efakit.catalog.known_faults import FAULTS
from efakit.catalog.nvidia_drivers import PEER_MEMORY, least_driver
from efakit.doctor.subject import Subject
from efakit.finding import Finding
from efakit.rules.stack import stack_findings
from efakit.versions import is_version, within

_PACKAGED = ("installer", "libfabric", "plugin", "rdma_core", "open_mpi", "driver", "kernel", "nccl", "cuda")


def software_findings(subject: Subject) -> Iterator[Finding]:
    """Give what is wrong with the software of a node or an image."""
    versions = dict(subject.document.versions)
    software = subject.document.part("software")
    if software is None:
        return
    if not software["plugins"]:  # without its library there is no plugin, whatever the list of packages says
        versions["plugin"] = None
    for finding in stack_findings({name: versions.get(name) for name in _PACKAGED}, subject.instance_type):
        # A job often brings its own NCCL, as wheel or in a container.
        is_noted = "nccl" in finding.about and not subject.document.in_image
        yield finding.replaced(severity="info") if is_noted else finding
    yield from _nvidia(versions.get("nvidia_driver"), versions.get("cuda"), versions.get("driver"))
    yield from _release(subject)


def _nvidia(driver: str | None, cuda: str | None, efa: str | None) -> Iterator[Finding]:
    row = least_driver(cuda) if cuda else None
    if row is not None and driver is not None and within(driver, None, row.least):
        message = f"NVIDIA driver {driver} is too old for CUDA {cuda}, which needs {row.least} or later"
        yield Finding("nvidia-driver-low", "error", message, source=row.source, about=("cuda",))
    for pair in PEER_MEMORY:
        if driver and efa and within(driver, pair.nvidia_since, None) and within(efa, None, pair.least_efa):
            message = (
                f"EFA driver {efa} supports no peer memory with NVIDIA driver {driver}: where dma-buf is not used, "
                "GPUDirect RDMA does not work"
            )
            fix = f"use EFA driver {pair.least_efa} or later"
            yield Finding("driver-nvidia", "info", message, fix=fix, source=pair.source, about=("driver",))


def _release(subject: Subject) -> Iterator[Finding]:
    """Give the known faults of the ParallelCluster release that made the node's image, as far as they surely hold.

    What depends on the cluster's settings is judged where they are known: ``efakit validate``.
    """
    machine = subject.document.part("machine")
    text = machine["parallelcluster"] if machine else None
    release = (text or "").rpartition("-")[2]
    if not is_version(release):
        return
    for row in FAULTS:
        depends = row.settings or row.creation_only or row.head or row.official_image or row.several_nodes
        if depends or row.systems or not within(release, row.since, row.until) or not _on(row.instances, subject):
            continue
        if row.efa and not subject.document.devices:
            continue
        message = f"ParallelCluster {release}: {row.effect}"
        yield Finding(row.id, row.severity, message, fix=row.fix, source=row.source, about=("parallelcluster",))


def _on(patterns: str, subject: Subject) -> bool:
    from fnmatch import fnmatchcase

    kind = subject.instance_type
    return patterns == "*" or (kind is not None and any(fnmatchcase(kind, pattern) for pattern in patterns.split()))
