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
    reason="EFA's counters change only when a program uses the device, and the baseline is taken after all checks. "
    "Eight packets of 8 KiB, the device's MTU, allow a small probe in the job, such as one short fi_pingpong",
)
TCP_FLOOR = Threshold(
    name="tcp-floor",
    value=8 * 1024 * 1024,
    unit="bytes",
    reason="Slurm's messages, ssh and the bootstrap of NCCL or MPI transfer some hundred KB on each node; ranks that "
    "exchange their data over TCP transfer far more, in both directions",
)
THRESHOLDS = (EFA_FLOOR, TCP_FLOOR)
