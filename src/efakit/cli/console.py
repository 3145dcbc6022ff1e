"""rich's console for tables on standard output."""

from __future__ import annotations

import errno
import os

from rich.console import Console


class OutputConsole(Console):
    """A console that tells who has lost its reader: rich's own ends the process with 1, without a word."""

    def on_broken_pipe(self) -> None:
        """Raise BrokenPipeError."""
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))
