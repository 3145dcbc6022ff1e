"""The reader's checks are made from the record's type: each field stands there once, and what is made holds."""

from __future__ import annotations

import typing

import pytest

from efakit.jobs.fields import check_record
from efakit.jobs.json_file import Unusable
from efakit.node.record_type import DeviceRecord, Doc, InterfaceRecord, Record
from tests.jobs.making import version_1, version_2

WHOLE = version_2(
    # What not every record tells.
    **dict.fromkeys(("node_count", "user_id"), 5),
    **dict.fromkeys(("partition", "exit_code", "derived_exit_code", "expected_by", "boot_id"), "x"),
    **dict.fromkeys(("instance_type", "driver_version"), "x"),
    foreign_devices=[],
    late_devices=None,
    hugepages=None,
    lnet=None,
)


def fields(kind):
    """Return, by name, what a reader has to know of the fields of a type."""
    hints = typing.get_type_hints(kind, include_extras=True)
    return {
        name: [doc for doc in getattr(hint, "__metadata__", ()) if isinstance(doc, Doc)] for name, hint in hints.items()
    }


NAMES = [(name, docs) for name, docs in fields(Record).items() if all(doc.read for doc in docs)]


def test_a_record_that_the_type_describes_is_read_with_all_its_fields():
    assert set(WHOLE) == set(fields(Record))
    assert check_record(WHOLE) == {name: value for name, value in WHOLE.items() if name in dict(NAMES)}


@pytest.mark.parametrize(("name", "docs"), NAMES, ids=[name for name, _ in NAMES])
def test_a_field_that_a_reader_needs_is_missed_and_no_other(name, docs):
    lacking = {key: value for key, value in WHOLE.items() if key != name}
    if name == "schema_version":
        with pytest.raises(Unusable, match="is not a record"):
            check_record(lacking)
    elif all(doc.needed for doc in docs):
        with pytest.raises(Unusable, match=f"is damaged: {name} missing"):
            check_record(lacking)
    else:
        assert check_record(lacking)[name] is None


@pytest.mark.parametrize(("name", "docs"), NAMES, ids=[name for name, _ in NAMES])
def test_no_field_may_be_of_another_type(name, docs):
    wrong = "x" if isinstance(WHOLE[name], (int, float, list)) else 7
    wrong = {None: {}}.get(WHOLE[name], wrong) if not isinstance(WHOLE[name], list) else wrong
    with pytest.raises(Unusable, match="not a record" if name == "schema_version" else f"is damaged: {name} missing"):
        check_record({**WHOLE, name: wrong})


def test_of_version_1_no_field_of_version_2_is_asked_for_or_looked_at():
    later = {name: {"not": "looked at"} for name, docs in fields(Record).items() if any(doc.since > 1 for doc in docs)}
    assert "run" in later
    assert not set(later) & set(check_record({**version_1(), **later}))


@pytest.mark.parametrize(("kind", "name"), [(DeviceRecord, "devices"), (InterfaceRecord, "interfaces")])
def test_what_a_reader_knows_of_a_device_or_interface_is_checked_and_the_rest_left_out(kind, name):
    for field, docs in fields(kind).items():
        bent = [{**WHOLE[name][0], field: 7}]
        if all(doc.read for doc in docs):
            with pytest.raises(Unusable, match=f"is damaged: {name} missing"):
                check_record({**WHOLE, name: bent})
        else:
            assert field not in check_record({**WHOLE, name: bent})[name][0]
