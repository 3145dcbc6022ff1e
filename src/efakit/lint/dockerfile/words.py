"""Words of instructions: what is quoted, what Docker fills in. RUN's code is the shell's (``lint/script/shell.py``).

The rules of substitution: https://docs.docker.com/reference/dockerfile/#environment-replacement
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from efakit.lint.script.model import Piece, Ref, Word
from efakit.lint.script.text import Region, Span

_NAME = re.compile(r"[A-Za-z_]\w*")
_BLANKS = " \t\n"
_PLAIN = re.compile(r"""[^\s\\"'$`]*""")
_LONGEST = 1000  # of what stands in ${ }


def words_of(region: Region, escape: str = "\\") -> list[Word]:
    """Return the words of an instruction's text, each with its place in the file."""
    return list(_Words(region, escape).read())


def assignments_of(region: Region, escape: str = "\\") -> list[tuple[str, Word, Span]]:
    """Return the variables of ENV or LABEL with their values and places; the old form ``ENV NAME value`` is one."""
    words = words_of(region, escape)
    if words and "=" not in words[0].text:
        rest = [piece for word in words[1:] for piece in (*word.pieces, " ")][:-1]
        span = Span(words[0].span.start, words[-1].span.end)
        return [(words[0].text, Word(span, _merged(rest)), span)]
    found = []
    for word in words:
        first = word.pieces[0] if word.pieces else ""
        if not isinstance(first, str) or "=" not in first:
            continue
        name, _, rest_of_first = first.partition("=")
        pieces = ((rest_of_first,) if rest_of_first else ()) + word.pieces[1:]
        found.append((name, Word(word.span, pieces), word.span))
    return found


def _merged(pieces: list[Piece]) -> tuple[Piece, ...]:
    found: list[Piece] = []
    for piece in pieces:
        if isinstance(piece, str) and found and isinstance(found[-1], str):
            found[-1] += piece
        else:
            found.append(piece)
    return tuple(found)


def _joined(pieces: Iterable[Piece]) -> tuple[Piece, ...]:
    found: list[Piece] = []
    letters: list[str] = []
    for piece in pieces:
        if isinstance(piece, str):
            letters.append(piece)
            continue
        if letters:
            found.append(_text(letters))
        letters = []
        found.append(piece)
    return (*found, _text(letters)) if letters else tuple(found)


def _text(letters: list[str]) -> str:
    """Return letters, each of which stands for a byte, as text."""
    joined = "".join(letters)
    return joined.encode("latin-1").decode("utf-8", "surrogateescape") if not joined.isascii() else joined


class _Words:
    """Reads words off a text whose letters are single bytes or stand for themselves."""

    def __init__(self, region: Region, escape: str) -> None:
        # Latin-1 keeps one letter a byte, so that offsets hold; each piece is made text again.
        self.text = region.text.decode("latin-1")
        self.at = region.at
        self.escape = escape
        self.here = 0

    def read(self) -> Iterator[Word]:
        while True:
            while self.here < len(self.text) and self.text[self.here] in _BLANKS:
                self.here += 1
            if self.here >= len(self.text):
                return
            start = self.here
            pieces = _joined(self._word())
            yield Word(Span(self.at(start), self.at(self.here - 1) + 1), pieces)

    def _word(self) -> Iterator[Piece]:
        quote = ""
        while self.here < len(self.text):
            letter = self.text[self.here]
            if not quote and letter in _BLANKS:
                return
            if letter == self.escape and quote != "'" and self.here + 1 < len(self.text):
                following = self.text[self.here + 1]
                kept = following if not quote or following in f'"${self.escape}' else letter + following
                self.here += 2
                yield kept
            elif letter == quote:
                quote = ""
                self.here += 1
            elif not quote and letter in "\"'":
                quote = letter
                self.here += 1
            elif letter == "$" and quote != "'":
                yield self._reference(bool(quote))
            else:
                plain = _PLAIN.match(self.text, self.here + 1)
                end = plain.end() if plain is not None and letter not in _BLANKS else self.here + 1
                yield self.text[self.here : end]
                self.here = end

    def _reference(self, quoted: bool) -> Piece:
        start = self.here
        if self.text[start : start + 2] == "${":
            name = _NAME.match(self.text, start + 2)
            end = _closing(self.text, start + 2) if name is not None else None
            if name is None or end is None:
                self.here += 1
                return "$"
            self.here = end + 1
            rest = self.text[name.end() : end]
            guard = re.match(r":?[-+?]", rest)
            sign = guard[0] if guard else ""
            default = rest[len(sign) :] if sign in (":-", "-") and "$" not in rest else None
            return Ref(
                name[0],
                Span(self.at(start), self.at(end) + 1),
                guarded=bool(guard),
                default=default,
                quoted=quoted,
                whole=self.text[start : self.here],
            )
        name = _NAME.match(self.text, start + 1)
        self.here = name.end() if name else start + 1
        if name is None:
            return "$"
        return Ref(name[0], Span(self.at(start), self.at(self.here - 1) + 1), quoted=quoted, whole=f"${name[0]}")


def _closing(text: str, start: int) -> int | None:
    depth = 1
    for place in range(start, min(len(text), start + _LONGEST)):
        depth += (text[place - 1 : place + 1] == "${") - (text[place] == "}")
        if depth == 0:
            return place
    return None
