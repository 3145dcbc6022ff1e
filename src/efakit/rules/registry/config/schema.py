"""Rules for configs: keys and values by themselves."""

from __future__ import annotations

from efakit.rules.registry.config import sources
from efakit.rules.registry.row import Rule

RULES = (
    Rule(
        "config-shape",
        room="config",
        severity="error",
        what="The file holds no mapping at the top.",
        why="A cluster config is a mapping with keys such as Region, HeadNode and Scheduling. pcluster refuses "
        "anything else.",
        wrong="""
            - Region: us-east-1
            - Image: {Os: alinux2023}
        """,
        right="""
            Region: us-east-1
            Image: {Os: alinux2023}
        """,
        source=sources.SCHEMA,
        vendor="ConfigSchema",
    ),
    Rule(
        "unknown-key",
        room="config",
        severity="error",
        what="A key exists in no release of ParallelCluster.",
        why="pcluster refuses a config with a key that its schema does not have. Most are misspelt.",
        wrong="""
            Scheduling:
              SlurmQueues:
                - ComputeResources:
                    - EFA: {Enabled: true}
        """,
        right="""
            Scheduling:
              SlurmQueues:
                - ComputeResources:
                    - Efa: {Enabled: true}
        """,
        source=sources.SCHEMA,
        vendor="ConfigSchema",
    ),
    Rule(
        "missing-key",
        room="config",
        severity="error",
        what="A key that the release requires is missing.",
        why="pcluster refuses a section without its required keys.",
        wrong="""
            HeadNode:
              # InstanceType is missing
        """,
        right="""
            HeadNode:
              InstanceType: m7i.2xlarge
        """,
        source=sources.SCHEMA,
        vendor="ConfigSchema",
    ),
    Rule(
        "wrong-type",
        room="config",
        severity="error",
        what="A value has another type than its key takes.",
        why="pcluster converts texts to numbers and to true or false where it can, and refuses the rest.",
        wrong="""
            Scheduling:
              SlurmQueues:
                - ComputeResources:
                    - MaxCount: four
        """,
        right="""
            Scheduling:
              SlurmQueues:
                - ComputeResources:
                    - MaxCount: 4
        """,
        source=sources.SCHEMA,
        vendor="ConfigSchema",
    ),
    Rule(
        "value-not-allowed",
        room="config",
        severity="error",
        what="A value is outside what its key allows: its choices, its form, its least or its most.",
        why="pcluster's schema refuses the value. What a key allows may differ between releases.",
        wrong="""
            Scheduling:
              SlurmQueues:
                - CapacityType: ON_DEMAND
        """,
        right="""
            Scheduling:
              SlurmQueues:
                - CapacityType: ONDEMAND
        """,
        source=sources.SCHEMA,
        vendor="ConfigSchema",
    ),
    Rule(
        "exclude-each-other",
        room="config",
        severity="error",
        what="Two keys of a section are set of which only one may be set.",
        why="pcluster cannot tell which of the two is meant, and refuses the config.",
        wrong="""
            HeadNode:
              Networking:
                SecurityGroups: [sg-0123456789abcdef0]
                AdditionalSecurityGroups: [sg-0123456789abcdef0]
        """,
        right="""
            HeadNode:
              Networking:
                AdditionalSecurityGroups: [sg-0123456789abcdef0]
        """,
        source=sources.SCHEMA,
        vendor="ConfigSchema",
    ),
)
