"""One function that makes a text safe to print: a terminal obeys none of it, and it is of bounded length.

Texts of records, of Slurm (a job's name is its user's) and of error messages pass it before they reach a terminal or a
log.
"""

from __future__ import annotations

MOST_LETTERS = 1000


def printable(text: object, most_letters: int = MOST_LETTERS) -> str:
    """Return ``text`` on one line, with ``?`` for each control character, bidi control and surrogate.

    A text of more than ``most_letters`` is cut, and its end says so.
    """
    given = str(text)
    cut = given[:most_letters]
    kept = cut if cut.isprintable() else "".join(map(_safe, cut))
    return kept if len(given) <= most_letters else f"{kept}... ({len(given)} characters)"


def printable_lines(text: object, most_letters: int = 4 * MOST_LETTERS) -> list[str]:
    """Return each line of ``text`` as ``printable`` does; only a newline ends a line."""
    return [printable(line.rstrip("\r"), most_letters) for line in str(text).rstrip("\n").split("\n")]


def _safe(letter: str) -> str:
    if letter.isprintable():
        return letter
    return " " if letter == "\t" else "?"
