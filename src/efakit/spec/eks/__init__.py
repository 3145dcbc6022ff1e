"""The section ``eks``: what only an EKS cluster and its jobs say."""

from efakit.spec.sections import Section, later, register, schema_file

_SCHEMA = schema_file(__name__)

register(
    "eks",
    Section(
        _SCHEMA["$defs"],
        _SCHEMA["needs"],
        later("efakit.spec.eks.model", "build"),
        later("efakit.spec.eks.checks", "faults"),
    ),
)
