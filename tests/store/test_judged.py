"""The rows of verdicts: whichever way they are made, they say the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("pyarrow")

from efakit.jobs.devices import pack
from efakit.jobs.reader import Found
from efakit.store.columns import MOST_INT
from efakit.store.judged import NODE_COLUMNS, RUN_COLUMNS, judged_rows
from tests.jobs.making import version_2

COUNTERS = (
    *("tx_bytes", "rx_bytes", "send_bytes", "recv_bytes", "rdma_write_bytes", "rdma_write_recv_bytes"),
    *("tx_pkts", "retrans_pkts", "rx_drops"),
)
NUMBERS = st.one_of(st.just(0), st.integers(0, 2**40), st.sampled_from([MOST_INT, MOST_INT + 1, 2**64 - 1]))
# Of each node: how many devices, and their numbers.
NODES = st.lists(
    st.integers(1, 3).flatmap(
        lambda count: st.lists(st.lists(NUMBERS, min_size=9, max_size=9), min_size=count, max_size=count)
    ),
    min_size=1,
    max_size=3,
)


def device(at, numbers):
    return {
        "name": f"rdmap{at}s0",
        "pci_address": None,
        "driver": "efa",
        "counters": dict(zip(COUNTERS, numbers, strict=True)),
        "device_counters": {},
        "unknown": [],
        "errors": [],
    }


def record_of(node, devices, **changes):
    own = {"run": "t1790000000", "started_at": 1_790_000_000, "instance_type": "p5.48xlarge", "driver_version": "2.1"}
    own |= {"node_list": "n[1-3]", "node_list_at_end": "n[1-3]", "partition": "gpu"}
    return version_2(node, "0" * 15 + node[-1], devices=devices, **own, **changes)


def rows_of(records):
    """Return the rows of runs and nodes with the names of their columns."""
    runs, nodes = judged_rows(Found([("lab", record) for record in records]), "lab", 7, 1)
    return [[dict(zip(names, row, strict=True)) for row in rows]
            for names, rows in ((RUN_COLUMNS, runs), (NODE_COLUMNS, nodes))]  # fmt: skip


@given(NODES)
def test_rows_of_packed_devices_are_those_of_the_devices_one_by_one(nodes):
    listed = [
        record_of(f"n{number}", [device(at, numbers) for at, numbers in enumerate(own)])
        for number, own in enumerate(nodes, 1)
    ]
    assert rows_of([record | {"devices": pack(record["devices"])} for record in listed]) == rows_of(listed)


def test_a_row_has_what_is_known_of_a_node_and_of_one_without_a_record():
    full, half = device(0, [5, 6, 0, 0, 5, 6, 9, 1, 2]), device(1, [0] * 9) | {"unknown": ["rx_bytes"]}
    del half["counters"]["rx_bytes"]
    (run,), nodes = rows_of([record_of("n1", [full, device(1, [0] * 9)]), record_of("n2", [full, half])])
    assert (run["nodes"], run["records"], run["verdict"], run["partition_name"]) == (3, 2, "incomplete", "gpu")
    assert [(node["node_name"], node["record_id"], node["node_verdict"]) for node in nodes] == [
        ("n1", "0" * 15 + "1", "no-traffic"),
        ("n2", "0" * 15 + "2", "no-traffic"),
        ("n3", None, "incomplete"),
    ]
    names = ("efa_tx_bytes", "efa_rx_bytes", "efa_tx_bytes_at_least", "efa_rx_bytes_at_least", "tcp_rx_bytes")
    assert [[node[name] for name in names] for node in nodes] == [
        [5, 6, 5, 6, 20],
        [5, None, 5, 6, 20],
        [None, None, 0, 0, None],
    ]
    assert [(node["devices_idle"], node["retrans_pkts"], node["retrans_timeout_events"]) for node in nodes] == [
        (1, 1, None), (0, 1, None), (None, None, None),
    ]  # fmt: skip
    assert [node["ended_at"] for node in nodes] == [2000.0, 2000.0, 2000.0]


def test_devices_that_were_read_on_one_side_only_are_not_idle():
    half = device(0, [5, 6, 0, 0, 0, 0, 0, 0, 0]) | {"unknown": ["rx_bytes"]}
    del half["counters"]["rx_bytes"]
    _, (node,) = rows_of([record_of("n1", [half]) | {"node_list": "n1", "node_list_at_end": "n1"}])
    assert node["devices_idle"] is None
