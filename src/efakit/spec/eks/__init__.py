"""The section ``eks``: what only an EKS cluster and its jobs say."""

from efakit.spec.eks.checks import faults
from efakit.spec.eks.model import build
from efakit.spec.sections import Section, register, schema_file

_SCHEMA = schema_file(__name__)

register("eks", Section(_SCHEMA["$defs"], _SCHEMA["needs"], build, faults))
