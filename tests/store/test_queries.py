"""The queries over all jobs, and the docs that tell of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from efakit.store.judged import NODE_COLUMNS, RUN_COLUMNS
from efakit.store.queries import BY, Filters, query

pytestmark = pytest.mark.thorough

ROOT = Path(__file__).resolve().parents[2]
_ATHENA = {"text": "string", "int": "bigint", "float": "double"}


def test_the_docs_show_the_columns_of_the_runs():
    text = (ROOT / "docs/fleet.md").read_text(encoding="utf-8")
    told = re.search(r"CREATE EXTERNAL TABLE runs \((.*?)\)\n", text, re.DOTALL)
    assert told is not None
    columns = dict(part.split() for part in told.group(1).replace("\n", " ").split(","))
    assert columns == {name: _ATHENA[kind] for name, kind in RUN_COLUMNS.items()}


@pytest.mark.parametrize("by", BY)
def test_what_users_name_is_never_in_the_text(by):
    hostile = "x' OR 1=1 --"
    filters = Filters(0.0, 1.0, hostile, hostile, hostile, hostile, ("efa",))
    asked = query(by, filters)
    assert hostile not in asked.text
    assert list(asked.values.values()).count(hostile) == 4
    named = set(re.findall(r":([a-z0-9]+)", asked.text))
    assert named == set(asked.values)


def test_no_column_is_unsigned_or_nested_deeper_than_a_list():
    pytest.importorskip("pyarrow")
    from efakit.store.tables import records_schema, schema_of

    allowed = {"string", "int64", "double", "bool", "list<element: string>", "list<element: int64>"}
    for schema in (records_schema(), schema_of(RUN_COLUMNS), schema_of(NODE_COLUMNS)):
        kinds = {str(field.type).replace("item:", "element:") for field in schema}
        assert kinds <= allowed
