"""The section of a spec that this platform is planned from."""

from __future__ import annotations

from efakit.spec.model import Spec
from efakit.spec.parallelcluster.model import ParallelCluster


def section_of(spec: Spec) -> ParallelCluster:
    """Return the section; raise LookupError for a spec without it."""
    section = spec.section(ParallelCluster)
    if section is None:
        raise LookupError("the spec has no section 'parallelcluster'")
    return section
