"""The section as a dataclass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from efakit.spec.build import with_tuples


@dataclass(frozen=True, eq=False, repr=False)
class SageMaker:
    """What the spec says of SageMaker; ``jobs`` None: all that can be training jobs.

    ``output`` is an address such as s3://my-bucket/efa; ``stack`` holds the versions in ``image``, by component.
    """

    role: str
    output: str
    image: str
    stack: Mapping[str, str] = field(default_factory=dict)
    sdk: int = 3
    smddp: bool = False
    pytorch: str | None = None
    source: str | None = None
    inputs: Mapping[str, str] = field(default_factory=dict)
    volume_gb: int = 100
    max_hours: int = 24
    keep_alive_minutes: int | None = None
    training_plan: str | None = None
    security_groups: tuple[str, ...] = ()
    jobs: tuple[str, ...] | None = None

    @property
    def bucket(self) -> str:
        """The bucket of ``output``."""
        return self.output.removeprefix("s3://").partition("/")[0]

    @property
    def prefix(self) -> str:
        """What follows the bucket in ``output``, without slashes at its ends."""
        return self.output.removeprefix("s3://").partition("/")[2].strip("/")


def build(data: Mapping[str, Any]) -> SageMaker:
    """Return the section, from data that the schema found right."""
    return SageMaker(**{"sdk": 2 if data.get("smddp") else 3, **with_tuples(data)})
