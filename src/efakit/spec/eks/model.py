"""The section as a dataclass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from efakit.catalog.eks import KUBERNETES
from efakit.spec.build import with_tuples


@dataclass(frozen=True, eq=False, repr=False)
class Volume:
    """A claim of storage, and where the pods have it."""

    claim: str
    path: str


@dataclass(frozen=True, eq=False, repr=False)
class Eks:
    """What the spec says of EKS; what is None is decided from the instance type. ``jobs`` None: all that can run."""

    name: str
    version: str = KUBERNETES
    zones: tuple[str, ...] = ()
    subnets: Mapping[str, str] = field(default_factory=dict)
    queue_zones: Mapping[str, str] = field(default_factory=dict)
    nodes: str = "managed"
    devices: str = "plugin"
    ami_family: str | None = None
    ami: str | None = None
    security_groups: tuple[str, ...] = ()
    taint: bool = True
    volume_gib: int = 500
    system_instance: str = "m7i.xlarge"
    system_nodes: int = 2
    namespace: str = "default"
    image: str | None = None
    image_pull_secret: str | None = None
    hugepages_mib: int | None = None
    memory_percent: int = 80
    volumes: tuple[Volume, ...] = ()
    jobs: tuple[str, ...] | None = None


def build(data: Mapping[str, Any]) -> Eks:
    """Return the section, from data that the schema found right."""
    given = with_tuples(data)
    given["volumes"] = tuple(Volume(**volume) for volume in data.get("volumes", ()))
    return Eks(**given)
