"""The platform ParallelCluster: what is decided for its config alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from efakit.plan.parallelcluster.plan import plan_parallelcluster
from efakit.plan.parallelcluster.pyxis import pyxis_findings
from efakit.plan.parallelcluster.releases import release_findings
from efakit.plan.parallelcluster.site import slurm_site
from efakit.plan.parallelcluster.software import software
from efakit.plan.platforms import Platform, register

if TYPE_CHECKING:
    from efakit.finding import Finding
    from efakit.plan.plan import Plan


def _findings(plan: Plan) -> Iterator[Finding]:
    yield from pyxis_findings(plan)
    yield from release_findings(plan)


register("parallelcluster", Platform(plan_parallelcluster, software, slurm_site, _findings))
