"""The section ``sagemaker``: what only SageMaker's training jobs say."""

from efakit.spec.sagemaker.checks import faults
from efakit.spec.sagemaker.model import build
from efakit.spec.sections import Section, register, schema_file

_SCHEMA = schema_file(__name__)

register("sagemaker", Section(_SCHEMA["$defs"], _SCHEMA["needs"], build, faults))
