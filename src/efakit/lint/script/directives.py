"""#SBATCH lines, as sbatch reads them (Slurm's ``src/sbatch/opt.c``): up to the first line with a command."""

from __future__ import annotations

import re
from collections.abc import Iterator

from efakit.lint.script.model import Directive, Word
from efakit.lint.script.options import SBATCH, slurm_options
from efakit.lint.script.text import SourceText, Span

_MAGIC = "#SBATCH"
_LINE = re.compile(rb"^#SBATCH", re.MULTILINE)
_WORD = re.compile(r"""(?:[^\s"'\\#]|\\.|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|["'\\])+|\#""")
_QUOTING = re.compile(r"""\\(.)|["']""")


def has_directives(source: SourceText) -> bool:
    """Return whether a line begins with #SBATCH."""
    return _LINE.search(source.data) is not None


def directives(source: SourceText) -> Iterator[Directive]:
    """Give the options of all #SBATCH lines, also of those that sbatch does not read."""
    first_command = _first_command(source)
    component = 0
    for found in _LINE.finditer(source.data):
        number = source.place(found.start())[0]
        in_force = number < first_command
        words = list(arguments(source.line(number)[len(_MAGIC) :], found.end()))
        if words and words[0].text.lower() in ("hetjob", "packjob"):
            component += 1
            continue
        yield from _of_line(words, number, component, in_force)


def _first_command(source: SourceText) -> int:
    """Return the number of the first line that is neither blank nor a comment, one past the last where none is."""
    for number in range(1, source.line_count + 1):
        text = source.line(number).lstrip()
        if text and not text.startswith("#"):
            return number
    return source.line_count + 1


def _of_line(words: list[Word], number: int, component: int, in_force: bool) -> Iterator[Directive]:
    while words:
        options, taken = slurm_options(words, SBATCH)
        for option in options:
            value = option.value.text if option.value else None
            yield Directive(option.name, value, option.span, number, component, in_force)
        rest = words[taken:]
        if rest:
            yield Directive("", rest[0].text, rest[0].span, number, component, in_force)
        words = rest[1:]


def arguments(text: str, start: int) -> Iterator[Word]:
    """Give the words of a #SBATCH line; quotes group, a backslash escapes, # begins a comment.

    ``start`` is the offset of ``text`` in the file.
    """
    ascii_only = text.isascii()
    for match in _WORD.finditer(text):
        raw = match[0]
        if raw == "#":
            return
        begin = start + (match.start() if ascii_only else _bytes(text[: match.start()]))
        plain = _QUOTING.sub(lambda found: found[1] or "", raw) if _QUOTING.search(raw) else raw
        yield Word(Span(begin, begin + (len(raw) if ascii_only else _bytes(raw))), (plain,))
        if text[match.end() : match.end() + 1] == "#":
            return


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogateescape"))
