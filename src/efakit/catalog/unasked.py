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
    Unasked("NCCL_BUFFSIZE", ALWAYS, "a size, and only NCCL reads it; newer plugins set the same", _PLATFORM),
    Unasked("NCCL_P2P_NET_CHUNKSIZE", ALWAYS, "a size, and only NCCL reads it; newer plugins set the same", _PLATFORM),
    Unasked("NCCL_NVLSTREE_MAX_CHUNKSIZE", ALWAYS, "a size, and only NCCL reads it", _PLATFORM),
    Unasked("NCCL_NVLS_CHUNKSIZE", ALWAYS, "a size, and only NCCL reads it", _PLATFORM),
    Unasked("NCCL_NETDEVS_POLICY", ALWAYS, "a choice among devices, and only NCCL reads it", _PLATFORM),
    Unasked(
        "NCCL_NET_FORCE_FLUSH", NEVER, "right for old releases of NCCL only, and a job may bring its own", _PLATFORM
    ),
    Unasked("NCCL_NVLS_ENABLE", NEVER, "right for old releases of NCCL only, and a job may bring its own", _PLATFORM),
    Unasked("NCCL_TUNER_PLUGIN", NEVER, "a container may have no such file, or one of another release", _PLATFORM),
    Unasked("NCCL_PROTO", NEVER, "right for plugins that no supported release brings", _ENV_DOC),
    Unasked("FI_EFA_SET_CUDA_SYNC_MEMOPS", NEVER, "right for installers older than any supported one", _ENV_DOC),
    Unasked(
        "FI_EFA_USE_DEVICE_RDMA",
        ALWAYS,
        "only libfabric's EFA provider reads it; it aborts on hardware without RDMA read, so its row names the "
        "instance types that have it",
        _ENV_DOC,
    ),
    Unasked(
        "NCCL_NET",
        ENFORCE,
        "it turns a missing plugin into a failure: right where an operator wants no job over TCP, but a healthy job in "
        "a container without the plugin, or on one node, would fail too",
        "https://github.com/NVIDIA/nccl/blob/master/src/plugin/net.cc",
    ),
    Unasked(
        "FI_PROVIDER",
        NEVER,
        "every program that uses libfabric reads it: one that runs over shared memory or TCP on purpose would fail",
        _ENV_DOC,
    ),
)


def unasked(name: str) -> str:
    """Return when a variable may be given to a task unasked: ALWAYS, ENFORCE or NEVER."""
    return next((row.when for row in UNASKED if row.name == name), NEVER)
