"""Records of two runs never meet in one, and all records of one run do."""

from __future__ import annotations

import json
import random

import pytest

from efakit.jobs.fields import check_record
from efakit.jobs.node_list import MOST_NODES
from efakit.jobs.reader import Found
from efakit.jobs.records import find_runs
from efakit.jobs.runs import runs_of
from tests.jobs.making import path_of, version_1, version_2, without_baseline, write


def started(node, at, **changes):
    """Return a record that knows the job's start."""
    times = {"began_at": at + 1.0, "ended_at": at + 100.0}
    return version_2(node, **{"run": f"t{at}", "started_at": at, **times, **changes})


def counted(node, begin, end, **changes):
    """Return a record of which Slurm told the restart count and no more (22.05)."""
    return version_2(node, **{"began_at": begin, "ended_at": end, **changes})


def shape(runs):
    """Return each run's name and nodes with records."""
    return [(run.run, sorted(run.records)) for run in runs]


def test_one_start_is_one_run_and_runs_are_named_as_slurm_counts(tmp_path):
    for count, at in ((0, 1000), (1, 2000)):
        write(tmp_path, *(started(node, at, restart_count=count) for node in ("n1", "n2")))
    runs = find_runs(tmp_path, 7)
    assert shape(runs) == [("r0", ["n1", "n2"]), ("r1", ["n1", "n2"])]
    assert [(run.key, run.started_at, run.began_at, run.ended_at) for run in runs] == [
        ("t1000", 1000, 1001.0, 1100.0),
        ("t2000", 2000, 2001.0, 2100.0),
    ]
    assert [run.doubts for run in runs] == [(), ()]


def test_a_sluid_is_one_run_whatever_the_clocks_say(tmp_path):
    write(
        tmp_path, started("n1", 1000, run="s1A", sluid="s1A"), started("n2", 1000, run="s1A", sluid="s1A", began_at=9e8)
    )
    (run,) = find_runs(tmp_path, 7)
    assert (run.key, sorted(run.records), run.doubts) == ("s1A", ["n1", "n2"], ())
    assert [run.is_called(name) for name in ("s1A", "t1000", "r0", "r1", "t1", "")] == [True] * 3 + [False] * 3


@pytest.mark.thorough
def test_runs_whose_lists_name_more_nodes_than_can_be_read_are_faults_and_the_first_are_read(tmp_path):
    many = f"n[1-{MOST_NODES}]"
    starts = range(1000, 103_000, 1000)
    write(tmp_path, *(started("n1", start, node_list=many, node_list_at_end=many, run=f"t{start}") for start in starts))
    runs = find_runs(tmp_path, 7)
    assert sorted(len(run.node_names) for run in runs) == [1] * 2 + [MOST_NODES] * 100
    assert [(len(run.faults), len(run.damaged)) for run in runs if len(run.node_names) == 1] == [(2, 1)] * 2


def test_a_run_whose_start_is_not_known_is_called_by_none(tmp_path):
    write(tmp_path, version_2("n1"))
    (run,) = find_runs(tmp_path, 7)
    assert [run.is_called(name) for name in ("r0", "tNone", "t0", "t")] == [True, False, False, False]


def test_where_two_runs_have_one_name_the_start_is_in_it(tmp_path):
    day = 86_400
    write(tmp_path, *(started(node, at) for at in (0, day, 2 * day) for node in ("n1", "n2")))
    names = [run.run for run in find_runs(tmp_path, 7)]
    assert names == ["r0@1970-01-01T00:00:00Z", "r0@1970-01-02T00:00:00Z", "r0@1970-01-03T00:00:00Z"]


def test_two_installations_are_two_clusters_even_with_one_start(tmp_path):
    for installation in ("x", "y"):
        write(tmp_path, *(started(node, 1000, installation_id=installation) for node in ("n1", "n2")))
    runs = find_runs(tmp_path, 7)
    found = [sorted({record["installation_id"] for record in run.records.values()}) for run in runs]
    assert sorted(found) == [["x"], ["y"]]
    assert [run.run for run in runs] == ["r0@1970-01-01T00:16:40Z#1", "r0@1970-01-01T00:16:40Z#2"]
    assert [run.doubts for run in runs] == [(), ()]


@pytest.mark.parametrize("known", ["x", None])
def test_a_record_that_does_not_tell_its_installation_goes_with_one_and_never_with_two(tmp_path, known):
    write(tmp_path, counted("n1", 0, 100, installation_id=known), counted("n2", 0, 100))
    assert [len(run.records) for run in find_runs(tmp_path, 7)] == [2]
    write(tmp_path, counted("n1", 0, 101, installation_id="y"), counted("n2", 0, 101, installation_id="z"))
    runs = find_runs(tmp_path, 7)
    assert sorted(len(run.records) for run in runs) == ([1, 1, 1, 1] if known else [1, 1, 2])
    assert all(run.doubts for run in runs if None in {record["installation_id"] for record in run.records.values()})


def test_with_a_restart_count_only_times_that_do_not_overlap_are_two_runs(tmp_path):
    write(tmp_path, *(counted(node, begin, begin + 50) for begin in (0, 1000) for node in ("n1", "n2")))
    runs = find_runs(tmp_path, 7)
    assert [sorted(run.records) for run in runs] == [["n1", "n2"]] * 2
    assert [run.began_at for run in runs] == [0, 1000]
    assert [run.doubts for run in runs] == [(), ()]


def test_version_1_of_a_job_whose_id_was_used_again_is_two_runs(tmp_path):
    """The file of a node has the same name in both: of the first job, the node is kept that the second one lacks."""
    write(tmp_path, version_1("n1", node_list="n1"), version_1("n9", node_list="n9", began_at=9e5, ended_at=9e5 + 9))
    assert [run.node_names for run in find_runs(tmp_path, 7)] == [("n1",), ("n9",)]


def test_the_newest_is_last_by_the_job_s_start_and_no_single_clock(tmp_path):
    write(tmp_path, *(started(f"n{number}", 1000) for number in (1, 2, 3)))
    for number, skew in ((1, -9e8), (2, 0), (3, 9e8)):
        write(tmp_path, started(f"n{number}", 2000, restart_count=1, began_at=1e9 + skew, ended_at=1e9 + skew + 9))
    assert [run.run for run in find_runs(tmp_path, 7)] == ["r0", "r1"]


def test_the_newest_is_last_by_the_job_s_start_where_all_clocks_of_an_earlier_run_were_ahead(tmp_path):
    write(tmp_path, started("n1", 1000, began_at=9e8, ended_at=9.1e8), started("n1", 2000, restart_count=1))
    assert [run.run for run in find_runs(tmp_path, 7)] == ["r0", "r1"]


def test_without_a_start_the_clock_in_the_middle_decides(tmp_path):
    write(tmp_path, *(counted(f"n{number}", 5000, 5100) for number in (1, 2, 3)))
    later = {"run": "r1", "restart_count": 1}
    write(tmp_path, counted("n1", 5200, 5300, **later), counted("n2", 5210, 5300, **later))
    write(tmp_path, counted("n3", 5.0, 5300, **later))
    runs = find_runs(tmp_path, 7)
    assert [(run.run, run.began_at) for run in runs] == [("r0", 5000), ("r1", 5200)]


def test_a_job_that_shrank_or_grew_keeps_all_its_nodes(tmp_path):
    whole, rest = "n[1-4]", "n[1-2]"
    write(tmp_path, *(counted(f"n{n}", 0, 5000, node_list=whole, node_list_at_end=rest) for n in (1, 2)))
    write(tmp_path, *(counted(f"n{n}", 0, 100, node_list=whole, node_list_at_end=whole) for n in (3, 4)))
    (run,) = find_runs(tmp_path, 7)
    assert (set(run.node_names), len(run.records), run.doubts) == ({"n1", "n2", "n3", "n4"}, 4, ())
    write(tmp_path, counted("n2", 0, 5000, node_list=rest, node_list_at_end="n[1-5]", job_id=8))
    assert len(find_runs(tmp_path, 8)[0].node_names) == 5


DOUBTFUL = [
    (
        "what the hook itself doubts",
        [counted("n1", 0, 9, doubts=["the baseline may be another job's"])],
        "may be another",
    ),
    ("a clock that was set", [counted("n1", 0, 9, clock_jump_seconds=-61.5)], "its clock was set by -62 s"),
    ("a clock that went back", [counted("n1", 9, 1)], "went back"),
    ("two records of a node", [counted("n1", 0, 9), counted("n1", 0, 8)], "n1 has 2 different records"),
    ("two users", [counted("n1", 0, 9), counted("n2", 0, 9, user_id=1)], "several users: 1, 1000"),
    (
        "two users by name",
        [counted("n1", 0, 9, user_id=None), counted("n2", 0, 9, user_id=None, user="x")],
        "several users: me, x",
    ),
    ("other nodes", [counted("n1", 0, 9), counted("m1", 0, 9, node_list="m1", node_list_at_end="m1")], "go together"),
    (
        "two starts",
        [started("n1", 5, run="s1", sluid="s1"), started("n2", 9, run="s1", sluid="s1")],
        "job starts: 5, 9",
    ),
    ("two restarts", [started("n1", 5), started("n2", 5, restart_count=1)], "several restart counts: 0, 1"),
    ("begin after end", [counted("n1", 0, 9), counted("n2", 10, 19), counted("n3", 5, 15)], "begin after others end"),
    (
        "begin after a node was given back",
        [
            counted("n4", 0, 40, node_list="n[2-4]", node_list_at_end="n[2-4]"),
            counted("n3", 1, 90, node_list="n[2-3]", node_list_at_end="n[2-3]"),
            counted("n2", 50, 99, node_list="n[2-4]", node_list_at_end="n[2-4]"),
        ],
        "begin after others end",
    ),
    (
        "an id that was used again, and ends far apart",
        [counted("n1", 0, 9), counted("n1", 5000, 6000), counted("n2", 5000, 6301)],
        "end 301 s apart",
    ),
    (
        "an epilog of a requeued job without a baseline",
        [without_baseline(started("n1", 5, restart_count=1)), started("n2", 5, restart_count=1)],
        "may be of another run",
    ),
    (
        "a record without a baseline that ended before the other one",
        [counted("n1", 0, 9), without_baseline(counted("n1", 0, 8))],
        "n1 has 2 different records",
    ),
    (
        "no baseline, and by the end alone of this run",
        [counted("n1", 0, 9), without_baseline(counted("n2", 0, 12))],
        "n2 has no baseline: it is of this run by the time of its end only",
    ),
    (
        "no baseline and no start, in a job that has one",
        [started("n1", 0), without_baseline(counted("n2", 0, 112))],
        "n2 has no baseline: it is of this run by the time of its end only",
    ),
    (
        "not one baseline",
        [without_baseline(counted("n1", 0, 9)), without_baseline(counted("n2", 0, 12))],
        "no node has a baseline",
    ),
]


@pytest.mark.parametrize(("records", "words"), [case[1:] for case in DOUBTFUL], ids=[case[0] for case in DOUBTFUL])
def test_a_run_of_which_it_is_not_sure_says_why(tmp_path, records, words):
    write(tmp_path, *({"node_list": "n[1-3]", **record} for record in records))
    runs = find_runs(tmp_path, 7)
    assert any(words in doubt for doubt in runs[-1].doubts), runs


def test_a_record_without_a_baseline_of_another_installation_is_never_of_this_run(tmp_path):
    bare = without_baseline(counted("n2", 0, 12, installation_id="y"))
    write(tmp_path, counted("n1", 0, 9, installation_id="x"), bare)
    assert [list(run.records) for run in find_runs(tmp_path, 7)] == [["n1"], ["n2"]]


def test_a_clock_that_was_set_is_no_doubt_where_slurm_tells_the_run(tmp_path):
    write(tmp_path, started("n1", 5, clock_jump_seconds=9e5), started("n2", 5))
    assert find_runs(tmp_path, 7)[0].doubts == ()


def test_ends_far_apart_are_no_doubt_where_the_id_was_used_once(tmp_path):
    write(tmp_path, counted("n1", 0, 9), counted("n2", 0, 900))
    assert find_runs(tmp_path, 7)[0].doubts == ()


def test_an_epilog_that_ran_again_is_noted_and_does_not_count(tmp_path):
    first, again = started("n1", 5), without_baseline(started("n1", 5, ended_at=999.0))
    write(tmp_path, first, again, started("n2", 5))
    (run,) = find_runs(tmp_path, 7)
    assert (run.records["n1"]["record_id"], run.doubts) == (first["record_id"], ())
    assert [record["record_id"] for record in run.more] == [again["record_id"]]
    assert run.notes == ("n1: its epilog ran again, and that record has no baseline",)


def test_what_a_prolog_that_failed_has_left_is_no_second_epilog(tmp_path):
    refusal = without_baseline(counted("n1", 0, 1, prolog_failed="8 of 16 devices"))
    write(tmp_path, refusal, counted("n1", 1, 2, prolog_failed="8 of 16 devices"))
    (run,) = find_runs(tmp_path, 7)
    assert (run.notes, run.doubts) == ((), ())


def test_a_copied_file_counts_once(tmp_path):
    path = write(tmp_path, counted("n1", 0, 9))
    path.with_name("copy-of-" + path.name).write_bytes(path.read_bytes())
    (run,) = find_runs(tmp_path, 7)
    assert (len(run.more), run.doubts) == (0, ())


def test_a_record_in_another_job_s_folder_is_a_fault(tmp_path):
    path = write(tmp_path, counted("n1", 0, 9))
    path.with_name("n2.r0.0123456789abcdef.json").write_text(json.dumps(counted("n2", 0, 9, job_id=8)))
    (run,) = find_runs(tmp_path, 7)
    assert [fault.why for fault in run.faults] == ["is a record of job 8, in the folder of another"]


def test_a_cluster_s_folder_may_have_another_name_than_the_cluster(tmp_path):
    write(tmp_path, *(started(node, 5, cluster="zz") for node in ("n1", "n2")), started("n3", 5, cluster="y"))
    (tmp_path / "zz").rename(tmp_path / "archive")
    (tmp_path / "y/7").rename(tmp_path / "y/8")
    assert [(run.cluster, len(run.records)) for run in find_runs(tmp_path, 7)] == [("zz", 2)]


def component(job_id, node, at=1000, leader=10, **changes):
    lists = {"node_list": node, "node_list_at_end": node}
    return started(node, at, job_id=job_id, het_job_id=leader, **{**lists, **changes})


def test_a_heterogeneous_job_is_one_run_by_the_leader_and_by_each_component(tmp_path):
    write(tmp_path, component(10, "n1"), component(11, "n2"), component(12, "n3", at=1002))
    for job_id in (10, 11, 12):
        (run,) = find_runs(tmp_path, job_id)
        assert (run.job_id, run.het, run.node_names, run.run) == (10, (10, 11, 12), ("n1", "n2", "n3"), "r0")
        assert run.doubts == ()
    assert find_runs(tmp_path, 13) == find_runs(tmp_path, 9) == []


def test_components_pair_by_restart_and_by_time(tmp_path):
    for count, at in ((0, 1000), (1, 2000), (0, 90_000)):
        write(tmp_path, *(component(job, f"n{job}", at, restart_count=count) for job in (10, 11)))
    runs = find_runs(tmp_path, 11)
    assert [(run.run, run.het, len(run.records), run.doubts) for run in runs] == [
        ("r0@1970-01-01T00:16:40Z", (10, 11), 2, ()),
        ("r1", (10, 11), 2, ()),
        ("r0@1970-01-02T01:00:00Z", (10, 11), 2, ()),
    ]


def test_components_without_a_start_pair_by_overlap(tmp_path):
    weak = {"run": "r0", "started_at": None}
    for begin in (0.0, 5000.0):
        for job in (10, 11):
            write(tmp_path, component(job, f"n{job}", began_at=begin, ended_at=begin + 90, **weak))
    assert [(run.het, run.began_at, run.doubts) for run in find_runs(tmp_path, 10)] == [
        ((10, 11), 0.0, ()),
        ((10, 11), 5000.0, ()),
    ]


def test_components_of_two_restarts_never_pair_though_their_times_overlap(tmp_path):
    for job, count in ((10, 0), (11, 1)):
        write(tmp_path, component(job, f"n{job}", run=f"r{count}", restart_count=count, started_at=None))
    assert [(run.run, run.het) for run in find_runs(tmp_path, 11)] == [("r1", (11,))]


def test_components_of_two_installations_never_pair(tmp_path):
    write(tmp_path, component(10, "n1", installation_id="x"), component(11, "n2", installation_id="y"))
    assert [run.het for run in find_runs(tmp_path, 11)] == [(11,)]


def test_a_component_without_a_record_is_a_doubt(tmp_path):
    write(tmp_path, component(10, "n1"), component(12, "n3"))
    (run,) = find_runs(tmp_path, 10)
    assert run.doubts == ("component 10+1 of the heterogeneous job has no record",)
    assert run.lacks_component


def test_two_runs_of_one_component_at_one_time_are_left_apart_with_a_doubt(tmp_path):
    write(tmp_path, component(10, "n1"), component(11, "n2"), component(11, "n3", at=1010))
    runs = find_runs(tmp_path, 10)
    assert [len(run.records) for run in runs] == [1, 1, 1]
    assert all("several runs of component 10+1" in run.doubts[0] for run in runs)


def test_two_components_on_one_node_are_shared(tmp_path):
    write(tmp_path, component(10, "n1"), component(11, "n1"))
    (run,) = find_runs(tmp_path, 10)
    assert (run.records["n1"]["shared_with"], len(run.more)) == ([11], 1)


@pytest.mark.parametrize(("own", "other"), [(10, 11), (11, 10)])
def test_a_record_of_one_component_does_not_stand_for_the_missing_one_of_another_on_a_common_node(tmp_path, own, other):
    both = {"node_list": "n[1-2]", "node_list_at_end": "n[1-2]"}
    write(tmp_path, *(component(own, node, **both) for node in ("n1", "n2")), component(other, "n2", **both))
    (run,) = find_runs(tmp_path, 10)
    assert (set(run.records), run.node_names) == ({"n1", "n2"}, ("n1", "n2"))
    assert run.doubts == (f"10+{other - 10}: n1 has no record of this component",)
    assert run.lacks_component


def test_a_component_is_found_among_128_and_beside_a_job_of_its_own_id(tmp_path):
    write(tmp_path, *(component(job, f"n{job}") for job in range(10, 138)))
    write(tmp_path, started("n1", 9_000_000, job_id=137))
    runs = find_runs(tmp_path, 137)
    assert [(run.job_id, len(run.het)) for run in runs] == [(10, 128), (137, 0)]
    assert find_runs(tmp_path, 138) == []


def test_a_leader_s_folder_that_had_another_job_s_records_before_is_found(tmp_path):
    write(tmp_path, *(started(f"n{number}", 5, job_id=10) for number in range(1, 60)))
    write(tmp_path, component(10, "n1"), component(11, "n2"))
    assert [run.job_id for run in find_runs(tmp_path, 11)] == [10]
    assert [run.het for run in find_runs(tmp_path, 10)] == [(), (10, 11)]


@pytest.mark.parametrize(("leader", "job_id"), [(10, 9), (10, 138), (10, 2**32 - 1)])
def test_a_component_that_can_be_none_is_a_fault(tmp_path, leader, job_id):
    write(tmp_path, component(10, "n1"), component(job_id, "n2", leader=leader))
    (run,) = find_runs(tmp_path, 10)
    assert f"job {job_id} is not a component of job 10" in run.faults[0].why


def damage(path):
    path.write_bytes(b"\0" * 100)
    return path.name


def test_a_damaged_record_counts_for_its_node_in_the_run_of_its_name(tmp_path):
    write(tmp_path, started("n1", 5), started("n1", 500, restart_count=1), started("n2", 500, restart_count=1))
    name = damage(write(tmp_path, started("n2", 5)))
    first, second = find_runs(tmp_path, 7)
    assert (list(first.damaged), name in first.damaged["n2"]) == (["n2"], True)
    assert (second.damaged, len(second.faults)) == ({}, 1)


@pytest.mark.parametrize("name", ["n2.r0.json", "n2.r0.0123456789abcdef.json", f"n2.r0.{'0a' * 16}.json"])
def test_each_form_of_a_file_s_name_tells_the_damaged_record_s_node(tmp_path, name):
    damage(write(tmp_path, counted("n1", 0, 9)).with_name(name))
    assert list(find_runs(tmp_path, 7)[0].damaged) == ["n2"]


def test_a_record_of_version_1_under_two_names_counts_once(tmp_path):
    path = write(tmp_path, version_1("n1"), version_1("n2"))
    path.with_name(f"n2.r0.{'0a' * 16}.json").write_bytes(path.read_bytes())
    (run,) = find_runs(tmp_path, 7)
    assert (sorted(run.records), run.more, run.doubts) == (["n1", "n2"], (), ())


def test_where_times_only_tell_runs_apart_a_damaged_record_counts_where_the_node_lacks(tmp_path):
    write(tmp_path, counted("n1", 0, 9), counted("n1", 500, 509), counted("n2", 500, 509))
    damage(write(tmp_path, counted("n2", 0, 9)))
    assert [list(run.damaged) for run in find_runs(tmp_path, 7)] == [["n2"], []]


def test_a_run_of_which_all_records_are_damaged_is_a_run(tmp_path):
    write(tmp_path, started("n1", 5), started("n2", 5))
    damage(write(tmp_path, started("n1", 500, restart_count=1)))
    runs = find_runs(tmp_path, 7)
    assert [(run.run, len(run.records), list(run.damaged)) for run in runs] == [("r0", 2, []), ("t500", 0, ["n1"])]


def test_a_damaged_record_beside_a_good_one_is_a_doubt(tmp_path):
    write(tmp_path, started("n1", 5), started("n2", 5))
    damage(path_of(tmp_path, started("n1", 5, ended_at=77.0)))
    (run,) = find_runs(tmp_path, 7)
    assert run.doubts == ("n1 has a damaged record of this run beside a good one",)


def test_where_slurm_told_no_nodes_a_damaged_record_s_node_is_one(tmp_path):
    unlisted = {"node_list": None, "node_list_at_end": None}
    write(tmp_path, started("n1", 5, **unlisted))
    damage(write(tmp_path, started("n2", 5, **unlisted)))
    (run,) = find_runs(tmp_path, 7)
    assert (run.node_names, list(run.damaged)) == (("n1", "n2"), ["n2"])


@pytest.mark.thorough
@pytest.mark.parametrize("make", [started, lambda node, at: counted(node, at + 1.0, at + 100.0)])
def test_three_runs_on_four_thousand_nodes_are_grouped(make):
    """In a time that grows with their number: it would take an hour with its square."""
    nodes, node_list = [f"n{number}" for number in range(4096)], {"node_list": "n[0-4095]", "node_list_at_end": None}
    made = [check_record(make(node, at)) | node_list for at in (1000, 2000, 3000) for node in nodes]
    random.Random(5).shuffle(made)  # noqa: S311
    runs = runs_of(Found(records=[("lab", record) for record in made]), 7)
    assert [(len(run.records), len(run.node_names), run.doubts) for run in runs] == [(4096, 4096, ())] * 3
