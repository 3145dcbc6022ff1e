"""Rules for configs: instance types, and lists of them."""

from __future__ import annotations

from efakit.rules.registry.config import sources
from efakit.rules.registry.row import Rule

RULES = (
    Rule(
        "instance-unknown",
        room="config spec",
        severity="error",
        what="efakit's catalog does not have the instance type.",
        why="The name is usually misspelt, and EC2 refuses it. Describe a type that is newer than the catalog in "
        "DevSettings/InstanceTypesData, or add it with efakit catalog update.",
        wrong="""
            Scheduling:
              SlurmQueues:
                - ComputeResources:
                    - InstanceType: p5.96xlarge
        """,
        right="""
            Scheduling:
              SlurmQueues:
                - ComputeResources:
                    - InstanceType: p5.48xlarge
        """,
        source=sources.TYPES,
        vendor="InstanceTypeValidator",
        stricter="pcluster asks AWS; efakit does not know a type that is newer than its catalog",
    ),
    Rule(
        "instance-missing",
        room="config",
        severity="error",
        what="A compute resource names no instance type.",
        why="ParallelCluster can take the type only from the id of a capacity reservation, not from a resource group "
        "of reservations.",
        wrong="""
            Scheduling:
              SlurmQueues:
                - ComputeResources:
                    - # InstanceType is missing
        """,
        right="""
            Scheduling:
              SlurmQueues:
                - ComputeResources:
                    - InstanceType: p5.48xlarge
        """,
        source=sources.SCHEMA,
        vendor="ConfigSchema",
    ),
    Rule(
        "instance-twice",
        room="config",
        severity="error",
        what="Instances lists an instance type twice.",
        why="pcluster refuses a list that names a type twice.",
        wrong="""
            Scheduling:
              SlurmQueues:
                - ComputeResources:
                    - # InstanceType is missing
                      Instances:
                        - InstanceType: p5.48xlarge
                        - InstanceType: p5.48xlarge
        """,
        right="""
            Scheduling:
              SlurmQueues:
                - ComputeResources:
                    - # InstanceType is missing
                      Instances:
                        - InstanceType: p5.48xlarge
        """,
        source=sources.SCHEMA,
        vendor="ConfigSchema",
    ),
    Rule(
        "efa-unsupported",
        room="config",
        severity="error",
        what="EFA is on for an instance type that has no EFA interface.",
        why="EC2 cannot attach an EFA interface to such a type, and the launch fails.",
        wrong="""
            Scheduling:
              SlurmQueues:
                - ComputeResources:
                    - InstanceType: m5.2xlarge
                      Efa: {Enabled: true}
        """,
        right="""
            Scheduling:
              SlurmQueues:
                - ComputeResources:
                    - InstanceType: c5n.18xlarge
                      Efa: {Enabled: true}
        """,
        source=sources.EFA,
        vendor="EfaValidator",
        stops_render=True,
    ),
    Rule(
        "efa-off",
        room="config",
        severity="warning",
        what="A compute resource has several nodes of a type with EFA, and EFA is off.",
        why="The nodes use TCP between each other, which is many times slower for MPI and NCCL. A single node does "
        "not need EFA.",
        wrong="""
            Scheduling:
              SlurmQueues:
                - ComputeResources:
                    - InstanceType: p5.48xlarge
                      MaxCount: 4
                      Efa: {Enabled: false}
        """,
        right="""
            Scheduling:
              SlurmQueues:
                - ComputeResources:
                    - InstanceType: p5.48xlarge
                      MaxCount: 4
                      Efa: {Enabled: true}
        """,
        source=sources.EFA,
        vendor="EfaValidator",
    ),
    Rule(
        "gdr-support",
        room="config",
        severity="warning",
        what="GdrSupport is set.",
        why="ParallelCluster ignores it since 3.0.2: GPUDirect RDMA is enabled wherever the hardware supports it.",
        wrong="""
            Scheduling:
              SlurmQueues:
                - ComputeResources:
                    - Efa: {Enabled: true, GdrSupport: true}
        """,
        right="""
            Scheduling:
              SlurmQueues:
                - ComputeResources:
                    - Efa: {Enabled: true}
        """,
        source="https://github.com/aws/aws-parallelcluster/releases/tag/v3.0.2",
    ),
    Rule(
        "gdr-without-efa",
        room="config",
        severity="error",
        what="GdrSupport is on and EFA is off.",
        why="GPUDirect RDMA needs EFA. pcluster refuses GdrSupport without it.",
        wrong="""
            Scheduling:
              SlurmQueues:
                - ComputeResources:
                    - Efa: {Enabled: false, GdrSupport: true}
        """,
        right="""
            Scheduling:
              SlurmQueues:
                - ComputeResources:
                    - Efa: {Enabled: true}
        """,
        source=sources.CLUSTER_VALIDATORS,
        vendor="EfaValidator",
    ),
    Rule(
        "nvidia-driver",
        room="config",
        severity="error",
        what="The nodes have GPUs older than Turing and use ParallelCluster's own image.",
        why="The images have NVIDIA's open driver, which supports Turing and later. On p2, p3, p3dn, g2, g3 and g3s "
        "it finds no GPU.",
        wrong="""
            Scheduling:
              SlurmQueues:
                - ComputeResources:
                    - InstanceType: p3dn.24xlarge
        """,
        right="""
            Image: {CustomAmi: ami-0123456789abcdef0}  # with NVIDIA's closed driver
            Scheduling:
              SlurmQueues:
                - ComputeResources:
                    - InstanceType: p3dn.24xlarge
        """,
        source=sources.EC2_VALIDATORS,
        vendor="InstanceTypeBaseAMICompatibleValidator",
        stricter="pcluster reads it from the description of the official image; efakit refuses it wherever the "
        "config names no custom image, since the open NVIDIA driver does not support GPUs before Turing",
    ),
    Rule(
        "mixed-cpus",
        room="config",
        severity="error",
        what="The instance types of a compute resource differ in vCPUs.",
        why="Slurm has one number of CPUs for all nodes of a compute resource. Where simultaneous multithreading is "
        "off, the number of cores counts.",
        wrong="""
            Scheduling:
              SlurmQueues:
                - ComputeResources:
                    - # InstanceType is missing
                      Instances:
                        - InstanceType: g6.12xlarge
                        - InstanceType: g6.24xlarge
        """,
        right="""
            Scheduling:
              SlurmQueues:
                - ComputeResources:
                    - # InstanceType is missing
                      Instances:
                        - InstanceType: g6.12xlarge
                        - InstanceType: g5.12xlarge
        """,
        source=sources.INSTANCES_VALIDATORS,
        vendor="InstancesCPUValidator",
    ),
    Rule(
        "mixed-accelerators",
        room="config",
        severity="error",
        what="The instance types of one compute resource differ in GPUs.",
        why="Slurm has one number of GPUs for all nodes of a compute resource.",
        wrong="""
            Scheduling:
              SlurmQueues:
                - ComputeResources:
                    - # InstanceType is missing
                      Instances:
                        - InstanceType: g6.12xlarge
                        - InstanceType: g6.48xlarge
        """,
        right="""
            Scheduling:
              SlurmQueues:
                - ComputeResources:
                    - # InstanceType is missing
                      Instances:
                        - InstanceType: g6.12xlarge
                        - InstanceType: g5.12xlarge
        """,
        source=sources.INSTANCES_VALIDATORS,
        vendor="InstancesAcceleratorsValidator",
    ),
    Rule(
        "mixed-architecture",
        room="config",
        severity="error",
        what="The instance types of one compute resource differ in CPU architecture.",
        why="An image is either for x86_64 or for arm64, and so are the users' programs.",
        wrong="""
            Scheduling:
              SlurmQueues:
                - ComputeResources:
                    - # InstanceType is missing
                      Instances:
                        - InstanceType: c6in.32xlarge
                        - InstanceType: c6gn.16xlarge
        """,
        right="""
            Scheduling:
              SlurmQueues:
                - ComputeResources:
                    - # InstanceType is missing
                      Instances:
                        - InstanceType: c6in.32xlarge
        """,
        source=sources.CLUSTER_VALIDATORS,
        vendor="InstanceArchitectureCompatibilityValidator",
    ),
    Rule(
        "mixed-efa",
        room="config",
        severity="warning",
        what="The instance types of one compute resource differ in EFA interfaces or network cards.",
        why="ParallelCluster attaches to every node as many interfaces as the smallest type has, so larger types do "
        "not use all of theirs.",
        wrong="""
            Scheduling:
              SlurmQueues:
                - ComputeResources:
                    - # InstanceType is missing
                      Instances:
                        - InstanceType: p5.48xlarge
                        - InstanceType: p5en.48xlarge
        """,
        right="""
            Scheduling:
              SlurmQueues:
                - ComputeResources:
                    - # InstanceType is missing
                      Instances:
                        - InstanceType: p5en.48xlarge
        """,
        source=sources.INSTANCES_VALIDATORS,
        vendor="InstancesNetworkingValidator",
    ),
)
