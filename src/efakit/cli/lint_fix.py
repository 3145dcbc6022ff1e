"""``efakit lint --fix``: shows the change of a file, and writes the whole new file or nothing."""

from __future__ import annotations

import difflib
import os
from collections.abc import Sequence
from pathlib import Path

import click

from efakit.cli.files import replace_file
from efakit.errors import UsageError
from efakit.finding import Finding
from efakit.inputs import is_stdin
from efakit.lint.mend import mended
from efakit.validate.files import Where, judge_text


def mend(path: Path, findings: Sequence[Finding], where: Where, *, write: bool) -> list[Finding]:
    """Mend what is safe in a file and print the change on stderr; return what is left, or all without ``write``."""
    if not any(finding.edits for finding in findings):
        return list(findings)
    if is_stdin(path):
        raise UsageError("--fix writes the file that it fixes: give a file instead of -")
    before = path.read_bytes()
    after, left = mended(before, findings, lambda data: judge_text(path, data, where))
    click.echo(_diff(path, before, after), err=True, nl=False)
    if not write:
        return list(findings)
    _replace(path, after)
    return left


def _diff(path: Path, before: bytes, after: bytes) -> str:
    def lines(data: bytes) -> list[str]:
        return data.decode("utf-8", "backslashreplace").splitlines(keepends=True)

    found = difflib.unified_diff(lines(before), lines(after), str(path), f"{path} (mended)")
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in found)


def _replace(path: Path, data: bytes) -> None:
    """Write a file anew by rename, with its mode; a link stays one. Raises UsageError where the folder is closed."""
    real = Path(os.path.realpath(path))
    try:
        replace_file(real, data, real.stat().st_mode & 0o7777)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror}") from None
