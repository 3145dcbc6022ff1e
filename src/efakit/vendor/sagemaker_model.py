"""A service's own model of its requests, as botocore has it: what CreateTrainingJob and others refuse at sight.

botocore itself holds requests to required keys, types and least lengths. The model says more: enumerations, greatest
lengths and patterns, which the service holds them to.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any


def installed_version() -> str | None:
    """Return the release of botocore that is installed, None without one."""
    try:
        return version("botocore")
    except PackageNotFoundError:
        return None


def refusals(request: Mapping[str, Any], service: str = "sagemaker", operation: str = "CreateTrainingJob") -> list[str]:
    """Return what the model says against a request."""
    from botocore.validate import ParamValidator

    shape = _shape(service, operation)
    report = ParamValidator().validate(dict(request), shape)
    return [*report.generate_report().splitlines(), *_walk(shape, request, "")]


@lru_cache(maxsize=8)
def _shape(service: str, operation: str) -> Any:
    from botocore.loaders import Loader
    from botocore.model import ServiceModel

    model = ServiceModel(Loader().load_service_model(service, "service-2"))
    return model.operation_model(operation).input_shape


def _walk(shape: Any, value: Any, place: str) -> Iterator[str]:
    """Give what botocore does not hold a value to."""
    kind = shape.type_name
    if kind == "structure" and isinstance(value, Mapping):
        for name, item in value.items():
            if name in shape.members:
                yield from _walk(shape.members[name], item, f"{place}.{name}".lstrip("."))
    elif kind == "map" and isinstance(value, Mapping):
        yield from _size(shape, len(value), "entries", place)
        for name, item in value.items():
            yield from _walk(shape.key, name, f"{place} (a name)")
            yield from _walk(shape.value, item, f"{place}.{name}")
    elif kind == "list" and isinstance(value, (list, tuple)):
        yield from _size(shape, len(value), "entries", place)
        for number, item in enumerate(value):
            yield from _walk(shape.member, item, f"{place}[{number}]")
    elif kind == "string" and isinstance(value, str):
        yield from _text(shape, value, place)
    elif kind in ("integer", "long") and isinstance(value, int) and value > shape.metadata.get("max", value):
        yield f"{place}: {value} is more than {shape.metadata['max']}"


def _text(shape: Any, value: str, place: str) -> Iterator[str]:
    yield from _size(shape, len(value), "characters", place)
    if shape.enum and value not in shape.enum:
        yield f"{place}: {value!r} is none of the {len(shape.enum)} values of {shape.name}"
    pattern = _pattern(shape.metadata.get("pattern", ""))
    if pattern is not None and not pattern.fullmatch(value):
        yield f"{place}: {value!r} does not match {shape.metadata['pattern']}"


def _size(shape: Any, size: int, what: str, place: str) -> Iterator[str]:
    most = shape.metadata.get("max")
    if most is not None and size > most:
        yield f"{place}: {size} {what}, at most {most}"


@lru_cache(maxsize=64)
def _pattern(text: str) -> re.Pattern[str] | None:
    """Return a pattern of the model's, None for those that Python cannot read (Java's classes)."""
    try:
        return re.compile(text) if text and text != ".*" else None
    except re.error:
        return None
