"""A finding: one thing that a check has to say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

Severity = Literal["error", "warning", "info"]


class Edit(NamedTuple):
    """A change of a file: the bytes from ``start`` up to ``end`` become ``text``."""

    start: int
    end: int
    text: bytes


@dataclass(frozen=True)
class Finding:
    """One thing that a check has to say, and where.

    ``line`` and ``column`` begin with 1. ``fix`` is what to do, empty where the message says it; ``source`` is the
    public address of the rule.
    """

    file: str
    line: int
    column: int
    rule: str
    severity: Severity
    message: str
    fix: str
    source: str
    end_column: int | None = None
    """The column behind the last letter, where the place is a part of one line."""
    edits: tuple[Edit, ...] = ()
    """What mends it, where that is safe."""

    def as_data(self) -> dict[str, Any]:
        """Return the finding as JSON values."""
        return {
            "file": self.file,
            "line": self.line,
            "column": self.column,
            "rule": self.rule,
            "severity": self.severity,
            "message": self.message,
            "fix": self.fix,
            "source": self.source,
        }
