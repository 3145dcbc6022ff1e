"""Small pieces of JSON, read by msgspec where thousands are to come; and how to tell that a name is there twice."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from itertools import chain
from typing import Any, NamedTuple

from efakit.jobs.json_file import refuse_constant

_DECODER = json.JSONDecoder(parse_constant=refuse_constant)


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
        ValueError: it is none, or not UTF-8.
        RecursionError: it is nested too deeply.
    """
    # msgspec takes some of what is not UTF-8.
    return _FASTER[0].decode(data) if _FASTER and data.isascii() else _DECODER.decode(data.decode("utf-8"))


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
