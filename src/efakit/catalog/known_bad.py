"""Versions that do not go together, or are broken on some instance types, as rows.

A row holds within its bounds: ``since`` is the first release for which it holds and ``until`` the first for which it
holds no more, for each component that it names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from efakit.catalog.plugin_nccl import NOTES

_PLATFORM = "https://github.com/aws/aws-ofi-nccl/blob/v1.21.1/src/platform-aws.cpp"
_NOTES_1_11 = "https://github.com/aws/aws-ofi-nccl/blob/v1.11.1-aws/RELEASENOTES.md"

# Where a job uses aws-ofi-nccl; on all others its faults are nobody's.
_ACCELERATED = "p[3-9]* g[4-9]* gr[6-9]* trn[1-9]* inf[1-9]* dl[1-9]*"
_TUNED = "p5.48xlarge p5e.48xlarge p5en.48xlarge p6-b200.48xlarge p6-b300.48xlarge"
_SENDRECV = "p4d.* p4de.*"
# All that the plugin's table of 1.10.0 has: p3dn.24xlarge, p4d, p4de, p5.48xlarge and g5.48xlarge.
_UNKNOWN_TO_1_10 = "g4dn.* g5.[!4]* g6* gr6* g7* p5.4xlarge p5e.* p5en.* p6*"
_RDMA = "p5.48xlarge p5e.* p5en.* p6* g7e.12xlarge g7e.24xlarge g7e.48xlarge trn*"


class BadPair(NamedTuple):
    """One row. ``instances``: patterns by blanks; ``fixed``: what to install instead, in words."""

    id: str
    since: Mapping[str, str]
    until: Mapping[str, str]
    instances: str
    effect: str
    fixed: str
    severity: str
    source: str


KNOWN_BAD = (
    BadPair(
        id="plugin-p5-topology-file",
        since={"plugin": "1.7.0"},
        until={"plugin": "1.11.0"},
        instances="p5.48xlarge",
        effect="it gives NCCL a fixed topology of the whole node: a job or container with some of its GPUs fails",
        fixed="aws-ofi-nccl 1.11.1",
        severity="info",
        source="https://github.com/aws/aws-ofi-nccl/issues/785",
    ),
    BadPair(
        id="plugin-1.11.0-driver",
        since={"plugin": "1.10.0", "installer": "1.35.0"},
        until={"plugin": "1.11.1"},
        instances=_ACCELERATED,
        effect="its order of the EFA devices makes jobs slow or crash with the drivers of EFA installer 1.35 and later",
        fixed="aws-ofi-nccl 1.11.1",
        severity="error",
        source=NOTES,
    ),
    BadPair(
        id="plugin-1.12.0-driver",
        since={"plugin": "1.12.0", "installer": "1.35.0"},
        until={"plugin": "1.12.1"},
        instances=_ACCELERATED,
        effect="its order of the EFA devices makes jobs slow or crash with the drivers of EFA installer 1.35 and later",
        fixed="aws-ofi-nccl 1.12.1",
        severity="error",
        source=NOTES,
    ),
    BadPair(
        id="plugin-p5.4xlarge",
        since={"plugin": "1.14.0"},
        until={"plugin": "1.16.2"},
        instances="p5.4xlarge",
        effect="it treats a p5.4xlarge as a p5.48xlarge and ends the job, since p5.4xlarge has no GPUDirect RDMA",
        fixed="aws-ofi-nccl 1.16.2",
        severity="error",
        source=_PLATFORM,
    ),
    BadPair(
        id="plugin-nccl-2.28-crash",
        since={"plugin": "1.17.0", "nccl": "2.28.3"},
        until={"plugin": "1.17.2", "nccl": "2.29.2"},
        instances=_ACCELERATED,
        effect="NCCL crashes when libfabric fails to start, and does not show the reason",
        fixed="aws-ofi-nccl 1.17.2",
        severity="warning",
        source=NOTES,
    ),
    BadPair(
        id="plugin-memory-leak",
        since={"plugin": "1.17.0"},
        until={"plugin": "1.17.3"},
        instances=_RDMA,
        effect="its RDMA protocol leaks host memory with each control message, so long jobs run out of memory",
        fixed="aws-ofi-nccl 1.17.3",
        severity="warning",
        source=NOTES,
    ),
    BadPair(
        id="plugin-sendrecv-leak",
        since={"plugin": "1.14.1"},
        until={"plugin": "1.19.0"},
        instances=_SENDRECV,
        effect="its SENDRECV protocol leaks host memory each time a communicator is closed",
        fixed="aws-ofi-nccl 1.19.0",
        severity="info",
        source=NOTES,
    ),
    BadPair(
        id="plugin-receive-buffer-leak",
        since={"plugin": "1.20.0"},
        until={"plugin": "1.21.0"},
        instances=_RDMA,
        effect="its RDMA protocol leaks host memory each time a communicator is closed",
        fixed="aws-ofi-nccl 1.21.0",
        severity="info",
        source=NOTES,
    ),
    BadPair(
        id="plugin-multi-receive",
        since={"plugin": "1.19.1"},  # the first that has it, by its notes and its source code
        until={"plugin": "1.19.2"},
        instances=_RDMA,
        effect="its multi-receive can give wrong data where eager messages are off (OFI_NCCL_EAGER_MAX_SIZE=-1)",
        fixed="aws-ofi-nccl 1.19.2",
        severity="warning",
        source=NOTES,
    ),
    BadPair(
        id="plugin-topo-group",
        since={"plugin": "1.16.1"},
        until={"plugin": "1.21.0"},
        instances="p6e-gb200.*",
        effect='it ends with "invalid topo group size" where none of the EFA devices that the job sees is at the PCI '
        "level of a GPU",
        fixed="aws-ofi-nccl 1.21.0",
        severity="info",
        source=NOTES,
    ),
    BadPair(
        id="tuner-nccl-2.19",
        since={"plugin": "1.9.0", "nccl": "2.19.1"},
        until={"plugin": "1.9.2", "nccl": "2.21.5"},
        instances=_TUNED,
        effect="NCCL 2.19 and 2.20 do not load its tuner",
        fixed="aws-ofi-nccl 1.9.2",
        severity="warning",
        source=NOTES,
    ),
    BadPair(
        id="plugin-nccl-2.19-p4d",
        since={"plugin": "1.16.0", "nccl": "2.19.1"},
        until={"plugin": "1.17.0", "nccl": "2.21.5"},
        instances="p4d.* p4de.*",
        effect="on p4d and p4de the plugin sets NCCL_PROTO, and its tuner does not start when that is set: NCCL "
        "fails at start (invalid argument)",
        fixed="aws-ofi-nccl 1.17.0, or NCCL 2.21.5",
        severity="error",
        source="https://github.com/aws/aws-ofi-nccl/issues/982",
    ),
    BadPair(
        id="plugin-1.10.0-unknown-type",
        since={"plugin": "1.10.0"},
        until={"plugin": "1.11.0"},
        instances=_UNKNOWN_TO_1_10,
        effect="it has no settings for this type and ends with a segmentation fault",
        fixed="aws-ofi-nccl 1.11.1",
        severity="error",
        source=_NOTES_1_11,
    ),
)
