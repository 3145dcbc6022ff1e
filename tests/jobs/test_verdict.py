"""The verdict follows the stated order and thresholds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from efakit.catalog.thresholds import EFA_FLOOR, TCP_FLOOR
from efakit.jobs.verdict import VERDICTS, judge

MUCH = 10**9


def record(node="n0", efa=(0, 0), tcp=(0, 0), **changes):
    return {
        "node": node,
        "baseline": "ok",
        "resets": [],
        "shared_with": [],
        "findings": [],
        "devices_expected": 1,
        "devices_found": 1,
        "devices": [{"name": "rdmap0s31", "counters": {"tx_bytes": efa[0], "rx_bytes": efa[1]}, "errors": []}],
        "interfaces": [{"name": "eth0", "counters": {"tx_bytes": tcp[0], "rx_bytes": tcp[1]}, "errors": []}],
        **changes,
    }


def verdict_of(*records, nodes=None):
    by_node = {item["node"]: item for item in records}
    return judge(nodes or tuple(by_node), by_node)


@pytest.mark.parametrize(
    ("efa", "tcp", "verdict"),
    [
        ((MUCH, MUCH), (1000, 1000), "efa"),
        ((0, 0), (MUCH, MUCH), "tcp-fallback"),
        ((0, 0), (1000, 1000), "no-traffic"),
        ((0, 0), (MUCH, 1000), "no-traffic"),
        ((0, 0), (1000, MUCH), "no-traffic"),
        ((MUCH, MUCH), (10, 50 * MUCH), "efa"),
        ((MUCH, MUCH), (2 * MUCH, 2 * MUCH), "mixed"),
        ((MUCH, MUCH), (MUCH // 2, MUCH // 2), "efa"),
    ],
)
def test_traffic_decides_where_all_nodes_agree(efa, tcp, verdict):
    assert verdict_of(record("n0", efa, tcp), record("n1", efa, tcp)).verdict == verdict


def test_fallback_is_judged_over_the_job_not_over_a_node():
    """One node sends, the other receives: neither talks both ways, the job does."""
    assert verdict_of(record("n0", tcp=(MUCH, 0)), record("n1", tcp=(0, MUCH))).verdict == "tcp-fallback"


def test_a_node_that_fell_back_makes_the_job_mixed():
    good, bad = record("n0", (MUCH, MUCH)), record("n1", tcp=(MUCH, MUCH))
    found = verdict_of(good, bad)
    assert found.verdict == "mixed"
    assert "n1" in found.reason
    assert [node.verdict for node in found.nodes] == ["efa", "tcp-fallback"]


def test_rdma_bytes_count_even_where_the_totals_rest():
    device = [{"name": "rdmap0s31", "counters": {"tx_bytes": 0, "rx_bytes": 0, "rdma_write_bytes": MUCH}, "errors": []}]
    assert verdict_of(record("n0", devices=device), record("n1", devices=device)).verdict == "efa"


@pytest.mark.parametrize(
    "changes",
    [
        {"baseline": "missing"},
        {"baseline": "incomplete"},
        {"resets": ["the node was rebooted"]},
        {"devices": [{"name": "rdmap0s31", "counters": {}, "errors": ["tx_bytes: Input/output error"]}]},
    ],
)
def test_what_cannot_be_relied_on_is_incomplete(changes):
    found = verdict_of(record("n0", (MUCH, MUCH)), record("n1", (MUCH, MUCH), **changes))
    assert found.verdict == "incomplete"
    assert found.reason.startswith("n1: ")


def test_a_node_without_record_makes_the_job_incomplete_and_has_unknown_bytes():
    found = verdict_of(record("n0", (MUCH, MUCH)), nodes=("n0", "n1"))
    assert found.verdict == "incomplete"
    assert found.nodes[1].traffic is None
    assert found.traffic.efa_tx_bytes == MUCH


def test_incomplete_comes_before_shared_and_shared_before_single_node():
    shared = record("n0", shared_with=[8])
    assert verdict_of(shared, record("n1", baseline="missing")).verdict == "incomplete"
    assert verdict_of(shared).verdict == "shared"
    assert verdict_of(record("n0", tcp=(MUCH, MUCH))).verdict == "single-node"


@given(*[st.integers(0, 4 * TCP_FLOOR.value)] * 4)
def test_there_is_one_verdict_for_any_bytes_and_floors_are_inclusive(efa_tx, efa_rx, tcp_tx, tcp_rx):
    found = verdict_of(record("n0", (efa_tx, efa_rx), (tcp_tx, tcp_rx)), record("n1"))
    assert found.verdict in VERDICTS
    if efa_tx + efa_rx >= EFA_FLOOR.value:
        assert found.verdict in ("efa", "mixed")
    else:
        assert found.verdict == ("tcp-fallback" if min(tcp_tx, tcp_rx) >= TCP_FLOOR.value else "no-traffic")


def test_nodes_are_in_natural_order():
    names = [f"gpu-st-p5-{number}" for number in range(1, 12)]
    assert [node.node for node in verdict_of(*map(record, reversed(names))).nodes] == names


def test_a_prolog_that_failed_on_purpose_is_the_reason_with_and_without_an_epilog():
    why = "prolog failed on purpose: 8 of 16 EFA devices found (devices-missing)"
    for baseline in ("missing", "ok"):
        found = verdict_of(record("n0", baseline=baseline, prolog_failed=why), record("n1"))
        assert (found.verdict, found.reason) == ("incomplete", f"n0: {why}")


def test_a_finding_that_only_informs_is_no_note():
    findings = [
        {"rule": "hugepages", "severity": "info", "message": "few huge pages"},
        {"rule": "devices-late", "severity": "warning", "message": "late devices"},
    ]
    assert verdict_of(record(findings=findings)).nodes[0].notes == ("late devices",)
