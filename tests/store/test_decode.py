"""Records as hooks write them are decoded by lines or by type; the common reader says the same of every one."""

from __future__ import annotations

import json
from random import Random

import pytest

pytest.importorskip("msgspec")

from efakit.hook.json_text import dumps_lines
from efakit.jobs.fields import check_record
from efakit.jobs.json_file import Unusable, parse_json
from efakit.jobs.node_list import NodeLists
from efakit.jobs.reader import usable
from efakit.jobs.traffic import traffic_of
from efakit.store import decode
from efakit.store.columns import kinds, row_of, value_of
from efakit.store.quick_rows import quick_tables
from scripts.bench_store import older_record, record

pytestmark = pytest.mark.thorough

VALUES = (
    *(
        None,
        True,
        -1,
        0,
        1.5,
        2**63 - 1,
        2**63,
        2**64,
        1e300,
        "",
        "x",
        "a:b",
        "n\u0663",
        "\ud800",
        "A" * 16,
        "a" * 2000,
    ),
    *([], {}, ["x"], [1], {"x": 1}, [{"name": "d"}], list(range(1, 20)), 253_402_300_800),
)


def by_lines(value):
    """Return the text as the hook writes it."""
    return dumps_lines(value).encode()


def on_one_line(value):
    return json.dumps(value).encode()


BOTH = pytest.mark.parametrize("data_of", [by_lines, on_one_line])


PLACE = {"cluster_folder": "bench", "day": "2025-10-09"}


def row_and_record(data):
    """Return what the quick way makes of a file, None where it takes it not; its row as a table gives it back."""
    found = decode.quickly(data)
    if found is None or isinstance(found[0], dict):
        return found
    (table,) = quick_tables(PLACE, [(1, found[0]), (1, found[0])])
    first, second = table.to_pylist()
    assert first == second
    return first, found[1]


def with_devices(record):
    return {**record, "devices": [dict(device) for device in record["devices"]]}


@BOTH
@pytest.mark.parametrize("make", [record, older_record])
def test_the_hooks_own_records_go_the_quick_way_and_nothing_of_them_is_lost(make, data_of):
    for number in range(20):
        value = make(number, 1 + number)
        if number % 3 == 0:
            value["findings"] = [{"rule": "a:b", "severity": "error", "message": "devices: 3 of 4"}]
            value["late_devices"] = {"devices_at_first": 3, "waited_seconds": 1.5}
            lnet = {
                "networks": ["efa", "tcp"],
                "send_bytes": 5,
                "recv_bytes": 2**40,
                "messages": 9,
                "all_tcp": True,
                "error": [None, "nis: Permission denied"][number % 2],
            }
            value |= {"lnet": lnet} if make is record else {}
            value["hugepages"] = {"size_kib": 2048, "count": 5, "wanted": 6}
        if number % 6 == 0 and make is record:
            value["devices"]["unknown"] = {value["devices"]["names"][0]: ["tx_bytes"]}
            value["devices"]["counters"]["tx_bytes"][0] = None
        elif number % 6 == 0:
            value["devices"][0]["unknown"] = ["tx_bytes"]
            del value["devices"][0]["counters"]["tx_bytes"]
        below = f"bench/{value['job_id']}/x.json"
        row, found = row_and_record(data_of(value))
        assert row.get("whole") is None
        assert value_of(row) == {"lnet": None, **value}
        expected = usable(value, below, value["job_id"], NodeLists())
        assert with_devices(found) == {**with_devices(found), **expected}
        assert traffic_of(found) == traffic_of(expected)
        assert decode.decode(data_of(value), below, value["job_id"], NodeLists())[1].keys() == found.keys()


def test_records_of_different_devices_and_counters_come_into_one_table_each_with_its_own():
    values = [record(number, 1 + number % 3) for number in range(12)]
    for value in values[::4]:
        del value["devices"]["counters"]["recv_bytes"]
    quick = [(value["job_id"], decode.quickly(by_lines(value))[0]) for value in values]
    rows = [row for table in quick_tables(PLACE, quick) for row in table.to_pylist()]
    found = {row["record_id"]: value_of(row) for row in rows}
    assert found == {value["record_id"]: value for value in values}
    assert {row["day"] for row in rows} == {PLACE["day"]}


def changed(random, value):
    """Return a record with one thing changed, anywhere in it."""
    value = json.loads(json.dumps(value))
    place = value
    while True:
        key = random.choice(list(place) if isinstance(place, dict) else range(len(place)))
        inner = place[key]
        if isinstance(inner, (dict, list)) and inner and random.random() < 0.7:
            place = inner
            continue
        kind = random.randrange(3)
        if kind == 0 or isinstance(place, list):
            place[key] = random.choice(VALUES)
        elif kind == 1:
            del place[key]
        else:
            place[f"new{random.randrange(9)}"] = random.choice(VALUES)
        return value


@BOTH
@pytest.mark.parametrize("make", [record, older_record])
def test_the_quick_way_takes_nothing_that_the_common_reader_refuses_and_loses_nothing(make, data_of):
    random = Random(1)  # noqa: S311
    outcomes = {"quick": 0, "common": 0, "refused": 0}
    for _ in range(800):
        value = changed(random, make(3, 2))
        data = data_of(value)
        try:
            checked = check_record(parse_json(data))
        except Unusable:
            outcomes["refused"] += 1
            assert decode.quickly(data) is None, value
            continue
        quick = row_and_record(data)
        outcomes["common" if quick is None else "quick"] += 1
        row = row_of(value) if quick is None else quick[0]
        assert value_of(row) == (value if quick is None else {"lnet": None, **value})
        if quick is not None:
            assert with_devices(quick[1]) == {**with_devices(quick[1]), **checked}
    assert min(outcomes.values()) > 20, outcomes


@BOTH
@pytest.mark.parametrize("make", [record, older_record])
def test_a_number_that_is_longer_than_the_common_reader_takes_is_refused(make, data_of):
    data = data_of(make(1, 1)).replace(b'"clock_jump_seconds": 0.0', b'"clock_jump_seconds": 0.0' + b"0" * 500)
    assert decode.quickly(data) is None
    with pytest.raises(Unusable, match="letters"):
        decode.decode(data, "bench/1/x.json", 1, NodeLists())


def test_a_name_that_is_there_twice_is_refused():
    text = by_lines(record(1, 1)).decode()
    twice = text.replace('"node":', '"node": "other", "node":', 1)
    assert decode.quickly(twice.encode()) is None
    with pytest.raises(Unusable):
        decode.decode(twice.encode(), "bench/1/x.json", 1, NodeLists())


def test_every_field_of_a_record_has_a_column():
    assert set(record(1, 1)) - {"devices", "interfaces"} <= set(kinds())
