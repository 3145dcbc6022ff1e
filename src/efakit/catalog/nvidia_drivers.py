"""The least NVIDIA driver of each CUDA release line, and the least EFA driver for newer NVIDIA drivers, as rows."""

from __future__ import annotations

from typing import NamedTuple, Optional

_SOURCE = "https://docs.nvidia.com/deploy/cuda-compatibility/minor-version-compatibility.html"


class LeastDriver(NamedTuple):
    """One line of CUDA, by its first number, and the driver without which its programs do not start."""

    cuda: int
    least: str
    source: str = _SOURCE


LEAST_DRIVERS = (
    LeastDriver(cuda=11, least="450"),
    LeastDriver(cuda=12, least="525"),
    LeastDriver(cuda=13, least="580"),
)


class PeerMemory(NamedTuple):
    """NVIDIA drivers from ``nvidia_since`` on, and the EFA driver without which they give EFA no peer memory."""

    nvidia_since: str
    least_efa: str
    source: str


PEER_MEMORY = (
    PeerMemory(
        nvidia_since="580",
        least_efa="2.17.3",
        source="https://github.com/amzn/amzn-drivers/blob/master/kernel/linux/efa/RELEASENOTES.md",
    ),
)


def least_driver(cuda: str) -> Optional[LeastDriver]:
    """Return the row of a CUDA release such as 12.8, None where there is none."""
    first = cuda.partition(".")[0]
    return next((row for row in LEAST_DRIVERS if first == str(row.cuda)), None)
