"""The user's own rows of the catalog, which ``efakit catalog update`` keeps, as a file (``userfile`` knows where).

The file has the rows that differ from the built-in catalog's, the time of the last update, and the revision of the
built-in catalog that it was made against. ``efakit.catalog.instances`` lays its rows over the built-in ones.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Callable, NamedTuple

from efakit.catalog.user_rows.describe import ACCELERATOR_FIELDS, FIELDS, OPTIONAL_FIELDS, is_type_name
from efakit.catalog.user_rows.userfile import SWITCH
from efakit.errors import CatalogError
from efakit.printable import as_written

Row = dict[str, Any]

_FORMAT = 1


class UserData(NamedTuple):
    """The content of the user's file."""

    updated: str
    """Time of the last update, such as 2026-11-21T14:00:05Z."""
    built_in_revision: int
    """The revision of the built-in catalog that was there then."""
    sources: dict[str, Row]
    efa: dict[str, Row]
    """Rows of types with EFA by name, as in instances.json."""
    plain: dict[str, Row]
    """Types without EFA by name: ``row`` as in plain_types.json, and the key of its ``source``."""


def read(path: Path) -> UserData | None:
    """Give the content of a user's file, None where it is not there; raise CatalogError where it is damaged."""
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise _damaged(path, f"cannot be read: {getattr(error, 'strerror', None) or error}") from error
    try:
        return parse(json.loads(text))
    except (ValueError, RecursionError) as error:
        raise _damaged(path, f"is damaged: {error}") from error


def parse(content: Any) -> UserData:
    """Give the data in a file's content; raise ValueError where it is not as ``render`` writes it."""
    _expect(isinstance(content, dict), "no JSON object")
    form = content.get("format")
    _expect(form == _FORMAT, f"format {as_written(form)}, and this efakit reads format {_FORMAT}")
    for key, kind in (("updated", str), ("built_in_revision", int), ("sources", dict), ("types", list)):
        _expect(isinstance(content.get(key), kind), f"no {key!r}")
    _expect(isinstance(content.get("plain_types"), list), "no 'plain_types'")
    for key, entry in content["sources"].items():
        _check_source(key, entry)
    for row in content["types"]:
        check_efa_row(row, content["sources"])
    for entry in content["plain_types"]:
        check_plain(entry, content["sources"])
    return UserData(
        updated=content["updated"],
        built_in_revision=content["built_in_revision"],
        sources=content["sources"],
        efa={row["name"]: row for row in content["types"]},
        plain={entry["name"]: {"row": entry["row"], "source": entry["source"]} for entry in content["plain_types"]},
    )


def render(data: UserData) -> str:
    """Give the text of the file, one row a line."""

    def lines(rows: list[Any]) -> str:
        return ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)

    plain = [{"name": name, **entry} for name, entry in data.plain.items()]
    return (
        f'{{\n"format": {_FORMAT},\n"updated": {json.dumps(data.updated)},\n'
        f'"built_in_revision": {data.built_in_revision},\n"sources": {json.dumps(data.sources, ensure_ascii=False)},\n'
        f'"types": [\n{lines(list(data.efa.values()))}\n],\n"plain_types": [\n{lines(plain)}\n]\n}}\n'
    )


def _damaged(path: Path, what: str) -> CatalogError:
    return CatalogError(
        f"{path}: {what}. It holds your own rows of the catalog: 'efakit catalog update --reset' removes it, "
        f"{SWITCH}=builtin leaves it out"
    )


def _expect(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ValueError(otherwise)


def _text(value: Any) -> bool:
    # What a terminal would obey has no place in it.
    return isinstance(value, str) and value.isprintable()


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 1e12


def _count(value: Any) -> bool:
    return isinstance(value, int) and _number(value)


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_text, value))


_ACCELERATOR_KINDS: dict[str, Callable[[Any], bool]] = {
    "count": _count,
    "name": _text,
    "manufacturer": _text,
    "memory_mib": _count,
    "kind": _text,
}


def _accelerators(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and set(value) == set(_ACCELERATOR_KINDS)
        and all(value[field] is None or kind(value[field]) for field, kind in _ACCELERATOR_KINDS.items())
    )


# The fields of a row that are no plain counts.
_KINDS: dict[str, Callable[[Any], bool]] = {
    "name": lambda value: isinstance(value, str) and is_type_name(value),
    "architecture": _text,
    "accelerators": _accelerators,
    "card0_efa": lambda value: isinstance(value, bool),
    "efa_interfaces": lambda value: _count(value) and value > 0,
    "bandwidth_gbps": _number,
    "placement_strategies": _texts,
    "usage_classes": _texts,
    "source": _text,
    "note": _text,
    "field_sources": lambda value: isinstance(value, dict),
}


def _check_source(key: str, entry: Any) -> None:
    fields = {"title", "address", "version", "retrieved"}
    well = isinstance(entry, dict) and {"title", "address"} <= set(entry) <= fields
    _expect(
        well and all(value is None or _text(value) for value in entry.values()), f"the source {key!r} is not a source"
    )


def check_efa_row(row: Any, sources: dict[str, Row]) -> None:
    """Raise ValueError where a row of a type with EFA is not as it should be."""
    _expect(isinstance(row, dict) and "name" in row, "a type without a name")
    name = row["name"]
    _expect(set(FIELDS) <= set(row) <= {*FIELDS, *OPTIONAL_FIELDS}, f"{name!r} has not the fields of a type")
    for field, value in row.items():
        needed = field in ("name", "source", "field_sources")
        well = not needed if value is None else _KINDS.get(field, _count)(value)
        _expect(well, f"{name!r}: {field} is {value!r}")
    used = [row["source"], *row.get("field_sources", {}).values()]
    _expect(set(row.get("field_sources", {})) <= set(row), f"{name!r}: field_sources names a field that is not there")
    _expect(all(_text(key) and key in sources for key in used), f"{name!r} names a source that is not there")


def check_plain(entry: Any, sources: dict[str, Row]) -> None:
    """Raise ValueError where an entry of a type without EFA is not as it should be."""
    _expect(
        isinstance(entry, dict) and set(entry) == {"name", "row", "source"}, "a type without EFA has not its fields"
    )
    name, row = entry["name"], entry["row"]
    well = _KINDS["name"](name) and isinstance(row, list) and len(row) in (4, 5)
    well = well and _count(row[0]) and _count(row[1]) and _text(row[2]) and _count(row[3]) and row[3] > 0
    if well and len(row) == 5:
        well = isinstance(row[4], list) and len(row[4]) == len(ACCELERATOR_FIELDS)
        well = well and _accelerators({field: row[4][index] for index, field in enumerate(ACCELERATOR_FIELDS)})
    _expect(well, f"{name!r} is not a row of a type without EFA")
    _expect(_text(entry["source"]) and entry["source"] in sources, f"{name!r} names a source that is not there")
