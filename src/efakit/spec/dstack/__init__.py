"""The section ``dstack``: what only dstack's fleets and tasks say."""

from efakit.spec.sections import Section, later, register, schema_file

_SCHEMA = schema_file(__name__)

register(
    "dstack",
    Section(
        _SCHEMA["$defs"],
        _SCHEMA["needs"],
        later("efakit.spec.dstack.model", "build"),
        later("efakit.spec.dstack.checks", "faults"),
    ),
)
