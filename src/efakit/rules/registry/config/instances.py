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
        why="Most such types are misspelt, and EC2 refuses them. A type newer than the catalog can be described in "
        "DevSettings/InstanceTypesData, or added with efakit catalog update.",
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
        why="Only the id of a capacity reservation of its own tells ParallelCluster a type; a resource group of "
        "reservations does not.",
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
        why="Its nodes talk to each other over TCP, which is many times slower for MPI and NCCL. One node alone "
        "needs no EFA.",
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
        why="GPUDirect RDMA goes over EFA, and pcluster refuses it without.",
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
        what="The nodes have GPUs older than Turing, and use ParallelCluster's own image.",
        why="The images bring NVIDIA's open driver, which supports GPUs from Turing on. On p2, p3, p3dn, g2, g3 and "
        "g3s it finds no GPU.",
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
        stricter="pcluster sees it by the description of the official image; efakit refuses it wherever no image of "
        "one's own is named, for the open NVIDIA driver has no support for GPUs before Turing",
    ),
    Rule(
        "mixed-cpus",
        room="config",
        severity="error",
        what="The instance types of one compute resource differ in vCPUs.",
        why="Slurm knows one number of CPUs for all nodes of a compute resource. Where simultaneous multithreading "
        "is off, cores count instead.",
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
        why="Slurm knows one number of GPUs for all nodes of a compute resource.",
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
        why="One image is for x86_64 or for arm64, and so are the users' programs.",
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
        why="ParallelCluster attaches the least number of interfaces of all types to every node, so the better "
        "networks stay unused.",
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
