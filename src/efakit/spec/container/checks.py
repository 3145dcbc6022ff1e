"""What is wrong with the section that the schema cannot see: releases without a row, and what does not go together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from efakit.catalog import images
from efakit.catalog.stacks import EFA_INSTALLERS, efa_installer, nearest_installers
from efakit.finding import Finding
from efakit.nearness import choice
from efakit.spec.faults import At

_HERE = "container"
# Keys that one kind of image alone reads.
_KIND_OF = {"pytorch": "pytorch", "nccl_tests": "pytorch", "neuron": "neuron"}


def faults(data: Mapping[str, Any], at: At) -> Iterator[Finding]:
    """Give the section's faults; ``data`` is the whole spec's."""
    section = data[_HERE]
    kind = section.get("kind", "pytorch")
    for key, wanted in _KIND_OF.items():
        if key in section and kind != wanted:
            message = f"{key} applies to images of kind {wanted}, but this one is of kind {kind}"
            yield at("container-unfit", [_HERE, key], message, f"remove it, or write kind: {wanted}", at_key=True)
    yield from _releases(section, kind, at)
    yield from _base(section, at)
    yield from _flavours(section, kind, at)


def _releases(section: Mapping[str, Any], kind: str, at: At) -> Iterator[Finding]:
    rows = (
        ("pytorch", "PyTorch", [row.version for row in images.PYTORCH]),
        ("neuron", "the Neuron SDK", [row.version for row in images.NEURON_RELEASES]),
    )
    for key, name, known in rows:
        if key in section and section[key] not in known:
            message = f"{name} {section[key]} is not known: efakit cannot choose the releases that work with it"
            yield at("container-unfit", [_HERE, key], message, choice(section[key], known, "known"))
    installer = section.get("installer", images.NEWEST_INSTALLER)
    try:
        row = efa_installer(installer)
    except KeyError:
        fix = f"the nearest are {' and '.join(nearest_installers(installer))}"
        yield at("installer-unknown", [_HERE, "installer"], f"EFA installer {installer} is not known", fix)
        return
    if kind == "pytorch" and row.plugin == "none":
        least = next(item.version for item in EFA_INSTALLERS if item.plugin != "none")
        message = f"EFA installer {installer} has no aws-ofi-nccl: NCCL would use TCP"
        yield at("container-unfit", [_HERE, "installer"], message, f"write {least} or later")


def _base(section: Mapping[str, Any], at: At) -> Iterator[Finding]:
    base = section.get("base", "")
    for name in images.OWN_STACK_IMAGES:
        if base == name or base.startswith((f"{name}:", f"{name}@")):
            message = f"{name} contains its own PyTorch, NCCL and MPI, which hide those that efakit installs"
            fix = "use an image with only CUDA's runtime, such as nvidia/cuda's base images, or remove base"
            yield at("container-unfit", [_HERE, "base"], message, fix)


def _flavours(section: Mapping[str, Any], kind: str, at: At) -> Iterator[Finding]:
    for number, flavour in enumerate(section.get("flavours", [])):
        keys: list[str | int] = [_HERE, "flavours", number]
        why = images.NO_FLAVOUR.get((kind, flavour))
        if why:
            yield at("container-unfit", keys, f"an image of kind {kind} cannot run there: {why}", "take it out")
        if flavour == "eks" and section.get("open_mpi") == "5":
            message = (
                "Open MPI 5 does not read mpi-operator's variables: it runs all ranks on the launcher and exits with 0"
            )
            yield at("container-unfit", [_HERE, "open_mpi"], message, 'write open_mpi: "4"')
