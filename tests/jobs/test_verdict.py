"""The verdict follows the stated order and thresholds."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from efakit.catalog.thresholds import EFA_FLOOR, TCP_ANSWERS, TCP_FLOOR
from efakit.jobs.findings import Job, stands_out
from efakit.jobs.traffic import Amount
from efakit.jobs.verdict import VERDICTS, judge

MUCH = 10**9


def device(name="rdmap0s31", unknown=(), **counters):
    return {"name": name, "counters": counters, "unknown": list(unknown), "errors": []}


def record(node="n0", efa=(0, 0), tcp=(0, 0), **changes):
    return {
        "node": node,
        "baseline": "ok",
        "resets": [],
        "shared_with": [],
        "findings": [],
        "prolog_failed": None,
        "devices_expected": 1,
        "devices_found": 1,
        "devices_unknown": False,
        "interfaces_unknown": False,
        "devices": [device(tx_bytes=efa[0], rx_bytes=efa[1])],
        "interfaces": [device("eth0", tx_bytes=tcp[0], rx_bytes=tcp[1])],
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
        ((2 * MUCH, 0), (1000, 1000), "no-traffic"),  # one side alone: no exchange
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
    moved = [device(tx_bytes=0, rx_bytes=0, rdma_write_bytes=MUCH, rdma_write_recv_bytes=MUCH)]
    assert verdict_of(record("n0", devices=moved), record("n1", devices=moved)).verdict == "efa"


@pytest.mark.parametrize(
    "changes",
    [
        {"baseline": "missing"},
        {"resets": ["the node was rebooted"]},
        {"devices": [device(unknown=["tx_bytes", "rx_bytes"])]},
        {"interfaces": [device("eth0", unknown=["tx_bytes", "rx_bytes"])]},
        {"devices_unknown": True},
        {"interfaces_unknown": True, "interfaces": []},
    ],
)
def test_what_is_not_known_is_incomplete_where_it_matters(changes):
    found = verdict_of(record("n0", (0, 0), (1000, MUCH)), record("n1", (0, 0), (MUCH, 1000), **changes))
    assert found.verdict == "incomplete"
    assert found.reason.startswith("n1: ")


def test_a_node_without_record_makes_the_job_incomplete_and_has_unknown_bytes():
    found = verdict_of(record("n0", (MUCH, MUCH)), nodes=("n0", "n1"))
    assert found.verdict == "incomplete"
    assert found.nodes[1].traffic is None
    assert found.traffic.efa_tx == Amount(MUCH, complete=False)


ALL = ["tx_bytes", "rx_bytes", "send_bytes", "recv_bytes"]


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        # 32 devices moved terabytes, and one was not read: however much it moved, the verdict stays.
        ({"devices": [device(tx_bytes=MUCH, rx_bytes=MUCH), device("rdmap1s31", ALL)]}, "efa"),
        ({"baseline": "incomplete"}, "efa"),
        # TCP one way is known to be little: no exchange over TCP, whatever the other way was.
        ({"interfaces": [device("eth0", ["tx_bytes"], rx_bytes=1000)]}, "efa"),
        ({"interfaces": [device("eth0", ["tx_bytes", "rx_bytes"])]}, "incomplete"),
        ({"interfaces_unknown": True, "interfaces": []}, "incomplete"),
    ],
)
def test_a_verdict_is_given_where_every_completion_gives_the_same(changes, verdict):
    found = verdict_of(record("n0", (MUCH, MUCH), (1000, 1000)), record("n1", (MUCH, MUCH), (1000, 1000), **changes))
    assert found.verdict == verdict
    if verdict == "incomplete":
        assert "eth0" in found.reason or "no TCP interface" in found.reason
    elif changes != {"baseline": "incomplete"}:
        assert "the verdict is the same whatever they were" in found.notes[0]


AMOUNTS = st.sampled_from([0, 1000, EFA_FLOOR.value, TCP_FLOOR.value, MUCH, 3 * MUCH])
NAMES = ("tx_bytes", "rx_bytes", "send_bytes", "recv_bytes")


@given(st.data())
def test_no_completion_of_what_is_unknown_gives_another_verdict(data):
    """The one that is given is held to every verdict that some completion gives."""
    records = []
    completed = []
    for node in ("n0", "n1"):
        true = {name: data.draw(AMOUNTS) for name in NAMES}
        true["tx_bytes"], true["rx_bytes"] = true["send_bytes"], true["recv_bytes"]
        tcp = {name: data.draw(AMOUNTS) for name in NAMES[:2]}
        hidden = data.draw(st.sets(st.sampled_from(NAMES)))
        hidden_tcp = data.draw(st.sets(st.sampled_from(NAMES[:2])))
        known = {name: value for name, value in true.items() if name not in hidden}
        known_tcp = {name: value for name, value in tcp.items() if name not in hidden_tcp}
        devices, interfaces = [device(unknown=hidden, **known)], [device("eth0", hidden_tcp, **known_tcp)]
        records.append(record(node, devices=devices, interfaces=interfaces))
        completed.append(record(node, devices=[device(**true)], interfaces=[device("eth0", **tcp)]))
    told, true_verdict = verdict_of(*records).verdict, verdict_of(*completed).verdict
    assert told in (true_verdict, "incomplete")


def storage(read_bytes, tcp=(0, 0), ranks=0, node="n0"):
    """A node whose Lustre client read over EFA: the servers wrote into it, and no rank did."""
    moved = device(
        tx_bytes=ranks,
        rx_bytes=read_bytes + ranks,
        send_bytes=ranks,
        recv_bytes=ranks,
        rdma_read_bytes=0,
        rdma_read_resp_bytes=0,
        rdma_write_bytes=0,
        rdma_write_recv_bytes=read_bytes,
    )
    return record(node, tcp=tcp, devices=[moved])


def test_storage_over_efa_does_not_hide_ranks_over_tcp():
    found = verdict_of(*(storage(10**12, (2 * 10**11, 2 * 10**11), node=f"n{i}") for i in range(4)))
    assert found.verdict == "tcp-fallback"
    assert {node.verdict for node in found.nodes} == {"tcp-fallback"}
    assert found.traffic.storage_bytes() == (0, 4 * 10**12)


def test_storage_beside_ranks_over_efa_is_efa():
    found = verdict_of(*(storage(10**12, (1000, 1000), ranks=MUCH, node=f"n{i}") for i in range(2)))
    assert (found.verdict, found.traffic.storage_bytes()) == ("efa", (0, 2 * 10**12))


def test_without_operation_classes_the_smaller_of_sent_and_received_counts_with_a_note():
    found = verdict_of(*(record(f"n{i}", (MUCH, 10**12), (1000, 1000)) for i in range(2)))
    assert found.verdict == "efa"
    assert "no counters by operation class" in found.notes[0]
    one_sided = verdict_of(*(record(f"n{i}", (0, 10**12), (MUCH, MUCH)) for i in range(2)))
    assert one_sided.verdict == "tcp-fallback"


def test_a_run_in_doubt_is_incomplete_and_says_why():
    records = {f"n{i}": record(f"n{i}", (MUCH, MUCH)) for i in range(2)}
    found = judge(tuple(records), records, doubts=("two jobs had this id",))
    assert (found.verdict, found.reason) == ("incomplete", "it is in doubt which run this is: two jobs had this id")
    assert found.traffic.efa_tx == Amount(2 * MUCH)


def test_of_a_component_without_a_record_the_nodes_are_in_no_sum():
    records = {f"n{i}": record(f"n{i}", (MUCH, MUCH)) for i in range(2)}
    found = judge(tuple(records), records, doubts=("component 7+1 has no record",), lacks_component=True)
    assert found.traffic.efa_tx == Amount(2 * MUCH, complete=False)
    assert (found.traffic.tcp_rx.complete, found.nodes[0].traffic.efa_tx.complete) == (False, True)


def test_incomplete_comes_before_shared_and_shared_before_single_node():
    shared = record("n0", shared_with=[8])
    assert verdict_of(shared, record("n1", baseline="missing")).verdict == "incomplete"
    assert verdict_of(shared).verdict == "shared"
    assert verdict_of(record("n0", tcp=(MUCH, MUCH))).verdict == "single-node"


LEAST_TALK = TCP_FLOOR.value / (1 - TCP_ANSWERS.value)
TCP_BYTES = st.one_of(
    st.integers(0, 4 * TCP_FLOOR.value), st.sampled_from([int(LEAST_TALK), int(LEAST_TALK) + 1, 10 * MUCH])
)


@given(st.integers(0, 4 * TCP_FLOOR.value), st.integers(0, 4 * TCP_FLOOR.value), TCP_BYTES, TCP_BYTES)
@example(0, 0, int(LEAST_TALK), int(LEAST_TALK))
@example(0, 0, int(LEAST_TALK) + 1, int(LEAST_TALK) + 1)
def test_there_is_one_verdict_for_any_bytes_and_floors_are_inclusive(efa_tx, efa_rx, tcp_tx, tcp_rx):
    found = verdict_of(record("n0", (efa_tx, efa_rx), (tcp_tx, tcp_rx)), record("n1"))
    assert found.verdict in VERDICTS
    exchanged = min(tcp_tx, tcp_rx) - TCP_ANSWERS.value * max(tcp_tx, tcp_rx)
    if min(efa_tx, efa_rx) >= EFA_FLOOR.value:
        assert found.verdict in ("efa", "mixed")
    else:
        assert found.verdict == ("tcp-fallback" if exchanged >= TCP_FLOOR.value else "no-traffic")


def test_many_nodes_that_do_nothing_are_no_fallback():
    """Each has its housekeeping, and the sum of all is far above the floor of one."""
    found = verdict_of(*(record(f"n{i}", tcp=(2_000_000, 2_000_000)) for i in range(512)))
    assert (found.verdict, found.notes) == ("no-traffic", ())
    # Two of them talk: what the others do does not hide it.
    talk = {f"n{i}": record(f"n{i}", tcp=(10 * TCP_FLOOR.value, 10 * TCP_FLOOR.value)) for i in range(2)}
    rest = [record(f"n{i}", tcp=(2_000_000, 2_000_000)) for i in range(2, 512)]
    assert verdict_of(*talk.values(), *rest).verdict == "tcp-fallback"


@pytest.mark.parametrize("read", [(230_000_000, 10 * MUCH), (10 * MUCH, 40_000_000)])
def test_what_tcp_answers_to_files_that_are_read_or_written_is_no_exchange(read):
    """10 GB over NFS or from S3: 0.4 % comes back at an MTU of 9001, 2.3 % at 1500."""
    alone = verdict_of(*(record(f"n{i}", tcp=read) for i in range(4)))
    assert alone.verdict == "no-traffic"
    assert {node.verdict for node in alone.nodes} == {"no-traffic"}
    assert "TCP went one way" in alone.notes[0]
    assert "less than 2 GB would not be seen" in alone.notes[0]
    beside_efa = verdict_of(*(record(f"n{i}", (MUCH, MUCH), read) for i in range(4)))
    assert beside_efa.verdict == "efa"
    beside_ranks = verdict_of(*(record(f"n{i}", tcp=(read[0] + 5 * MUCH, read[1] + 5 * MUCH)) for i in range(4)))
    assert beside_ranks.verdict == "tcp-fallback"


def test_one_node_that_only_sends_to_another_over_tcp_is_a_fallback():
    found = verdict_of(record("n0", tcp=(MUCH, 1000)), record("n1", tcp=(1000, MUCH)), record("n2"))
    assert found.verdict == "tcp-fallback"


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


def test_counters_that_began_anew_tell_nothing_of_peers():
    devices = [device(tx_bytes=MUCH, rx_bytes=MUCH, unresponsive_remote_events=8)]
    found = verdict_of(record("n0", devices=devices, resets=["rdmap0s31: tx_bytes fell"]))
    assert found.nodes[0].notes == ("counters began anew: rdmap0s31: tx_bytes fell",)


def _sending(node, **counted):
    totals = {"tx_bytes": counted["send_bytes"], "rx_bytes": counted.get("recv_bytes", counted["send_bytes"])}
    unread = () if "recv_bytes" in counted else ("recv_bytes",)
    return record(node, devices=[device("rdmap0s0", unread, **totals, **counted)])


@pytest.mark.parametrize(
    ("records", "verdict"),
    [
        # The third node has no record: it may have received what the first one sent.
        ([_sending("n0", send_bytes=MUCH, recv_bytes=1), _sending("n1", send_bytes=1, recv_bytes=1)], "incomplete"),
        # What the second node received was not read.
        ([_sending("n0", send_bytes=MUCH, recv_bytes=MUCH), _sending("n1", send_bytes=MUCH)], "efa"),
        # Another job's nodes may have received it.
        (
            [
                _sending("n0", send_bytes=MUCH, recv_bytes=1) | {"shared_with": [8]},
                _sending("n1", send_bytes=1, recv_bytes=1),
            ],
            "shared",
        ),
    ],
)
def test_what_only_one_side_counts_is_not_storage_s_where_the_other_side_is_not_known(records, verdict):
    names = [one["node"] for one in records] + (["n2"] if verdict == "incomplete" else [])
    found = judge(names, {one["node"]: one for one in records})
    assert found.verdict == verdict
    assert found.storage_bytes() == (0, 0)
    assert found.storage_or_unknown() == (None, None)
    told = stands_out(Job({one["node"]: one for one in records}, found.verdict, found.traffic, {}))
    assert "job-storage-traffic" not in {item.finding.rule for item in told}
