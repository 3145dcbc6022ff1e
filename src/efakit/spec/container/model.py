"""The section as a dataclass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from efakit.catalog.images import NCCL_TESTS_TAG, NEURON_RELEASES, NEWEST_INSTALLER, PYTORCH
from efakit.spec.build import with_tuples


@dataclass(frozen=True, eq=False, repr=False)
class Image:
    """What the spec says of the image; ``base`` None: the one that fits."""

    kind: str = "pytorch"
    flavours: tuple[str, ...] = ("slurm",)
    name: str = "efa"
    base: str | None = None
    pytorch: str = PYTORCH[0].version
    neuron: str = NEURON_RELEASES[0].version
    installer: str = NEWEST_INSTALLER
    open_mpi: str = "4"
    nccl_tests: str = NCCL_TESTS_TAG
    packages: tuple[str, ...] = ()


def build(data: Mapping[str, Any]) -> Image:
    """Return the section, from data that the schema and the further checks found right."""
    return Image(**with_tuples(data))
