"""What a job runs on, as far as it is known: versions, lower bounds of versions, the instance type."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

# What efakit supports at the least: ParallelCluster 3.11, its EFA installer and what that brings, plugin 1.13 and the
# NCCL that it asks for.
SUPPORTED = {
    "parallelcluster": "3.11.0",
    "installer": "1.34.0",
    "libfabric": "1.22.0",
    "rdma_core": "52.0",
    "plugin": "1.13.0",
    "nccl": "2.17.1",
}


class Target(NamedTuple):
    """What is known of the place where a job runs."""

    versions: Mapping[str, str] = {}
    """Component (a key of ``catalog.variables.COMPONENTS``) -> its version or count; absent: not known."""
    floors: Mapping[str, str] = {}
    """Component -> the least version that it surely has; for components that are not in ``versions``."""
    instance: str | None = None
    os: str | None = None
    nodes: int | None = None
    """The nodes of the job; None: not known."""

    @property
    def without_efa(self) -> bool:
        """Return whether the nodes surely have no EFA."""
        return self.versions.get("efa_interfaces") == "0"

    @property
    def known(self) -> bool:
        """Return whether something is known of it beyond the least that is supported."""
        return bool(self.versions or self.instance)


def any_supported() -> Target:
    """Return a target of which only this is known: it is one that efakit supports."""
    return Target(floors=SUPPORTED)
