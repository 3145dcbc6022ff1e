"""``# efakit: ignore RULE`` in comments: on a line, on the line before it, or for the whole file."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from efakit.lint.script.model import Script
from efakit.lint.script.text import Span

_COMMENT = re.compile(r"#\s*efakit:\s*(ignore(?:-file)?)\b[ :]*([^#]*)")
IGNORE_RULE = "ignore-unknown-rule"


@dataclass
class Ignored:
    """What a file's comments leave out."""

    by_line: dict[int, set[str]] = field(default_factory=dict)
    everywhere: set[str] = field(default_factory=set)
    named: list[tuple[str, Span]] = field(default_factory=list)

    def covers(self, rule: str, line: int) -> bool:
        """Return whether a finding of a rule in a line is left out."""
        return rule in self.everywhere or rule in self.by_line.get(line, ())

    def unknown(self, rules: Collection[str]) -> Iterator[tuple[str, Span]]:
        """Give the names in such comments that are no rules."""
        return ((name, span) for name, span in self.named if name not in rules)


def ignored(script: Script) -> Ignored:
    """Return what the comments of a script leave out."""
    found = Ignored()
    source = script.source
    comments = [*script.comments, *(span for inner in script.embedded for span in inner.comments)]
    for span in comments:
        match = _COMMENT.search(source.at(span))
        if match is None:
            continue
        names = {name for name in re.split(r"[\s,]+", match[2]) if name}
        found.named += [(name, span) for name in sorted(names)]
        line, column = source.place(span.start)
        if match[1] == "ignore-file":
            found.everywhere |= names
            continue
        alone = not source.line(line)[: column - 1].strip()
        for number in (line, line + 1) if alone else (line,):
            found.by_line.setdefault(number, set()).update(names)
    return found
