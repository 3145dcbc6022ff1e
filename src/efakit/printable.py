"""One function that makes a text safe to print: a terminal obeys none of it, and it is of bounded length.

Texts of records, of Slurm (a job's name is its user's) and of error messages pass it before they reach a terminal or a
log.
"""

from __future__ import annotations

MOST_LETTERS = 1000
_MOST_OF_A_VALUE = 60


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


def as_written(value: object, most_letters: int = _MOST_OF_A_VALUE) -> str:
    """Return a value of a YAML or JSON file as such a file may write it, cut where it is long: true, null, [1, 'a'].

    A message that said True, None or inf would speak of a value that nobody has written.
    """
    if isinstance(value, str):
        text = repr(value)
    elif isinstance(value, bool) or value is None:
        text = {True: "true", False: "false", None: "null"}[value]
    elif isinstance(value, float) and not abs(value) < float("inf"):
        text = ".nan" if value != value else ".inf" if value > 0 else "-.inf"  # only NaN is not itself
    elif isinstance(value, (list, tuple)):
        text = f"[{', '.join(as_written(item) for item in value[:most_letters])}]"
    elif isinstance(value, dict):
        items = [f"{key}: {as_written(item)}" for key, item in list(value.items())[:most_letters]]
        text = f"{{{', '.join(items)}}}"
    else:
        text = str(value)
    return text if len(text) <= most_letters else text[: most_letters - 3] + "..."


def as_text(value: object) -> str:
    """Return a text as it is, and any other value as it is written."""
    return value if isinstance(value, str) else as_written(value)


def _safe(letter: str) -> str:
    if letter.isprintable():
        return letter
    return " " if letter == "\t" else "?"
