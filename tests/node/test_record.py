"""A record is the difference of two snapshots, in the published format."""

from __future__ import annotations

import json
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from efakit.node.record import SCHEMA_VERSION, make_record, reset_signs, run_key

SCHEMA = json.loads(files("efakit.node").joinpath("record.schema.json").read_text())
JOB = {"cluster": "lab", "job_id": 7, "restart_count": 0, "sluid": None, "node": "n1", "node_list": "n1"}
EXPECTATION = {"devices_expected": 1, "expected_by": "settings"}
COUNTS = st.dictionaries(st.sampled_from(["tx_bytes", "rx_bytes", "retrans_pkts"]), st.integers(0, 2**64 - 1))


def snapshot(counters, boot_id="b", name="rdmap0s31", complete=True):
    device = {"name": name, "pci_address": "0000:00:1f.0", "driver": "efa", "device_id": "0xefa2", "verbs": "uverbs0"}
    return {
        "taken_at": 1.0,
        "complete": complete,
        "boot_id": boot_id,
        "instance_type": "p5.4xlarge",
        "driver_version": "3.1.0g",
        "devices_present": [name],
        "foreign_devices": [],
        "devices": [{**device, "counters": counters, "device_counters": {}, "errors": []}],
        "interfaces": [],
    }


def published(record):
    return {**record, "mode": "observe", "shared_with": [], "findings": []}


@given(COUNTS, COUNTS)
def test_any_two_snapshots_make_a_record_of_the_published_format(before, after):
    record = make_record(JOB, EXPECTATION, snapshot(before), snapshot(after))
    assert list(Draft202012Validator(SCHEMA).iter_errors(published(record))) == []
    if not record["resets"]:
        assert record["devices"][0]["counters"] == {
            name: after[name] - before[name] for name in after if name in before
        }


def test_a_record_without_baseline_is_of_the_published_format_too():
    record = make_record(JOB, EXPECTATION, None, snapshot({"tx_bytes": 5}))
    assert list(Draft202012Validator(SCHEMA).iter_errors(published(record))) == []
    assert (record["baseline"], record["devices"][0]["counters"]) == ("missing", {})


@pytest.mark.parametrize(
    ("after", "sign"),
    [
        (snapshot({"tx_bytes": 9}), "tx_bytes of rdmap0s31 went down"),
        (snapshot({"tx_bytes": 11}, boot_id="c"), "the node was rebooted"),
        (snapshot({"tx_bytes": 11}, name="rdmap1s31"), "the set of EFA devices changed"),
        (snapshot({"tx_bytes": 11}), None),
    ],
)
def test_signs_of_a_reset(after, sign):
    assert reset_signs(snapshot({"tx_bytes": 10}), after) == ([sign] if sign else [])


def test_the_schema_names_the_version_that_the_code_writes():
    assert SCHEMA["properties"]["schema_version"] == {"const": SCHEMA_VERSION}


def test_a_run_is_the_sluid_else_the_restart_count():
    assert [run_key("sX", 2), run_key(None, 2), run_key(None, None)] == ["sX", "r2", "r0"]
