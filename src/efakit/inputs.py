"""What a command is given to read: a file, or standard input, which is written ``-``."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

_STDIN = "-"


def is_stdin(path: Path) -> bool:
    """Return whether standard input is meant."""
    return str(path) == _STDIN


def shown(path: Path) -> str:
    """Return the name by which messages call what is read."""
    return "<stdin>" if is_stdin(path) else str(path)


def read_input(path: Path) -> bytes:
    """Return what a file holds, or what comes on standard input; raise OSError where it cannot be read."""
    return sys.stdin.buffer.read() if is_stdin(path) else path.read_bytes()


def text_of(data: bytes, encoding: str = "utf-8") -> str:
    """Return bytes as text with newlines alone between lines; raise UnicodeDecodeError where they are no text."""
    return data.decode(encoding).replace("\r\n", "\n").replace("\r", "\n")
