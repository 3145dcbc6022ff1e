"""How many ranks a Neuron device takes: rows by EC2's name of the device."""

from __future__ import annotations

from typing import NamedTuple

_ARCHITECTURE = "https://awsdocs-neuron.readthedocs-hosted.com/en/latest/about-neuron/arch/"
_LOGICAL = _ARCHITECTURE + "neuron-features/logical-neuroncore-config.html"


class NeuronDevice(NamedTuple):
    """A kind of Neuron device: physical NeuronCores, and how many of them make one logical core by default."""

    name: str
    cores: int
    cores_of_a_logical_core: int
    source: str


NEURON_DEVICES = (
    NeuronDevice(
        name="Inferentia", cores=4, cores_of_a_logical_core=1, source=_ARCHITECTURE + "neuron-hardware/inferentia.html"
    ),
    NeuronDevice(
        name="Inferentia2",
        cores=2,
        cores_of_a_logical_core=1,
        source=_ARCHITECTURE + "neuron-hardware/inferentia2.html",
    ),
    NeuronDevice(
        name="Trainium", cores=2, cores_of_a_logical_core=1, source=_ARCHITECTURE + "neuron-hardware/trainium.html"
    ),
    # NEURON_LOGICAL_NC_CONFIG is 2 by default there.
    NeuronDevice(name="Trainium2", cores=8, cores_of_a_logical_core=2, source=_LOGICAL),
)


def logical_cores(name: str | None) -> int | None:
    """Return the logical NeuronCores of one device by EC2's name of it; None where it is not known."""
    return {row.name: row.cores // row.cores_of_a_logical_core for row in NEURON_DEVICES}.get(name or "")


def physical_cores(name: str | None) -> int | None:
    """Return the physical NeuronCores of one device by EC2's name of it; None where it is not known."""
    return {row.name: row.cores for row in NEURON_DEVICES}.get(name or "")
