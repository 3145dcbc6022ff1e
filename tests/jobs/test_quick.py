"""The short ways read a record exactly where the long one does, and give the same."""

from __future__ import annotations

import json
import random

import pytest

from efakit.jobs import json_text, many
from efakit.jobs.devices import PackedDevices
from efakit.jobs.fields import check_record
from efakit.jobs.json_file import Unusable, parse_json
from efakit.jobs.quick import read_quickly
from efakit.jobs.traffic import traffic_of
from tests.jobs.hostile import REFUSED, USABLE
from tests.jobs.making import path_of, version_1, version_2

WHOLE = version_2(
    **dict.fromkeys(("exit_code", "derived_exit_code", "partition", "instance_type", "driver_version"), "x"),
    findings=[{"rule": "r", "severity": "info", "message": "at 10:00: all well"}],
)


@pytest.fixture(params=[False, True], ids=["json", "msgspec"], autouse=True)
def of_many(request, monkeypatch):
    monkeypatch.setattr(json_text, "_FASTER", [])
    if request.param:
        json_text.prepare_for_many()


def unpacked(record):
    return {**record, "devices": [dict(device) for device in record["devices"]]}


def slowly(data):
    try:
        return check_record(parse_json(data))
    except Unusable:
        return None


def test_a_record_of_the_hook_is_read_the_short_way_and_is_the_same():
    found = read_quickly(json.dumps(WHOLE).encode())
    assert isinstance(found["devices"], PackedDevices)
    assert unpacked(found) == slowly(json.dumps(WHOLE).encode())
    assert traffic_of(found) == traffic_of(unpacked(found))


def device(**changes):
    return json.dumps({**WHOLE, "devices": [{**WHOLE["devices"][0], **changes}]})


TEXT = json.dumps(WHOLE)
LNET = {"networks": ["efa"], "send_bytes": 1, "recv_bytes": 2, "messages": 3, "all_tcp": True, "error": None}
CHANGED = {
    "a counter twice": TEXT.replace('"tx_bytes": 1000000000', '"tx_bytes": 5, "tx_bytes": 1000000000'),
    "a field twice": TEXT.replace('"user": "me"', '"user": "me", "user": "you"'),
    "a field twice, and a text's colon hidden": TEXT.replace('"user": "me"', '"user": "me", "user": "you"').replace(
        "10:00", "10\\u003a00"
    ),
    "a finding's field twice": TEXT.replace('"rule": "r"', '"rule": "q", "rule": "r"'),
    "true for a number": device(counters={"tx_bytes": True, "rx_bytes": 1}),
    "a fraction": device(counters={"tx_bytes": 1.0, "rx_bytes": 1}),
    "65 bits": device(counters={"tx_bytes": 1 << 64, "rx_bytes": 1}),
    "below zero": device(device_counters={"cmds_err": -1}),
    "one device twice": json.dumps({**WHOLE, "devices": WHOLE["devices"] * 2}),
    "a number for a name": device(name=7),
    "a number for a driver": device(driver=7),
    "an error": device(errors=["rx_drops: Input/output error"]),
    "an unknown counter": device(unknown=["rx_drops"]),
    "nothing unknown, as a number": device(unknown=0),
    "errors as an object": device(errors={}),
    "counters as a list": device(counters=["tx_bytes", "rx_bytes"]),
    "a text for a device": json.dumps({**WHOLE, "devices": ["rdmap79s0"]}),
    "devices as an object": json.dumps({**WHOLE, "devices": {"0": WHOLE["devices"][0]}}),
    "no devices": json.dumps({**WHOLE, "devices": []}),
    "no counters": device(counters={}),
    "no admin counters": device(device_counters={}),
    "LNet's counters": json.dumps({**WHOLE, "lnet": {**LNET, "error": "stats: Operation not permitted"}}),
    "LNet's counters with a name of later": json.dumps({**WHOLE, "lnet": {**LNET, "later": 1}}),
    "LNet's counters as a list": json.dumps({**WHOLE, "lnet": [LNET]}),
    "a field of later": json.dumps({**WHOLE, "later": {"deep": [1]}}),
    "a number of 500 letters": TEXT.replace('"ended_at": 2000.0', '"ended_at": 2000.0' + "0" * 500),
    "a zero of 500 letters that no report reads": TEXT[:-1] + ', "hugepages": 0.' + "0" * 500 + "}",
    **{
        f"{what} in a finding": TEXT.replace('"rule": "r"', f'"rule": "r", "later": {value}')
        for what, value in {
            "a name of later": "1",
            "1e999": "1e999",
            "100 digits": "1" * 100,
            "40 lists": "[" * 40 + "]" * 40,
            "980 lists": "[" * 980 + "]" * 980,
        }.items()
    },
    "infinity": TEXT.replace('"ended_at": 2000.0', '"ended_at": Infinity'),
    "version 1": json.dumps(version_1()),
    "no object": "[]",
}


@pytest.mark.parametrize("text", CHANGED.values(), ids=CHANGED)
def test_what_is_otherwise_is_left_to_the_long_way_or_read_alike(text):
    data = text.encode()
    assert data != TEXT.encode()
    found = read_quickly(data)
    assert found is None or unpacked(found) == slowly(data)


@pytest.mark.parametrize("put", [row[1] for row in (*REFUSED, *USABLE)], ids=[row[0] for row in (*REFUSED, *USABLE)])
def test_hostile_records_are_read_the_short_way_only_where_the_long_one_reads_them(tmp_path, put):
    path_of(tmp_path, version_2("n2")).parent.mkdir(parents=True)
    path = put(tmp_path)
    if path.is_file() and not path.is_symlink() and path.stat().st_size < 1 << 22:
        data = path.read_bytes()
        found = read_quickly(data)
        assert found is None or unpacked(found) == slowly(data)


@pytest.mark.parametrize("name", [None, "", "n" * 2000])
def test_what_one_record_says_of_a_devices_pci_address_is_no_name_of_another_records_device(name):
    first = WHOLE["devices"][0]
    names = (name, "efa")
    one = [{**first, "pci_address": name}]
    two = [{**first, "name": other} for other in ("a", "b")]
    bad = [{**first, "name": other} for other in names]
    for devices in (one, two):
        assert slowly(json.dumps({**WHOLE, "devices": devices}).encode())
        read_quickly(json.dumps({**WHOLE, "devices": devices}).encode())
    data = json.dumps({**WHOLE, "devices": bad}).encode()
    assert slowly(data) is None
    assert read_quickly(data) is None


def test_bytes_that_are_changed_at_random_are_never_read_otherwise():
    source = random.Random(1)  # noqa: S311
    whole = bytearray(TEXT.encode())
    for _ in range(2000):
        data = bytearray(whole)
        data[source.randrange(len(data))] = source.choice(b'0123456789:",{}[]truefalsn-.eE \\')
        found = read_quickly(bytes(data))
        assert found is None or unpacked(found) == slowly(bytes(data)), bytes(data)


def test_files_are_read_by_children_alike_and_what_one_of_them_does_not_give_is_read_here(monkeypatch):
    monkeypatch.setattr(many, "_processors", lambda: 2)
    monkeypatch.setattr(many.threading, "active_count", lambda: 1)
    names = [str(number) for number in range(600)]

    def read(name):
        if name == "7":
            raise Unusable("is not JSON")
        if name == "301" and many.os.getpid() != own:
            many.os._exit(1)
        return {"name": name}

    own = many.os.getpid()
    found = many.read_all(names, read)
    assert [name for name, _ in found] == names
    assert [str(value) for _, value in found if isinstance(value, Unusable)] == ["is not JSON"]
    assert all(value == {"name": name} for name, value in found if name != "7")
