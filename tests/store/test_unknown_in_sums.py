"""A report of all jobs: what was not counted is no zero in a sum, no packet in a share, and no run without EFA."""

from __future__ import annotations

import csv
import io
import json
import os
import re

import pytest

from tests.cli.running import run_here
from tests.jobs.making import GB, counters, version_2, write

pytestmark = pytest.mark.thorough

pytest.importorskip("duckdb")
pytest.importorskip("pyarrow")

START = 1_790_000_000
DAY = 86_400
SINCE = ("report", "--since", "2026-09-21", "--until", "2026-10-11")
UNREAD = {"counters": {}, "unknown": ["tx_bytes", "rx_bytes"]}


def job(folder, job_id, *, user="me", day=0, tcp=1, device=None, devices=(), **changes):
    """Write a job of two nodes; ``device`` has what each node's device is, beside a gigabyte each way."""
    for number in (1, 2):
        record = version_2(
            f"n{number}", job_id=job_id, user=user, started_at=START + day * DAY, run=f"t{START}", **changes
        )
        record |= {"began_at": START + day * DAY + 1.0, "ended_at": START + day * DAY + 600.0}
        first = {**record["devices"][0], "counters": counters(GB, GB), **(device or {})}
        record["devices"] = [{**first, "name": f"rdmap{at}s0", **own} for at, own in enumerate(devices or ({},))]
        record["interfaces"][0]["counters"] = counters(tcp, tcp)
        write(folder, record | {"record_id": f"{job_id:08x}{number:08x}"})


def run(folder, *options):
    done = run_here(*SINCE, *options, "--records", folder)
    assert done.returncode == 0, done.stderr
    return done.stdout


def data(folder, *options):
    return json.loads(run(folder, *options, "--format", "json"))


def of_packets(sent, again=None):
    both = {"tx_pkts": sent} | ({} if again is None else {"retrans_pkts": again})
    return {"counters": {**counters(GB, GB), **both}}


def from_files_and_store(folder):
    """Give the folder with files, and with a store alone."""
    yield
    for _ in range(2):
        assert run_here("records", "compact", "--grace", "0", "--records", folder).returncode == 0
    assert list(folder.glob("lab/*/*.json")) == []
    yield


def test_runs_whose_driver_counts_no_retransmits_are_in_no_share_of_them(tmp_path):
    for number in range(1, 10):
        job(tmp_path, number, device=of_packets(10**7))
    job(tmp_path, 10, device=of_packets(10**7, 4000))
    for _ in from_files_and_store(tmp_path):
        for by in ("node", "device"):
            rows = data(tmp_path, "--by", by)["rows"]
            assert {(row["runs"], row["retrans_ratio"]) for row in rows} == {(10, 4e-4)}


def test_a_share_is_of_those_devices_whose_packets_were_read(tmp_path):
    unread = {"counters": {**counters(GB, GB), "retrans_pkts": 9000}, "unknown": ["tx_pkts"]}
    job(tmp_path, 1, device=of_packets(10**7, 1000))
    job(tmp_path, 2, device=unread)
    for _ in from_files_and_store(tmp_path):
        assert {row["retrans_ratio"] for row in data(tmp_path, "--by", "node")["rows"]} == {1e-4}


def test_a_sum_of_which_nothing_is_known_is_null_and_one_of_zeros_is_zero(tmp_path):
    job(tmp_path, 1, user="unread", device=UNREAD)
    job(tmp_path, 2, user="none", device={"counters": counters(0, 0)})
    job(tmp_path, 3, user="partly", device=UNREAD)
    job(tmp_path, 4, user="partly")
    for _ in from_files_and_store(tmp_path):
        sums = {row["user_name"]: row["efa_tx_bytes"] for row in data(tmp_path, "--by", "user")["rows"]}
        assert sums == {"unread": None, "none": 0, "partly": 2 * GB}
        rows = csv.DictReader(io.StringIO(run(tmp_path, "--by", "user", "--format", "csv")))
        assert {row["user_name"]: row["efa_rx_bytes"] for row in rows}["unread"] == ""
        (verdict,) = data(tmp_path, "--user", "unread", "--by", "verdict")["rows"]
        assert (verdict["verdict"], verdict["efa_tx_bytes"]) == ("incomplete", None)
        page = " ".join(re.sub("<[^>]*>", " ", run(tmp_path, "--user", "unread", "--format", "html")).split())
        assert "over EFA ? sent ? received" in page


def test_who_used_efa_in_part_or_in_a_run_that_is_not_judged_is_not_said_to_never_use_it(tmp_path):
    over_tcp = 10 * GB
    job(tmp_path, 1, user="mixed", tcp=over_tcp)
    for number, user in enumerate(("fallen", "twice"), 2):
        job(tmp_path, number, user=user, tcp=over_tcp, device={"counters": counters(0, 0)})
    job(tmp_path, 9, user="twice", device={"counters": {"tx_bytes": GB}, "unknown": ["rx_bytes"]}, tcp=over_tcp)
    found = data(tmp_path)
    assert {row["verdict"] for row in found["verdicts"]} == {"mixed", "tcp-fallback", "incomplete"}
    assert [row["user_name"] for row in found["users_without_efa"]] == ["fallen"]


def test_a_quiet_summary_claims_no_more_than_is_known(tmp_path):
    job(tmp_path, 1, device=UNREAD, tcp=10 * GB)
    text = run(tmp_path, "--verdict", "incomplete,shared")
    assert "(verdict incomplete or shared)" in text.split("\n")[0]
    assert "none is known to have fallen back" in text
    assert "No job fell back" not in text
    assert "known" not in run(tmp_path, "--user", "nobody")
    assert data(tmp_path, "--user", "me")["filters"]["user"] == "me"


def test_of_few_packets_no_node_is_said_to_send_again_more(tmp_path):
    job(tmp_path, 1, device=of_packets(10**7, 0))
    job(tmp_path, 2, day=15, device=of_packets(5000, 1))
    assert data(tmp_path)["retransmitting_nodes"] == []
    job(tmp_path, 3, day=15, device=of_packets(10**7, 2000))
    assert [row["node_name"] for row in data(tmp_path)["retransmitting_nodes"]] == ["n1", "n2"]


def test_a_table_that_is_cut_says_so(tmp_path):
    for number in range(1, 4):
        job(tmp_path, number)
    assert "The first 2 rows" in run(tmp_path, "--by", "job", "--top", "2")
    assert "The first" not in run(tmp_path, "--by", "job")


def test_a_device_that_nobody_recognised_is_not_missing(tmp_path):
    job(tmp_path, 1, devices_expected=2, devices_unknown=True)
    assert data(tmp_path)["resting_devices"] == []
    job(tmp_path, 2, devices_expected=2)
    found = data(tmp_path)["resting_devices"]
    assert [(row["node_name"], row["runs_with_missing_devices"]) for row in found] == [("n1", 1), ("n2", 1)]


def test_devices_are_those_of_the_record_that_was_published_again(tmp_path):
    job(tmp_path, 1)
    assert run_here("records", "compact", "--records", tmp_path).returncode == 0
    job(tmp_path, 1, device={"counters": counters(5 * GB, 5 * GB)})
    for path in tmp_path.glob("lab/1/*.json"):
        os.utime(path, (START, START))
    for _ in from_files_and_store(tmp_path):
        for by in ("node", "device"):
            rows = data(tmp_path, "--by", by)["rows"]
            assert [(row["runs"], row["efa_tx_bytes"]) for row in rows] == [(1, 5 * GB)] * 2


@pytest.mark.parametrize(
    ("second", "idle"),
    [
        ({"counters": {**counters(0, 0), "rdma_write_bytes": 0}}, 1),
        ({"counters": {**counters(0, 0), "rdma_write_bytes": GB}}, 0),
        ({"counters": counters(0, 0), "unknown": ["rdma_write_bytes"]}, 0),
        ({"counters": {"tx_bytes": 0}, "unknown": ["rx_bytes"]}, 0),
    ],
)
def test_a_device_rests_where_none_of_its_bytes_moved_and_all_were_read(tmp_path, second, idle):
    busy = {"counters": {**counters(GB, GB), "rdma_write_bytes": 0}}
    job(tmp_path, 1, devices=[busy, second])
    for _ in from_files_and_store(tmp_path):
        rows = data(tmp_path, "--by", "node")["rows"]
        assert [row["runs_with_idle_devices"] for row in rows] == [idle, idle]
