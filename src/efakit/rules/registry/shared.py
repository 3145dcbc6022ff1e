"""Rules that several rooms share."""

from __future__ import annotations

from efakit.catalog.plugin_nccl import NOTES
from efakit.rules.registry.row import Rule

_OWN = "docs/architecture.md"

RULES = (
    Rule(
        "software-broken",
        room="config script dockerfile",
        severity="error",
        what="The EFA software of the jobs does not work together, or does not work on the instance type.",
        why="The versions come from the ParallelCluster release, from the spec's stack, from a job's container or "
        "from the options of efakit lint. The cluster is created, but its jobs fail or are slow. The message names "
        "the versions and what to use.",
        wrong="""
            Scheduling:
              SlurmQueues:
                - ComputeResources:
                    - InstanceType: p5.4xlarge
        """,
        right="""
            Scheduling:
              SlurmQueues:
                - ComputeResources:
                    - InstanceType: p5.4xlarge
        """,
        given={"parallelcluster": "3.13.1"},
        right_given={"parallelcluster": "3.16.3"},
        source=NOTES,
        stricter="pcluster does not check the software; the cluster would be created, and its jobs would fail or be "
        "slow",
    ),
    Rule(
        "software-risky",
        room="config script dockerfile",
        severity="warning",
        what="The EFA software of the jobs has a known fault, or is older than the instance type needs.",
        why="Jobs may fail or be slow. The message names the versions and what to use.",
        wrong="""
            Scheduling:
              SlurmQueues:
                - ComputeResources:
                    - InstanceType: p6-b200.48xlarge
        """,
        right="""
            Scheduling:
              SlurmQueues:
                - ComputeResources:
                    - InstanceType: p6-b200.48xlarge
        """,
        given={"parallelcluster": "3.13.1"},
        right_given={"parallelcluster": "3.16.3"},
        source=NOTES,
    ),
    Rule(
        "settings",
        room="hook cluster",
        severity="error",
        what="hook.json cannot be read, other users may write it, or it has a value that is not allowed.",
        why="The hook continues with its defaults, and mode enforce only warns.",
        wrong='hook.json: {"mode": "enforced"}',
        right='hook.json: {"mode": "enforce"}',
        source=_OWN,
    ),
)
