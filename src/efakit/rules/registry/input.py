"""What is said of input that cannot be judged at all."""

from __future__ import annotations

from efakit.rules.registry.row import Rule

RULES = (
    Rule(
        "input-unusable",
        room="input",
        severity="error",
        what="A file, an option or the machine does not allow the command to work.",
        why="The input was not judged. efakit ends with exit code 2 and prints the message on stderr; the formats "
        "for programs (json, sarif, github) have it as this finding.",
        wrong="""
            Scheduling: [
        """,
        right="""
            Scheduling: {}
        """,
        source="docs/cli.md",
    ),
)
