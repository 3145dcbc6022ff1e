"""The one place where a value becomes shell text, or an option of an #SBATCH line."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from efakit.plan.slurm.options import Directive

_PLAIN = re.compile(r"[A-Za-z0-9_@%+=:,./\[\]{}()|&*!^~<>-]+")


def quote(value: object) -> str:
    """Return ``value`` as one word of a POSIX shell, a literal whatever it holds."""
    return shlex.quote(str(value))


def count_entries(folder: str, pattern: str) -> list[str]:
    """Return lines that set ``devices`` to the number of a folder's entries; empty where that cannot be read.

    They run nothing: a command that an image does not have would count as no device.
    """
    place = quote(folder)
    return [
        "devices=0",
        f'for device in {place}/{pattern}; do if [ -e "$device" ]; then devices=$((devices + 1)); fi; done',
        f"if [ -d {place} ] && {{ [ ! -r {place} ] || [ ! -x {place} ]; }}; then devices=; fi",
    ]


def sbatch_option(directive: Directive) -> str:
    """Return what follows #SBATCH, in sbatch's own quoting: its value is one word, whatever it holds.

    Source: ``get_argument`` in ``src/sbatch/opt.c`` (https://github.com/SchedMD/slurm): quotes group, a backslash takes
    the next character as it is, and an unquoted # begins a comment.
    """
    if directive.raw:
        return directive.option
    if directive.value is None:
        return f"--{directive.option}"
    if _PLAIN.fullmatch(directive.value):
        return f"--{directive.option}={directive.value}"
    escaped = directive.value.replace("\\", "\\\\").replace('"', '\\"')
    return f'--{directive.option}="{escaped}"'
