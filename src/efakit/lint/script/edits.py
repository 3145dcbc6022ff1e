"""Changes that mend a script: each leaves the rest of the file as it is, byte for byte."""

from __future__ import annotations

import re

from efakit.lint.edit import Edit
from efakit.lint.script.model import Assignment, Script
from efakit.lint.script.text import Span


def cut(script: Script, item: Assignment) -> tuple[Edit, ...]:
    """Return what takes an assignment out; nothing where its name stands elsewhere in the code too."""
    if item.cut is None or _mentions(script, item.name) > 1:
        return ()
    if item.kind in ("env-prefix", "export", "plain", "mpirun-x") and "$(" in script.source.at(item.cut):
        return ()  # a command that runs for its value may do more than that
    return (Edit(item.cut.start, item.cut.end, b""),)


def rename(script: Script, item: Assignment, new: str) -> tuple[Edit, ...]:
    """Return what gives a variable another name, everywhere in the code; nothing where the new one is there too."""
    if _mentions(script, new) or script.embedded:
        return ()
    return tuple(Edit(span.start, span.end, new.encode()) for span in _places(script, item.name))


def name_span(script: Script, item: Assignment) -> Span:
    """Return where the name of an assignment stands, or the assignment's place where that cannot be told."""
    text = script.source.at(item.span)
    match = re.search(rf"(?<!\w){re.escape(item.name)}(?!\w)", text)
    if match is None:
        return item.span
    start = item.span.start + len(text[: match.start()].encode("utf-8", "surrogateescape"))
    return Span(start, start + len(item.name))


def _mentions(script: Script, name: str) -> int:
    return len(_places(script, name))


def _places(script: Script, name: str) -> list[Span]:
    pattern = re.compile(rb"(?<![A-Za-z0-9_])" + re.escape(name.encode()) + rb"(?![A-Za-z0-9_])")
    found = [Span(match.start(), match.end()) for match in pattern.finditer(script.source.data)]
    return [span for span in found if not any(part.start <= span.start < part.end for part in script.comments)]
