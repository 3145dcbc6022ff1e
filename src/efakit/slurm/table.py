"""Tables that Slurm's commands print: which field is asked for by which name, and how its text is read.

A job name can hold newlines, commas, bars and whatever else somebody thinks of for a separator. Therefore the separator
is a new random word in every call, and it follows every field, the last one too: splitting on it gives the fields back
exactly, wherever the name stands.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from efakit.slurm.job import SourceError

# What Slurm's commands print for a text that is not set.
_NOT_SET = ("", "(null)", "N/A", "None assigned")


def text(value: str) -> str:
    """Return a text as it is."""
    return value


def optional(value: str) -> str | None:
    """Return a text, None for Slurm's words for one that is not set."""
    return None if value in _NOT_SET else value


def number(value: str) -> int:
    """Return a field that is a whole number.

    Raises:
        SourceError: it is none.
    """
    try:
        return int(value)
    except ValueError:
        raise SourceError(f"output of an unexpected form: {value!r} where a number belongs") from None


def optional_number(value: str) -> int | None:
    """Return a whole number, None for an empty text; raise SourceError as ``number`` does."""
    return number(value) if value else None


class Column(NamedTuple):
    """One field of a table: its name in efakit, what the command calls it, and how its text is read.

    ``since`` is the first release that has it, empty where all of 22.05 to 26.05 do.
    """

    field: str
    asked: str
    read: Callable[[str], Any] = text
    since: str = ""


def new_separator() -> str:
    """Return a word that stands in no other text, to separate fields."""
    # Not to begin with a digit, which --Format would take for the size; no comma, which would end the field.
    return f"|{os.urandom(8).hex()}|"


def long_format(columns: Sequence[Column], separator: str) -> str:
    """Return the value of ``--Format`` of squeue and sinfo; size 0 means "as long as it is"."""
    return ",".join(f"{column.asked}:0{separator}" for column in columns)


def read_table(output: str, separator: str, columns: Sequence[Column]) -> list[dict[str, Any]]:
    """Return the rows as fields by name, from text where the separator follows every field, a newline every row.

    Raises:
        SourceError: the text is no such table.
    """
    *values, end = output.split(separator)
    width = len(columns)
    if len(values) % width or end.strip():
        raise SourceError(f"output of an unexpected form: {output[:200]!r}")
    if width and values:
        # Each row's newline stands before the next row's first field, which holds no blanks.
        values[::width] = [value.strip() for value in values[::width]]
    listed = []
    for place, column in enumerate(columns):
        # Of thousands of nodes most values are the same.
        printed = values[place::width]
        known = {value: column.read(value) for value in dict.fromkeys(printed)}
        listed.append([known[value] for value in printed])
    fields = [column.field for column in columns]
    return [dict(zip(fields, row, strict=True)) for row in zip(*listed, strict=True)]


def split_pairs(line: str) -> dict[str, str]:
    """Return the pairs of a line such as ``PartitionName=gpu State=UP``, whose values hold no blanks."""
    pairs = (word.partition("=") for word in line.split())
    return {key: value for key, equals, value in pairs if equals}
