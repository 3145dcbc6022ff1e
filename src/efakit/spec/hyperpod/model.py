"""The section as a dataclass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from efakit.spec.build import with_tuples


@dataclass(frozen=True, eq=False, repr=False)
class Fsx:
    """A file system that all instances mount."""

    dns_name: str
    mount_name: str
    mount: str = "/fsx"


@dataclass(frozen=True, eq=False, repr=False)
class HyperPod:
    """What the spec says of HyperPod."""

    name: str
    execution_role: str
    security_groups: tuple[str, ...]
    lifecycle: str
    stage: str = "OnInitComplete"
    controller_instance: str = "m5.2xlarge"
    login_instance: str | None = None
    slurm_config_strategy: str = "Merge"
    node_recovery: str = "Automatic"
    deep_health_checks: tuple[str, ...] = ()
    volume_gib: int = 500
    fsx: Fsx | None = None
    training_plan: str | None = None
    efa_interface_type: str | None = None
    overrides: Mapping[str, Any] = field(default_factory=dict)


def build(data: Mapping[str, Any]) -> HyperPod:
    """Return the section, from data that the schema found right."""
    given = with_tuples(data)
    if "fsx" in data:
        given["fsx"] = Fsx(**data["fsx"])
    return HyperPod(**given)
