"""Where a batch job's output is: sbatch's patterns, filled in.

Slurm's commands do it from 24.11 on where they are asked to (``--expand-patterns``), before that only
``scontrol show job``.
Source: FILENAME PATTERN in sbatch(1), https://slurm.schedmd.com/sbatch.html#SECTION_FILENAME-PATTERN.
"""

from __future__ import annotations

import os
import re

_PATTERN = re.compile(r"%(\d*)([%AJNabjnstux])")
_MOST_ZEROS = 10


def output_file(
    pattern: str | None,
    *,
    job_id: int,
    array: tuple[int, int] | None,
    name: str,
    user: str | None,
    first_node: str,
    work_dir: str | None,
) -> str | None:
    """Return the path that a batch job's output has, None where it is not known.

    The batch script itself is node 0, task 0 and step "batch", which Slurm writes as 4294967291; such names are kept
    as they are written.
    """
    if not pattern:
        return None
    if array is not None and pattern == f"{work_dir}/slurm-{job_id}.out":
        # squeue of 22.05 to 23.11 makes up this name where the job named none (src/squeue/print.c), for tasks too.
        pattern = f"{work_dir}/slurm-%A_%a.out"
    if "\\" in pattern:
        return _absolute(pattern.replace("\\", ""), work_dir)
    values = {
        "%": "%",
        "A": str(array[0] if array else job_id),
        "a": str(array[1]) if array else "4294967294",  # NO_VAL
        "b": str(array[1] % 10) if array else None,
        "j": str(job_id),
        "J": str(job_id),
        "N": first_node.partition(".")[0] or None,
        "n": "0",
        "t": "0",
        "s": None,
        "u": user,
        "x": name,
    }

    def fill(match: re.Match[str]) -> str:
        value = values[match[2]]
        if value is None:
            return match[0]
        return value.zfill(min(int(match[1]), _MOST_ZEROS)) if match[1] and value.isdigit() else value

    return _absolute(_PATTERN.sub(fill, pattern), work_dir)


def _absolute(path: str, work_dir: str | None) -> str:
    return os.path.join(work_dir, path) if work_dir and path else path  # noqa: PTH118 (a path of another machine)
