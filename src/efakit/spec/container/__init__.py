"""The section ``container``: images that are built, where a job's own ``container`` names one that is there."""

from efakit.spec.container.checks import faults
from efakit.spec.container.model import build
from efakit.spec.sections import Section, register, schema_file

_SCHEMA = schema_file(__name__)

register("container", Section(_SCHEMA["$defs"], _SCHEMA["needs"], build, faults, platform=False))
