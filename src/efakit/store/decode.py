"""A record's file as its row and its JSON value."""

from __future__ import annotations

from typing import Any

from efakit.jobs.json_file import parse_json
from efakit.store.columns import row_of


def decode(data: bytes) -> tuple[dict[str, Any], Any]:
    """Return row and value of a record's JSON text; raise Unusable where it is none."""
    value = parse_json(data)
    return (row_of(value) if isinstance(value, dict) else {}), value
