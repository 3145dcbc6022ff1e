"""The usual job is put together in one pass: with the same result as record against record, or not at all."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from efakit.jobs.plain import plain_draft
from efakit.jobs.reader import Found, read_records
from efakit.jobs.runs import drafts_of, runs_of
from tests.jobs.making import version_2, without_baseline, write
from tests.jobs.test_runs_property import written
from tests.jobs.true_runs import JOB, make_world

NODES = ("n1", "n2", "n3")
USUAL = {"run": "t1790000000", "started_at": 1_790_000_000, "node_list": "n[1-3]", "node_list_at_end": "n[1-3]"}
# What makes a record unlike the others, or all of them in doubt.
CHANGES = {
    "node": ("n1", "n4"),
    "cluster": ("other",),
    "job_id": (JOB + 1,),
    "run": ("r0", "t1790000009", "s0123456789"),
    "run_from": ("epilog",),
    "restart_count": (None, 0, 1),
    "started_at": (None, 1_790_000_009),
    "het_job_id": (JOB, JOB - 1),
    "installation_id": ("a", "b"),
    "user": (None, "root"),
    "user_id": (None, 0),
    "node_list": (None, "", "n[1-2]", "n[7-9]"),
    "node_list_at_end": (None, "n[1-2]", "n[7-9]"),
    "node_count": (None, 9),
    "doubts": (["the prolog was told of another run"],),
    "began_at": (None, 5000.0),
    "ended_at": (0.0, 2000.5, 9000.0),
    "clock_jump_seconds": (90.0,),
    "prolog_failed": ("too few devices",),
    "resets": (["another boot"],),
}
CHANGE = st.sampled_from(sorted(CHANGES)).flatmap(lambda name: st.tuples(st.just(name), st.sampled_from(CHANGES[name])))


def found_of(records):
    """Return what a reader has of records; none of it is checked here."""
    return Found([(record["cluster"], record) for record in records])


def usual_records():
    return [version_2(node, f"{at:016x}", **USUAL) for at, node in enumerate(NODES)]


def the_same(found, job_id):
    """Whether the short way was taken; then it says what the long way says, in the same order."""
    plain = plain_draft(found, job_id)
    if plain is None:
        return False
    (draft,) = drafts_of(found, job_id)
    assert plain == draft
    assert (list(plain.records), list(plain.node_names)) == (list(draft.records), list(draft.node_names))
    return True


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("alike", [{}, {"sluid": "s0123456789", "run": "s0123456789"}, {"node_list_at_end": None}])
def test_a_usual_job_takes_the_short_way(count, alike):
    assert the_same(found_of([record | alike for record in usual_records()[:count]]), JOB)


@given(
    st.permutations(NODES),
    st.lists(st.tuples(st.sampled_from((None, 0, 1, 2)), CHANGE), max_size=3),
    st.booleans(),
    st.sampled_from((JOB, JOB + 1)),
)
def test_whatever_is_unlike_in_a_record_or_in_all_the_short_way_says_what_the_long_way_says(
    order, changes, cut, job_id
):
    records = sorted(usual_records(), key=lambda record: order.index(record["node"]))
    for place, (name, value) in changes:
        for at, record in enumerate(records):
            if place in (None, at):
                record[name] = value
    found = found_of(records)
    found.cut |= {"lab"} if cut else set()
    the_same(found, job_id)


@pytest.mark.parametrize(
    "change",
    [
        lambda records: [*records, records[0] | {"record_id": "f" * 16, "ended_at": 2001.0}],
        lambda records: [*records[1:], without_baseline(records[0])],
        lambda records: [record | {"run": "r0", "started_at": None} for record in records],
        lambda records: [records[0] | {"node_list": "n[1-2]"}, *records[1:]],
        lambda records: [records[0] | {"doubts": ["?"]}, *records[1:]],
    ],
)
def test_what_may_be_in_doubt_goes_the_long_way(change):
    assert plain_draft(found_of(change(usual_records())), JOB) is None


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**32))
def test_of_true_histories_the_short_way_says_what_the_long_way_says(seed):
    with tempfile.TemporaryDirectory() as name:
        written(Path(name), make_world(seed))
        found = read_records(Path(name), JOB)
    the_same(found, JOB)


def test_a_damaged_file_of_a_usual_job_is_noted_at_its_run(tmp_path):
    records = usual_records()
    write(tmp_path, *records[:2])
    write(tmp_path, records[2]).write_text("{")
    (run,) = runs_of(read_records(tmp_path, JOB), JOB)
    assert list(run.damaged) == ["n3"]
    assert set(run.records) == {"n1", "n2"}
