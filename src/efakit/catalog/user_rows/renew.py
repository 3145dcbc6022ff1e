"""The user's own rows from an answer of EC2: what is new in it, what differs from the built-in catalog. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from efakit.catalog.user_rows.built_in import BuiltIn
from efakit.catalog.user_rows.describe import FIELDS, OPTIONAL_FIELDS, card0_efa, changes, efa_row, has_efa, plain_row
from efakit.catalog.user_rows.userdata import UserData, check_efa_row, check_plain
from efakit.errors import CatalogError
from efakit.printable import as_written

Row = dict[str, Any]


@dataclass
class Renewal:
    """What an answer of EC2 comes to."""

    data: UserData
    """What to keep: this answer's rows that are new or differ, and earlier ones of which it says nothing."""
    new: list[str] = field(default_factory=list)
    """Types that the built-in catalog lacks."""
    changed: dict[str, list[str]] = field(default_factory=dict)
    """Types of which EC2 says something else than the built-in catalog, and what."""
    same: int = 0
    """Number of types that are as in the built-in catalog."""
    notes: list[str] = field(default_factory=list)
    """What a reader should know: types left out, values kept, earlier rows that were given up."""


def renew(answer: dict[str, Row], built_in: BuiltIn, previous: UserData | None, updated: str, source: Row) -> Renewal:
    """Give the user's rows after an answer of DescribeInstanceTypes.

    ``answer`` has EC2's descriptions by name, ``previous`` the user's rows so far, ``updated`` the time as text and
    ``source`` the entry that is to stand for the answer.

    What EC2 does not say (an old API version leaves out the number of EFA interfaces) stays as the built-in catalog has
    it, and so does what the built-in catalog corrects by hand; each such value keeps its own source.
    """
    key = f"ec2 {updated}"
    sources = {**built_in.sources, **(previous.sources if previous else {}), key: source}
    found = Renewal(UserData(updated, built_in.revision, {}, {}, {}))
    if previous:
        _keep(found, previous, answer, built_in)
    for name, raw in answer.items():
        try:
            if has_efa(raw):
                row = efa_row(raw, key)
                check_efa_row(row, sources)
                _take_efa(found, row, built_in)
            else:
                plain = plain_row(raw)
                check_plain({"name": name, "row": plain, "source": key}, sources)
                _take_plain(found, name, plain, key, built_in)
        except (CatalogError, ValueError) as error:
            found.notes.append(f"left out: {error}")
    used = {entry["source"] for entry in (*found.data.efa.values(), *found.data.plain.values())}
    used.update(own for row in found.data.efa.values() for own in row.get("field_sources", {}).values())
    found.data.sources.update({name: sources[name] for name in sorted(used)})
    return found


def _keep(found: Renewal, previous: UserData, answer: dict[str, Row], built_in: BuiltIn) -> None:
    """Keep the earlier rows of types that the answer does not have, where the built-in catalog is not newer."""
    newer = previous.built_in_revision < built_in.revision
    for rows, kept in ((previous.efa, found.data.efa), (previous.plain, found.data.plain)):
        for name, row in rows.items():
            if name in answer:
                continue
            if newer and (name in built_in.efa or name in built_in.plain):
                found.notes.append(f"{name}: your row of {previous.updated} gives way to the newer built-in one")
                continue
            kept[name] = row


def _take_efa(found: Renewal, row: Row, built_in: BuiltIn) -> None:
    name = row["name"]
    known = built_in.efa.get(name)
    if known is None:
        found.data.efa[name] = row
        if name in built_in.plain:
            found.changed[name] = ["has EFA now"]
        else:
            found.new.append(name)
        return
    kept = _completed(row, known, built_in)
    differing = changes(_facts(known), _facts(row))
    if not differing:
        found.same += 1
        return
    found.data.efa[name] = row
    found.changed[name] = differing
    found.notes += [f"{name}: {field} stays {as_written(row[field])}, as the built-in catalog has it" for field in kept]


def _completed(row: Row, known: Row, built_in: BuiltIn) -> list[str]:
    """Give a row what the built-in one knows better, with its source; give the names of those fields."""
    own = known.get("field_sources", {})
    # In a row of EC2's, a value with a source of its own is by hand and corrects or adds; EC2 overtakes other rows.
    by_hand = own if known["source"] == built_in.ec2_source else {}
    kept = []
    for name in (*FIELDS, *OPTIONAL_FIELDS):
        if name in ("source", "field_sources") or known.get(name) is None:
            continue
        unsaid = name in FIELDS and row[name] is None and name not in ("accelerators", "card0_efa")
        if name in by_hand or unsaid:
            row[name] = known[name]
            row.setdefault("field_sources", {})[name] = own.get(name, known["source"])
            kept.append(name)
    if "card0_efa" not in by_hand:
        row["card0_efa"] = card0_efa(row)
    return kept


def _facts(row: Row) -> Row:
    return {name: row[name] for name in (*FIELDS, *OPTIONAL_FIELDS[:-2]) if name != "source" and name in row}


def _take_plain(found: Renewal, name: str, row: list[Any], key: str, built_in: BuiltIn) -> None:
    known = built_in.plain.get(name)
    if known == row:
        found.same += 1
        return
    found.data.plain[name] = {"row": row, "source": key}
    if known is not None:
        found.changed[name] = changes(known, row)
    elif name in built_in.efa:
        found.changed[name] = ["has no EFA any more"]
    else:
        found.new.append(name)
