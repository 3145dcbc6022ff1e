"""Rules for configs: placement groups."""

from __future__ import annotations

from efakit.rules.registry.config import sources
from efakit.rules.registry.row import Rule

RULES = (
    Rule(
        "placement-group-missing",
        room="config",
        severity="error",
        what="EFA is on, and the config neither enables nor disables a placement group.",
        why="With EFA pcluster requires PlacementGroup to be set, except on Capacity Blocks and with several zones.",
        wrong="""
            Scheduling:
              SlurmQueues:
                - Networking:
                    # PlacementGroup is missing
        """,
        right="""
            Scheduling:
              SlurmQueues:
                - Networking:
                    PlacementGroup: {Enabled: true}
        """,
        source=sources.EFA,
        vendor="EfaPlacementGroupValidator",
    ),
    Rule(
        "placement-group-off",
        room="config",
        severity="warning",
        what="EFA is on for several nodes, and the placement group is off.",
        why="The nodes may be far apart, which increases latency. Off is right on reserved capacity, and for types "
        "that cannot be in a placement group.",
        wrong="""
            Scheduling:
              SlurmQueues:
                - Networking:
                    PlacementGroup: {Enabled: false}
        """,
        right="""
            Scheduling:
              SlurmQueues:
                - Networking:
                    PlacementGroup: {Enabled: true}
        """,
        source=sources.PLACEMENT,
        vendor="EfaPlacementGroupValidator",
    ),
    Rule(
        "placement-group-name",
        room="config",
        severity="error",
        what="A named placement group is disabled, or has both Name and Id.",
        why="Enabled: false contradicts a name, and Name and Id mean the same.",
        wrong="""
            Scheduling:
              SlurmQueues:
                - Networking:
                    PlacementGroup: {Name: my-group, Enabled: false}
        """,
        right="""
            Scheduling:
              SlurmQueues:
                - Networking:
                    PlacementGroup: {Name: my-group}
        """,
        source=sources.EC2_VALIDATORS,
        vendor="PlacementGroupNamingValidator",
    ),
    Rule(
        "placement-group-unsupported",
        room="config",
        severity="error",
        what="The instance type cannot be in a cluster placement group.",
        why="EC2 refuses to launch it in a cluster placement group.",
        wrong="""
            Scheduling:
              SlurmQueues:
                - Networking: {PlacementGroup: {Enabled: true}}
                  ComputeResources:
                    - InstanceType: vt1.24xlarge
        """,
        right="""
            Scheduling:
              SlurmQueues:
                - Networking: {PlacementGroup: {Enabled: false}}
                  ComputeResources:
                    - InstanceType: vt1.24xlarge
        """,
        source=sources.TYPES,
        vendor="InstanceTypePlacementGroupValidator",
    ),
    Rule(
        "placement-group-mixed",
        room="config",
        severity="warning",
        what="A compute resource with several instance types has one placement group.",
        why="EC2 rarely has capacity for several types near each other.",
        wrong="""
            Scheduling:
              SlurmQueues:
                - ComputeResources:
                    - # InstanceType is missing
                      Instances:
                        - InstanceType: p5.48xlarge
                        - InstanceType: p5e.48xlarge
        """,
        right="""
            Scheduling:
              SlurmQueues:
                - ComputeResources:
                    - InstanceType: p5.48xlarge
        """,
        source=sources.PLACEMENT,
        vendor="InstancesNetworkingValidator",
    ),
    Rule(
        "group-several-zones",
        room="config",
        severity="error",
        what="A queue with several Availability Zones has a placement group.",
        why="A cluster placement group is in one Availability Zone.",
        wrong="""
            Scheduling:
              SlurmQueues:
                - Networking:
                    SubnetIds: [subnet-0123456789abcdef0, subnet-0123456789abcdef1]
                    PlacementGroup: {Enabled: true}
        """,
        right="""
            Scheduling:
              SlurmQueues:
                - Networking:
                    SubnetIds: [subnet-0123456789abcdef0]
                    PlacementGroup: {Enabled: true}
        """,
        source=sources.PLACEMENT,
        vendor="MultiAzPlacementGroupValidator",
    ),
)
