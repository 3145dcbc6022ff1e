"""Where a report goes: standard output, or a file that is there whole or not at all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from efakit.cli.files import replace_file
from efakit.errors import UsageError
from efakit.printable import printable

_F = TypeVar("_F", bound=Callable[..., Any])


def output_option(function: _F) -> _F:
    """Give a command the option of a file to write to."""
    return click.option(
        "--output",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Write the report to this file; - for stdout, which is the default.",
    )(function)


def to_stdout(output: Path | None) -> bool:
    """Return whether the report goes to standard output."""
    return output is None or str(output) == "-"


def deliver(text: str, output: Path | None) -> None:
    """Write a report to a file, as UTF-8, or to standard output.

    Raises:
        UsageError: the file cannot be written, or is none.
    """
    content = text.encode("utf-8", "backslashreplace")
    if output is None or to_stdout(output):
        click.echo(content, nl=False)
        return
    try:
        target = output.resolve()
        if target.exists() and not target.is_file():
            raise UsageError(f"--output: {printable(output, 300)} is not a file")
        replace_file(target, content)
    except (OSError, RuntimeError) as error:  # RuntimeError: links that go round, before Python 3.13
        why = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"--output: {printable(output, 300)} cannot be written: {why}") from error
    click.echo(f"wrote {printable(output, 300)}")
