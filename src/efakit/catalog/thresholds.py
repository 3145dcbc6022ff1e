"""The thresholds of the verdict as rows, each with its reason."""

from __future__ import annotations

from typing import NamedTuple


class Threshold(NamedTuple):
    """One number on which a verdict turns."""

    name: str
    value: int
    unit: str
    reason: str


EFA_FLOOR = Threshold(
    name="efa-floor",
    value=64 * 1024,
    unit="bytes",
    reason="EFA's counters rest unless a program uses the device: the baseline is taken after all checks. Eight "
    "packets of 8 KiB, the device's MTU, leave room for a probe in the job, such as one small fi_pingpong",
)
TCP_FLOOR = Threshold(
    name="tcp-floor",
    value=8 * 1024 * 1024,
    unit="bytes",
    reason="Slurm's messages, ssh and the bootstrap of NCCL or MPI move some hundred KB a node; ranks that exchange "
    "their data over TCP move far more, in both directions",
)
THRESHOLDS = (EFA_FLOOR, TCP_FLOOR)
