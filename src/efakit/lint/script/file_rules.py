"""Rules for the file as a whole: what sbatch and the shell make of its bytes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from efakit.lint.edit import Edit
from efakit.lint.script.read import other_interpreter
from efakit.lint.script.rule import Context, Problem, rule
from efakit.lint.script.text import Span

_MARK = b"\xef\xbb\xbf"


@rule("dos-line-ends")
def dos_line_ends(context: Context) -> Iterator[Problem]:
    """Refuse carriage returns before line feeds."""
    found = [match.start() for match in re.finditer(rb"\r\n", context.script.source.data)]
    if found:
        what = "sbatch refuses the script" if context.script.kind == "sbatch" else "each value ends with one"
        yield Problem(
            Span(found[0], found[0] + 1),
            f"{len(found)} lines end with a carriage return, as on Windows: {what}",
            "sed -i 's/\\r$//' FILE",
            tuple(Edit(place, place + 1, b"") for place in found),
        )


@rule("no-shebang")
def no_shebang(context: Context) -> Iterator[Problem]:
    """Refuse a script with #SBATCH lines whose first two bytes are not #!."""
    script = context.script
    data = script.source.data
    if script.kind != "sbatch" or script.is_template or data.startswith(b"#!"):
        return
    if data.startswith(_MARK):
        yield Problem(Span(0, 3), "a byte order mark precedes #!: sbatch refuses the script", "remove the mark")
    else:
        yield Problem(Span(0, 1), "the first line does not begin with #!: sbatch refuses it", "#!/bin/bash")


@rule("not-utf-8")
def not_utf8(context: Context) -> Iterator[Problem]:
    """Point out the first byte that is no UTF-8."""
    place = context.script.source.first_bad_byte()
    if place is not None:
        yield Problem(Span(place, place + 1), f"byte {place} of the file is not UTF-8", "iconv -t UTF-8")


@rule("not-understood")
def not_understood(context: Context) -> Iterator[Problem]:
    """Say where the script was not understood, once a file."""
    other = other_interpreter(context.script.source.text)
    if other is not None:
        yield Problem(Span(0, 2), f"a script for {other}: efakit checks only its #SBATCH lines", "")
    elif context.script.unread and not context.script.is_template:
        start, end = min(context.script.unread)
        yield Problem(
            Span(start, max(end, start)), "efakit could not parse all of the script from here on", "bash -n FILE"
        )
