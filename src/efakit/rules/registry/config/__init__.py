"""Rules for ParallelCluster configs, by the modules of ``lint/config`` that ask them."""

from __future__ import annotations

from efakit.rules.registry.config import (
    capacity,
    head,
    instances,
    names,
    network,
    placement,
    releases,
    schema,
    slurm,
    storage,
    versions,
)

RULES = (
    *schema.RULES,
    *versions.RULES,
    *names.RULES,
    *instances.RULES,
    *head.RULES,
    *capacity.RULES,
    *placement.RULES,
    *network.RULES,
    *slurm.RULES,
    *storage.RULES,
    *releases.RULES,
)
