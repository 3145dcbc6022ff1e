"""What is wrong with the section that the schema cannot see: releases that have no row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from efakit.catalog.images import NEWEST_INSTALLER, PYTORCH
from efakit.catalog.stacks import efa_installer, nearest_installers
from efakit.finding import Finding
from efakit.spec.faults import At
from efakit.spec.nearness import choice

_HERE = "container"


def faults(data: Mapping[str, Any], at: At) -> Iterator[Finding]:
    """Give the section's faults; ``data`` is the whole spec's."""
    section = data[_HERE]
    wanted = section.get("pytorch")
    known = [row.version for row in PYTORCH]
    if wanted is not None and wanted not in known:
        message = f"no NCCL is known for PyTorch {wanted}"
        yield at("pytorch-unknown", [_HERE, "pytorch"], message, choice(wanted, known, "known"))
    if wanted is not None and section.get("kind") == "mpi":
        yield at("pytorch-unknown", [_HERE, "pytorch"], "an image of kind mpi has no PyTorch", "remove it")
    installer = section.get("installer", NEWEST_INSTALLER)
    try:
        efa_installer(installer)
    except KeyError:
        message = f"EFA installer {installer} is not known"
        yield at(
            "installer-unknown", [_HERE, "installer"], message, f"write {' or '.join(nearest_installers(installer))}"
        )
