"""Decides the software stack of a cluster."""

from __future__ import annotations

from dataclasses import asdict

from efakit.catalog.stacks import Stack, parallelcluster_release, stack_of
from efakit.spec.model import Cluster


def cluster_stack(cluster: Cluster) -> Stack:
    """Return the stack of a cluster's nodes: what its ParallelCluster release brings, and what the spec names.

    Raises KeyError for a release that has no row.
    """
    parallelcluster_release(cluster.parallelcluster)  # stack_of also knows releases that efakit writes no config for
    return stack_of(cluster.parallelcluster, **asdict(cluster.stack))
