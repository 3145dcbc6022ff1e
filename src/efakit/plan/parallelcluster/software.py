"""Decides what ParallelCluster installs on the nodes: what its release brings, and what the spec names."""

from __future__ import annotations

from dataclasses import asdict

from efakit.catalog.stacks import parallelcluster_release, stack_of
from efakit.plan.parallelcluster.section import section_of
from efakit.plan.stack import Software
from efakit.spec.model import Spec


def software(spec: Spec) -> Software:
    """Return the nodes' software; raise KeyError for a release that has no row."""
    section = section_of(spec)
    parallelcluster_release(section.version)  # stack_of also knows releases that efakit writes no config for
    own_images = frozenset(queue.name for queue in spec.cluster.queues if section.ami or section.queue(queue.name).ami)
    return Software(stack_of(section.version, **asdict(spec.cluster.stack)), section.os, own_images)
