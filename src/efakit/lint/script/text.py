"""The bytes of a file and the way from an offset to line and column; what a script can be made of at all."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from efakit.errors import UsageError
from efakit.finding import Place


class Span(NamedTuple):
    """Bytes of a file: from ``start`` up to ``end``, counted from 0."""

    start: int
    end: int


_LINE_FEED = re.compile(rb"\n")


class Region(NamedTuple):
    """Code that stands within a file: its text, and the way from its offsets to the file's."""

    text: bytes
    offsets: Sequence[int]

    def at(self, offset: int) -> int:
        """Return the offset in the file."""
        return self.offsets[min(offset, len(self.offsets) - 1)]


class SourceText:
    """A file's bytes. Lines end with a line feed; lines and columns begin with 1, columns count characters."""

    def __init__(self, file: str, data: bytes) -> None:
        """Take ``data`` of ``file``; raise UsageError where they are no text."""
        if b"\0" in data:
            raise UsageError(f"a binary file (byte {data.index(0)} is 0), not a script", Place(file))
        self.file = file
        self.data = data
        self._starts = [0, *(found.end() for found in _LINE_FEED.finditer(data))]

    @property
    def text(self) -> str:
        """The whole text; a byte that is no UTF-8 stands as a lone surrogate."""
        return self.data.decode("utf-8", "surrogateescape")

    @property
    def line_count(self) -> int:
        """The number of lines; what follows the last line feed counts where there is something."""
        return len(self._starts) - (self._starts[-1] == len(self.data))

    def place(self, offset: int) -> tuple[int, int]:
        """Return line and column of a byte."""
        line = bisect_right(self._starts, offset)
        start = self._starts[line - 1]
        return line, len(self.data[start:offset].decode("utf-8", "surrogateescape")) + 1

    def line_span(self, line: int) -> Span:
        """Return the bytes of a line, its line feed among them."""
        end = self._starts[line] if line < len(self._starts) else len(self.data)
        return Span(self._starts[line - 1], end)

    def line(self, number: int) -> str:
        """Return a line without its end."""
        start, end = self.line_span(number)
        return self.data[start:end].decode("utf-8", "surrogateescape").rstrip("\r\n")

    def at(self, span: Span) -> str:
        """Return the text of a span."""
        return self.data[span.start : span.end].decode("utf-8", "surrogateescape")

    def first_bad_byte(self) -> int | None:
        """Return the offset of the first byte that is no UTF-8, None where all is."""
        try:
            self.data.decode("utf-8")
        except UnicodeDecodeError as error:
            return error.start
        return None
