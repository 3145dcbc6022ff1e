"""What was not read of a job's bytes is not zero, and no sum or range of a report hides it."""

from __future__ import annotations

from efakit.jobs.verdict import judge
from efakit.report.annotation import decide, line_of
from efakit.report.answer import answer
from efakit.report.folding import amounts, groups
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
