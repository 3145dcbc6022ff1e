"""Rules about specs."""

from __future__ import annotations

from efakit.rules.registry.row import Rule

_SCHEMA = "docs/spec.md"

RULES = (
    Rule(
        "spec",
        room="spec",
        severity="error",
        what="The spec has a fault: a key, a value, or things that do not go together.",
        why="efakit renders no bundle from it. The message has the key and says what to write.",
        wrong="""
            jobs:
              - {name: train, template: torchrun, nods: 4, script: train.py}
        """,
        right="""
            jobs:
              - {name: train, template: torchrun, nodes: 4, script: train.py}
        """,
        source=_SCHEMA,
    ),
)
