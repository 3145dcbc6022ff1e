"""Rules for configs: names and numbers of queues, compute resources, login pools and storage."""

from __future__ import annotations

from efakit.rules.registry.config import sources
from efakit.rules.registry.row import Rule

RULES = (
    Rule(
        "name-form",
        room="config",
        severity="error",
        what="The name of a queue, a compute resource or a login pool has a form that ParallelCluster does not allow.",
        why="The names become parts of host names. A name has at most 25 lower-case letters, digits and hyphens, "
        "begins with a letter, and is not 'default'.",
        wrong="""
            Scheduling:
              SlurmQueues:
                - Name: GPU_queue
        """,
        right="""
            Scheduling:
              SlurmQueues:
                - Name: gpu-queue
        """,
        source=sources.CLUSTER_VALIDATORS,
        vendor="NameValidator",
    ),
    Rule(
        "name-twice",
        room="config spec",
        severity="error",
        what="Two queues, two compute resources of one queue or two shared storages have the same name; in a spec also "
        "two login pools or two jobs.",
        why="pcluster identifies them by name and refuses duplicates. Scripts are named after jobs; names that "
        "differ only in upper and lower case are the same.",
        wrong="""
            Scheduling:
              SlurmQueues:
                - ComputeResources:
                    - Name: p5
                    - Name: p5
                      InstanceType: p5.48xlarge
        """,
        right="""
            Scheduling:
              SlurmQueues:
                - ComputeResources:
                    - Name: p5
                    - Name: p5-more
                      InstanceType: p5.48xlarge
        """,
        source=sources.CLUSTER_VALIDATORS,
        vendor="DuplicateNameValidator",
    ),
    Rule(
        "too-many",
        room="config",
        severity="error",
        what="The cluster has more queues, compute resources or login pools than ParallelCluster allows.",
        why="A cluster has at most 50 queues, 50 compute resources and 10 pools of login nodes.",
        wrong="""
            LoginNodes:
              Pools:
                - &pool
                  {Name: login, InstanceType: m7i.large, Count: 1, Networking: {SubnetIds: [subnet-0123456789abcdef0]}}
                - *pool
                - *pool
                - *pool
                - *pool
                - *pool
                - *pool
                - *pool
                - *pool
                - *pool
                - *pool
        """,
        right="""
            LoginNodes:
              Pools:
                - {Name: login, InstanceType: m7i.large, Count: 11, Networking: {SubnetIds: [subnet-0123456789abcdef0]}}
        """,
        source=sources.CONSTANTS,
        vendor="MaxCountValidator",
    ),
    Rule(
        "storage-name-form",
        room="config",
        severity="error",
        what="The name of a shared storage has a form that ParallelCluster does not allow.",
        why="A storage's name has at most 30 letters, digits and + - = . _ : @ /, and is not 'default'.",
        wrong="""
            SharedStorage:
              - Name: default
                MountDir: /scratch
                StorageType: Ebs
        """,
        right="""
            SharedStorage:
              - Name: scratch
                MountDir: /scratch
                StorageType: Ebs
        """,
        source=sources.CLUSTER_VALIDATORS,
        vendor="SharedStorageNameValidator",
    ),
)
