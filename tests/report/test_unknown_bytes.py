"""What was not read of a job's bytes is not zero, and no sum or range of a report hides it."""

from __future__ import annotations

import pytest

from efakit.jobs.records import JobRun
from efakit.jobs.traffic import Amount
from efakit.jobs.verdict import judge
from efakit.report.annotation import decide, line_of
from efakit.report.answer import answer
from efakit.report.folding import amounts, groups
from efakit.report.html.grid import grid_of
from efakit.report.job import JobReport, SlurmFacts
from efakit.report.text import report_lines
from tests.jobs.making import GB, counters, version_2

UNREAD = {"counters": {}, "unknown": ["tx_bytes", "rx_bytes", "send_bytes", "recv_bytes"]}


def record(node, *devices, **changes):
    made = version_2(node, **changes)
    first = made["devices"][0]
    made["devices"] = [{**first, "name": f"rdmap{at}s0", **own} for at, own in enumerate(devices)]
    return made


def carrying(moved):
    return {"counters": counters(moved, moved)}


def verdict_of(*records):
    return judge([one["node"] for one in records], {one["node"]: one for one in records})


def test_what_was_exchanged_is_said_to_be_that_at_least_where_a_device_was_not_read():
    known = record("n1", carrying(GB), carrying(GB))
    whole = verdict_of(known, record("n2", carrying(GB), carrying(GB)))
    partly = verdict_of(known, record("n2", carrying(GB), UNREAD))
    assert answer(whole) == "EFA: the 2 nodes exchanged 4 GB over EFA, and 20 B over TCP."
    assert answer(partly) == "EFA: the 2 nodes exchanged at least 3 GB over EFA, and 20 B over TCP."
    assert line_of(whole) == "efakit: efa, 2 nodes, EFA 4 GB, TCP 20 B"
    assert line_of(partly) == "efakit: efa, 2 nodes, EFA at least 3 GB, TCP 20 B"


def test_a_node_alone_of_which_nothing_was_read_has_no_zero_in_accounting():
    line = line_of(verdict_of(record("n1", UNREAD)))
    assert line == "efakit: single-node, 1 node, EFA an unknown amount, TCP 10 B"
    assert decide(line, "efakit: another") == "set"


def test_a_line_that_says_at_most_is_efakit_s_own():
    assert decide("efakit: no-traffic, 2 nodes, EFA at most 30 KB, TCP 20 B", "efakit: another") == "set"


def test_nodes_that_are_one_line_say_so_where_any_of_them_is_not_wholly_known():
    for known in ((2, 2), (1, 3)):
        nodes = [record(f"n{at}", carrying(moved * GB), carrying(0)) for at, moved in enumerate(known)]
        verdict = verdict_of(*nodes, record("n9", carrying(2 * GB), UNREAD))
        (group,) = groups(verdict.nodes)
        words = "2 GB+?" if known == (2, 2) else "1..3 GB+?"
        assert amounts(group.nodes) == [words, words, "10 B", "20 B"]


TCP = {"networks": ["tcp"], "messages": 1000, "all_tcp": True, "error": None}


def over_tcp(sent, received, moved=0, **changes):
    both = [record(name, carrying(moved), **changes) for name in ("n1", "n2")]
    for one in both:
        one["interfaces"][0]["counters"] = counters(sent, received)
    return verdict_of(*both)


def test_what_tcp_answers_to_files_is_not_said_to_be_exchanged():
    files = over_tcp(100 * GB, 2500 * GB, 2 * GB)
    assert answer(files) == (
        "EFA: the 2 nodes exchanged 4 GB over EFA, and no more than housekeeping over TCP, beside files or storage."
    )
    none = over_tcp(100 * GB, 2500 * GB)
    assert answer(none).startswith("Neither: the 2 nodes exchanged 0 B over EFA, and no more than housekeeping over")
    assert [note for note in none.notes if note.startswith("TCP went one way (200 GB sent, 5 TB received)")]
    some = over_tcp(150 * GB, 2500 * GB, 200 * GB)
    assert answer(some) == "EFA: the 2 nodes exchanged 400 GB over EFA, and at most 300 GB over TCP."


def test_what_lustre_moved_over_tcp_is_neither_exchanged_nor_one_way():
    lustre = {**TCP, "send_bytes": 99 * GB, "recv_bytes": 99 * GB}
    found = over_tcp(100 * GB, 100 * GB, lnet=lustre)
    assert (found.verdict, "200 GB" in answer(found)) == ("no-traffic", False)
    assert [
        note for note in found.notes if note.startswith("what TCP moved (200 GB sent, 200 GB received) is Lustre's")
    ]
    assert not [note for note in found.notes if "one way" in note]


def test_nothing_is_said_to_be_exchanged_at_least_over_tcp_where_an_interface_was_not_read():
    three = [record(name, carrying(moved)) for name, moved in (("n1", 0), ("n2", GB), ("n3", GB))]
    three[0]["interfaces"][0]["counters"] = counters(50 * GB, 50 * GB)
    unread = {"name": "eth1", "counters": {}, "unknown": ["tx_bytes", "rx_bytes"], "errors": []}
    three[2]["interfaces"] = [*three[2]["interfaces"], unread]
    found = verdict_of(*three)
    assert answer(found) == (
        "Partly EFA: n1 fell back to TCP; the 3 nodes exchanged 2 GB over EFA and an unknown amount over TCP."
    )


@pytest.mark.parametrize("unsure", [True, False])
def test_a_rail_is_not_wholly_known_where_a_node_may_have_a_device_of_it_that_nobody_recognised(unsure):
    whole = record("n1", carrying(GB), carrying(GB))
    lacking = record("n2", carrying(GB), devices_unknown=unsure)
    first, second = grid_of(["n1", "n2"], {"n1": whole, "n2": lacking}, 65_536).rails
    assert (first.sent, first.unknown) == (Amount(2 * GB), 0)
    assert (second.sent, second.unknown) == (Amount(GB, complete=not unsure), int(unsure))


def test_a_failure_s_counter_that_was_not_read_is_no_blank_among_the_devices():
    failing = {"counters": {**counters(GB, GB), "rx_drops": 4, "rdma_read_wr_err": 0}, "unknown": ["retrans_pkts"]}
    one = record("n1", failing, carrying(GB))
    verdict = verdict_of(one)
    shown = JobReport(JobRun("lab", 7, "r0", {"n1": one}, ("n1",), 1.0), verdict, SlurmFacts())
    lines = [line.split() for line, _ in report_lines(shown, 100, with_devices=True) if "rdmap" in line]
    assert [line[-2:] for line in lines] == [["rx_drops=4", "retrans_pkts=?"], ["1", "GB"]]
