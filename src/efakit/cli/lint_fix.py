"""``efakit lint --fix``: mends a file, shows the change, and writes the whole new file or nothing."""

from __future__ import annotations

import difflib
import os
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import click

from efakit.cli.lint_subject import Where, judge_text
from efakit.errors import UsageError
from efakit.finding import Finding
from efakit.lint.edit import Edit

_MOST_ROUNDS = 100


def mend(path: Path, findings: Sequence[Finding], where: Where, *, write: bool) -> list[Finding]:
    """Mend what is safe in a file and print the change on stderr; return what is left, or all without ``write``."""
    if not any(finding.edits for finding in findings):
        return list(findings)
    before = path.read_bytes()
    after, left = mended(path, before, findings, where)
    click.echo(_diff(path, before, after), err=True, nl=False)
    if not write:
        return list(findings)
    _replace(path, after)
    return left


def mended(path: Path, data: bytes, findings: Sequence[Finding], where: Where) -> tuple[bytes, list[Finding]]:
    """Return a file's new content and the findings in it.

    Each round makes the first finding's edits and those of later lines, then judges anew: no two edits meet.
    """
    left = list(findings)
    for _ in range(_MOST_ROUNDS):
        edits = _apart(left)
        changed = _applied(data, edits)
        if changed == data or not changed.strip():
            break
        data, left = changed, judge_text(path, changed, where)
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


def _diff(path: Path, before: bytes, after: bytes) -> str:
    def lines(data: bytes) -> list[str]:
        return data.decode("utf-8", "backslashreplace").splitlines(keepends=True)

    found = difflib.unified_diff(lines(before), lines(after), str(path), f"{path} (mended)")
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in found)


def _replace(path: Path, data: bytes) -> None:
    """Write a file anew by rename, with its mode; a link stays one. Raises UsageError where the folder is closed."""
    real = Path(os.path.realpath(path))
    try:
        mode = real.stat().st_mode & 0o7777
        with tempfile.NamedTemporaryFile(dir=real.parent, prefix=f".{real.name}.", delete=False) as new:
            name = Path(new.name)
            try:
                new.write(data)
                new.flush()
                os.fchmod(new.fileno(), mode)
                name.replace(real)
            except BaseException:
                name.unlink(missing_ok=True)
                raise
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror}") from None
