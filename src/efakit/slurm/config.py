"""Slurm's running configuration, as slurmctld holds it: ``scontrol show config``.

Its form, ``Name   = value``, is the same from 22.05 to 26.05 (source: ``src/api/config_info.c``). Since 24.05 a setting
that may be given several times has a number: ``Prolog[0] = ...``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_LINE = re.compile(r"^([A-Za-z_]\w*)(?:\[(\d+)\])?\s*= ?(.*)$")
_NOT_SET = ("", "(null)", "N/A")


@dataclass(frozen=True)
class SlurmConfig:
    """The settings by their names in lower case; a setting that is not set is not there."""

    values: Mapping[str, tuple[str, ...]]

    def all(self, name: str) -> tuple[str, ...]:
        """Give the values of a setting, in Slurm's order; none where it is not set."""
        return self.values.get(name.lower(), ())

    def get(self, name: str) -> str | None:
        """Give the first value of a setting, None where it is not set."""
        return next(iter(self.all(name)), None)

    def words(self, name: str) -> tuple[str, ...]:
        """Give the parts of a setting that is a list, in lower case."""
        return tuple(word.strip().lower() for word in (self.get(name) or "").split(",") if word.strip())

    def seconds(self, name: str) -> int | None:
        """Give a setting in seconds (``60``, ``60 sec``); None where it is not set, or is Slurm's word for no limit."""
        match = re.match(r"\d+", self.get(name) or "")
        number = int(match[0]) if match else None
        # INFINITE16 and NO_VAL16 (slurm/slurm.h) and their 32-bit kin.
        return None if number in (65534, 65535, 2**32 - 2, 2**32 - 1) else number


def parse_config(text: str) -> SlurmConfig:
    """Return the settings of ``scontrol show config``; where a name stands again further down, the first counts."""
    found: dict[str, list[tuple[int, str]]] = {}
    for line in text.splitlines():
        match = _LINE.match(line)
        if not match:
            continue
        name, number, value = match[1].lower(), int(match[2] or 0), match[3].strip()
        listed = found.setdefault(name, [])
        if value not in _NOT_SET and all(number != other for other, _ in listed):
            listed.append((number, value))
    return SlurmConfig({name: tuple(value for _, value in sorted(listed)) for name, listed in found.items() if listed})
