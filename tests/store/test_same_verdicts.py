"""The store and the JSON files say the same: in whatever order records come, are compacted and come again."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from efakit.jobs.records import find_runs as find_in_files
from efakit.jobs.verdict import judge
from efakit.store.stored import find_runs
from tests.jobs.making import path_of, write
from tests.jobs.true_runs import make_world

pytest.importorskip("duckdb")
pytest.importorskip("pyarrow")

from efakit.store.compact import compact
from efakit.store.fleet import ask
from efakit.store.keep import verify
from efakit.store.queries import Filters

pytestmark = pytest.mark.thorough

EVERYTHING = Filters()


def jobs_in(folder):
    return sorted({int(path.parent.name) for path in folder.glob("*/*/*.json")})


def from_files(folder):
    """Return what single reports say of all runs."""
    found = Counter()
    for job_id in jobs_in(folder):
        for run in find_in_files(folder, job_id):
            if run.job_id == job_id:
                verdict = judge(run.node_names, run.records, run.damaged, run.doubts)
                counts = (verdict.traffic.efa_tx, verdict.traffic.tcp_rx)
                known = tuple(count.known_bytes if count.complete else None for count in counts)
                about = (run.cluster, run.job_id, verdict.verdict, verdict.reason, run.ended_at, len(verdict.nodes))
                found[about + known] += 1
    return found


def from_store(folder):
    """Return what a report of all jobs says of them."""
    _, (answer,) = ask(folder, EVERYTHING, [("job", EVERYTHING, None)])
    names = ("cluster_name", "job_id", "verdict", "reason", "ended_at", "nodes", "efa_tx_bytes", "tcp_rx_bytes")
    return Counter(tuple(row[name] for name in names) for row in answer.dicts())


def told(runs):
    """Return what runs are, whatever the order in which their records were read."""
    return [
        (
            (run.cluster, run.job_id, run.run, run.key, run.started_at, run.began_at, run.ended_at, run.het),
            {node: {**record, "devices": list(record["devices"])} for node, record in run.records.items()},
            (sorted(run.node_names), sorted(run.doubts), sorted(run.notes)),
            sorted(record["record_id"] for record in run.more),
        )
        for run in runs
    ]


def the_same(seed):
    """Whatever came in between, the store says what the files would say."""
    random, world = Random(seed), make_world(seed)  # noqa: S311
    with tempfile.TemporaryDirectory() as both, tempfile.TemporaryDirectory() as files:
        folder, plain = Path(both), Path(files)
        for record in world.records:
            # An epilog without a baseline leaves what is there.
            if path_of(plain, record).exists() and record["baseline"] == "missing":
                continue
            for place in (folder, plain):
                write(place, record)
            if random.random() < 0.2:
                compact(folder, grace_seconds=random.choice((0, 3600)))
        expected = from_files(plain)
        assert from_store(folder) == expected
        compact(folder)
        assert from_store(folder) == expected
        compact(folder, grace_seconds=0)
        assert not jobs_in(folder)
        assert from_store(folder) == expected
        assert verify(folder).faults == []
        for job_id in jobs_in(plain):
            assert told(find_runs(folder, job_id)) == told(find_in_files(plain, job_id))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**32))
def test_a_report_of_all_jobs_says_what_reports_of_single_jobs_say(seed):
    the_same(seed)
