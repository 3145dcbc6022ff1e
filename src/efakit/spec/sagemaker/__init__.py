"""The section ``sagemaker``: what only SageMaker's training jobs say."""

from efakit.spec.sections import Section, later, register, schema_file

_SCHEMA = schema_file(__name__)

register(
    "sagemaker",
    Section(
        _SCHEMA["$defs"],
        _SCHEMA["needs"],
        later("efakit.spec.sagemaker.model", "build"),
        later("efakit.spec.sagemaker.checks", "faults"),
    ),
)
