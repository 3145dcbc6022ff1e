"""What a command is given to read: a file, or standard input, which is written ``-``."""

from __future__ import annotations

import errno
import stat
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

_STDIN = "-"
_LARGEST_BYTES = 16 << 20
LARGEST_SPEC_BYTES = 1 << 20
"""Of a spec or config, whose reading takes seconds for each MiB: hundreds of queues are a tenth of it."""
_MOST_VALUES = 500_000
EXPLODES = "its aliases (*name) expand to too many values, or to one that contains itself; write the values out"
# Standard input and what came on it: it can be read once, and a spec is looked at more often.
_held: list[Any] = []


def is_stdin(path: Path) -> bool:
    """Return whether standard input is meant."""
    return str(path) == _STDIN


def shown(path: Path) -> str:
    """Return the name by which messages call what is read."""
    return "<stdin>" if is_stdin(path) else str(path)


def read_input(path: Path, most_bytes: int = _LARGEST_BYTES) -> bytes:
    """Return what a file holds, or what comes on standard input; raise OSError where it cannot be read, or is larger.

    A pipe or a device by its own name is refused, for it may never end; one that a shell opened (/dev/fd/63) is read.
    """
    if not is_stdin(path):
        kind = path.stat().st_mode
        opened = str(path).startswith(("/dev/fd/", "/proc/")) or str(path) in ("/dev/stdin", "/dev/null")
        if not (stat.S_ISREG(kind) or stat.S_ISDIR(kind) or opened):
            raise OSError(errno.EINVAL, "it is a pipe or a device; - reads standard input")
        with path.open("rb") as file:
            return limited(file.read(most_bytes + 1), most_bytes)
    if not _held or _held[0] is not sys.stdin:
        _held[:] = [sys.stdin, sys.stdin.buffer.read(_LARGEST_BYTES + 1)]
    return limited(_held[1], most_bytes)


def limited(content: bytes, most_bytes: int = LARGEST_SPEC_BYTES) -> bytes:
    """Return what was read; raise OSError where it is larger."""
    if len(content) > most_bytes:
        what = ", and no spec or config is" if most_bytes == LARGEST_SPEC_BYTES else ""
        raise OSError(errno.EFBIG, f"it is larger than {most_bytes >> 20} MiB{what}")
    return content


def aliases_explode(root: Any) -> bool:
    """Return whether the aliases of a YAML tree make far more values of it than it has, or a value that has no end.

    ``root`` and what is below it have ``value``: text, a list of nodes, or a list of pairs of them.
    """
    counts: dict[int, int] = {}
    waiting = [(root, False)]
    while waiting:
        node, inside_done = waiting.pop()
        inner = [part for item in _items(node) for part in (item if isinstance(item, tuple) else (item,))]
        if inside_done:
            counts[id(node)] = 1 + sum(counts[id(part)] for part in inner)
            if counts[id(node)] > _MOST_VALUES:
                return True
        elif id(node) not in counts:
            counts[id(node)] = _MOST_VALUES  # until it is counted: who meets it meanwhile is inside of it
            waiting.append((node, True))
            waiting += [(part, False) for part in inner]
    return False


def _items(node: Any) -> list[Any]:
    value = getattr(node, "value", None)
    return value if isinstance(value, list) else []


MANIFEST = "an eksctl config or a Kubernetes manifest; 'efakit lint' judges those"


def other_than_yaml(text: str) -> str:
    """Return what a text that is no YAML is, and what to do about it, where that can be told; else an empty text.

    A file of several documents is none, for a spec or a config is one.
    """
    for line in text.splitlines():
        if line.startswith("[") and line.rstrip().endswith("]") and line.strip("[] \t").replace(" ", "").isalnum():
            return "a configuration of ParallelCluster 2 (INI); pcluster3-config-converter makes one of 3 from it"
        if line.startswith(("#!", "#SBATCH")):
            return "a script; 'efakit lint' judges scripts"
        if line.startswith("FROM "):
            return "a Dockerfile; 'efakit lint' judges Dockerfiles"
        if line.startswith(("{{", "{%")):
            return "a template; judge what it renders to"
        if line.startswith("apiVersion:"):
            return MANIFEST
        if line.strip() and line.rstrip() != "---" and not line.lstrip().startswith(("#", ";", "ARG ")):
            return ""
    return ""


def text_of(data: bytes, encoding: str = "utf-8") -> str:
    """Return bytes as text with newlines alone between lines; raise UnicodeDecodeError where they are no text."""
    return data.decode(encoding).replace("\r\n", "\n").replace("\r", "\n")
