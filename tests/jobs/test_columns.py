"""A record of version 3, which has its devices by columns, says the same as the one of version 2."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from efakit.hook.json_text import dumps_lines
from efakit.jobs.columns import packed
from efakit.jobs.devices import PackedDevices
from efakit.jobs.fields import check_record
from efakit.jobs.json_file import Unusable, parse_json
from efakit.jobs.quick import read_quickly
from efakit.jobs.traffic import traffic_of, unknown_parts
from scripts.record_forms import by_columns
from tests.jobs.making import version_2, version_3

COUNTERS = ("tx_bytes", "rx_bytes", "send_bytes", "recv_bytes", "rdma_read_bytes", "a_new_counter")
COUNTS = st.dictionaries(st.sampled_from(COUNTERS), st.integers(0, 2**64 - 1))
DEVICES = st.lists(
    st.fixed_dictionaries(
        {
            "name": st.sampled_from(["rdmap0s31", "rdmap1s31", "rdmap2s31", "a:b"]),
            "pci_address": st.sampled_from([None, "0000:00:1f.0"]),
            "driver": st.sampled_from([None, "efa"]),
            "counters": COUNTS,
            "device_counters": st.dictionaries(st.sampled_from(["cmds_err", "submitted_cmds"]), st.integers(0, 9)),
            "unknown": st.lists(st.sampled_from(COUNTERS), max_size=2, unique=True),
            "errors": st.lists(st.just("tx_bytes: Input/output error"), max_size=1),
        }
    ),
    max_size=4,
    unique_by=lambda device: device["name"],
)
FULL = st.integers(1, 4).flatmap(
    lambda count: st.lists(st.integers(0, 2**40), min_size=2 * count, max_size=2 * count).map(
        lambda numbers: [
            {
                "name": f"rdmap{at}s0",
                "pci_address": None,
                "driver": "efa",
                "counters": {"tx_bytes": numbers[2 * at], "rx_bytes": numbers[2 * at + 1]},
                "device_counters": {"submitted_cmds": at},
                "unknown": [],
                "errors": [],
            }
            for at in range(count)
        ]
    )
)


def model(record):
    """Return a record as readers have it, whatever version it was."""
    return {**record, "schema_version": 0, "devices": [dict(device) for device in record["devices"]]}


@settings(max_examples=60, deadline=None)
@given(st.one_of(DEVICES, FULL))
def test_a_record_of_version_3_is_read_as_the_same_record_of_version_2(devices):
    older = version_2(devices=devices)
    data = dumps_lines(by_columns(older)).encode()
    expected = check_record(parse_json(json.dumps(older).encode()))
    found = check_record(parse_json(data))
    assert model(found) == model(expected)
    quick = read_quickly(data)
    assert quick is None or model(quick) == model(expected)
    # Unlike version 2, a counter of more than 63 bits is left to the long way.
    is_small = all(count < 1 << 63 for device in devices for count in device["counters"].values())
    assert (quick is not None) == (is_small and read_quickly(json.dumps(older).encode()) is not None)
    for record in filter(None, (found, quick)):
        assert traffic_of(record) == traffic_of(expected)
        assert unknown_parts(record) == unknown_parts(expected)


@given(st.one_of(DEVICES, FULL), DEVICES, st.booleans(), st.booleans())
def test_of_bytes_that_are_all_known_no_part_is_told_as_unknown(devices, interfaces, no_devices, no_interfaces):
    unknown = {"devices_unknown": no_devices, "interfaces_unknown": no_interfaces}
    record = version_2(devices=devices, interfaces=interfaces, **unknown)
    assert traffic_of(record).partly or unknown_parts(record) == []


def test_packed_devices_give_each_counter_and_are_the_same_from_another_process():
    import pickle

    columns = version_3()["devices"]
    columns = {
        name: value * 2 if isinstance(value, list) else {key: [3, 4] for key in value}
        for name, value in columns.items()
    }
    own = packed({**columns, "names": ["a", "b"], "unknown": {}, "errors": {}})
    for devices in (own, pickle.loads(pickle.dumps(own))):  # noqa: S301
        assert isinstance(devices, PackedDevices)
        assert (list(devices.column("tx_bytes")), devices.total("tx_bytes")) == ([3, 4], 7)
        assert (list(devices.column("submitted_cmds")), devices.column("none"), devices.total("none")) == (
            [3, 4],
            None,
            None,
        )
        assert [device["counters"]["rx_bytes"] for device in devices] == [3, 4]
        assert devices[-1]["name"] == "b"
        assert devices[1]["device_counters"] == {"submitted_cmds": 4}


DEVICE = version_3()["devices"]
DAMAGED = {
    "devices in a list": version_2()["devices"],
    "a name too many": {**DEVICE, "names": ["rdmap79s0", "other"]},
    "a name twice": {
        name: value * 2 if isinstance(value, list) else {key: column * 2 for key, column in value.items()}
        for name, value in DEVICE.items()
    },
    "a text for names": {**DEVICE, "names": "a"},
    "an object for names": {**DEVICE, "names": {"rdmap79s0": 1}},
    "a list for a name": {**DEVICE, "names": [["rdmap79s0"]]},
    "a text for drivers": {**DEVICE, "drivers": "e"},
    "a number for a driver": {**DEVICE, "drivers": [7]},
    "a driver too few": {**DEVICE, "drivers": []},
    "a short column": {**DEVICE, "counters": {"tx_bytes": [1], "rx_bytes": []}},
    "a long column": {**DEVICE, "counters": {"tx_bytes": [1], "rx_bytes": [1, 2]}},
    "a number for a column": {**DEVICE, "counters": {"tx_bytes": 1, "rx_bytes": [2]}},
    "a text for a column": {**DEVICE, "counters": {"tx_bytes": "1", "rx_bytes": [2]}},
    "an object for a column": {**DEVICE, "counters": {"tx_bytes": {"1": 2}, "rx_bytes": [2]}},
    "true for a number": {**DEVICE, "counters": {"tx_bytes": [True], "rx_bytes": [2]}},
    "a fraction": {**DEVICE, "counters": {"tx_bytes": [1.0], "rx_bytes": [2]}},
    "below zero": {**DEVICE, "device_counters": {"cmds_err": [-1]}},
    "65 bits": {**DEVICE, "counters": {"tx_bytes": [1 << 64], "rx_bytes": [2]}},
    "an unknown device's unknown": {**DEVICE, "unknown": {"other": ["tx_bytes"]}},
    "an unknown device's error": {**DEVICE, "errors": {"other": ["x"]}},
    "a list of what is unknown": {**DEVICE, "unknown": ["tx_bytes"]},
    "nothing": None,
    "no counters": {name: value for name, value in DEVICE.items() if name != "counters"},
    "no names": {name: value for name, value in DEVICE.items() if name != "names"},
}


@pytest.mark.parametrize("devices", DAMAGED.values(), ids=DAMAGED)
def test_columns_that_do_not_fit_are_damage_either_way(devices):
    good = dumps_lines(version_3()).encode()
    data = dumps_lines({**version_3(), "devices": devices}).encode()
    with pytest.raises(Unusable, match="damaged: devices"):
        check_record(parse_json(data))
    assert [read_quickly(text) is None for text in (data, good, data)] == [True, False, True]


def test_devices_by_columns_are_damage_in_an_older_record():
    with pytest.raises(Unusable, match="damaged: devices"):
        check_record({**version_3(), "schema_version": 2})


def test_an_unread_counter_is_unknown_one_that_the_device_lacks_is_neither_known_nor_unknown_and_zero_is_zero():
    devices = {**DEVICE, "names": ["a", "b"], "pci_addresses": [None] * 2, "drivers": [None] * 2}
    devices["counters"] = {"tx_bytes": [None, 0], "rx_bytes": [0, 0], "send_bytes": [7, None]}
    devices |= {"device_counters": {}, "unknown": {"a": ["tx_bytes"]}}
    first, second = check_record({**version_3(), "devices": devices})["devices"]
    assert (first["counters"], first["unknown"]) == ({"rx_bytes": 0, "send_bytes": 7}, ["tx_bytes"])
    assert (second["counters"], second["unknown"]) == ({"tx_bytes": 0, "rx_bytes": 0}, [])
