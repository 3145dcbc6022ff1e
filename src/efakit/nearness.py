"""The words nearest to one that is not known, and how a message offers them."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


def near(word: object, words: Iterable[str], most: int = 1, cutoff: float = 0.6) -> list[str]:
    """Return at most ``most`` of ``words`` that are like ``word``, whatever their case, the nearest first.

    ``cutoff`` is how like they must be, from 0 (anything) to 1 (the word itself).
    """
    from difflib import get_close_matches  # only where there is a fault

    by_folded = {known.lower(): known for known in words}
    return [by_folded[found] for found in get_close_matches(str(word).lower(), list(by_folded), most, cutoff)]


def did_you_mean(names: Iterable[str]) -> str:
    """Return ``did you mean x or y?``, an empty text for no names."""
    listed = " or ".join(names)
    return f"did you mean {listed}?" if listed else ""


def by_nearness(word: object, words: Iterable[str]) -> list[str]:
    """Return ``words`` in alphabetical order, but the nearest to ``word`` first."""
    listed = sorted(words)
    close = near(word, listed, most=3)
    return close + [name for name in listed if name not in close]


def nearest(word: object, words: Iterable[str]) -> str:
    """Return ``; did you mean 'x'?`` where one of ``words`` is near, an empty text otherwise."""
    meant = did_you_mean(map(repr, near(word, words)))
    return f"; {meant}" if meant else ""


def choice(word: object, words: Iterable[str], what: str) -> str:
    """Return what to write in place of ``word``: the nearest of ``words``, and all of them, which are ``what``."""
    listed = list(words)
    meant = did_you_mean(map(repr, near(word, listed)))
    if meant:
        return f"{meant} ({what}: {', '.join(listed)})"
    return f"write {'one of ' if len(listed) > 1 else ''}{', '.join(listed)}" if listed else "remove it"


def is_slip(name: str, near: str) -> bool:
    """Return whether a name is one letter or one pair of letters away from another."""
    if abs(len(name) - len(near)) > 1:
        return False
    if len(name) == len(near):
        other = [place for place in range(len(name)) if name[place] != near[place]]
        swapped = len(other) == 2 and other[1] == other[0] + 1 and sorted(name) == sorted(near)
        return len(other) == 1 or swapped
    longer, shorter = (name, near) if len(name) > len(near) else (near, name)
    return any(longer[:place] + longer[place + 1 :] == shorter for place in range(len(longer)))
