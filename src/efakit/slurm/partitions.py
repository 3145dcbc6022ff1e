"""Slurm's partitions, as slurmctld knows them: ``scontrol show partition``.

Its form, ``Key=Value`` with values that hold no blanks, is the same from 22.05 to 26.05 (source:
``slurm_sprint_partition_info`` in ``src/api/partition_info.c``).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from efakit.slurm.job import SourceError
from efakit.slurm.table import optional, split_pairs

_NO_LIMIT = ("UNLIMITED", "INFINITE", "NONE", "(null)", "N/A", "")
_TIME = re.compile(r"(?:([0-9]+)-)?([0-9]+)(?::([0-9]+))?(?::([0-9]+))?")


@dataclass(frozen=True)
class Partition:
    """One partition; a limit that it has not is None."""

    name: str
    state: str
    """UP, DOWN (jobs queue and do not start), DRAIN (no new jobs) or INACTIVE (neither)."""
    default: bool
    node_list: str
    node_count: int
    cpu_count: int
    max_nodes: int | None = None
    min_nodes: int | None = None
    max_minutes: int | None = None
    allow_accounts: str | None = None
    """Accounts by commas; None: all."""
    allow_groups: str | None = None
    allow_qos: str | None = None


def minutes(value: str) -> int | None:
    """Return whole minutes of ``days-hours:minutes:seconds``, None for no limit or another form."""
    match = _TIME.fullmatch(value)
    if value in _NO_LIMIT or not match:
        return None
    days, first, second, third = (int(part or 0) for part in match.groups())
    if match[1]:
        return days * 1440 + first * 60 + second + (third > 0)
    if match[4] is not None:
        return first * 60 + second + (third > 0)
    return first + (second > 0)


def _count(value: str) -> int:
    return int(value) if value.isdecimal() else 0


def _limit(value: str) -> int | None:
    return int(value) if value.isdecimal() else None


def _all(value: str) -> str | None:
    return None if value.upper() == "ALL" else optional(value)


class _Key(NamedTuple):
    field: str
    key: str
    read: Callable[[str], Any]


_KEYS = (
    _Key("name", "PartitionName", str),
    _Key("state", "State", str),
    _Key("default", "Default", lambda value: value == "YES"),
    _Key("node_list", "Nodes", lambda value: optional(value) or ""),
    _Key("node_count", "TotalNodes", _count),
    _Key("cpu_count", "TotalCPUs", _count),
    _Key("max_nodes", "MaxNodes", _limit),
    _Key("min_nodes", "MinNodes", _limit),
    _Key("max_minutes", "MaxTime", minutes),
    _Key("allow_accounts", "AllowAccounts", _all),
    _Key("allow_groups", "AllowGroups", _all),
    _Key("allow_qos", "AllowQos", _all),
)


def parse_partitions(output: str) -> list[Partition]:
    """Return the partitions of ``scontrol --oneliner show partition``.

    Raises:
        SourceError: a line is of another form.
    """
    found = []
    for line in output.splitlines():
        pairs = split_pairs(line)
        if not pairs or line == "No partitions in the system":
            continue
        if "PartitionName" not in pairs or "State" not in pairs:
            raise SourceError(f"output of an unexpected form: {line[:200]!r}")
        found.append(Partition(**{key.field: key.read(pairs.get(key.key, "")) for key in _KEYS}))
    return found
