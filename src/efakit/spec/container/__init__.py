"""The section ``container``: images that are built, where a job's own ``container`` names one that is there."""

from efakit.spec.sections import Section, later, register, schema_file

_SCHEMA = schema_file(__name__)

register(
    "container",
    Section(
        _SCHEMA["$defs"],
        _SCHEMA["needs"],
        later("efakit.spec.container.model", "build"),
        later("efakit.spec.container.checks", "faults"),
        platform=False,
    ),
)
