"""Head node sizes as rows, and what a head node must have."""

from __future__ import annotations

from typing import NamedTuple


class HeadNodeSize(NamedTuple):
    """A head node that serves up to ``most_nodes`` compute nodes of one architecture."""

    architecture: str
    most_nodes: int
    instance: str
    reason: str


_SOURCE_RULE = "ParallelCluster needs min(nodes / 25 + 0.6, 16) GiB of memory"
SOURCE = "https://github.com/aws/aws-parallelcluster/blob/develop/cli/src/pcluster/validators/cluster_validators.py"

HEAD_NODE_SIZES = (
    HeadNodeSize(
        architecture="x86_64",
        most_nodes=500,
        instance="m6i.xlarge",
        reason=_SOURCE_RULE + "; 16 GiB and 4 vCPUs are enough for up to 500 nodes",
    ),
    HeadNodeSize(
        architecture="x86_64",
        most_nodes=500_000,
        instance="m6i.4xlarge",
        reason=_SOURCE_RULE + "; slurmctld and NFS need more cores above 500 nodes",
    ),
    HeadNodeSize(
        architecture="arm64",
        most_nodes=500,
        instance="m6g.xlarge",
        reason=_SOURCE_RULE + "; 16 GiB and 4 vCPUs are enough for up to 500 nodes",
    ),
    HeadNodeSize(
        architecture="arm64",
        most_nodes=500_000,
        instance="m6g.4xlarge",
        reason=_SOURCE_RULE + "; slurmctld and NFS need more cores above 500 nodes",
    ),
)
