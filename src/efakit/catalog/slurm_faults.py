"""Known faults of Slurm releases that change how jobs start, as rows."""

from __future__ import annotations

from typing import NamedTuple, Tuple

from efakit.versions import within

_FORGETS_CPUS = "https://github.com/SchedMD/slurm/blob/slurm-23-11-0-1/NEWS"
_TASKS_PER_NODE = "https://github.com/SchedMD/slurm/blob/slurm-23-02-2-1/NEWS"


class SlurmFault(NamedTuple):
    """One row: from which release to which, what goes wrong, and what to do where the release stays."""

    since: str
    until: str
    effect: str
    fix: str
    source: str


SLURM_FAULTS = (
    SlurmFault(
        since="22.05.0",
        until="23.11.0",
        effect="srun does not take over sbatch's --cpus-per-task: each task gets one CPU",
        fix="give srun --cpus-per-task itself (efakit lint finds where), or use Slurm 23.11 or later",
        source=_FORGETS_CPUS,
    ),
    SlurmFault(
        since="23.02.0",
        until="23.02.2",
        effect="SLURM_TASKS_PER_NODE is wrong for --exclusive with --ntasks-per-node and without --ntasks",
        fix="give --ntasks too, or use Slurm 23.02.2 or later",
        source=_TASKS_PER_NODE,
    ),
)


def slurm_faults(version: str) -> Tuple[SlurmFault, ...]:
    """Return the faults that a release has, such as 23.02.1."""
    return tuple(row for row in SLURM_FAULTS if within(version, row.since, row.until))
