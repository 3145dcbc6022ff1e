"""Versions that do not go together, or are broken on some instance types, as rows.

A row holds within its bounds: ``since`` is the first release for which it holds and ``until`` the first for which it
holds no more, for each component that it names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from efakit.catalog.plugin_nccl import NOTES

_PLATFORM = "https://github.com/aws/aws-ofi-nccl/blob/v1.21.1/src/platform-aws.cpp"
_OLD_NAME = "https://github.com/NVIDIA/exemplar-performance/pull/39"

# Where a job uses aws-ofi-nccl; on all others its faults are nobody's.
_ACCELERATED = "p[3-9]* g[4-9]* gr[6-9]* trn[1-9]* inf[1-9]* dl[1-9]*"
_TUNED = "p5.48xlarge p5e.48xlarge p5en.48xlarge p6-b200.48xlarge p6-b300.48xlarge"
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
        id="plugin-1.11.0-driver",
        since={"plugin": "1.11.0", "installer": "1.35.0"},
        until={"plugin": "1.11.1"},
        instances=_ACCELERATED,
        effect="its order of the EFA devices makes jobs slow or crashes them on the drivers of EFA installer 1.35 and "
        "later",
        fixed="aws-ofi-nccl 1.11.1",
        severity="error",
        source=NOTES,
    ),
    BadPair(
        id="plugin-1.12.0-driver",
        since={"plugin": "1.12.0", "installer": "1.35.0"},
        until={"plugin": "1.12.1"},
        instances=_ACCELERATED,
        effect="its order of the EFA devices makes jobs slow or crashes them on the drivers of EFA installer 1.35 and "
        "later",
        fixed="aws-ofi-nccl 1.12.1",
        severity="error",
        source=NOTES,
    ),
    BadPair(
        id="plugin-p5.4xlarge",
        since={"plugin": "1.15.0"},
        until={"plugin": "1.16.2"},
        instances="p5.4xlarge",
        effect="it takes a p5.4xlarge for a p5.48xlarge and ends the job, for there is no GPUDirect RDMA",
        fixed="aws-ofi-nccl 1.16.2",
        severity="error",
        source=_PLATFORM,
    ),
    BadPair(
        id="plugin-nccl-2.28-crash",
        since={"plugin": "1.17.0", "nccl": "2.28"},
        until={"plugin": "1.17.2", "nccl": "2.29"},
        instances=_ACCELERATED,
        effect="NCCL crashes where libfabric fails to start, and hides why",
        fixed="aws-ofi-nccl 1.17.2",
        severity="warning",
        source=NOTES,
    ),
    BadPair(
        id="plugin-memory-leak",
        since={},
        until={"plugin": "1.17.3"},
        instances=_ACCELERATED,
        effect="it leaks host memory, which long jobs run out of",
        fixed="aws-ofi-nccl 1.17.3",
        severity="warning",
        source=NOTES,
    ),
    BadPair(
        id="plugin-sendrecv-leak",
        since={},
        until={"plugin": "1.20.0"},
        instances=_ACCELERATED,
        effect="its SENDRECV protocol leaks host memory each time a communicator is closed",
        fixed="aws-ofi-nccl 1.20.0",
        severity="info",
        source=NOTES,
    ),
    BadPair(
        id="plugin-receive-buffer-leak",
        since={},
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
        id="plugin-multi-receive-hang",
        since={"plugin": "1.20.0"},
        until={"plugin": "1.21.0"},
        instances=_RDMA,
        effect="its multi-receive of small messages hangs now and then",
        fixed="aws-ofi-nccl 1.21.0",
        severity="info",
        source=NOTES,
    ),
    BadPair(
        id="tuner-algo-proto",
        since={"plugin": "1.8.0"},
        until={"plugin": "1.20.0"},
        instances=_TUNED,
        effect="NCCL_ALGO or NCCL_PROTO can crash its tuner",
        fixed="aws-ofi-nccl 1.20.0, or leave the two variables unset",
        severity="info",
        source=NOTES,
    ),
    BadPair(
        id="plugin-topo-group",
        since={},
        until={"plugin": "1.21.0"},
        instances=_RDMA,
        effect='it ends with "invalid topo group size" where no EFA device is at the PCI level of a GPU',
        fixed="aws-ofi-nccl 1.21.0",
        severity="info",
        source=NOTES,
    ),
    BadPair(
        id="tuner-nccl-2.19",
        since={"plugin": "1.8.0", "nccl": "2.19"},
        until={"plugin": "1.9.2", "nccl": "2.21"},
        instances=_TUNED,
        effect="NCCL 2.19 and 2.20 do not load its tuner",
        fixed="aws-ofi-nccl 1.9.2",
        severity="warning",
        source=NOTES,
    ),
    BadPair(
        id="plugin-old-name",
        since={"nccl": "2.29"},
        until={"plugin": "1.15.0"},
        instances=_ACCELERATED,
        effect="NCCL 2.29 and later do not find the plugin by its old file name, and go on over TCP",
        fixed="aws-ofi-nccl 1.15.0, or NCCL_NET_PLUGIN with the file's name",
        severity="error",
        source=_OLD_NAME,
    ),
)
