"""Rules for configs: Slurm's settings, and jobs larger than their queue."""

from __future__ import annotations

from efakit.rules.registry.config import sources
from efakit.rules.registry.row import Rule

RULES = (
    Rule(
        "slurm-denied",
        room="config",
        severity="error",
        what="CustomSlurmSettings holds a parameter that ParallelCluster sets itself.",
        why="pcluster refuses it, since ParallelCluster's daemons need their own value. For most parameters there is "
        "a key of the config.",
        wrong="""
            Scheduling:
              SlurmSettings:
                CustomSlurmSettings:
                  - SuspendTime: 600
        """,
        right="""
            Scheduling:
              SlurmSettings:
                ScaledownIdletime: 10
        """,
        source=sources.SLURM_VALIDATORS,
        vendor="CustomSlurmSettingsValidator",
    ),
    Rule(
        "slurm-denied-hidden",
        room="config",
        severity="error",
        what="An item of CustomSlurmSettings has several keys, and one of them is a parameter that ParallelCluster "
        "sets itself.",
        why="pcluster treats an item with several keys as a custom node and does not check the keys. The fault "
        "appears only on the cluster.",
        wrong="""
            Scheduling:
              SlurmSettings:
                CustomSlurmSettings:
                  - {Prolog: /fsx/prolog.sh, KillWait: 60}
        """,
        right="""
            Scheduling:
              SlurmSettings:
                CustomSlurmSettings:
                  - KillWait: 60
        """,
        source=sources.SLURM_VALIDATORS,
        stricter="pcluster treats an item with two keys as a custom node and does not check the keys, so {Prolog: x, "
        "Epilog: y} passes and overrides what ParallelCluster needs",
    ),
    Rule(
        "slurm-several-keys",
        room="config",
        severity="warning",
        what="An item of CustomSlurmSettings has several parameters.",
        why="ParallelCluster treats the item as a custom node, writes the parameters on one line and does not check "
        "them.",
        wrong="""
            Scheduling:
              SlurmSettings:
                CustomSlurmSettings:
                  - {KillWait: 60, WaitTime: 5}
        """,
        right="""
            Scheduling:
              SlurmSettings:
                CustomSlurmSettings:
                  - KillWait: 60
                  - WaitTime: 5
        """,
        source=sources.CUSTOM_SLURM,
    ),
    Rule(
        "slurm-unknown",
        room="config",
        severity="error",
        what="Slurm does not have the parameter at this level, or the Slurm of this release does not have it.",
        why="slurmctld does not start with an unknown parameter, and the creation of the cluster fails.",
        wrong="""
            Scheduling:
              SlurmSettings:
                CustomSlurmSettings:
                  - KilWait: 60
        """,
        right="""
            Scheduling:
              SlurmSettings:
                CustomSlurmSettings:
                  - KillWait: 60
        """,
        source=sources.SLURM_CONF,
        stricter="pcluster does not check the names; slurmctld does not start with an unknown parameter, and the "
        "creation of the cluster fails",
    ),
    Rule(
        "slurm-empty",
        room="config",
        severity="error",
        what="A Slurm parameter has no value, or its value is a list or a mapping.",
        why="ParallelCluster writes it into slurm.conf unchanged, and slurmctld does not start.",
        wrong="""
            Scheduling:
              SlurmSettings:
                CustomSlurmSettings:
                  - KillWait:
        """,
        right="""
            Scheduling:
              SlurmSettings:
                CustomSlurmSettings:
                  - KillWait: 60
        """,
        source=sources.SLURM_CONF,
        stricter="pcluster writes the value into slurm.conf unchanged, and Slurm accepts neither an empty value nor "
        "a list",
    ),
    Rule(
        "slurm-node-name",
        room="config",
        severity="error",
        what="A custom node has -st- or -dy- in its name.",
        why="ParallelCluster's daemons treat such a node as one of their own.",
        wrong="""
            Scheduling:
              SlurmSettings:
                CustomSlurmSettings:
                  - {NodeName: gpu-st-1, CPUs: 4}
        """,
        right="""
            Scheduling:
              SlurmSettings:
                CustomSlurmSettings:
                  - {NodeName: own-1, CPUs: 4}
        """,
        source=sources.SLURM_VALIDATORS,
        vendor="CustomSlurmNodeNamesValidator",
    ),
    Rule(
        "slurm-include-file",
        room="config",
        severity="error",
        what="CustomSlurmSettings and CustomSlurmSettingsIncludeFile are both set.",
        why="pcluster allows only one of the two.",
        wrong="""
            Scheduling:
              SlurmSettings:
                CustomSlurmSettings:
                  - KillWait: 60
                CustomSlurmSettingsIncludeFile: s3://my-bucket/slurm.conf
        """,
        right="""
            Scheduling:
              SlurmSettings:
                CustomSlurmSettingsIncludeFile: s3://my-bucket/slurm.conf
        """,
        source=sources.SLURM_VALIDATORS,
        vendor="CustomSlurmSettingsIncludeFileOnlyValidator",
    ),
    Rule(
        "job-too-large",
        room="config",
        severity="error",
        what="A job of the spec asks for more nodes than its queue has.",
        why="Slurm keeps such a job pending forever.",
        wrong="""
            Scheduling:
              SlurmQueues:
                - ComputeResources:
                    - MaxCount: 4
        """,
        right="""
            Scheduling:
              SlurmQueues:
                - ComputeResources:
                    - MaxCount: 8
        """,
        given={"jobs": [["train", 8]]},
        source=sources.SCHEDULING,
        stricter="pcluster does not know the jobs; such a job stays pending forever",
        stops_render=True,
    ),
    Rule(
        "slurm-topology",
        room="config",
        severity="error",
        what="CustomSlurmSettings has more sockets, cores or threads than the instance type.",
        why="slurmd finds fewer than slurm.conf says, and Slurm drains the node as soon as it starts.",
        wrong="""
            Scheduling:
              SlurmQueues:
                - ComputeResources:
                    - InstanceType: p5.48xlarge
                      CustomSlurmSettings: {Sockets: 2, CoresPerSocket: 96, ThreadsPerCore: 2}
        """,
        right="""
            Scheduling:
              SlurmQueues:
                - ComputeResources:
                    - InstanceType: p5.48xlarge
                      CustomSlurmSettings: {Sockets: 2, CoresPerSocket: 48, ThreadsPerCore: 2}
        """,
        source=sources.NODE_SHAPE,
        stricter="pcluster does not check the numbers; the nodes would start, cost money and run no job",
    ),
    Rule(
        "slurm-topology-part",
        room="config",
        severity="warning",
        what="CustomSlurmSettings has fewer sockets, cores or threads than the instance type, or arranges them "
        "differently.",
        why="Slurm does not use the rest, or binds ranks across sockets. Without ThreadsPerCore Slurm counts each "
        "core as one CPU, and half of the CPUs stay unused.",
        wrong="""
            Scheduling:
              SlurmQueues:
                - ComputeResources:
                    - InstanceType: p5.48xlarge
                      CustomSlurmSettings: {Sockets: 2, CoresPerSocket: 48}
        """,
        right="""
            Scheduling:
              SlurmQueues:
                - ComputeResources:
                    - InstanceType: p5.48xlarge
                      CustomSlurmSettings: {Sockets: 2, CoresPerSocket: 48, ThreadsPerCore: 2}
        """,
        source=sources.NODE_SHAPE,
    ),
)
