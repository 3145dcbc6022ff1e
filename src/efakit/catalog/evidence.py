"""What proves the rows of the catalog, boundary by boundary.

The entries come from ``scripts/prove_rows.py``, which reads the components' sources at their tags. A row without an
entry has no boundary, and its fact stands in a document: the row's own source.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Dict, NamedTuple, Tuple

from efakit.catalog.files import read_data

if TYPE_CHECKING:
    from efakit.catalog.variables import VariableRule

KINDS = {
    "code": "code",
    "report": "a report that shows it",
    "measured": "a measurement",
    "rows": "other rows",
    "document": "a document",
}
"""Kinds of evidence, the strongest first, in words."""

SIDES = ("since", "until", "least", "better")


class Evidence(NamedTuple):
    """What proves one boundary of a row, or its fact as a whole (no ``component``)."""

    row: str
    """The row's id, or what stands for it."""
    kind: str
    """A key of ``KINDS``."""
    name: str = ""
    """What tells rows of one id apart: a variable, instance types."""
    component: str = ""
    side: str = ""
    """One of ``SIDES``."""
    version: str = ""
    address: str = ""
    """Of a document or a report: its public address; of text in a repository: the repository; "": efakit's own."""
    file: str = ""
    pattern: str = ""
    """The regular expression that the file matches."""
    tag_with: str = ""
    """The release beside the boundary that has the text; of a fact, the newest that has it."""
    tag_without: str = ""
    """The release on the boundary's other side, which does not have it."""
    tag_first: str = ""
    """The oldest release that was looked at and has the text, where the row says so."""
    why: str = ""

    def __str__(self) -> str:
        """Return it in words."""
        if self.file and not self.address:
            where = f"{self.file} of efakit itself"
        elif self.file:
            tags = f"in {self.tag_with}" + (f" and not in {self.tag_without}" if self.tag_without else "")
            if self.tag_first and self.tag_first != self.tag_with:
                tags = f"from {self.tag_first} to {self.tag_with}"
            where = f"{self.file} of {self.address}, {tags}"
        else:
            where = self.why or self.address
        return f"{KINDS[self.kind]}: {where}"


@lru_cache(maxsize=None)
def entries(table: str) -> Tuple[Evidence, ...]:
    """Return the evidence of a table's rows, such as ``variables`` or ``known_bad``."""
    rows: Dict[str, list[dict[str, str]]] = read_data("evidence.json")["rows"]
    return tuple(_entry(row) for row in rows.get(table, ()))


def of_variable(row: VariableRule) -> list[Evidence]:
    """Return what proves the boundaries of a row of a variable, and its fact; nothing: its source is a document."""
    ends = {(component, "since", version) for component, version in row.since.items()}
    ends |= {(component, "until", version) for component, version in row.until.items()}
    if row.severity == "error":
        ends.add(("", "", ""))
    return [
        entry
        for entry in entries("variables")
        if (entry.row, entry.name) == (row.id, row.name) and (entry.component, entry.side, entry.version) in ends
    ]


def _entry(row: dict[str, str]) -> Evidence:
    side = next((side for side in SIDES if side in row), "")
    return Evidence(
        row=row["row"],
        kind=row["kind"],
        name=row.get("name", ""),
        component=row.get("component", ""),
        side=side,
        version=row.get(side, ""),
        address=row.get("address") or row.get("repository", ""),
        file=row.get("file", ""),
        pattern=row.get("pattern", ""),
        tag_with=row.get("with", ""),
        tag_without=row.get("without", ""),
        tag_first=row.get("first", ""),
        why=row.get("why", ""),
    )
