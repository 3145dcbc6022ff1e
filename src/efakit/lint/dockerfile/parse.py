"""From the bytes of a Dockerfile to its instructions, as BuildKit's own parser takes them apart.

efakit's own, since no library on PyPI gives what a finding needs: dockerfile-parse 2.0.1 knows no heredocs, ends an
instruction at an empty line where BuildKit goes on, and gives lines without columns; dockerfile 3.4.0 is BuildKit's
parser in Go, gives no columns, drops empty lines and comments, and is no package for every platform. A test compares
this one with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from efakit.errors import UsageError
from efakit.finding import Place
from efakit.lint.dockerfile.model import Dockerfile, Flag, Heredoc, Instruction
from efakit.lint.script.templates import is_template, masked
from efakit.lint.script.text import Region, SourceText, Span

_MOST = 2000  # of instructions: an image has 127 layers at most
_DIRECTIVE = re.compile(rb"[ \t]*#[ \t]*([A-Za-z][A-Za-z0-9]*)[ \t]*=[ \t]*(.+?)[ \t\r]*$")
_TEMPLATE = re.compile(rb"\{%|^[ \t]*(?:FROM|ARG|ENV|COPY)[ \t][^\n]*\{\{", re.MULTILINE)
_WORD = re.compile(rb"[^ \t\r\n]+")
_FLAG = re.compile(rb"[ \t\n]*(--([A-Za-z][\w-]*)(?:=((?:\"[^\"]*\"|[^ \t\n\"])*))?)(?=[ \t\n]|\Z)")
_HEREDOC = re.compile(rb"(?<![<\w\"'$(])\d*<<(-?)(?:([A-Za-z_]\w*)|\"([^\"\s]+)\"|'([^'\s]+)')(?=[\s;|&>)]|\Z)")
_WITH_HEREDOCS = ("RUN", "COPY", "ADD")
_WITH_FLAGS = ("RUN", "COPY", "ADD", "FROM", "HEALTHCHECK")


def parse(file: str, data: bytes) -> Dockerfile:
    """Return a file's instructions; raise UsageError where it is no text."""
    source = SourceText(file, data)
    found = Dockerfile(source, is_template=is_template(file, data) or _TEMPLATE.search(data) is not None)
    text = masked(data) if found.is_template else data
    _Reader(found, text).read()
    if len(found.instructions) > _MOST:
        raise UsageError(f"{len(found.instructions)} instructions: efakit reads up to {_MOST}", Place(file))
    return found


class _Reader:
    def __init__(self, found: Dockerfile, text: bytes) -> None:
        self.found = found
        self.text = text
        self.lines = [found.source.line_span(number) for number in range(1, found.source.line_count + 1)]
        self.here = 0

    def read(self) -> None:
        self._directives()
        while self.here < len(self.lines):
            self._next()

    def _line(self, number: int) -> bytes:
        start, end = self.lines[number]
        line = self.text[start:end].rstrip(b"\r\n")
        return b" " * 3 + line[3:] if number == 0 and line.startswith(b"\xef\xbb\xbf") else line

    def _directives(self) -> None:
        """Read ``# syntax=`` and ``# escape=``, which stand above everything else."""
        seen: set[bytes] = set()
        for number in range(len(self.lines)):
            match = _DIRECTIVE.match(self._line(number))
            if match is None or match[1].lower() in seen:
                return
            name, value = match[1].lower(), match[2].decode("utf-8", "surrogateescape")
            seen.add(name)
            if name == b"syntax":
                self.found.syntax = value
            elif name == b"escape" and value == "`":
                self.found.escape = value

    def _comment(self, number: int) -> bool:
        line = self._line(number)
        if not line.lstrip(b" \t").startswith(b"#"):
            return False
        start = self.lines[number].start
        self.found.comments.append(Span(start + len(line) - len(line.lstrip(b" \t")), start + len(line)))
        return True

    def _next(self) -> None:
        """Read what begins in the current line: nothing, a comment, or an instruction with all its lines."""
        number = self.here
        self.here += 1
        line = self._line(number)
        if not line.strip(b" \t") or self._comment(number):
            return
        text, offsets = bytearray(), []  # type: bytearray, list[int]
        empty: list[Span] = []
        continued: list[tuple[Span, bool]] = []
        start = self.lines[number].start
        goes_on = self._take(number, text, offsets)
        apart = False
        while goes_on and self.here < len(self.lines):
            number = self.here
            self.here += 1
            if self._comment(number):
                apart = True
            elif not self._line(number).strip(b" \t"):
                empty.append(self.lines[number])
                apart = True
            else:
                continued.append((self._stripped(number), apart))
                apart = False
                goes_on = self._take(number, text, offsets)
        # An empty line behind the last backslash of a file continues nothing.
        last = (
            number if not empty or empty[-1] != self.lines[number] else self.found.source.place(empty[0].start)[0] - 2
        )
        offsets.append(self.lines[last].start + len(self._line(last)))
        self._instruction(bytes(text), offsets, Span(start, offsets[-1]), tuple(empty), tuple(continued))

    def _stripped(self, number: int) -> Span:
        line, start = self._line(number), self.lines[number].start
        return Span(start + len(line) - len(line.lstrip(b" \t")), start + len(line.rstrip(b" \t")))

    def _take(self, number: int, text: bytearray, offsets: list[int]) -> bool:
        """Add a line without its continuation sign; return whether it has one."""
        line, start = self._line(number), self.lines[number].start
        sign = self.found.escape.encode()
        bare = line.rstrip(b" \t")
        goes_on = bare.endswith(sign) and not bare.endswith(sign * 2)
        kept = bare[:-1] if goes_on else line
        text += kept
        offsets += range(start, start + len(kept))
        return goes_on

    def _instruction(
        self,
        text: bytes,
        offsets: list[int],
        span: Span,
        empty: tuple[Span, ...],
        continued: tuple[tuple[Span, bool], ...],
    ) -> None:
        match = _WORD.search(text)
        if match is None:
            return
        name = match[0].decode("utf-8", "surrogateescape").upper()
        begin = match.end()
        flags: list[Flag] = []
        while name in _WITH_FLAGS and (flag := _FLAG.match(text, begin)):
            value = (flag[3] or b"").decode("utf-8", "surrogateescape").strip('"')
            where = Span(offsets[flag.start(1)], offsets[flag.end(1)])
            flags.append(Flag(flag[2].decode(), value, where))
            begin = flag.end()
        begin += len(text[begin:]) - len(text[begin:].lstrip(b" \t\n"))
        heredocs = tuple(self._heredocs(text[begin:])) if self._may_have_heredocs(name, text[begin:]) else ()
        region = Region(text[begin:], offsets[begin:])
        whole = Span(offsets[match.start()], span.end)
        self.found.instructions.append(Instruction(name, whole, region, tuple(flags), heredocs, empty, continued))

    @staticmethod
    def _may_have_heredocs(name: str, rest: bytes) -> bool:
        if name == "ONBUILD":
            name = rest.split(None, 1)[0].decode("utf-8", "surrogateescape").upper() if rest.split() else ""
        return name in _WITH_HEREDOCS

    def _heredocs(self, text: bytes) -> Iterator[Heredoc]:
        for match in _HEREDOC.finditer(_without_strings(text)):
            name = next(part for part in match.groups()[1:] if part is not None)
            chomps = match[1] == b"-"
            content, offsets = bytearray(), []  # type: bytearray, list[int]
            closed = False
            begin = self.here
            while self.here < len(self.lines):
                line, start = self._line(self.here), self.lines[self.here].start
                self.here += 1
                left = len(line) - len(line.lstrip(b"\t")) if chomps else 0
                if line[left:] == name:
                    closed = True
                    break
                content += line[left:] + b"\n"
                offsets += range(start + left, start + len(line) + 1)
            end = self.lines[min(self.here, len(self.lines)) - 1].end
            offsets.append(offsets[-1] + 1 if offsets else end)
            if not closed and begin <= len(self.lines):
                self.found.unclosed = Span(self.lines[begin - 1].start, self.lines[begin - 1].start + 1)
            yield Heredoc(name.decode("utf-8", "surrogateescape"), match[2] is None, Region(bytes(content), offsets))


def _without_strings(text: bytes) -> bytes:
    """Return code with the letters of quoted strings taken out, but for what follows << right away."""
    return re.sub(rb"(?<!<)(?<!<-)(\"(?:[^\"\\]|\\.)*\"|'[^']*')", lambda match: b'"' * len(match[0]), text)
