"""The section as a dataclass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from efakit.catalog.images import NEWEST_INSTALLER, PYTORCH
from efakit.spec.build import with_tuples


@dataclass(frozen=True, eq=False, repr=False)
class Image:
    """What the spec says of the image."""

    kind: str = "pytorch"
    flavours: tuple[str, ...] = ("slurm",)
    name: str = "efa"
    pytorch: str = PYTORCH[0].version
    installer: str = NEWEST_INSTALLER
    packages: tuple[str, ...] = ()


def build(data: Mapping[str, Any]) -> Image:
    """Return the section, from data that the schema and the further checks found right."""
    return Image(**with_tuples(data))
