"""Partitions and nodes from sinfo, as ParallelCluster names them and as other clusters do."""

from __future__ import annotations

from pathlib import Path

import pytest

from efakit.slurm import NodeGroup, node_groups
from efakit.slurm.job import SourceError
from efakit.slurm.nodes import NODE_COLUMNS, grouped, nodes_of
from efakit.slurm.table import read_table
from tests.slurm.single_host import SingleHostSlurm

# As sinfo --Node prints them on a cluster of ParallelCluster: partition, node, features, CPUs, generic resources.
PARALLELCLUSTER = [
    ["gpu*", "gpu-st-p5-1", "static,p5.48xlarge,p5,efa,gpu", "192", "gpu:h100:8(S:0-1)"],
    ["gpu*", "gpu-st-p5-2", "static,p5.48xlarge,p5,efa,gpu", "192", "gpu:h100:8(S:0-1)"],
    ["gpu*", "gpu-dy-p5-1", "dynamic,p5.48xlarge,p5,efa,gpu", "192", "gpu:h100:8(S:0-1)"],
    ["cpu", "cpu-dy-any-type-1", "dynamic,any-type", "16", "(null)"],
]
PLAIN = [
    ["batch", "n1", "(null)", "64", "(null)"],
    ["batch", "n2", "(null)", "64", "(null)"],
    ["batch", "g1", "a100,rack7", "96", "gpu:a100:4(S:0),nvme:1,gpu:v100:2"],
    ["all", "n1", "(null)", "64", "(null)"],
]


def groups_of(rows: list[list[str]]) -> list[NodeGroup]:
    """The groups of what sinfo prints for such nodes, idle and with 1000 MiB each."""
    printed = [
        [name, partition, "idle", features, "none", cpus, "1000", gres]
        for partition, name, features, cpus, gres in rows
    ]
    nodes, default = nodes_of(
        read_table("".join("".join(f"{value}|" for value in row) + "\n" for row in printed), "|", NODE_COLUMNS)
    )
    return grouped(nodes, default)


def test_nodes_of_one_compute_resource_are_one_group_whether_static_or_dynamic():
    assert groups_of(PARALLELCLUSTER) == [
        NodeGroup("gpu", True, "p5", ("p5.48xlarge", "p5", "efa", "gpu"), 192, 8, 3),
        NodeGroup("cpu", False, "any-type", ("any-type",), 16, 0, 1),
    ]


def test_on_other_clusters_nodes_that_are_alike_are_one_group():
    assert groups_of(PLAIN) == [
        NodeGroup("batch", False, "", (), 64, 0, 2),
        NodeGroup("batch", False, "", ("a100", "rack7"), 96, 6, 1),
        NodeGroup("all", False, "", (), 64, 0, 1),
    ]


def test_a_node_that_is_shown_twice_counts_once():
    assert groups_of(PLAIN[:1] * 2) == [NodeGroup("batch", False, "", (), 64, 0, 1)]


def test_a_name_that_only_looks_like_parallelclusters_names_no_compute_resource():
    assert groups_of([["q", "q-st-p5-1", "fast", "8", "(null)"]])[0].resource == ""


def test_where_slurm_is_not_the_reason_is_given(bare_machine: Path, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(SourceError, match="not found in PATH"):
        node_groups()
    monkeypatch.setenv("SLURM_CONF", "/nowhere/slurm.conf")
    with pytest.raises(SourceError, match="which is not there"):
        node_groups()


@pytest.mark.lab
def test_a_real_slurm_tells_its_partitions_and_the_features_of_its_nodes(
    slurm: SingleHostSlurm, monkeypatch: pytest.MonkeyPatch
):
    """Whatever the user's environment asks sinfo for."""
    monkeypatch.setenv("SINFO_PARTITION", "none")
    monkeypatch.setenv("SINFO_SORT", "-N")
    before = node_groups()
    assert [(group.partition, group.default, group.cpus, group.gpus) for group in before] == [("efa", True, 8, 0)]
    slurm.run("scontrol", "update", "NodeName=n0", "AvailableFeatures=static,p5.48xlarge,p5,efa,gpu")
    try:
        groups = node_groups()
    finally:
        slurm.run("scontrol", "update", "NodeName=n0", "ActiveFeatures=", "AvailableFeatures=")
    assert ("static", "p5.48xlarge", "p5", "efa", "gpu") in [group.features for group in groups]
    assert sum(group.nodes for group in groups) == before[0].nodes
