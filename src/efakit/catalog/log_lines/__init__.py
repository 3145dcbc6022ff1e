"""Known lines of logs, as rows: NCCL, aws-ofi-nccl, libfabric, the EFA driver, MPI, NVSHMEM,
NIXL, Mooncake, Neuron, PyTorch, Pyxis, Slurm.

A row says no more than its source. ``evidence.json`` names for each the text in the program's repository, the first and
the newest tag that print it, or the report that shows it.
"""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from typing import Tuple

from efakit.catalog.log_lines.row import (
    CAUSE,
    FAILURE,
    FOLLOWS,
    KINDS,
    NOTE,
    REASON,
    TIMEOUT,
    LogFact,
    LogLine,
)

__all__ = ["CAUSE", "FAILURE", "FOLLOWS", "KINDS", "NOTE", "REASON", "TIMEOUT", "LogFact", "LogLine", "facts", "lines"]

_PROGRAMS = (
    "nccl",
    "plugin",
    "libfabric",
    "driver",
    "mpi",
    "nvshmem",
    "neuron",
    "pytorch",
    "containers",
    "slurm",
    "process",
    "own",
)


@lru_cache(maxsize=None)
def lines() -> Tuple[LogLine, ...]:
    """Return every row."""
    modules = [import_module(f"efakit.catalog.log_lines.{name}") for name in _PROGRAMS]
    return tuple(row for module in modules for row in module.ROWS)


@lru_cache(maxsize=None)
def facts() -> Tuple[LogFact, ...]:
    """Return the lines that tell which network was chosen, by which process."""
    found: Tuple[LogFact, ...] = import_module("efakit.catalog.log_lines.network").FACTS
    return found
