"""The one place where a value becomes shell text."""

from __future__ import annotations

import shlex


def quote(value: object) -> str:
    """Return ``value`` as one word of a POSIX shell, a literal whatever it holds."""
    return shlex.quote(str(value))
