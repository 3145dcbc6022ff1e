"""Rules for configs: the software that jobs get."""

from __future__ import annotations

from efakit.rules.registry.config import sources
from efakit.rules.registry.row import Rule

RULES = (
    Rule(
        "software-broken",
        room="config",
        severity="error",
        what="The EFA software that jobs get does not work on the instance type.",
        why="The versions come from the ParallelCluster release, from the spec's stack or from a job's container. "
        "The cluster comes up, and its jobs end or are slow. The message names the versions and what to use.",
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
        source=sources.PLUGIN_NOTES,
        stricter="pcluster does not look at the software; the cluster would come up, and its jobs would end or be slow",
    ),
    Rule(
        "software-risky",
        room="config",
        severity="warning",
        what="The EFA software that jobs get has a known fault, or is older than what the instance type wants.",
        why="Jobs may run into it. The message names the versions and what to use.",
        wrong="""
            Scheduling:
              SlurmQueues:
                - ComputeResources:
                    - InstanceType: p5.48xlarge
        """,
        right="""
            Scheduling:
              SlurmQueues:
                - ComputeResources:
                    - InstanceType: p5.48xlarge
        """,
        given={"parallelcluster": "3.14.0"},
        right_given={"parallelcluster": "3.16.3"},
        source=sources.PLUGIN_NOTES,
    ),
)
