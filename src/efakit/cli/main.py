"""The program ``efakit``: runs the command that is called, and ends with its exit code.

For ``efakit validate`` it starts pcluster's validators before anything else: importing them takes longer than all that
efakit does, and runs on another core. So this module imports click late.
"""

from __future__ import annotations

import atexit
import errno
import gc
import os
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from typing import TYPE_CHECKING, Any

from efakit.errors import EfakitError, UsageError

if TYPE_CHECKING:
    from efakit.vendor.pcluster_process import PclusterProcess

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
# With one of these, validate asks no vendor, or judges nothing.
_WITHOUT_VENDOR = ("--no-vendor", "--help", "-h")


def __getattr__(name: str) -> Any:
    """Return the group of commands and their table, which need click."""
    if name not in ("COMMANDS", "efakit"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from efakit.cli import group

    return getattr(group, name)


def main() -> None:
    """Run efakit; end with 2 and a message on every error that the user can mend."""
    if None in (sys.stdin, sys.stdout, sys.stderr):
        _open_standard_streams()
    # Looking for circles costs a tenth of the time, at every 700 objects or once at 50,000.
    gc.set_threshold(200_000)
    atexit.register(gc.freeze)  # the interpreter would look through all objects twice before it goes
    process = _validators(sys.argv[1:])
    try:
        _run(process)
    finally:
        if process is not None:
            process.end()


def _validators(arguments: Sequence[str]) -> PclusterProcess | None:
    """Start pcluster's validators where they will be asked; None where they will not, or where it is late for that."""
    if arguments[:1] != ["validate"] or any(option in arguments for option in _WITHOUT_VENDOR):
        return None
    if "click" in sys.modules:  # the command starts them soon enough
        return None
    from efakit.vendor.pcluster_process import pcluster_process

    try:
        return pcluster_process()
    except OSError:  # the command tries it again, and tells
        return None


def _run(process: PclusterProcess | None) -> None:
    import click

    from efakit.cli.group import ReaderGone, efakit

    _print_whatever_comes()
    try:
        # Without standalone mode a command's Exit comes back as its number.
        code = efakit.main(standalone_mode=False, obj=process)
        if sys.stdout is not None:
            sys.stdout.flush()
        sys.exit(code if isinstance(code, int) else 0)
    except click.ClickException as error:
        from efakit.cli.refused import tell_usage

        tell_usage(error, sys.argv[1:])
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("efakit: stopped", err=True)
        sys.exit(130)
    except EfakitError as error:
        from efakit.cli.refused import tell

        tell(error, sys.argv[1:])
        sys.exit(error.exit_code)
    except (BrokenPipeError, ReaderGone):
        # Nothing more can be said on stdout.
        sys.stdout = None
        sys.exit(141)
    except OSError as error:
        if error.filename is not None:
            # A path that a command only asked about, such as one in a folder that this user may not enter.
            from efakit.cli.refused import tell
            from efakit.finding import Place

            tell(UsageError(f"cannot be used: {error.strerror}", Place(os.fsdecode(error.filename))), sys.argv[1:])
            sys.exit(2)
        if error.errno not in _FULL:
            raise
        sys.stdout = None  # it would fail again at the end
        click.echo(
            f"efakit: standard output cannot be written: {error.strerror}; free some space, or write to another place",
            err=True,
        )
        sys.exit(2)


def _open_standard_streams() -> None:
    """Open /dev/null in the place of what the caller has closed (``>&-``).

    Else the next file that is opened takes its number, and what a program of ours prints goes into that.
    """
    while (free := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(free, True)
    os.close(free)
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", errors="backslashreplace", closefd=False))


def _print_whatever_comes() -> None:
    """Let output in an encoding that lacks a letter show the letter's number: a name may be of any language."""
    if isinstance(sys.stdout, TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")
