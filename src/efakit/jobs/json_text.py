"""Small pieces of JSON, read by msgspec where thousands are to come; and how to tell that a name is there twice."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from itertools import chain
from typing import Any, NamedTuple

from efakit.jobs.json_file import refuse_constant

_DECODER = json.JSONDecoder(parse_constant=refuse_constant)
_AS_ZEROS = bytes.maketrans(b"123456789", b"0" * 9)
# A number of more than 400 letters, which the common reader refuses, has so many digits in a row.
_LONG_NUMBER = b"0" * 128


class _Faster(NamedTuple):
    decode: Callable[[bytes], Any]
    columns: Callable[[bytes], list[list[int]]]


_FASTER: list[_Faster] = []


def prepare_for_many() -> None:
    """Let msgspec read the texts where it is installed: in a third of the time, which its import takes for a few."""
    if not _FASTER:
        with contextlib.suppress(ImportError):
            from msgspec.json import Decoder, decode

            _FASTER.append(_Faster(decode, Decoder(list[list[int]]).decode))


def decode(data: bytes) -> Any:
    """Return the value of a JSON text; of a name that is there twice, the last value.

    Raises:
        ValueError: it is none, not UTF-8, or may have a number that is longer than the common reader takes.
        RecursionError: it is nested too deeply.
    """
    if has_long_number(data):
        raise ValueError("a number of many digits")
    # msgspec takes some of what is not UTF-8.
    return _FASTER[0].decode(data) if _FASTER and data.isascii() else _DECODER.decode(data.decode("utf-8"))


def has_long_number(data: bytes) -> bool:
    """Whether there are so many digits in a row that the common reader may refuse the number; in a text they may be."""
    return len(data) > len(_LONG_NUMBER) and _LONG_NUMBER in data.translate(_AS_ZEROS)


def columns(data: bytes) -> list[list[int]]:
    """Return the columns of a JSON list of lists; raise ValueError where one is none, or a number not whole."""
    if b"-" in data:
        raise ValueError("a number below zero")
    if _FASTER:
        return _FASTER[0].columns(data)
    found = decode(data)
    if type(found) is not list or not set(map(type, found)) <= {list}:
        raise ValueError("not a list of lists")
    if not set(map(type, chain.from_iterable(found))) <= {int}:
        raise ValueError("a number that is not whole")
    return found


def colons(value: Any) -> int:
    """Return how many colons a value has as text: one for each name, and those within texts.

    A text without a backslash in which more are counted has a name twice.
    """
    if type(value) is str:
        return value.count(":")
    if type(value) is list:
        return sum([colons(item) for item in value if item])
    if type(value) is not dict:
        return 0
    texts = [*value]
    found = len(value)
    for item in value.values():
        if type(item) is str:
            texts.append(item)
        elif item and type(item) in (list, dict):
            found += colons(item)
    return found + "".join(texts).count(":")
