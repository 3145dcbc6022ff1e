"""Long texts in lines that a terminal shows whole."""

from __future__ import annotations

from textwrap import fill


def wrapped(text: str, width: int, first: str = "", others: str = "") -> str:
    """Return a text in lines of a width; ``--no-requeue`` and addresses stay in one piece."""
    return fill(
        text,
        width,
        initial_indent=first,
        subsequent_indent=others,
        break_on_hyphens=False,
        break_long_words=False,
    )
