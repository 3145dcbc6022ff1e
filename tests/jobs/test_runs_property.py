"""Whatever happened on the clusters: no run mixes two true ones without a doubt, and no record is lost."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from efakit.jobs.records import find_runs
from tests.jobs.making import path_of, write
from tests.jobs.true_runs import JOB, make_world

seeds = st.integers(0, 2**32)


def true_run(record):
    """Return the true run of a record, of a heterogeneous job the whole."""
    name = record["partition"]
    return name if record.get("het_job_id") is None else name.rpartition("/")[0]


def written(folder, world):
    """Write the world's records, and return those that are there: of version 1, a later one takes the place."""
    there = {}
    for record in world.records:
        path = path_of(folder, record)
        # An epilog without a baseline leaves what is there.
        if path not in there or record["baseline"] != "missing":
            write(folder, record)
            there[path] = record
    return list(there.values())


def seen_in(runs):
    return [record for run in runs for record in (*run.records.values(), *run.more)]


def name_of(record):
    return record["partition"], record["node"], record["ended_at"]


def tried(examples, holds):
    """Return a test that holds for so many worlds."""
    return settings(max_examples=examples, deadline=None, suppress_health_check=[HealthCheck.too_slow])(
        given(seeds)(holds)
    )


def never_mixed(seed):
    """Runs are never mixed, and each record is somewhere."""
    world = make_world(seed)
    with tempfile.TemporaryDirectory() as name:
        there = written(Path(name), world)
        runs = find_runs(Path(name), JOB)
    for run in runs:
        truths = {true_run(record) for record in run.records.values()}
        assert len(truths) == 1 or run.doubts, (truths, run)
        assert len({record["cluster"] for record in run.records.values()}) == 1
    mine = {record["partition"] for record in there if JOB in (record["job_id"], record.get("het_job_id"))}
    expected = Counter(name_of(record) for record in there if record["partition"] in mine)
    kept = Counter(name_of(record) for record in seen_in(runs))
    assert not expected - kept
    assert max(kept.values(), default=1) == 1, "a record is in two runs"
    assert len({(run.cluster, run.run) for run in runs}) == len(runs)


def true_ones(seed):
    """Where nothing is lost the runs are the true ones, and nothing is in doubt."""
    world = make_world(seed, trouble=False)
    with tempfile.TemporaryDirectory() as name:
        there = written(Path(name), world)
        runs = find_runs(Path(name), JOB)
    assert [run.doubts for run in runs] == [()] * len(runs)
    found = [{true_run(record) for record in run.records.values()} for run in runs]
    in_order = {true_run(record): None for record in sorted(there, key=lambda record: record["began_at"])}
    assert found == [{name} for name in in_order]
    if len(there) == len(world.records):
        assert [set(run.node_names) for run in runs] == [set(run.records) for run in runs]


test_runs_are_never_mixed_and_each_record_is_somewhere_in_the_inner_loop = tried(60, never_mixed)
test_where_nothing_is_lost_the_runs_are_the_true_ones_in_the_inner_loop = tried(30, true_ones)


@pytest.mark.thorough
class TestManyWorlds:
    test_runs_are_never_mixed_and_each_record_is_somewhere = staticmethod(tried(600, never_mixed))
    test_where_nothing_is_lost_the_runs_are_the_true_ones_and_nothing_is_in_doubt = staticmethod(tried(200, true_ones))
