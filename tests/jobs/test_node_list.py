"""Slurm's node lists are counted before they are expanded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from efakit.errors import RecordError
from efakit.jobs.node_list import MOST_NODES, NodeLists, count_nodes, expand


@pytest.mark.parametrize(
    ("node_list", "names"),
    [
        ("n1", ["n1"]),
        ("gpu-st-p5-[1-3]", ["gpu-st-p5-1", "gpu-st-p5-2", "gpu-st-p5-3"]),
        ("n[08-10]", ["n08", "n09", "n10"]),
        ("n[1,3-4],m.x", ["n1", "n3", "n4", "m.x"]),
        ("r[1-2]n[1-2]", ["r1n1", "r1n2", "r2n1", "r2n2"]),
        ("n[1-2]-x,n1-x", ["n1-x", "n2-x"]),
        ("n1,n1,n[1-2]", ["n1", "n2"]),
        ("n[098-101]", ["n098", "n099", "n100", "n101"]),
        ("n[8-11]", ["n8", "n9", "n10", "n11"]),
        ("n1[9-10]", ["n19", "n110"]),
        ("n0[9-10]-ib", ["n09-ib", "n010-ib"]),
        ("r[1-2]0", ["r10", "r20"]),
        ("n1[6][7-8]", ["n167", "n168"]),
        ("3[0,5]", ["30", "35"]),
        ("[1-2]", ["1", "2"]),
    ],
)
def test_slurm_s_lists_are_expanded(node_list, names):
    assert list(expand(node_list)) == names
    assert count_nodes(node_list) >= len(names)


@pytest.mark.parametrize(
    "node_list",
    [
        *(
            "",
            ",",
            "n1,",
            ",n1",
            "n[",
            "n]",
            "n[]",
            "n[1",
            "n1]",
            "n[1-]",
            "n[-1]",
            "n[1--2]",
            "n[2-1]",
            "n[a]",
            "n[1,]",
        ),
        *("n[[1-2]]", "n[1[2]]", "n[1]]", "n[1-9/2]", "n[01-2]", "n[+1]", "n[1.5]", "n[ 1]", "n 1", "n1 n2"),
        *("@all", "@*", "n*", "n?", "n1!n2", "n1&n2", "n1^n2", "n%s", "n[1-2]@g", "n/1", "n\\1", "n'1", 'n"1', "$(x)"),
        *("n\x1b[1-2]", "n\n1", "n\0", "n\u202e1", "n\ud800", "n٣", "n²", "n[٣]", "n[²]", "n[1-²]"),
        *("n[" + "9" * 5000 + "]", "n[1-" + "9" * 19 + "]", "n" + "[1]" * 9, "n" * 300_000, "n[1]," * 5000 + "n1"),
    ],
)
def test_what_is_no_list_is_refused(node_list):
    with pytest.raises(RecordError) as caught:
        expand(node_list)
    assert len(str(caught.value)) < 500
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("node_list", "count"),
    [
        ("n[0-9999999]", 10_000_000),
        ("n[0-999999999999999999]", 10**18),
        ("n[0-999][0-999][0-999]", 10**9),
        ("n" + "[0-9]" * 8, 10**8),
        (f"n[1-{MOST_NODES}],m", MOST_NODES + 1),
        ("n[" + ",".join(["0-99999"] * 3) + "]", 300_000),
    ],
)
def test_a_list_of_too_many_nodes_is_counted_and_not_expanded(node_list, count):
    assert count_nodes(node_list) == count
    with pytest.raises(RecordError, match=str(count)):
        expand(node_list)


def test_the_lists_of_all_records_have_one_bound_and_a_list_that_is_there_twice_counts_once():
    lists = NodeLists(most_nodes=10)
    assert lists.names("n[1-6]") == lists.names("n[1-6]") == tuple(f"n{number}" for number in range(1, 7))
    for _ in range(2):
        with pytest.raises(RecordError, match="more than 10 nodes"):
            lists.names("m[1-5]")
    assert lists.names("m[1-4]") == ("m1", "m2", "m3", "m4")


def test_the_lists_of_all_runs_have_one_bound_and_a_run_s_list_counts_once():
    lists = NodeLists(most_of_runs=10)
    for _ in range(2):
        lists.use("n[1-6]", "r0")
    with pytest.raises(RecordError, match="as many nodes as can be read"):
        lists.use("n[1-6]", "r1")
    lists.use("n[1-4]", "r1")


def test_the_nodes_of_several_lists_come_once_and_in_order():
    assert list(NodeLists().union(("n[2-3]", "n[1-2]"))) == ["n2", "n3", "n1"]


@given(st.text(st.sampled_from("n[]0123456789-,.*@²٣\x1b\ud800"), max_size=30))
def test_any_text_is_expanded_to_no_more_than_was_counted_or_refused(text):
    try:
        names = expand(text)
    except RecordError:
        return
    assert len(names) == len(set(names)) <= count_nodes(text)
