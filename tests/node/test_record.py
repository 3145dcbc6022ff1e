"""A record is the difference of two snapshots, in the published format."""

from __future__ import annotations

import json
import re
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from efakit.hook.job import job_from
from efakit.node.record import SCHEMA_VERSION, clock_jump, make_record, reset_signs, run_key, safe_name
from efakit.node.record_type import Record
from scripts import record_schema
from scripts.record_forms import one_by_one

SCHEMA = json.loads(files("efakit.node").joinpath("record.schema.json").read_text())
JOB = job_from({"SLURM_JOB_ID": "7", "SLURM_CLUSTER_NAME": "lab", "SLURM_JOB_NODELIST": "n1"}, "n1")
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


@given(COUNTS, COUNTS)
def test_any_two_snapshots_make_a_record_of_the_published_format(before, after):
    record = make_record(JOB, EXPECTATION, snapshot(before), snapshot(after), mode="observe")
    assert list(Draft202012Validator(SCHEMA).iter_errors(record)) == []
    if not record["resets"]:
        assert one_by_one(record)["devices"][0]["counters"] == {
            name: after[name] - before[name] for name in after if name in before
        }


def test_a_record_without_baseline_is_of_the_published_format_too():
    record = make_record(JOB, EXPECTATION, None, snapshot({"tx_bytes": 5}), mode="observe")
    assert list(Draft202012Validator(SCHEMA).iter_errors(record)) == []
    assert (record["baseline"], record["devices"]["counters"]) == ("missing", {})


@pytest.mark.parametrize(
    ("earlier", "later", "boot_id", "signs"),
    [
        (41, 41, "b", []),
        (41, 977, "b", ["the driver took rdmap0s31 anew"]),
        (None, 977, "b", []),
        (41, None, "b", []),
        (41, 977, None, []),
    ],
)
def test_a_device_that_the_kernel_registered_again_counts_anew_however_much_it_has_counted(
    earlier, later, boot_id, signs
):
    before, after = snapshot({"tx_bytes": 5}, boot_id), snapshot({"tx_bytes": 10}, boot_id)
    before["devices"][0]["registration"], after["devices"][0]["registration"] = earlier, later
    assert reset_signs(before, after) == signs


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


@pytest.mark.parametrize(
    ("changed", "signs"),
    [
        ({"driver_version": "3.2.0g"}, ["the efa driver is version 3.2.0g now, and was 3.1.0g"]),
        ({"driver_version": None}, []),
        ({"boot_id": None, "since_boot_seconds": 90.0}, ["the node was rebooted"]),
        ({"boot_id": None, "since_boot_seconds": 110.0}, []),
        ({"boot_id": None}, []),
    ],
)
def test_counters_that_began_anew_and_overtook_what_they_were_are_known_by_other_signs(changed, signs):
    before = {**snapshot({"tx_bytes": 10}), "since_boot_seconds": 100.0}
    after = {**snapshot({"tx_bytes": 5000}), **changed}
    assert reset_signs(before, after) == signs


def test_the_schema_names_the_version_that_the_code_writes():
    assert SCHEMA["properties"]["schema_version"] == {"const": SCHEMA_VERSION}


def test_a_run_is_the_sluid_else_the_start_else_the_restart_count():
    keys = [run_key("sX", 9, 2), run_key(None, 9, 2), run_key(None, None, 2), run_key(None, None, None)]
    assert keys == ["sX", "t9", "r2", "r0"]


def test_the_schema_is_made_from_the_type():
    assert record_schema.PATH.read_text() == record_schema.text(), "python -m scripts.record_schema renews it"


@given(COUNTS, COUNTS)
def test_a_record_has_the_fields_of_its_type_and_no_others(before, after):
    record = make_record(JOB, EXPECTATION, snapshot(before), snapshot(after), mode="observe")
    assert set(record) == set(Record.__annotations__)


def read(counters, errors=(), name="rdmap0s31", **changes):
    taken = {**snapshot(counters, name=name), **changes}
    taken["devices"][0]["errors"] = list(errors)
    return taken


FIVE = {"tx_bytes": 5, "rx_bytes": 5}
CLASSES = {"send_bytes": 5, "recv_bytes": 5}


@pytest.mark.parametrize(
    ("before", "after", "unknown"),
    [
        (read(FIVE), read(FIVE), []),
        (read({"rx_bytes": 5}, ["tx_bytes: EIO"]), read(FIVE), ["tx_bytes"]),
        (read(FIVE), read({"rx_bytes": 5}, ["tx_bytes: EIO"]), ["tx_bytes"]),
        (read({}, ["ports/1/hw_counters: EIO"]), read({**FIVE, **CLASSES}), sorted([*FIVE, *CLASSES])),
        (read({"retrans_pkts": 1}), read({"retrans_pkts": 1}), ["rx_bytes", "tx_bytes"]),
        (read({**FIVE, **CLASSES}), read({**FIVE, "send_bytes": 6}), ["recv_bytes"]),
        (read({**FIVE, "send_bytes": 5}), read({**FIVE, "send_bytes": 6}), ["recv_bytes"]),
        (read(FIVE), read({**FIVE, **CLASSES}), sorted(CLASSES)),
        (read(FIVE, ["cmds_err: EIO"]), read(FIVE, ["hw_counters: EIO"]), []),
    ],
)
def test_what_was_not_read_at_both_moments_is_unknown(before, after, unknown):
    record = make_record(JOB, EXPECTATION, before, after, mode="observe")
    (device,) = one_by_one(record)["devices"]
    assert device["unknown"] == unknown
    assert not set(unknown) & set(device["counters"])


def test_where_nothing_of_a_device_was_read_all_its_bytes_are_unknown():
    record = make_record(JOB, EXPECTATION, read({}), read({}), mode="observe")
    assert {"tx_bytes", "rx_bytes", "send_bytes", "rdma_write_recv_bytes"} <= set(
        one_by_one(record)["devices"][0]["unknown"]
    )
    for before, after in ((None, read(FIVE)), (read(FIVE), {**read({}), "devices": []})):
        record = make_record(JOB, EXPECTATION, before, after, mode="observe")
        assert {"tx_bytes", "rx_bytes"} <= set(one_by_one(record)["devices"][0]["unknown"])


def interface(name="eth0", pci_address="0000:00:05.0", **counters):
    return {"name": name, "pci_address": pci_address, "counters": counters, "errors": []}


def test_an_interface_that_was_renamed_came_or_went_is_unknown():
    both = {"tx_bytes": 1, "rx_bytes": 1}
    before = read(FIVE, interfaces=[interface("eth0", **both), interface("eth1", **both)])
    after = read(FIVE, interfaces=[interface("eth0", **both), interface("ens5", **both)])
    record = make_record(JOB, EXPECTATION, before, after, mode="observe")
    unknown = {item["name"]: item["unknown"] for item in record["interfaces"]}
    assert unknown == {"ens5": ["rx_bytes", "tx_bytes"], "eth0": [], "eth1": ["rx_bytes", "tx_bytes"]}
    assert not record["interfaces_unknown"]
    assert make_record(JOB, EXPECTATION, read(FIVE), after, mode="observe")["interfaces_unknown"]


def test_another_card_under_an_interface_s_name_is_a_reset():
    before = read(FIVE, interfaces=[interface(tx_bytes=1)])
    after = read(FIVE, interfaces=[interface(pci_address="0000:00:06.0", tx_bytes=2)])
    assert reset_signs(before, after) == ["eth0 is another device now"]


def test_a_clock_that_was_set_is_told_by_the_one_that_nobody_sets():
    before, after = read(FIVE, taken_at=1000.0), read(FIVE, taken_at=4700.0)
    assert clock_jump(before, after) is None
    before["since_boot_seconds"], after["since_boot_seconds"] = 10.0, 110.0
    assert clock_jump(before, after) == 3600.0
    after["boot_id"] = "c"
    assert clock_jump(before, after) is None, "two boots have two clocks"


def test_a_device_that_was_not_read_is_no_device_that_went():
    """A read that hangs costs the snapshot a piece; which devices there are is known all the same."""
    before, after = snapshot({"tx_bytes": 10}), snapshot({"tx_bytes": 11}, complete=False)
    for taken in (before, after):
        taken["devices_listed"] = True
    after["devices"] = []
    assert reset_signs(before, after) == []
    after["devices_present"] = []
    assert reset_signs(before, after) == ["the set of EFA devices changed"]


def test_the_same_name_at_another_address_is_another_device():
    after = snapshot({"tx_bytes": 11})
    after["devices"][0]["pci_address"] = "0000:01:00.0"
    assert reset_signs(snapshot({"tx_bytes": 10}), after) == ["rdmap0s31 is another device now"]


def test_the_record_tells_of_late_devices_huge_pages_and_a_failed_prolog():
    before, after = snapshot({"tx_bytes": 10}), snapshot({"tx_bytes": 11})
    before["late"] = {"devices_at_first": 0, "waited_seconds": 0.4}
    after["hugepages"] = {"size_kib": 2048, "count": 0, "wanted": 10561}
    why = "prolog failed on purpose: 8 of 16 EFA devices found"
    job = {**JOB, "derived_exit_code": "0:0"}
    record = make_record(job, EXPECTATION, before, after, mode="observe", prolog_failed=why)
    assert list(Draft202012Validator(SCHEMA).iter_errors(record)) == []
    assert (record["late_devices"], record["hugepages"]) == (before["late"], after["hugepages"])


@pytest.mark.parametrize("name", ["gpu-st-p5-1", "n", "a.b_c-D.0", "n" * 80, "_", "a."])
def test_a_name_that_fits_a_file_name_stays(name):
    assert safe_name(name) == name


LONG_AND_ODD = (
    *("n" * 81, "n" * 255, "n" * 1000, "n" * 254 + "m", "m" + "n" * 254, "n" * 80 + "/"),
    *("a/b", "a b", "a\nb", "a\u00e4b", "a\u6771b", "a~b", "a\udcffb", "a\x00b", "\u6771" * 255, "\u6771" * 256),
    *("", ".", "..", "...", ".hidden", "/", "//", " ", "\u6771", "\u4eac", "../../x", "~"),
)


@pytest.mark.parametrize("name", LONG_AND_ODD)
def test_any_name_becomes_a_part_of_a_file_name(name):
    safe = safe_name(name)
    assert re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9_.~-]{0,79}", safe)
    assert safe_name(safe) != safe, "a name that looks like one of these is no other's either"


@given(st.text(max_size=300), st.text(max_size=300))
def test_two_names_never_become_one(one, other):
    assert (safe_name(one) == safe_name(other)) == (one == other)


def test_names_that_differ_in_a_replaced_or_a_left_out_letter_stay_apart():
    names = [*LONG_AND_ODD, *(safe_name(name) for name in LONG_AND_ODD), "a_b", "_", "_.", "_..", "__", "n" * 80]
    assert len({safe_name(name) for name in names}) == len(names)


def test_the_beginning_of_a_long_name_can_be_read():
    assert safe_name("gpu-st-p5-1." + "x" * 300).startswith("gpu-st-p5-1.xxx")
