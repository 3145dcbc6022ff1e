"""What a command is given to read: a file, or standard input, which is written ``-``."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

_STDIN = "-"
# Standard input and what came on it: it can be read once, and a spec is looked at more often.
_held: list[Any] = []


def is_stdin(path: Path) -> bool:
    """Return whether standard input is meant."""
    return str(path) == _STDIN


def shown(path: Path) -> str:
    """Return the name by which messages call what is read."""
    return "<stdin>" if is_stdin(path) else str(path)


def read_input(path: Path) -> bytes:
    """Return what a file holds, or what comes on standard input; raise OSError where it cannot be read."""
    if not is_stdin(path):
        return path.read_bytes()
    if not _held or _held[0] is not sys.stdin:
        _held[:] = [sys.stdin, sys.stdin.buffer.read()]
    content: bytes = _held[1]
    return content


def other_than_yaml(text: str) -> str:
    """Return what a text that is no YAML is, and what to do about it, where that can be told; else an empty text."""
    for line in text.splitlines():
        if line.startswith("[") and line.rstrip().endswith("]") and line.strip("[] \t").replace(" ", "").isalnum():
            return "a configuration of ParallelCluster 2 (INI); pcluster3-config-converter makes one of 3 from it"
        if line.startswith(("#!", "#SBATCH")):
            return "a script; 'efakit lint' judges scripts"
        if line.startswith(("{{", "{%")):
            return "a template; judge what it renders to"
        if line.strip() and not line.lstrip().startswith(("#", ";")):
            return ""
    return ""


def text_of(data: bytes, encoding: str = "utf-8") -> str:
    """Return bytes as text with newlines alone between lines; raise UnicodeDecodeError where they are no text."""
    return data.decode(encoding).replace("\r\n", "\n").replace("\r", "\n")
