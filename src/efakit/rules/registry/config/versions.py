"""Rules for configs: what the release lacks, or no longer has."""

from __future__ import annotations

from efakit.rules.registry.config import sources
from efakit.rules.registry.row import Rule

RULES = (
    Rule(
        "release-unknown",
        room="config spec",
        severity="warning",
        what="efakit has no row for the ParallelCluster release that a config is judged for, or that a spec names.",
        why="efakit does not know the operating systems, the Slurm and the EFA installer of the release, so rules "
        "about them find nothing. efakit needs them to render a spec, so it refuses the spec.",
        wrong="Region: us-east-1",
        right="Region: us-east-1",
        given={"parallelcluster": "3.10.0"},
        right_given={"parallelcluster": "3.16.3"},
        source=sources.CHANGELOG,
    ),
    Rule(
        "key-not-in-release",
        room="config",
        severity="error",
        what="The release of ParallelCluster does not have the key; another release has it.",
        why="pcluster refuses keys that were added in a later release or removed in an earlier one.",
        wrong="DevSettings: {EfaInterfaceType: efa}",
        right="DevSettings: {EfaInterfaceType: efa}",
        given={"parallelcluster": "3.14.0"},
        right_given={"parallelcluster": "3.15.0"},
        source=sources.CHANGELOG,
        vendor="ConfigSchema",
    ),
    Rule(
        "os-not-in-release",
        room="config",
        severity="error",
        what="The release does not support the operating system.",
        why="In this release pcluster has no image for the system and refuses the config.",
        wrong="Image: {Os: alinux2}",
        right="Image: {Os: alinux2023}",
        given={"parallelcluster": "3.16.3"},
        source=sources.CONSTANTS,
        vendor="ConfigSchema",
        stops_render=True,
    ),
    Rule(
        "scheduler-not-in-release",
        room="config",
        severity="error",
        what="The release does not have the scheduler.",
        why="ParallelCluster 3.16.0 removed AWS Batch. Since then Slurm is the only scheduler.",
        wrong="Scheduling: {Scheduler: awsbatch}",
        right="Scheduling: {Scheduler: slurm}",
        given={"parallelcluster": "3.16.3"},
        source=sources.CHANGELOG,
        vendor="ConfigSchema",
    ),
)
