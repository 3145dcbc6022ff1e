"""The section ``hyperpod``: what only a SageMaker HyperPod cluster with Slurm says."""

from efakit.spec.sections import Section, later, register, schema_file

_SCHEMA = schema_file(__name__)

register(
    "hyperpod",
    Section(
        _SCHEMA["$defs"],
        _SCHEMA["needs"],
        later("efakit.spec.hyperpod.model", "build"),
        later("efakit.spec.hyperpod.checks", "faults"),
    ),
)
