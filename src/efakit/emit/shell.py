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
