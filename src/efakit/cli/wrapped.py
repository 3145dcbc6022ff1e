"""Breaks a sentence into lines, at blanks alone: an option or an instance type stays whole."""

from __future__ import annotations

import textwrap


def wrapped(text: str, width: int, first: str = "", rest: str = "") -> str:
    """Return lines of at most ``width`` letters where the words allow it; ``first`` and ``rest`` are margins."""
    return textwrap.fill(
        text, width, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False, break_long_words=False
    )
