"""Rules for configs: Capacity Blocks, reservations, counts, usage classes, UltraServers."""

from __future__ import annotations

from efakit.rules.registry.config import sources
from efakit.rules.registry.row import Rule

RULES = (
    Rule(
        "counts",
        room="config",
        severity="error",
        what="MinCount is larger than MaxCount; in a spec, min_nodes is larger than nodes.",
        why="ParallelCluster cannot keep more nodes running than the compute resource may have.",
        wrong="""
            Scheduling:
              SlurmQueues:
                - ComputeResources:
                    - MinCount: 8
                      MaxCount: 4
        """,
        right="""
            Scheduling:
              SlurmQueues:
                - ComputeResources:
                    - MinCount: 4
                      MaxCount: 4
        """,
        source=sources.CLUSTER_VALIDATORS,
        vendor="ComputeResourceSizeValidator",
        stops_render=True,
    ),
    Rule(
        "block-without-reservation",
        room="config",
        severity="error",
        what="A queue has CapacityType CAPACITY_BLOCK (capacity: capacity-block in a spec), and one of its compute "
        "resources names no Capacity Block.",
        why="EC2 starts instances of a block only with the block's id. A resource group of reservations is not enough.",
        wrong="""
            Scheduling:
              SlurmQueues:
                - CapacityType: CAPACITY_BLOCK
                  Networking: {PlacementGroup: {Enabled: false}}
                  ComputeResources:
                    - InstanceType: p5.48xlarge
                      MinCount: 4
                      MaxCount: 4
        """,
        right="""
            Scheduling:
              SlurmQueues:
                - CapacityType: CAPACITY_BLOCK
                  Networking: {PlacementGroup: {Enabled: false}}
                  ComputeResources:
                    - InstanceType: p5.48xlarge
                      MinCount: 4
                      MaxCount: 4
                      CapacityReservationTarget: {CapacityReservationId: cr-0123456789abcdef0}
        """,
        source=sources.BLOCKS,
        vendor="CapacityTypeValidator",
        stops_render=True,
    ),
    Rule(
        "block-counts",
        room="config",
        severity="error",
        what="A compute resource on a Capacity Block has a MinCount that is 0 or differs from MaxCount.",
        why="A block is paid for as a whole, and ParallelCluster starts all of its nodes at once.",
        wrong="""
            Scheduling:
              SlurmQueues:
                - CapacityType: CAPACITY_BLOCK
                  Networking: {PlacementGroup: {Enabled: false}}
                  ComputeResources:
                    - MinCount: 0
                      MaxCount: 4
                      CapacityReservationTarget: {CapacityReservationId: cr-0123456789abcdef0}
        """,
        right="""
            Scheduling:
              SlurmQueues:
                - CapacityType: CAPACITY_BLOCK
                  Networking: {PlacementGroup: {Enabled: false}}
                  ComputeResources:
                    - MinCount: 4
                      MaxCount: 4
                      CapacityReservationTarget: {CapacityReservationId: cr-0123456789abcdef0}
        """,
        source=sources.BLOCKS,
        vendor="ComputeResourceSizeValidator",
    ),
    Rule(
        "block-placement-group",
        room="config",
        severity="warning",
        what="A compute resource on a Capacity Block asks for a placement group.",
        why="The instances of a block are already placed. With a placement group the launch can fail with "
        "insufficient capacity.",
        wrong="""
            Scheduling:
              SlurmQueues:
                - CapacityType: CAPACITY_BLOCK
                  Networking: {PlacementGroup: {Enabled: true}}
                  ComputeResources:
                    - MinCount: 4
                      MaxCount: 4
                      CapacityReservationTarget: {CapacityReservationId: cr-0123456789abcdef0}
        """,
        right="""
            Scheduling:
              SlurmQueues:
                - CapacityType: CAPACITY_BLOCK
                  Networking: {PlacementGroup: {Enabled: false}}
                  ComputeResources:
                    - MinCount: 4
                      MaxCount: 4
                      CapacityReservationTarget: {CapacityReservationId: cr-0123456789abcdef0}
        """,
        source=sources.BLOCKS,
        vendor="PlacementGroupCapacityTypeValidator",
    ),
    Rule(
        "reservation-managed-group",
        room="config",
        severity="warning",
        what="A compute resource uses a capacity reservation and a placement group that ParallelCluster makes.",
        why="ParallelCluster creates the group with the cluster, after the reservation, so the reservation is not in "
        "the group. Reserved capacity that is not near enough by chance cannot be used (aws/aws-parallelcluster "
        "issue 4215).",
        wrong="""
            Scheduling:
              SlurmQueues:
                - Networking: {PlacementGroup: {Enabled: true}}
                  ComputeResources:
                    - CapacityReservationTarget: {CapacityReservationId: cr-0123456789abcdef0}
        """,
        right="""
            Scheduling:
              SlurmQueues:
                - Networking: {PlacementGroup: {Enabled: false}}
                  ComputeResources:
                    - CapacityReservationTarget: {CapacityReservationId: cr-0123456789abcdef0}
        """,
        source=sources.RESERVATIONS,
        vendor="PlacementGroupCapacityReservationValidator",
    ),
    Rule(
        "reservation-target",
        room="config",
        severity="error",
        what="CapacityReservationTarget names neither a reservation nor a resource group.",
        why="pcluster refuses a target without either.",
        wrong="""
            Scheduling:
              SlurmQueues:
                - ComputeResources:
                    - CapacityReservationTarget: {}
        """,
        right="""
            Scheduling:
              SlurmQueues:
                - ComputeResources:
                    - CapacityReservationTarget: {CapacityReservationId: cr-0123456789abcdef0}
        """,
        source=sources.SCHEMA,
        vendor="ConfigSchema",
    ),
    Rule(
        "reservation-id",
        room="config",
        severity="error",
        what="CapacityReservationId does not have the form of a reservation's id.",
        why="An id is cr- followed by 8 to 17 hexadecimal digits. pcluster accepts other values, such as NA, and EC2 "
        "then refuses the launch.",
        wrong="""
            Scheduling:
              SlurmQueues:
                - ComputeResources:
                    - CapacityReservationTarget: {CapacityReservationId: NA}
        """,
        right="""
            Scheduling:
              SlurmQueues:
                - ComputeResources:
                    - CapacityReservationTarget: {CapacityReservationId: cr-0123456789abcdef0}
        """,
        source=sources.RESERVATION_IDS,
        stricter="only AWS knows whether a reservation exists; efakit refuses a value that cannot be an id, such as NA",
    ),
    Rule(
        "reservation-with-list",
        room="config",
        severity="error",
        what="A compute resource lists instance types and names one reservation.",
        why="A reservation is for one instance type. A resource group can hold reservations for several types.",
        wrong="""
            Scheduling:
              SlurmQueues:
                - ComputeResources:
                    - # InstanceType is missing
                      Instances:
                        - InstanceType: p5.48xlarge
                        - InstanceType: p5e.48xlarge
                      CapacityReservationTarget: {CapacityReservationId: cr-0123456789abcdef0}
        """,
        right="""
            Scheduling:
              SlurmQueues:
                - ComputeResources:
                    - InstanceType: p5.48xlarge
                      CapacityReservationTarget: {CapacityReservationId: cr-0123456789abcdef0}
        """,
        source=sources.EC2_VALIDATORS,
        vendor="CapacityReservationValidator",
    ),
    Rule(
        "reservation-of-two-types",
        room="config",
        severity="error",
        what="Compute resources of different instance types name the same reservation.",
        why="A reservation is for one instance type, so nodes of the other type never start.",
        wrong="""
            Scheduling:
              SlurmQueues:
                - ComputeResources:
                    - Name: p5
                      InstanceType: p5.48xlarge
                      CapacityReservationTarget: {CapacityReservationId: cr-0123456789abcdef0}
                    - Name: p4d
                      InstanceType: p4d.24xlarge
                      CapacityReservationTarget: {CapacityReservationId: cr-0123456789abcdef0}
        """,
        right="""
            Scheduling:
              SlurmQueues:
                - ComputeResources:
                    - Name: p5
                      InstanceType: p5.48xlarge
                      CapacityReservationTarget: {CapacityReservationId: cr-0123456789abcdef0}
                    - Name: p4d
                      InstanceType: p4d.24xlarge
                      CapacityReservationTarget: {CapacityReservationId: cr-0123456789abcdef1}
        """,
        source=sources.EC2_VALIDATORS,
        vendor="CapacityReservationValidator",
    ),
    Rule(
        "usage-class",
        room="config",
        severity="error",
        what="EC2 does not sell the instance type with the queue's CapacityType (capacity in a spec).",
        why="If EC2 does not offer a type as spot or as a Capacity Block, its nodes never start.",
        wrong="""
            Scheduling:
              SlurmQueues:
                - CapacityType: SPOT
                  ComputeResources:
                    - InstanceType: hpc7a.96xlarge
        """,
        right="""
            Scheduling:
              SlurmQueues:
                - CapacityType: ONDEMAND
                  ComputeResources:
                    - InstanceType: hpc7a.96xlarge
        """,
        given={"region": "us-east-2"},
        source=sources.TYPES,
        vendor="CapacityTypeValidator",
        stops_render=True,
    ),
    Rule(
        "spot-with-reservation",
        room="config",
        severity="error",
        what="A queue with CapacityType SPOT (capacity: spot in a spec) has a capacity reservation.",
        why="EC2 starts only On-Demand instances in a capacity reservation.",
        wrong="""
            Scheduling:
              SlurmQueues:
                - CapacityType: SPOT
                  ComputeResources:
                    - InstanceType: p5.48xlarge
                      CapacityReservationTarget: {CapacityReservationId: cr-0123456789abcdef0}
        """,
        right="""
            Scheduling:
              SlurmQueues:
                - CapacityType: ONDEMAND
                  ComputeResources:
                    - InstanceType: p5.48xlarge
                      CapacityReservationTarget: {CapacityReservationId: cr-0123456789abcdef0}
        """,
        source="https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-capacity-reservations.html",
        stricter="pcluster does not compare the two; the cluster would be created, and its nodes would never start",
        stops_render=True,
    ),
    Rule(
        "allocation-strategy",
        room="config",
        severity="error",
        what="The queue's CapacityType does not support this AllocationStrategy.",
        why="On-Demand queues support lowest-price and prioritized. Spot queues support lowest-price and the "
        "capacity-optimized strategies. Capacity Blocks support none.",
        wrong="""
            Scheduling:
              SlurmQueues:
                - CapacityType: ONDEMAND
                  AllocationStrategy: capacity-optimized
                  ComputeResources:
                    - # InstanceType is missing
                      Instances:
                        - InstanceType: p5.48xlarge
        """,
        right="""
            Scheduling:
              SlurmQueues:
                - CapacityType: ONDEMAND
                  AllocationStrategy: lowest-price
                  ComputeResources:
                    - # InstanceType is missing
                      Instances:
                        - InstanceType: p5.48xlarge
        """,
        source=sources.INSTANCES_VALIDATORS,
        vendor="InstancesAllocationStrategyValidator",
    ),
    Rule(
        "spot-price",
        room="config",
        severity="warning",
        what="SpotPrice is set in a queue whose CapacityType is not SPOT.",
        why="It has no effect there.",
        wrong="""
            Scheduling:
              SlurmQueues:
                - CapacityType: ONDEMAND
                  ComputeResources:
                    - SpotPrice: 30
        """,
        right="""
            Scheduling:
              SlurmQueues:
                - CapacityType: SPOT
                  ComputeResources:
                    - SpotPrice: 30
        """,
        source=sources.SCHEDULING,
    ),
    Rule(
        "ultraserver-too-large",
        room="config",
        severity="error",
        what="Compute resources ask for more nodes on one Capacity Block than an UltraServer has.",
        why="A block of p6e-gb200 has 9 or 18 nodes. Further nodes never start.",
        wrong="""
            HeadNode:
              InstanceType: m7g.2xlarge
            Scheduling:
              SlurmQueues:
                - CapacityType: CAPACITY_BLOCK
                  Networking: {PlacementGroup: {Enabled: false}}
                  ComputeResources:
                    - InstanceType: p6e-gb200.36xlarge
                      MinCount: 20
                      MaxCount: 20
                      CapacityReservationTarget: {CapacityReservationId: cr-0123456789abcdef0}
        """,
        right="""
            HeadNode:
              InstanceType: m7g.2xlarge
            Scheduling:
              SlurmQueues:
                - CapacityType: CAPACITY_BLOCK
                  Networking: {PlacementGroup: {Enabled: false}}
                  ComputeResources:
                    - InstanceType: p6e-gb200.36xlarge
                      MinCount: 18
                      MaxCount: 18
                      CapacityReservationTarget: {CapacityReservationId: cr-0123456789abcdef0}
        """,
        source=sources.CONSTANTS,
        vendor="CapacityReservationSizeValidator",
        stricter="pcluster asks AWS for the block's size; efakit refuses more nodes than any block has",
    ),
    Rule(
        "ultraserver-part",
        room="config",
        severity="warning",
        what="The nodes on an UltraServer's Capacity Block are not a whole UltraServer.",
        why="A block of p6e-gb200 has 9 or 18 nodes and is paid for as a whole. The unused nodes stay idle.",
        wrong="""
            HeadNode:
              InstanceType: m7g.2xlarge
            Scheduling:
              SlurmQueues:
                - CapacityType: CAPACITY_BLOCK
                  Networking: {PlacementGroup: {Enabled: false}}
                  ComputeResources:
                    - InstanceType: p6e-gb200.36xlarge
                      MinCount: 8
                      MaxCount: 8
                      CapacityReservationTarget: {CapacityReservationId: cr-0123456789abcdef0}
        """,
        right="""
            HeadNode:
              InstanceType: m7g.2xlarge
            Scheduling:
              SlurmQueues:
                - CapacityType: CAPACITY_BLOCK
                  Networking: {PlacementGroup: {Enabled: false}}
                  ComputeResources:
                    - InstanceType: p6e-gb200.36xlarge
                      MinCount: 9
                      MaxCount: 9
                      CapacityReservationTarget: {CapacityReservationId: cr-0123456789abcdef0}
        """,
        source=sources.CONSTANTS,
    ),
    Rule(
        "idle-time",
        room="config",
        severity="warning",
        what="ScaledownIdletime keeps idle nodes running for two hours or longer, or without end.",
        why="ScaledownIdletime is in minutes; Slurm's SuspendTime is in seconds. With -1 no node is stopped. Idle "
        "nodes cost as much as busy ones.",
        wrong="""
            Scheduling:
              SlurmSettings: {ScaledownIdletime: 300}
        """,
        right="""
            Scheduling:
              SlurmSettings: {ScaledownIdletime: 10}
        """,
        source=sources.SCHEDULING,
    ),
    Rule(
        "static-nodes",
        room="config",
        severity="warning",
        what="On-Demand nodes with many accelerators run all the time.",
        why="MinCount nodes run from the creation of the cluster to its deletion, at the full price, also without "
        "jobs.",
        wrong="""
            Scheduling:
              SlurmQueues:
                - ComputeResources:
                    - {InstanceType: p5.48xlarge, MinCount: 4, MaxCount: 4}
        """,
        right="""
            Scheduling:
              SlurmQueues:
                - ComputeResources:
                    - {InstanceType: p5.48xlarge, MinCount: 0, MaxCount: 4}
        """,
        source=sources.SCHEDULING,
    ),
)
