"""Which variables a task may be given whose script nobody has seen, as rows.

Such a task may be anything: NCCL or MPI, on one node or many, in a container that brings its own libraries. What it is
given must be right for some and harmless for all. So a variable is given unasked only where it is judged here; what has
no row is never given.
"""

from __future__ import annotations

from typing import NamedTuple

_PLATFORM = "https://github.com/aws/aws-ofi-nccl/blob/master/src/platform-aws.cpp"
_ENV_DOC = "https://github.com/aws/aws-ofi-nccl/blob/master/doc/efa-env-var.md"

ALWAYS, ENFORCE, NEVER = "always", "enforce", "never"


class Unasked(NamedTuple):
    """One variable: ``when`` is ALWAYS, ENFORCE (only where EFA is enforced, over two nodes or more) or NEVER."""

    name: str
    when: str
    reason: str
    source: str


UNASKED = (
    Unasked(
        name="NCCL_BUFFSIZE",
        when=ALWAYS,
        reason="it is a size that only NCCL reads; newer plugins set the same value",
        source=_PLATFORM,
    ),
    Unasked(
        name="NCCL_P2P_NET_CHUNKSIZE",
        when=ALWAYS,
        reason="it is a size that only NCCL reads; newer plugins set the same value",
        source=_PLATFORM,
    ),
    Unasked(
        name="NCCL_NVLSTREE_MAX_CHUNKSIZE", when=ALWAYS, reason="it is a size that only NCCL reads", source=_PLATFORM
    ),
    Unasked(name="NCCL_NVLS_CHUNKSIZE", when=ALWAYS, reason="it is a size that only NCCL reads", source=_PLATFORM),
    Unasked(
        name="NCCL_NETDEVS_POLICY",
        when=ALWAYS,
        reason="it is a choice of devices that only NCCL reads",
        source=_PLATFORM,
    ),
    Unasked(
        name="NCCL_NET_FORCE_FLUSH",
        when=NEVER,
        reason="it is right only for old releases of NCCL, and a job may have its own NCCL",
        source=_PLATFORM,
    ),
    Unasked(
        name="NCCL_NVLS_ENABLE",
        when=NEVER,
        reason="it is right only for old releases of NCCL, and a job may have its own NCCL",
        source=_PLATFORM,
    ),
    Unasked(
        name="NCCL_TUNER_PLUGIN",
        when=NEVER,
        reason="a container may not have the file, or may have another release of it",
        source=_PLATFORM,
    ),
    Unasked(
        name="NCCL_PROTO",
        when=NEVER,
        reason="it is right only for plugins that no supported release includes",
        source=_ENV_DOC,
    ),
    Unasked(
        name="FI_EFA_SET_CUDA_SYNC_MEMOPS",
        when=NEVER,
        reason="it is right only for installers that are older than all supported ones",
        source=_ENV_DOC,
    ),
    Unasked(
        name="FI_EFA_USE_DEVICE_RDMA",
        when=ALWAYS,
        reason="only libfabric's EFA provider reads it; it aborts on hardware without RDMA read, so its row lists "
        "the instance types with RDMA read",
        source=_ENV_DOC,
    ),
    Unasked(
        name="NCCL_NET",
        when=ENFORCE,
        reason="with it a job without the plugin fails: right where an operator does not want jobs over TCP, but a "
        "healthy job in a container without the plugin, or on one node, would also fail",
        source="https://github.com/NVIDIA/nccl/blob/master/src/plugin/net.cc",
    ),
    Unasked(
        name="FI_PROVIDER",
        when=NEVER,
        reason="every program that uses libfabric reads it: one that runs over shared memory or TCP on purpose would "
        "fail",
        source=_ENV_DOC,
    ),
)


def unasked(name: str) -> str:
    """Return when a variable may be given to a task unasked: ALWAYS, ENFORCE or NEVER."""
    return next((row.when for row in UNASKED if row.name == name), NEVER)
