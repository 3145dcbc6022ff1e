"""Reads one JSON file that anybody may have written: bounded in size, depth and numbers, and never waited for."""

from __future__ import annotations

import errno
import json
import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NoReturn

from efakit.printable import printable

MOST_BYTES = 4 << 20
"""A record of 32 devices with 40 counters each has 50 KB."""
MOST_DEPTH = 32
MOST_DIGITS = 20
"""Of an integer: a 64-bit counter has so many."""
_MOST_LETTERS = 400


class Unusable(Exception):
    """A file that cannot be used; the text says why, and names no file."""


class Newer(Unusable):
    """A file that a newer efakit wrote: it may be whole."""


def read_json(path: Path, *, follow_links: bool = False) -> Any:
    """Return the value of the JSON file at ``path``.

    Raises:
        Unusable: it is no regular file, is too large, cannot be read, or is no JSON within the bounds of this module.
    """
    return parse_json(read_bytes(path, follow_links=follow_links))


def parse_json(data: bytes) -> Any:
    """Return the value of a JSON text in UTF-8; raise Unusable as ``read_json`` does."""
    try:
        value = _DECODER.decode(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise Unusable(f"is not UTF-8 at byte {error.start}") from error
    except RecursionError as error:
        raise Unusable(f"is nested deeper than {MOST_DEPTH} levels") from error
    except ValueError as error:
        raise Unusable(f"is not JSON: {printable(error, 200)}") from error
    _check_depth(value)
    return value


def read_bytes(path: Path | str, *, follow_links: bool = False) -> bytes:
    """Return the bytes of the regular file at ``path``, at most MOST_BYTES; raise Unusable as ``read_json`` does."""
    # Without O_NONBLOCK, opening a FIFO waits for a writer.
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | (0 if follow_links else os.O_NOFOLLOW)
    try:
        descriptor = os.open(path, flags)
        try:
            about = os.fstat(descriptor)
            if not stat.S_ISREG(about.st_mode):
                raise Unusable("is not a regular file")
            if about.st_size > MOST_BYTES:
                raise Unusable(_too_large(about.st_size))
            return _read_all(descriptor, about.st_size)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno == errno.ELOOP and not follow_links:
            raise Unusable("is a link, not a regular file") from error
        raise Unusable(why_unreadable(error)) from error


def _read_all(descriptor: int, size_bytes: int) -> bytes:
    first = os.read(descriptor, size_bytes + 1)
    if len(first) == size_bytes:
        return first  # no byte more was there
    parts = [first]
    left = MOST_BYTES + 1 - len(first)
    while left > 0:
        part = os.read(descriptor, min(left, 1 << 20))
        if not part:
            return b"".join(parts)
        parts.append(part)
        left -= len(part)
    raise Unusable(_too_large(MOST_BYTES + 1))


def why_unreadable(error: OSError) -> str:
    """Return in words why a file or folder of the records cannot be read."""
    if isinstance(error, PermissionError):
        return "you may not read it; hooks.records_mode in the spec decides who may"
    if error.errno in (errno.ENXIO, errno.EOPNOTSUPP):
        return "is not a regular file"
    return f"cannot be read: {error.strerror}"


def _too_large(size_bytes: int) -> str:
    return f"is too large: {size_bytes} bytes, and at most {MOST_BYTES} are read"


def _check_depth(value: Any) -> None:
    level: list[Any] = [value]
    for _ in range(MOST_DEPTH):
        level = [inner for item in level if isinstance(item, (dict, list)) for inner in _children(item)]
        if not level:
            return
    raise Unusable(f"is nested deeper than {MOST_DEPTH} levels")


def _children(item: dict[str, Any] | list[Any]) -> Iterable[Any]:
    return item.values() if isinstance(item, dict) else item


def _integer(digits: str) -> int:
    if len(digits) > MOST_DIGITS:
        raise ValueError(f"a number of {len(digits)} digits")
    return int(digits)


def _fraction(text: str) -> float:
    if len(text) > _MOST_LETTERS:
        raise ValueError(f"a number of {len(text)} letters")
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError(f"the number {text} is too large")
    return value


def refuse_constant(name: str) -> NoReturn:
    """Raise ValueError for NaN and Infinity, which Python's json takes and JSON has not."""
    raise ValueError(f"{name} is not a number of JSON")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise ValueError(f"duplicate name {name!r}")
            seen.add(name)
    return value


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_fraction, parse_constant=refuse_constant
)
