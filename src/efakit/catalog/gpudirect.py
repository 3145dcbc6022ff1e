"""On which instance types aws-ofi-nccl requires GPUDirect RDMA, and which kernel dma-buf takes, as rows."""

from __future__ import annotations

from fnmatch import fnmatchcase

# Types with NVIDIA GPUs whose entry in the plugin's table has gdr_required: without GPUDirect RDMA it ends the job.
# Source: https://github.com/aws/aws-ofi-nccl/blob/v1.21.1/src/platform-aws.cpp
REQUIRED_ON = (
    *("p4d.24xlarge", "p4de.24xlarge", "p5.48xlarge", "p5e.*", "p5en.*", "p6*"),
    *("g7e.12xlarge", "g7e.24xlarge", "g7e.48xlarge"),
)
# The first kernel that takes dma-buf for RDMA.
# Source: https://github.com/aws/aws-ofi-nccl/blob/v1.21.1/src/nccl_ofi_dmabuf.cpp
LEAST_DMABUF_KERNEL = "5.12"


def requires_gpudirect(instance_type: str | None) -> bool:
    """Return whether the plugin surely requires GPUDirect RDMA on an instance type."""
    return instance_type is not None and any(fnmatchcase(instance_type, pattern) for pattern in REQUIRED_ON)
