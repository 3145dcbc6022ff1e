"""The section as a dataclass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from efakit.spec.build import with_tuples


@dataclass(frozen=True, eq=False, repr=False)
class Dstack:
    """What the spec says of dstack; ``jobs`` None: all that dstack can run."""

    vpc: str | None = None
    public_ips: bool = False
    idle_duration: str = "10m"
    disk: str | None = None
    shm_size: str | None = None
    python: str = "3.12"
    files: tuple[str, ...] = ()
    jobs: tuple[str, ...] | None = None


def build(data: Mapping[str, Any]) -> Dstack:
    """Return the section, from data that the schema found right."""
    return Dstack(**with_tuples(data))
