"""Searches blocks of bytes for many texts at once: by re2 (extra ``logs``), else text by text, which is slower."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any

_MOST_HITS = 50_000
"""After so many lines a text is not looked for any more: a retry a thousand times a second says nothing new."""
# Parts that many texts have in common and few lines hold: where a block has none of them, it has none of those texts.
_PARTS = (
    "ailed", "rror", "NET/", "nvalid", "Init ", "Unable", "ommand", "rovider", "nccl", "evice", " remote", "losed",
    "not found", "egist", "memory", "CANCELLED", "DUE TO", "exit", "xited", " timed out", "pyxis", "MPI", "Error:",
    "Exception", "imeout", "Unresponsive", "network", "No ", "FI_EFA", "receive", "Killed", " ranks", "ocess",
)  # fmt: skip

Hits = Iterable[tuple[int, bytes]]


def engine() -> str:
    """Return what searches: ``re2``, or ``find`` where it is not installed."""
    return "find" if _re2() is None else "re2"


def _re2() -> Any:
    try:
        import re2
    except ImportError:
        return None
    return re2


class Search:
    """Finds where one of the texts stands. A text that was found too often is left out from then on."""

    def __init__(self, needles: Iterable[str], most_hits: int = _MOST_HITS) -> None:
        # Where one text begins with another, the longer one is tried first.
        self._needles = tuple(sorted((needle.encode() for needle in needles), key=lambda text: (-len(text), text)))
        self._hits = dict.fromkeys(self._needles, 0)
        self._most = most_hits
        self._find = _compiled(self._needles)

    @property
    def left_out(self) -> set[str]:
        """The texts that were found too often."""
        return {text.decode() for text, hits in self._hits.items() if hits >= self._most}

    def hits(self, data: bytes) -> Iterator[tuple[int, str]]:
        """Give place and text of each hit in ``data``, in order."""
        for place, text in self._find(data):
            self._hits[text] += 1
            if self._hits[text] <= self._most:
                yield place, text.decode()
        kept = tuple(text for text in self._needles if self._hits[text] < self._most)
        if len(kept) < len(self._needles):
            self._needles = kept
            self._find = _compiled(kept)


@lru_cache(maxsize=16)
def _compiled(needles: tuple[bytes, ...]) -> Callable[[bytes], Hits]:
    library = _re2()
    if not needles or library is None:
        return _one_by_one(needles)
    options = library.Options()
    options.encoding = library.Options.Encoding.LATIN1
    options.max_mem = 64 << 20
    found = library.compile(b"|".join(map(re.escape, needles)), options).finditer
    return lambda data: ((match.start(), match.group()) for match in found(data))


def _one_by_one(needles: Sequence[bytes]) -> Callable[[bytes], Hits]:
    """Return a search by ``bytes.find``: an alternation of many texts takes re a microsecond a byte."""
    groups: dict[bytes, list[bytes]] = {}
    for needle in needles:
        part = next((part.encode() for part in _PARTS if part.encode() in needle), needle)
        groups.setdefault(part, []).append(needle)

    def find(data: bytes) -> Hits:
        there = [text for part, texts in groups.items() if part in data for text in texts if text in data]
        hits = sorted(((place, text) for text in there for place in _places(data, text)), key=_earliest)
        end = 0
        for place, text in hits:
            # As an alternation would: the first, of several at one place the longest, and none within another.
            if place >= end:
                end = place + len(text)
                yield place, text

    return find


def _places(data: bytes, text: bytes) -> Iterator[int]:
    place = data.find(text)
    while place >= 0:
        yield place
        place = data.find(text, place + len(text))


def _earliest(hit: tuple[int, bytes]) -> tuple[int, int]:
    return hit[0], -len(hit[1])
