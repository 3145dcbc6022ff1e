"""The words nearest to one that is not known."""

from __future__ import annotations

from collections.abc import Iterable


def by_nearness(word: object, words: Iterable[str]) -> list[str]:
    """Return ``words`` in alphabetical order, but the nearest to ``word`` first."""
    listed = sorted(words)
    from difflib import get_close_matches  # only where there is a fault

    close = get_close_matches(str(word), listed, n=3, cutoff=0.6)
    return close + [name for name in listed if name not in close]


def nearest(word: object, words: Iterable[str]) -> str:
    """Return ``; did you mean 'x'?`` where one of ``words`` is near, an empty text otherwise."""
    close = _nearest(word, words)
    return f"; did you mean {close!r}?" if close else ""


def choice(word: object, words: Iterable[str], what: str) -> str:
    """Return what to write in place of ``word``: the nearest of ``words``, and all of them, which are ``what``."""
    listed = list(words)
    close = _nearest(word, listed)
    if close:
        return f"did you mean {close!r}? ({what}: {', '.join(listed)})"
    return f"write {'one of ' if len(listed) > 1 else ''}{', '.join(listed)}" if listed else "remove it"


def _nearest(word: object, words: Iterable[str]) -> str:
    from difflib import get_close_matches  # only where there is a fault

    return next(iter(get_close_matches(str(word), list(words), n=1, cutoff=0.6)), "")
