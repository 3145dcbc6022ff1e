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
MB = 10**6


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


def lnet(*networks, sent=0, received=0, messages=0, all_tcp=True, error=None):
    counts = {"send_bytes": sent, "recv_bytes": received, "messages": messages}
    return {"networks": list(networks), **counts, "all_tcp": all_tcp, "error": error}


READS = ("rdma_read_resp_bytes", "rdma_read_bytes")
BOTH = totals(100 * MB, 100 * MB)
OF_READS = {**BOTH, **dict.fromkeys((*CLASSES[:2], *WRITES), 0), **dict.fromkeys(READS, 100 * MB)}
SMALL = totals(MB, MB)


@pytest.mark.parametrize(
    ("counters", "tcp", "moved", "bounds"),
    [
        (BOTH, SMALL, lnet("efa", sent=90 * MB, received=90 * MB), (10 * MB,)),
        (BOTH, SMALL, lnet("efa", "efa1", sent=90 * MB, received=80 * MB), (10 * MB,)),
        (OF_READS, SMALL, lnet("efa", sent=100 * MB, received=100 * MB), (0,)),
        # More than EFA moved: counters of two moments.
        (OF_READS, SMALL, lnet("efa", sent=101 * MB, received=102 * MB), (0,)),
        # LNet's TCP moved no more than the node's.
        (BOTH, SMALL, lnet("efa", "tcp", sent=90 * MB, received=90 * MB), (10 * MB, 11 * MB)),
        (BOTH, totals(MB, 200 * MB), lnet("efa", "tcp", sent=90 * MB, received=90 * MB), (10 * MB, 11 * MB)),
        (BOTH, BOTH, lnet("efa", "tcp", sent=90 * MB, received=90 * MB), (10 * MB, 100 * MB)),
        (BOTH, SMALL, lnet("efa", "tcp", sent=90 * MB, received=90 * MB, all_tcp=False), (10 * MB, 100 * MB)),
        (BOTH, SMALL, lnet("efa", "o2ib1", sent=90 * MB, received=90 * MB), (10 * MB, 100 * MB)),
        # The ranks received what they sent, so LNet's other bytes went elsewhere.
        (BOTH, BOTH, lnet("efa", "tcp", sent=MB, received=90 * MB), (99 * MB, 100 * MB)),
        (BOTH, BOTH, lnet("tcp", sent=90 * MB, received=90 * MB), (100 * MB,)),
        (BOTH, SMALL, lnet("efa", error="stats: Permission denied"), (100 * MB,)),
        # Storage by RDMA writes, which kefalnd does not use: its bytes are not taken from the ranks' reads.
        (
            {**OF_READS, "rx_bytes": 190 * MB, "rdma_write_recv_bytes": 90 * MB},
            SMALL,
            lnet("efa", sent=0, received=90 * MB),
            (100 * MB,),
        ),
    ],
)
def test_what_lnet_moved_over_efa_is_no_exchange_of_the_ranks(counters, tcp, moved, bounds):
    both = {**record(item("d", **counters), item("eth0", **tcp)), "lnet": moved}
    assert traffic_of(both).exchanged_bounds() == bounds


@pytest.mark.parametrize(
    ("counters", "moved", "spans"),
    [
        (BOTH, lnet("tcp", sent=60 * MB, received=50 * MB), ((60 * MB, 60 * MB), (50 * MB, 50 * MB))),
        # More than the node's TCP moved: its interfaces count it all.
        (BOTH, lnet("tcp", sent=200 * MB, received=0), ((100 * MB, 100 * MB), (0, 0))),
        (BOTH, lnet("tcp", sent=60 * MB, received=50 * MB, all_tcp=False), ((0, 60 * MB), (0, 50 * MB))),
        (BOTH, lnet("efa", "tcp", sent=60 * MB, received=50 * MB), ((0, 60 * MB), (0, 50 * MB))),
        # EFA moved less than LNet did.
        (SMALL, lnet("efa", "tcp", sent=60 * MB, received=50 * MB), ((59 * MB, 60 * MB), (49 * MB, 50 * MB))),
        (BOTH, lnet("efa", sent=60 * MB, received=50 * MB), ((0, 0), (0, 0))),
    ],
)
def test_what_lnet_moved_over_tcp_is_what_efa_cannot_have_moved(counters, moved, spans):
    both = {**record(item("d", **counters), item("eth0", **BOTH)), "lnet": moved}
    found = traffic_of(both).lnet
    assert (found.tcp_sent, found.tcp_received) == spans


def test_where_lnet_s_tcp_was_not_counted_the_verdict_is_left_open():
    tcp = item("eth0", **totals(50 * MB, 50 * MB))
    both = {
        **record(item("d", **totals(0, 0)), tcp),
        "lnet": lnet("tcp", sent=50 * MB, received=50 * MB, all_tcp=False),
    }
    found = judge(("n0", "n1"), {node: {**both, "node": node} for node in ("n0", "n1")})
    assert found.verdict == "incomplete"
    assert "interfaces that do not count as TCP" in found.reason
    assert "could be tcp-fallback or no-traffic" in found.reason


def test_lnet_that_was_not_read_is_said_and_takes_nothing_off():
    records = {node: {**record(item("d", **BOTH), item("eth0", **SMALL), node)} for node in ("n0", "n1")}
    records["n1"]["lnet"] = lnet(error="stats: Operation not permitted")
    verdict = judge(("n0", "n1"), records)
    assert verdict.verdict == "efa"
    assert any("LNet's counters were not read" in note for note in verdict.notes)


def test_where_lnet_s_networks_leave_the_verdict_open_it_says_so_and_where_not_a_note_does():
    tcp = item("eth0", **totals(50 * MB, 50 * MB))
    open_one = {**record(item("d", **BOTH), tcp), "lnet": lnet("efa", "tcp", sent=100 * MB, received=100 * MB)}
    found = judge(("n0", "n1"), {node: {**open_one, "node": node} for node in ("n0", "n1")})
    assert (found.verdict, [node.verdict for node in found.nodes]) == ("incomplete", ["incomplete"] * 2)
    assert "LNet counts its networks together" in found.reason
    assert "could be tcp-fallback or mixed" in found.reason or "could be efa or tcp-fallback" in found.reason
    sure = {**record(item("d", **BOTH), tcp), "lnet": lnet("efa", "tcp", sent=MB, received=MB)}
    found = judge(("n0", "n1"), {node: {**sure, "node": node} for node in ("n0", "n1")})
    assert found.verdict == "efa"
    assert any("the verdict is the same whatever it was" in note for note in found.notes)


def test_nothing_is_said_of_a_run_whose_records_have_no_totals():
    assert verdict_of(item("d")) == "incomplete"
    assert verdict_of(item("d", **totals(0, 0)), item("eth0")) == "incomplete"
