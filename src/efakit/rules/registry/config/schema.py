"""Rules for configs: keys and values by themselves."""

from __future__ import annotations

from efakit.rules.registry.config import sources
from efakit.rules.registry.row import Rule

RULES = (
    Rule(
        "config-shape",
        room="config",
        severity="error",
        what="The file has no mapping at the top level.",
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
        room="config spec",
        severity="error",
        what="No release of ParallelCluster has the key, or a spec does not have it at this place.",
        why="pcluster refuses a config with a key that its schema does not have, and efakit refuses such a spec. The "
        "key is usually misspelt.",
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
        room="config spec",
        severity="error",
        what="A key is missing that the release, or a spec, requires.",
        why="pcluster refuses a section without its required keys. A platform's section of a spec may require keys "
        "elsewhere.",
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
        room="config spec",
        severity="error",
        what="A value does not have the type of its key.",
        why="pcluster converts text to a number or to true or false where it can, and refuses other values. efakit "
        "converts nothing in a spec.",
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
        room="config spec",
        severity="error",
        what="The key does not allow the value: it is not one of the choices, has the wrong form, or is too small or "
        "too large.",
        why="The schema of pcluster, or of the spec, refuses the value. The allowed values may differ between "
        "releases.",
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
        room="config spec",
        severity="error",
        what="Two keys of a section are set, and only one of them may be set.",
        why="pcluster cannot know which of the two is meant, and refuses the config. In a spec these are subnet and "
        "subnets, and reservation and reservation_group.",
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
