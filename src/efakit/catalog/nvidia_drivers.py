"""The least NVIDIA driver of each CUDA release line, as rows."""

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


def least_driver(cuda: str) -> Optional[LeastDriver]:
    """Return the row of a CUDA release such as 12.8, None where there is none."""
    first = cuda.partition(".")[0]
    return next((row for row in LEAST_DRIVERS if first == str(row.cuda)), None)
