"""Makes the edits of findings, those that do not meet, and judges anew until nothing is left to mend."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from efakit.finding import Finding
from efakit.lint.edit import Edit

_MOST_ROUNDS = 100


def mended(
    data: bytes, findings: Sequence[Finding], judge: Callable[[bytes], list[Finding]]
) -> tuple[bytes, list[Finding]]:
    """Return a file's new content and the findings in it, which ``judge`` gives for a content.

    Each round makes the first finding's edits and those of later lines, then judges anew: no two edits meet.
    """
    left = list(findings)
    for _ in range(_MOST_ROUNDS):
        edits = _apart(left)
        changed = _applied(data, edits)
        if changed == data or not changed.strip():
            break
        data, left = changed, judge(changed)
    return data, left


def _apart(findings: Iterable[Finding]) -> list[Edit]:
    """Return the edits of findings that have nothing to do with each other: each finding's all, or none."""
    chosen: list[Edit] = []
    lines: set[int] = set()
    for finding in findings:
        meets = any(edit.start <= other.end and other.start <= edit.end for edit in finding.edits for other in chosen)
        if finding.edits and not meets and finding.line not in lines:
            chosen += finding.edits
            lines.add(finding.line)
    return sorted(chosen)


def _applied(data: bytes, edits: Iterable[Edit]) -> bytes:
    for start, end, text in sorted(edits, reverse=True):
        data = data[:start] + text + data[end:]
    return data
