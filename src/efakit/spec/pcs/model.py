"""The section as a dataclass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from efakit.spec.build import with_tuples


@dataclass(frozen=True, eq=False, repr=False)
class Pcs:
    """What the spec says of AWS PCS; what is None is decided from the queues."""

    name: str
    security_groups: tuple[str, ...]
    instance_profile: str
    slurm: str = "25.11"
    size: str = "SMALL"
    controller_subnet: str | None = None
    ami: str | None = None
    key: str | None = None
    volume_gib: int = 200
    login_instance: str | None = None
    scale_down_idle_seconds: int = 600
    accounting: bool = False
    on_error: str = "CONTINUE"
    slurm_settings: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    overrides: Mapping[str, Any] = field(default_factory=dict)


def build(data: Mapping[str, Any]) -> Pcs:
    """Return the section, from data that the schema found right."""
    return Pcs(**with_tuples(data))
