"""A record of version 1 comes out in the shape of version 2, and says what it does not know."""

from __future__ import annotations

import json

import pytest

from efakit.jobs.fields import check_record
from efakit.jobs.records import find_runs
from tests.jobs.making import GB, path_of, version_1, version_2, without_baseline, write


def lifted(folder, **changes):
    write(folder, version_1(**changes))
    (run,) = find_runs(folder, 7)
    return next(iter(run.records.values()))


def test_it_has_each_field_of_version_2(tmp_path):
    assert set(check_record(version_2())) <= set(lifted(tmp_path))


def test_its_id_follows_from_its_file_s_name(tmp_path):
    write(tmp_path, version_1("n1"), version_1("n2"))
    ids = {node: record["record_id"] for node, record in find_runs(tmp_path, 7)[0].records.items()}
    assert ids["n1"] != ids["n2"]
    assert ids == {node: record["record_id"] for node, record in find_runs(tmp_path, 7)[0].records.items()}
    check_record(version_2() | {"record_id": ids["n1"]})


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({}, "r0"),
        ({"restart_count": None}, "r0"),
        ({"restart_count": 2}, "r2"),
        ({"started_at": 900}, "t900"),
        ({"started_at": 900, "sluid": "s1"}, "s1"),
        # What an epilog of a requeued job is told may be the next run's, or nothing.
        ({"started_at": 2001}, "r0"),
        ({"started_at": 0}, "r0"),
    ],
)
def test_its_run_is_the_sluid_else_the_start_else_the_restart_count(tmp_path, changes, key):
    assert lifted(tmp_path, **changes)["run"] == key
    assert find_runs(tmp_path, 7)[0].key == key


def device(counters, errors=()):
    return [{"name": "d", "counters": counters, "errors": list(errors)}]


TOTALS = {"tx_bytes": 1, "rx_bytes": 1}


@pytest.mark.parametrize(
    ("changes", "unknown"),
    [
        ({"devices": device(TOTALS)}, []),
        ({"devices": device({"tx_bytes": 1}, ["rx_bytes: Input/output error"])}, ["rx_bytes"]),
        ({"devices": device({"tx_bytes": 1})}, ["rx_bytes"]),
        ({"devices": device({**TOTALS, "send_bytes": 1})}, ["recv_bytes"]),
        ({"devices": device({**TOTALS, "rdma_read_resp_bytes": 1})}, ["rdma_read_bytes"]),
        ({"devices": device({**TOTALS, "rdma_write_bytes": 1})}, ["rdma_write_recv_bytes"]),
        ({"devices": device(TOTALS, ["send_bytes: not a number"])}, ["send_bytes"]),
        ({"devices": device(TOTALS, ["hw_counters: Permission denied"])}, []),
    ],
)
def test_a_counter_that_must_or_does_exist_and_was_not_read_is_unknown(tmp_path, changes, unknown):
    record = lifted(tmp_path, **changes)
    assert record["devices"][0]["unknown"] == unknown
    assert (record["devices_unknown"], record["interfaces_unknown"]) == (False, False)


def test_of_a_device_of_which_nothing_was_read_no_class_is_known_either(tmp_path):
    record = lifted(tmp_path, devices=device({}, ["ports/1/hw_counters: Input/output error"]))
    assert {"tx_bytes", "rx_bytes", "send_bytes", "rdma_write_recv_bytes"} <= set(record["devices"][0]["unknown"])


def test_of_a_snapshot_that_was_cut_short_what_is_not_there_is_unknown(tmp_path):
    record = lifted(tmp_path, baseline="incomplete", devices=device(TOTALS), devices_found=2)
    assert "rdma_read_bytes" in record["devices"][0]["unknown"]
    assert record["devices_unknown"] is True


def test_without_a_baseline_bytes_are_unknown(tmp_path):
    record = lifted(tmp_path, **without_baseline(version_1()))
    assert record["run_from"] == "epilog"
    assert record["devices_unknown"] is True
    assert record["interfaces"][0]["unknown"] == ["tx_bytes", "rx_bytes"]


def test_without_an_interface_tcp_is_unknown(tmp_path):
    assert lifted(tmp_path, interfaces=[])["interfaces_unknown"] is True


@pytest.mark.parametrize("counters", [TOTALS, {"tx_bytes": 1}, {}])
def test_of_a_snapshot_that_was_cut_short_it_is_not_known_that_an_interface_is_all_there_is(tmp_path, counters):
    record = lifted(tmp_path, baseline="incomplete", interfaces=device(counters))
    assert record["interfaces_unknown"] is True


@pytest.mark.parametrize("counters", [{"tx_bytes": 1}, {"rx_bytes": 1}, {}])
def test_of_an_interface_the_total_that_was_not_read_is_unknown(tmp_path, counters):
    record = lifted(tmp_path, interfaces=device(counters))
    assert record["interfaces"][0]["unknown"] == [name for name in TOTALS if name not in counters]
    assert record["interfaces_unknown"] is False


def test_both_versions_of_one_run_are_one_run(tmp_path):
    write(tmp_path, version_1("n1", started_at=900), version_2("n2", started_at=900, run="t900"))
    (run,) = find_runs(tmp_path, 7)
    assert (set(run.records), run.doubts, run.started_at) == ({"n1", "n2"}, (), 900)


def test_a_finding_keeps_the_name_that_its_rule_had(tmp_path):
    old = {"rule": "hugepages", "severity": "warning", "message": "0 huge pages of 2048 KiB"}
    assert lifted(tmp_path, findings=[old])["findings"] == [old]


def test_the_bytes_are_as_they_were(tmp_path):
    assert lifted(tmp_path)["devices"][0]["counters"] == {"tx_bytes": GB, "rx_bytes": GB}
    assert json.loads(path_of(tmp_path, version_1()).read_text())["schema_version"] == 1
