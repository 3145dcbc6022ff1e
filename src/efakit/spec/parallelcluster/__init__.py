"""The section ``parallelcluster``: what only AWS ParallelCluster's config says."""

from efakit.spec.parallelcluster.build import build
from efakit.spec.parallelcluster.checks import faults
from efakit.spec.sections import Section, register, schema_file

_SCHEMA = schema_file(__name__)

register("parallelcluster", Section(_SCHEMA["$defs"], _SCHEMA["needs"], build, faults))
