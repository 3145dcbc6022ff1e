"""#SBATCH lines, as sbatch reads them (Slurm's ``src/sbatch/opt.c``): up to the first line with a command."""

from __future__ import annotations

import re
from collections.abc import Iterator

from efakit.lint.script.model import Directive, Word
from efakit.lint.script.options import SBATCH, slurm_options
from efakit.lint.script.text import SourceText, Span

_MAGIC = "#SBATCH"


def has_directives(source: SourceText) -> bool:
    """Return whether a line begins with #SBATCH."""
    return re.search(rb"^#SBATCH", source.data, re.MULTILINE) is not None


def directives(source: SourceText) -> Iterator[Directive]:
    """Give the options of all #SBATCH lines, also of those that sbatch does not read."""
    in_force = True
    component = 0
    for number in range(1, source.line_count + 1):
        text = source.line(number)
        if not text.startswith(_MAGIC):
            in_force = in_force and (not text.strip() or text.lstrip().startswith("#"))
            continue
        words = list(arguments(text[len(_MAGIC) :], source.line_span(number).start + len(_MAGIC)))
        if words and words[0].text.lower() in ("hetjob", "packjob"):
            component += 1
            continue
        yield from _of_line(words, number, component, in_force)


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
    for match in re.finditer(r"""(?:[^\s"'\\#]|\\.|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|["'\\])+|\#""", text):
        raw = match[0]
        if raw == "#":
            return
        begin = start + len(text[: match.start()].encode("utf-8", "surrogateescape"))
        plain = re.sub(r"""\\(.)|["']""", lambda found: found[1] or "", raw)
        yield Word(Span(begin, begin + len(raw.encode("utf-8", "surrogateescape"))), (plain,))
        if text[match.end() : match.end() + 1] == "#":
            return
