"""A change of a file that mends a finding."""

from __future__ import annotations

from typing import NamedTuple


class Edit(NamedTuple):
    """The bytes from ``start`` up to ``end`` become ``text``."""

    start: int
    end: int
    text: bytes
