"""The platform ParallelCluster: what is decided for its config alone."""

from efakit.plan.parallelcluster.plan import plan_parallelcluster
from efakit.plan.parallelcluster.pyxis import pyxis_findings
from efakit.plan.parallelcluster.site import slurm_site
from efakit.plan.parallelcluster.software import software
from efakit.plan.platforms import Platform, register

register("parallelcluster", Platform(plan_parallelcluster, software, slurm_site, pyxis_findings))
