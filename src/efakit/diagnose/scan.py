"""Reads logs once and keeps what known lines say: how often, where first, by whom; never the lines themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple

from efakit.catalog.log_lines import LogFact, LogLine, facts, lines
from efakit.diagnose.log_files import Block, LogFile
from efakit.diagnose.network import Network
from efakit.diagnose.search import Search
from efakit.diagnose.speaker import Speaker, moment_of, plain, speaker_of
from efakit.finding import Place

_TRACEBACK = "Traceback (most recent call last):"
_EXCEPTION = re.compile(rb"([A-Za-z_][\w.]{2,100}(?:Error|Exception|Exit|Interrupt|Failure))(?:: (.{0,300})|$)")
_BEFORE, _BEHIND = 2_000, 4_000
"""How much of a line is looked at, around what was found: a progress bar can make lines of megabytes."""
_MOST_LINES_OF_TRACEBACK = 300
_MOST_LINES_BETWEEN = 20
"""Of the same writer: what it prints goes another way than its tracebacks, and comes between."""
_MOST_SPEAKERS = 20_000


class Hit(NamedTuple):
    """One line that a row recognised."""

    file: str
    file_number: int
    line: int
    speaker: Speaker
    moment: float | None
    groups: Mapping[str, str]
    text: str


@dataclass
class Tally:
    """All the lines that one row recognised."""

    first: Hit
    count: int = 0
    speakers: set[Speaker] = field(default_factory=set)
    at_least: bool = False
    """Whether there are more lines than were counted."""


class _Known(NamedTuple):
    row: LogLine | LogFact
    pattern: re.Pattern[bytes] | None


class Scan:
    """What was read of some logs."""

    def __init__(self) -> None:
        self.network = Network()
        self.tallies: dict[str, Tally] = {}
        """By the rows' ids."""
        self.exceptions: list[Hit] = []
        """Exceptions of Python that no row knows, each kind once: type and message."""
        self.unread = False
        """Whether a log, or a part of one, could not be read: what is not found may be there."""
        self._rows: dict[str, LogLine] = {row.id: row for row in lines()}
        self._by_needle = _by_needle()
        self._search = Search((*self._by_needle, _TRACEBACK))
        self._open: list[tuple[bytes, Speaker, int, float | None]] = []
        self._seen_exceptions: dict[str, int] = {}

    def read(self, file: LogFile, number: int, blocks: Iterator[Block] | None = None) -> None:
        """Read one log, the ``number``-th; ``blocks`` are its own, where somebody else reads them too."""
        self._open = []
        read = False
        try:
            for block in file.blocks() if blocks is None else blocks:
                self._block(block, file.name, number)
            read = not file.damage
        finally:
            self.unread |= not read

    @property
    def rows(self) -> Mapping[str, LogLine]:
        """The rows by their ids."""
        return self._rows

    def counted_to_the_end(self, row: LogLine) -> bool:
        """Return whether all lines of a row were counted."""
        return not self._search.left_out.intersection(row.needles)

    def _block(self, block: Block, name: str, number: int) -> None:
        data, line, counted = block.data, block.line, 0
        if self._open:
            pending, self._open = self._open, []
            for prefix, speaker, at, moment in pending:
                self._exception(data, 0, prefix, Hit(name, number, at, speaker, moment, {}, ""), again=False)
        for place, needle in self._search.hits(data):
            low = max(0, place - _BEFORE)
            start = max(data.rfind(b"\n", low, place) + 1, low)
            start = max(data.rfind(b"\r", start, place) + 1, start)
            end = data.find(b"\n", place, place + _BEHIND)
            end = min(len(data), place + _BEHIND) if end < 0 else end
            line += data.count(b"\n", counted, place)
            counted = place
            text = data[start:end]
            at = place - start
            if b"\x1b" in text:
                at = len(plain(text[:at]))
            text = plain(text)
            if needle == _TRACEBACK:
                prefix = text[:at]
                hit = Hit(name, number, line, speaker_of(text, at), moment_of(prefix), {}, "")
                self._exception(data, end + 1, prefix, hit)
                continue
            for known in self._by_needle[needle]:
                match = known.pattern.search(text) if known.pattern else None
                if known.pattern is None or match is not None:
                    groups = _texts(match)
                    speaker = speaker_of(text, at)
                    if isinstance(known.row, LogFact):
                        self.network.learn(known.row.id, groups, speaker, Place(name, line))
                    else:
                        self._count(known.row, text, name, number, line, speaker, groups)

    def _count(
        self,
        row: LogLine,
        text: bytes,
        name: str,
        number: int,
        line: int,
        speaker: Speaker,
        groups: Mapping[str, str],
    ) -> None:
        tally = self.tallies.get(row.id)
        if tally is None or (tally.first.file_number != number and _was_before(text, tally.first)):
            shown = text.decode("utf-8", "replace")
            hit = Hit(name, number, line, speaker, moment_of(text), groups, shown)
            tally = self.tallies.setdefault(row.id, Tally(hit))
            tally.first = hit
        tally.count += 1
        if len(tally.speakers) < _MOST_SPEAKERS:
            tally.speakers.add(speaker)

    def _exception(self, data: bytes, place: int, prefix: bytes, hit: Hit, again: bool = True) -> None:
        """Look for the line that ends a traceback: the first one of the same writer that is not indented."""
        others = 0
        for _ in range(_MOST_LINES_OF_TRACEBACK):
            if place >= len(data):
                if again:
                    self._open.append((prefix, hit.speaker, hit.line, hit.moment))
                return
            end = data.find(b"\n", place, place + _BEHIND)
            end = min(len(data), place + _BEHIND) if end < 0 else end
            text = plain(data[place:end])
            place = end + 1
            if not text.startswith(prefix) or text[len(prefix) : len(prefix) + 1] in (b" ", b"\t", b""):
                continue
            found = _EXCEPTION.match(text, len(prefix))
            if found and not self._is_known(text):
                self._keep(hit, found)
            others += 1
            if found or others > _MOST_LINES_BETWEEN:
                return

    def _is_known(self, text: bytes) -> bool:
        shown = text.decode("utf-8", "replace")
        return any(
            needle in shown and (known.pattern is None or known.pattern.search(text))
            for needle, rows in self._by_needle.items()
            for known in rows
        )

    def _keep(self, hit: Hit, found: re.Match[bytes]) -> None:
        name, message = (part.decode("utf-8", "replace") for part in (found.group(1), found.group(2) or b""))
        self._seen_exceptions[name] = self._seen_exceptions.get(name, 0) + 1
        if self._seen_exceptions[name] == 1 and len(self.exceptions) < 100:
            self.exceptions.append(hit._replace(groups={"name": name, "message": message}))

    def exceptions_of(self, name: str) -> int:
        """Return how many exceptions of a type there were."""
        return self._seen_exceptions.get(name, 0)


def _was_before(text: bytes, other: Hit) -> bool:
    """Return whether a line of another file was written before: files are read in turn, their clocks say it."""
    moment = moment_of(text) if other.moment is not None else None
    return moment is not None and other.moment is not None and moment < other.moment


@cache
def _by_needle() -> Mapping[str, list[_Known]]:
    """Return the rows by text; a text that holds another one has the other's rows too."""
    rows: tuple[LogLine | LogFact, ...] = (*lines(), *facts())
    known = [(row, _Known(row, re.compile(row.pattern.encode()) if row.pattern else None)) for row in rows]
    needles = {needle for row, _ in known for needle in row.needles}
    found: dict[str, list[_Known]] = {}
    for needle in needles:
        found[needle] = [item for row, item in known if any(other in needle for other in row.needles)]
    return found


def _texts(match: re.Match[bytes] | None) -> Mapping[str, str]:
    if match is None:
        return {}
    return {name: value.decode("utf-8", "replace") for name, value in match.groupdict().items() if value is not None}
