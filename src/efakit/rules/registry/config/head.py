"""Rules for configs: the head node and the login nodes."""

from __future__ import annotations

from efakit.rules.registry.config import sources
from efakit.rules.registry.row import Rule

RULES = (
    Rule(
        "head-architecture",
        room="config",
        severity="error",
        what="The CPU architecture of compute nodes differs from that of the head node.",
        why="Compute nodes share /opt/slurm and the users' programs with the head node, and these run on one "
        "architecture only.",
        wrong="""
            HeadNode:
              InstanceType: m7g.2xlarge
            Scheduling:
              SlurmQueues:
                - ComputeResources:
                    - InstanceType: p5.48xlarge
        """,
        right="""
            HeadNode:
              InstanceType: m7i.2xlarge
            Scheduling:
              SlurmQueues:
                - ComputeResources:
                    - InstanceType: p5.48xlarge
        """,
        source=sources.CLUSTER_VALIDATORS,
        vendor="InstanceArchitectureCompatibilityValidator",
    ),
    Rule(
        "login-architecture",
        room="config",
        severity="error",
        what="The CPU architecture of login nodes differs from that of the head node.",
        why="Login nodes start from the same image as the head node and share /opt/slurm and the users' programs "
        "with it. ParallelCluster's guide requires the same architecture.",
        wrong="""
            HeadNode:
              InstanceType: m7i.2xlarge
            LoginNodes:
              Pools:
                - {Name: login, Count: 1, InstanceType: m7g.large, Networking: {SubnetIds: [subnet-0123456789abcdef0]}}
        """,
        right="""
            HeadNode:
              InstanceType: m7i.2xlarge
            LoginNodes:
              Pools:
                - {Name: login, Count: 1, InstanceType: m7i.large, Networking: {SubnetIds: [subnet-0123456789abcdef0]}}
        """,
        source=sources.LOGIN_NODES,
        stricter="pcluster does not compare the two; the login nodes would not start, or would not run the programs",
    ),
    Rule(
        "head-memory",
        room="config",
        severity="error",
        what="The head node has too little memory for the number of compute nodes.",
        why="slurmctld and ParallelCluster's daemons need about nodes / 25 + 0.6 GiB; 16 GiB are enough for any "
        "number.",
        wrong="""
            HeadNode:
              InstanceType: m5.large
            Scheduling:
              SlurmQueues:
                - ComputeResources:
                    - MaxCount: 400
        """,
        right="""
            HeadNode:
              InstanceType: m5.2xlarge
            Scheduling:
              SlurmQueues:
                - ComputeResources:
                    - MaxCount: 400
        """,
        source=sources.CLUSTER_VALIDATORS,
        vendor="HeadNodeMemorySizeValidator",
    ),
    Rule(
        "head-small",
        room="config",
        severity="warning",
        what="A head or compute node of size micro or nano has an operating system other than Amazon Linux.",
        why="With these systems ParallelCluster's services need at least 1.7 GB of memory to start.",
        wrong="""
            Image: {Os: rhel9}
            HeadNode:
              InstanceType: t3.micro
        """,
        right="""
            Image: {Os: rhel9}
            HeadNode:
              InstanceType: t3.medium
        """,
        source=sources.EC2_VALIDATORS,
        vendor="InstanceTypeOSCompatibleValidator",
    ),
    Rule(
        "os-unsupported-by-type",
        room="config",
        severity="error",
        what="ParallelCluster does not support this operating system on the instance type.",
        why="The type needs drivers or a kernel that ParallelCluster's image of this system does not have.",
        wrong="""
            Image: {Os: alinux2}
            Scheduling:
              SlurmQueues:
                - ComputeResources:
                    - InstanceType: p6-b300.48xlarge
        """,
        right="""
            Image: {Os: alinux2023}
            Scheduling:
              SlurmQueues:
                - ComputeResources:
                    - InstanceType: p6-b300.48xlarge
        """,
        given={"parallelcluster": "3.15.0"},
        source=sources.CONSTANTS,
        vendor="InstanceTypeOSCompatibleValidator",
    ),
    Rule(
        "policy-misspelt",
        room="config",
        severity="error",
        what="The name of a policy of AWS's is one letter away from that of one that there is.",
        why="pcluster refuses a policy that does not exist, and asks AWS for it. Offline nobody else sees it.",
        wrong="""
            HeadNode:
              Iam:
                AdditionalIamPolicies:
                  - Policy: arn:aws:iam::aws:policy/AmazonSSMManagedInstaceCore
        """,
        right="""
            HeadNode:
              Iam:
                AdditionalIamPolicies:
                  - Policy: arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore
        """,
        source=sources.POLICIES,
        vendor="IamPolicyValidator",
    ),
    Rule(
        "key-missing",
        room="config",
        severity="warning",
        what="The head node has no EC2 key pair.",
        why="Nobody can log in to the head node by SSH.",
        wrong="""
            HeadNode:
              # Ssh is missing
        """,
        right="""
            HeadNode:
              Ssh: {KeyName: my-key}
        """,
        source=sources.EC2_VALIDATORS,
        vendor="KeyPairValidator",
    ),
    Rule(
        "ubuntu-key",
        room="config",
        severity="info",
        what="An Ubuntu cluster names a key pair, and the config does not say of which kind it is.",
        why="Ubuntu's SSH server refuses RSA keys. efakit cannot see the kind of a key, so it reports this for every "
        "Ubuntu cluster.",
        wrong="""
            Image: {Os: ubuntu2404}
            HeadNode:
              Ssh: {KeyName: my-key}
        """,
        right="""
            Image: {Os: alinux2023}
            HeadNode:
              Ssh: {KeyName: my-key}
        """,
        source=sources.EC2_VALIDATORS,
        vendor="KeyPairValidator",
    ),
    Rule(
        "rocky-image",
        room="config",
        severity="error",
        what="Rocky Linux is named without a custom AMI.",
        why="ParallelCluster does not publish images of Rocky Linux. Build one with pcluster build-image.",
        wrong="Image: {Os: rocky9}",
        right="Image: {Os: rocky9, CustomAmi: ami-0123456789abcdef0}",
        source=sources.CONSTANTS,
        vendor="Cluster",
        stops_render=True,
    ),
)
