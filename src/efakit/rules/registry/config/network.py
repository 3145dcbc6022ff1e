"""Rules for configs: zones, subnets, addresses, security groups, interface type, offerings."""

from __future__ import annotations

from efakit.rules.registry.config import sources
from efakit.rules.registry.row import Rule

RULES = (
    Rule(
        "efa-several-zones",
        room="config",
        severity="error",
        what="EFA is on in a queue with several Availability Zones.",
        why="EFA traffic does not leave its zone.",
        wrong="""
            Scheduling:
              SlurmQueues:
                - Networking:
                    SubnetIds: [subnet-0123456789abcdef0, subnet-0123456789abcdef1]
        """,
        right="""
            Scheduling:
              SlurmQueues:
                - Networking:
                    SubnetIds: [subnet-0123456789abcdef0]
        """,
        source=sources.EFA_EC2,
        vendor="EfaMultiAzValidator",
    ),
    Rule(
        "one-type-several-subnets",
        room="config",
        severity="error",
        what="A queue has several subnets, and a compute resource has InstanceType instead of Instances.",
        why="ParallelCluster allows several subnets only together with Instances.",
        wrong="""
            Scheduling:
              SlurmQueues:
                - Networking:
                    SubnetIds: [subnet-0123456789abcdef0, subnet-0123456789abcdef1]
        """,
        right="""
            Scheduling:
              SlurmQueues:
                - Networking:
                    SubnetIds: [subnet-0123456789abcdef0]
        """,
        source=sources.NETWORKING_VALIDATORS,
        vendor="SingleInstanceTypeSubnetValidator",
    ),
    Rule(
        "subnet-twice",
        room="config",
        severity="error",
        what="A queue lists a subnet twice.",
        why="pcluster refuses duplicates.",
        wrong="""
            Scheduling:
              SlurmQueues:
                - Networking:
                    SubnetIds: [subnet-0123456789abcdef0, subnet-0123456789abcdef0]
        """,
        right="""
            Scheduling:
              SlurmQueues:
                - Networking:
                    SubnetIds: [subnet-0123456789abcdef0]
        """,
        source=sources.NETWORKING_VALIDATORS,
        vendor="QueueSubnetsValidator",
    ),
    Rule(
        "public-address",
        room="config",
        severity="error",
        what="Nodes with several network interfaces request a public address, or are in a subnet that assigns one.",
        why="EC2 assigns a public address only to instances with one network interface, and refuses to launch "
        "others. Since ParallelCluster 3.15 EFA adds a second interface to every node.",
        wrong="""
            Scheduling:
              SlurmQueues:
                - Networking:
                    AssignPublicIp: true
        """,
        right="""
            Scheduling:
              SlurmQueues:
                - Networking:
                    AssignPublicIp: false
        """,
        source=sources.PUBLIC_ADDRESSES,
        vendor="MultiNetworkInterfacesInstancesValidator",
        stricter="before 3.16 pcluster checks only types with several network cards; since 3.15 EFA adds a second "
        "interface to each node, and AWS refuses the launch",
    ),
    Rule(
        "interface-type",
        room="config",
        severity="error",
        what="DevSettings/EfaInterfaceType has a value other than efa.",
        why="pcluster accepts any value, uses only efa and ignores all others without a message.",
        wrong="DevSettings: {EfaInterfaceType: efa-only}",
        right="DevSettings: {EfaInterfaceType: efa}",
        source=sources.QUEUES_STACK,
        stricter="pcluster accepts any value and uses only 'efa'; it ignores all others without a message",
    ),
    Rule(
        "security-group-self",
        room="config",
        severity="error",
        what="EFA is on, and none of the queue's own security groups allows all traffic from and to itself.",
        why="EFA traffic between the nodes is dropped, and jobs hang or fail. An outbound rule to 0.0.0.0/0 is not "
        "enough. efakit validate --aws checks the groups.",
        wrong="""
            Scheduling:
              SlurmQueues:
                - Networking:
                    SecurityGroups: [sg-0123456789abcdef0]
        """,
        right="""
            Scheduling:
              SlurmQueues:
                - Networking:
                    AdditionalSecurityGroups: [sg-0123456789abcdef0]
        """,
        given={"open_to_themselves": {"sg-0123456789abcdef0": False}},
        source=sources.EFA_GROUPS,
        vendor="EfaSecurityGroupValidator",
    ),
    Rule(
        "security-group-unseen",
        room="config",
        severity="info",
        what="EFA is on with your own security groups, and efakit did not check them.",
        why="EFA needs a security group that allows all traffic from and to itself. efakit can check that only with "
        "--aws. ParallelCluster's own groups allow it.",
        wrong="""
            Scheduling:
              SlurmQueues:
                - Networking:
                    SecurityGroups: [sg-0123456789abcdef0]
        """,
        right="""
            Scheduling:
              SlurmQueues:
                - Networking:
                    AdditionalSecurityGroups: [sg-0123456789abcdef0]
        """,
        source=sources.EFA_GROUPS,
    ),
    Rule(
        "security-groups-mixed",
        room="config",
        severity="warning",
        what="Some nodes have your own security groups, and other nodes have ParallelCluster's.",
        why="The groups may not allow each other's traffic, so nodes cannot reach the head node.",
        wrong="""
            Scheduling:
              SlurmQueues:
                - Networking:
                    SecurityGroups: [sg-0123456789abcdef0]
        """,
        right="""
            Scheduling:
              SlurmQueues:
                - Networking:
                    AdditionalSecurityGroups: [sg-0123456789abcdef0]
        """,
        source=sources.CLUSTER_VALIDATORS,
        vendor="MixedSecurityGroupOverwriteValidator",
    ),
    Rule(
        "region-unknown",
        room="config",
        severity="warning",
        what="The region is none that AWS is known to have.",
        why="pcluster refuses a region that its boto3 does not know. A region newer than efakit gives the warning too.",
        wrong="""
            Region: us-est-1
        """,
        right="""
            Region: us-east-1
        """,
        source=sources.REGIONS,
    ),
    Rule(
        "offering-region",
        room="config",
        severity="error",
        what="The region does not offer the instance type.",
        why="Every launch fails in that region. Without --aws efakit uses the offerings in its catalog; efakit "
        "catalog update renews them.",
        wrong="""
            Region: eu-west-3
            Scheduling:
              SlurmQueues:
                - ComputeResources:
                    - InstanceType: p5.48xlarge
        """,
        right="""
            Region: us-east-1
            Scheduling:
              SlurmQueues:
                - ComputeResources:
                    - InstanceType: p5.48xlarge
        """,
        source=sources.OFFERINGS,
        vendor="InstanceTypeBaseAMICompatibleValidator",
        stricter="pcluster asks AWS; without --aws efakit uses offerings that may be older",
    ),
    Rule(
        "offering-zone",
        room="config",
        severity="error",
        what="No Availability Zone of the queue's subnets offers the instance type.",
        why="pcluster checks only the region, and every launch in the zone fails. The zones come from --aws or from "
        "the spec.",
        wrong="""
            Scheduling:
              SlurmQueues:
                - ComputeResources:
                    - InstanceType: p6-b300.48xlarge
        """,
        right="""
            Scheduling:
              SlurmQueues:
                - ComputeResources:
                    - InstanceType: p5.48xlarge
        """,
        given={"zones": {"subnet-0123456789abcdef0": "use1-az4"}},
        source=sources.OFFERINGS,
        stricter="pcluster checks only the region; in a zone without the type every launch fails",
    ),
    Rule(
        "subnet-too-small",
        room="config",
        severity="error",
        what="The queue's subnets have fewer free addresses than its nodes need.",
        why="Nodes without a free address never start. efakit validate --aws counts the free addresses.",
        wrong="""
            Scheduling:
              SlurmQueues:
                - ComputeResources:
                    - MaxCount: 16
        """,
        right="""
            Scheduling:
              SlurmQueues:
                - ComputeResources:
                    - MaxCount: 8
        """,
        given={"free_addresses": {"subnet-0123456789abcdef0": 11}},
        source=sources.SUBNETS,
        stricter="pcluster does not count addresses; nodes without a free address never start",
    ),
)
