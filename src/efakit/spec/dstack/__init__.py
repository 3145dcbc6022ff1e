"""The section ``dstack``: what only dstack's fleets and tasks say."""

from efakit.spec.dstack.checks import faults
from efakit.spec.dstack.model import build
from efakit.spec.sections import Section, register, schema_file

_SCHEMA = schema_file(__name__)

register("dstack", Section(_SCHEMA["$defs"], _SCHEMA["needs"], build, faults))
