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
        "plugin-1.11.0-driver",
        {"plugin": "1.11.0", "installer": "1.35.0"},
        {"plugin": "1.11.1"},
        _ACCELERATED,
        "its order of the EFA devices makes jobs slow or crashes them on the drivers of EFA installer 1.35 and later",
        "aws-ofi-nccl 1.11.1",
        "error",
        NOTES,
    ),
    BadPair(
        "plugin-1.12.0-driver",
        {"plugin": "1.12.0", "installer": "1.35.0"},
        {"plugin": "1.12.1"},
        _ACCELERATED,
        "its order of the EFA devices makes jobs slow or crashes them on the drivers of EFA installer 1.35 and later",
        "aws-ofi-nccl 1.12.1",
        "error",
        NOTES,
    ),
    BadPair(
        "plugin-p5.4xlarge",
        {"plugin": "1.15.0"},
        {"plugin": "1.16.2"},
        "p5.4xlarge",
        "it takes a p5.4xlarge for a p5.48xlarge and ends the job, for there is no GPUDirect RDMA",
        "aws-ofi-nccl 1.16.2",
        "error",
        _PLATFORM,
    ),
    BadPair(
        "plugin-nccl-2.28-crash",
        {"plugin": "1.17.0", "nccl": "2.28"},
        {"plugin": "1.17.2", "nccl": "2.29"},
        _ACCELERATED,
        "NCCL crashes where libfabric fails to start, and hides why",
        "aws-ofi-nccl 1.17.2",
        "warning",
        NOTES,
    ),
    BadPair(
        "plugin-memory-leak",
        {},
        {"plugin": "1.17.3"},
        _ACCELERATED,
        "it leaks host memory, which long jobs run out of",
        "aws-ofi-nccl 1.17.3",
        "warning",
        NOTES,
    ),
    BadPair(
        "plugin-sendrecv-leak",
        {},
        {"plugin": "1.20.0"},
        _ACCELERATED,
        "its SENDRECV protocol leaks host memory each time a communicator is closed",
        "aws-ofi-nccl 1.20.0",
        "info",
        NOTES,
    ),
    BadPair(
        "plugin-receive-buffer-leak",
        {},
        {"plugin": "1.21.0"},
        _RDMA,
        "its RDMA protocol leaks host memory each time a communicator is closed",
        "aws-ofi-nccl 1.21.0",
        "info",
        NOTES,
    ),
    BadPair(
        "plugin-multi-receive",
        {"plugin": "1.19.1"},  # the first that has it, by its notes and its source code
        {"plugin": "1.19.2"},
        _RDMA,
        "its multi-receive can give wrong data where eager messages are off (OFI_NCCL_EAGER_MAX_SIZE=-1)",
        "aws-ofi-nccl 1.19.2",
        "warning",
        NOTES,
    ),
    BadPair(
        "plugin-multi-receive-hang",
        {"plugin": "1.20.0"},
        {"plugin": "1.21.0"},
        _RDMA,
        "its multi-receive of small messages hangs now and then",
        "aws-ofi-nccl 1.21.0",
        "info",
        NOTES,
    ),
    BadPair(
        "tuner-algo-proto",
        {"plugin": "1.8.0"},
        {"plugin": "1.20.0"},
        _TUNED,
        "NCCL_ALGO or NCCL_PROTO can crash its tuner",
        "aws-ofi-nccl 1.20.0, or leave the two variables unset",
        "info",
        NOTES,
    ),
    BadPair(
        "plugin-topo-group",
        {},
        {"plugin": "1.21.0"},
        _RDMA,
        'it ends with "invalid topo group size" where no EFA device is at the PCI level of a GPU',
        "aws-ofi-nccl 1.21.0",
        "info",
        NOTES,
    ),
    BadPair(
        "tuner-nccl-2.19",
        {"plugin": "1.8.0", "nccl": "2.19"},
        {"plugin": "1.9.2", "nccl": "2.21"},
        _TUNED,
        "NCCL 2.19 and 2.20 do not load its tuner",
        "aws-ofi-nccl 1.9.2",
        "warning",
        NOTES,
    ),
    BadPair(
        "plugin-old-name",
        {"nccl": "2.29"},
        {"plugin": "1.15.0"},
        _ACCELERATED,
        "NCCL 2.29 and later do not find the plugin by its old file name, and go on over TCP",
        "aws-ofi-nccl 1.15.0, or NCCL_NET_PLUGIN with the file's name",
        "error",
        _OLD_NAME,
    ),
)
