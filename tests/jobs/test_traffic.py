"""What is not known of a run's bytes stays a range, from what was counted up to what may have travelled."""

from __future__ import annotations

import pytest

from efakit.jobs.traffic import UNKNOWN, Amount, traffic_of
from efakit.jobs.verdict import judge
from tests.jobs.test_verdict import MUCH
from tests.jobs.test_verdict import device as item
from tests.jobs.test_verdict import record as record_of

CLASSES = ("send_bytes", "recv_bytes", "rdma_read_bytes", "rdma_read_resp_bytes")
WRITES = ("rdma_write_bytes", "rdma_write_recv_bytes")
ANY = float("inf")


def record(device, interface=None, node="n0"):
    interface = interface or item("eth0", tx_bytes=MUCH, rx_bytes=MUCH)
    return record_of(node, devices=[device], interfaces=[interface])


def verdict_of(device, interface=None):
    """Return what is said of two nodes that have the same record."""
    return judge(("n0", "n1"), {node: record(device, interface, node) for node in ("n0", "n1")}).verdict


def totals(sent, received):
    return {"tx_bytes": sent, "rx_bytes": received}


@pytest.mark.parametrize(
    ("device", "bounds"),
    [
        # The classes may hold all of the traffic, as storage, and they may hold none: then the totals are exchanged.
        (item("d", CLASSES + WRITES, **totals(MUCH, MUCH)), (0, ANY)),
        # What one class received is all that is open: little, and the totals count; much, and it came from storage.
        (item("d", WRITES[1:], **totals(MUCH, MUCH), **dict.fromkeys((*CLASSES, WRITES[0]), 0)), (0, MUCH)),
        (item("d", WRITES[:1], **totals(MUCH, MUCH), **dict.fromkeys((*CLASSES, WRITES[1]), 0)), (0, MUCH)),
        # One side of a class is open, and the other bounds what was exchanged.
        (
            item("d", WRITES[1:], **totals(1, 1), **dict.fromkeys(CLASSES, 0), rdma_write_bytes=MUCH),
            (0, MUCH),
        ),
        # The known classes explain the totals already, so the totals do not count.
        (item("d", WRITES[1:], **totals(MUCH, 3), **dict.fromkeys(CLASSES[:2], MUCH)), (MUCH,)),
    ],
)
def test_where_classes_are_unknown_what_was_exchanged_is_what_classes_or_totals_allow(device, bounds):
    assert traffic_of(record(device)).exchanged_bounds() == bounds


@pytest.mark.parametrize("unread", [WRITES[1:], WRITES[:1]])
def test_no_fallback_and_no_efa_is_claimed_where_an_unknown_class_decides_which_bytes_count(unread):
    known = dict.fromkeys([name for name in (*CLASSES, *WRITES) if name not in unread], 0)
    assert verdict_of(item("d", unread, **totals(MUCH, MUCH), **known)) == "incomplete"
    assert verdict_of(item("d", **totals(0, 0), **dict.fromkeys(CLASSES + WRITES, 0))) == "tcp-fallback"


@pytest.mark.parametrize("counters", [{}, {"tx_bytes": 0}, {"rx_bytes": 0}])
def test_totals_that_a_record_does_not_have_are_unknown_though_it_names_them_not(counters):
    lacking = {"tx_bytes", "rx_bytes"} - set(counters)
    efa = traffic_of(record(item("d", **counters)))
    tcp = traffic_of(record(item("d", **totals(0, 0)), item("eth0", **counters)))
    for name, amounts in (("tx_bytes", (efa.efa_tx, tcp.tcp_tx)), ("rx_bytes", (efa.efa_rx, tcp.tcp_rx))):
        assert amounts == ((UNKNOWN, UNKNOWN) if name in lacking else (Amount(0), Amount(0)))


def test_nothing_is_said_of_a_run_whose_records_have_no_totals():
    assert verdict_of(item("d")) == "incomplete"
    assert verdict_of(item("d", **totals(0, 0)), item("eth0")) == "incomplete"
