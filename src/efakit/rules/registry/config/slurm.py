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
        why="pcluster refuses it, for its daemons rely on their own value. Most have a key of ParallelCluster's in "
        "their place.",
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
        what="An item of several keys in CustomSlurmSettings holds a parameter that ParallelCluster sets itself.",
        why="pcluster takes an item of several keys for a node of your own and checks none of them. What the "
        "parameter breaks shows only on the cluster.",
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
        stricter="pcluster takes an item of two keys for a node of one's own and checks neither, so that {Prolog: "
        "x, Epilog: y} passes and breaks what ParallelCluster relies on",
    ),
    Rule(
        "slurm-several-keys",
        room="config",
        severity="warning",
        what="An item of CustomSlurmSettings holds several parameters.",
        why="ParallelCluster takes it for a node of your own, writes the parameters on one line and checks none of "
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
        what="Slurm does not know the parameter at this level, or not in the release's Slurm.",
        why="slurmctld does not start with a parameter that it does not know, and the cluster's creation fails.",
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
        stricter="pcluster does not look at names; slurmctld does not start with a name that it does not know, and "
        "the cluster's creation fails",
    ),
    Rule(
        "slurm-empty",
        room="config",
        severity="error",
        what="A Slurm parameter has no value, a list or a mapping.",
        why="ParallelCluster writes it into slurm.conf as it stands, and slurmctld does not start.",
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
        stricter="pcluster writes whatever stands there into slurm.conf, where a list or nothing is no value",
    ),
    Rule(
        "slurm-node-name",
        room="config",
        severity="error",
        what="A node of your own has -st- or -dy- in its name.",
        why="ParallelCluster's daemons take such a node for one of theirs.",
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
        why="pcluster takes one of the two.",
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
        why="Slurm keeps such a job pending for ever.",
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
        stricter="pcluster knows no jobs; such a job waits for ever",
        stops_render=True,
    ),
    Rule(
        "slurm-topology",
        room="config",
        severity="error",
        what="Sockets, cores and threads in CustomSlurmSettings are more than the instance type has.",
        why="slurmd finds less than slurm.conf says, and Slurm takes the node out of service as soon as it is up.",
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
        stricter="pcluster does not look at the numbers; the nodes would start, cost money and take no job",
    ),
    Rule(
        "slurm-topology-part",
        room="config",
        severity="warning",
        what="Sockets, cores and threads in CustomSlurmSettings are fewer than the instance type has, or in another "
        "arrangement.",
        why="Slurm leaves the rest unused, or binds ranks across sockets. Without ThreadsPerCore it takes each core "
        "for one CPU, and half of the CPUs are gone.",
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
