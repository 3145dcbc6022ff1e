"""What is said of input that cannot be judged at all."""

from __future__ import annotations

from efakit.rules.registry.row import Rule

RULES = (
    Rule(
        "input-unusable",
        room="input",
        severity="error",
        what="A file, an option or the machine does not allow what was asked for.",
        why="Nothing was judged, so nothing is known about the rest. efakit ends with 2 and says the same on stderr; "
        "the finding stands in the output of the formats that programs read.",
        wrong="""
            Scheduling: [
        """,
        right="""
            Scheduling: {}
        """,
        source="docs/cli.md",
    ),
)
