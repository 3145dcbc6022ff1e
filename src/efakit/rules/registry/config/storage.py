"""Rules for configs: shared storage."""

from __future__ import annotations

from efakit.rules.registry.config import sources
from efakit.rules.registry.row import Rule

RULES = (
    Rule(
        "lustre-capacity",
        room="config",
        severity="error",
        what="A new FSx for Lustre file system has a size that FSx does not offer.",
        why="SCRATCH_2 and PERSISTENT file systems on SSD have 1200 GiB or a multiple of 2400 GiB. SCRATCH_1 and HDD "
        "have other steps.",
        wrong="""
            SharedStorage:
              - Name: fsx
                MountDir: /fsx
                StorageType: FsxLustre
                FsxLustreSettings:
                  DeploymentType: PERSISTENT_2
                  PerUnitStorageThroughput: 250
                  StorageCapacity: 2000
        """,
        right="""
            SharedStorage:
              - Name: fsx
                MountDir: /fsx
                StorageType: FsxLustre
                FsxLustreSettings:
                  DeploymentType: PERSISTENT_2
                  PerUnitStorageThroughput: 250
                  StorageCapacity: 2400
        """,
        source=sources.FSX_VALIDATORS,
        vendor="FsxStorageCapacityValidator",
    ),
    Rule(
        "lustre-throughput",
        room="config",
        severity="error",
        what="A new FSx for Lustre file system has a throughput that its deployment type does not offer.",
        why="Persistent file systems have fixed steps of throughput; for other types it cannot be set. HDD is "
        "available only with PERSISTENT_1.",
        wrong="""
            SharedStorage:
              - Name: fsx
                MountDir: /fsx
                StorageType: FsxLustre
                FsxLustreSettings:
                  DeploymentType: PERSISTENT_2
                  PerUnitStorageThroughput: 200
                  StorageCapacity: 2400
        """,
        right="""
            SharedStorage:
              - Name: fsx
                MountDir: /fsx
                StorageType: FsxLustre
                FsxLustreSettings:
                  DeploymentType: PERSISTENT_2
                  PerUnitStorageThroughput: 250
                  StorageCapacity: 2400
        """,
        source=sources.FSX_VALIDATORS,
        vendor="FsxPersistentOptionsValidator",
    ),
    Rule(
        "new-lustre-several-subnets",
        room="config",
        severity="error",
        what="The cluster creates a Lustre file system, and its queues have several subnets.",
        why="A file system that the cluster creates is in one subnet. An existing file system can be reached from "
        "all subnets.",
        wrong="""
            SharedStorage:
              - Name: fsx
                MountDir: /fsx
                StorageType: FsxLustre
                FsxLustreSettings:
                  DeploymentType: PERSISTENT_2
                  PerUnitStorageThroughput: 250
                  StorageCapacity: 2400
            Scheduling:
              SlurmQueues:
                - Networking:
                    SubnetIds: [subnet-0123456789abcdef0, subnet-0123456789abcdef1]
        """,
        right="""
            SharedStorage:
              - Name: fsx
                MountDir: /fsx
                StorageType: FsxLustre
                FsxLustreSettings:
                  FileSystemId: fs-0123456789abcdef0
            Scheduling:
              SlurmQueues:
                - Networking:
                    SubnetIds: [subnet-0123456789abcdef0, subnet-0123456789abcdef1]
        """,
        source=sources.CLUSTER_VALIDATORS,
        vendor="ManagedFsxMultiAzValidator",
    ),
    Rule(
        "storage-settings",
        room="config",
        severity="error",
        what="A shared storage has settings of another storage type.",
        why="pcluster refuses settings that do not belong to StorageType.",
        wrong="""
            SharedStorage:
              - Name: home
                MountDir: /shared
                StorageType: Efs
                EbsSettings: {Size: 100}
        """,
        right="""
            SharedStorage:
              - Name: home
                MountDir: /shared
                StorageType: Efs
                EfsSettings: {Encrypted: true}
        """,
        source=sources.SCHEMA,
        vendor="ConfigSchema",
    ),
    Rule(
        "mount-twice",
        room="config",
        severity="error",
        what="Two shared storages have the same mount point.",
        why="The second mount hides the first.",
        wrong="""
            SharedStorage:
              - {Name: one, MountDir: /shared, StorageType: Ebs}
              - {Name: two, MountDir: /shared, StorageType: Efs}
        """,
        right="""
            SharedStorage:
              - {Name: one, MountDir: /scratch, StorageType: Ebs}
              - {Name: two, MountDir: /shared, StorageType: Efs}
        """,
        source=sources.CLUSTER_VALIDATORS,
        vendor="DuplicateMountDirValidator",
        stops_render=True,
    ),
    Rule(
        "mount-nested",
        room="config",
        severity="warning",
        what="A shared storage is mounted below another shared storage.",
        why="The order of the mounts is not fixed. If the inner one is mounted first, the outer one hides it. "
        "pcluster 3.16 is meant to refuse it, but compares the names of the storages.",
        wrong="""
            SharedStorage:
              - {Name: one, MountDir: /shared, StorageType: Efs}
              - {Name: two, MountDir: /shared/scratch, StorageType: Ebs}
        """,
        right="""
            SharedStorage:
              - {Name: one, MountDir: /shared, StorageType: Efs}
              - {Name: two, MountDir: /scratch, StorageType: Ebs}
        """,
        source=sources.CLUSTER_VALIDATORS,
    ),
    Rule(
        "mount-reserved",
        room="config",
        severity="error",
        what="A mount point is a folder that the system needs.",
        why="A mount over /opt/slurm, /tmp or /usr hides files that the node needs.",
        wrong="""
            SharedStorage:
              - {Name: software, MountDir: /opt/slurm, StorageType: Ebs}
        """,
        right="""
            SharedStorage:
              - {Name: software, MountDir: /software, StorageType: Ebs}
        """,
        source=sources.CLUSTER_VALIDATORS,
        vendor="SharedStorageMountDirValidator",
    ),
    Rule(
        "ebs-size",
        room="config",
        severity="error",
        what="An EBS volume has a size that its volume type does not allow.",
        why="EC2 refuses the volume. gp3 allows 1 to 16384 GiB, st1 and sc1 at least 500 GiB, io2 up to 65536 GiB.",
        wrong="""
            SharedStorage:
              - Name: scratch
                MountDir: /scratch
                StorageType: Ebs
                EbsSettings: {VolumeType: st1, Size: 100}
        """,
        right="""
            SharedStorage:
              - Name: scratch
                MountDir: /scratch
                StorageType: Ebs
                EbsSettings: {VolumeType: st1, Size: 500}
        """,
        source=sources.EBS_VALIDATORS,
        vendor="EbsVolumeTypeSizeValidator",
    ),
    Rule(
        "efs-throughput",
        room="config",
        severity="error",
        what="ProvisionedThroughput is set without ThroughputMode: provisioned, or the mode without the throughput.",
        why="pcluster accepts them only together.",
        wrong="""
            SharedStorage:
              - Name: home
                MountDir: /shared
                StorageType: Efs
                EfsSettings: {ProvisionedThroughput: 512}
        """,
        right="""
            SharedStorage:
              - Name: home
                MountDir: /shared
                StorageType: Efs
                EfsSettings: {ThroughputMode: provisioned, ProvisionedThroughput: 512}
        """,
        source=sources.SCHEMA,
        vendor="ConfigSchema",
    ),
)
