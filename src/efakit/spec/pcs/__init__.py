"""The section ``pcs``: what only a cluster of AWS PCS says."""

from efakit.spec.sections import Section, later, register, schema_file

_SCHEMA = schema_file(__name__)

register(
    "pcs",
    Section(
        _SCHEMA["$defs"],
        _SCHEMA["needs"],
        later("efakit.spec.pcs.model", "build"),
        later("efakit.spec.pcs.checks", "faults"),
    ),
)
