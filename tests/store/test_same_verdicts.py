"""The store and the JSON files say the same: in whatever order records come, are compacted and come again."""

from __future__ import annotations

import json
import os
import tempfile
from collections import Counter
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from efakit.hook.json_text import dumps_lines
from efakit.jobs.records import find_runs as find_in_files
from efakit.jobs.verdict import judge
from efakit.store.stored import find_runs
from scripts.bench_store import record as whole_record
from tests.cli.running import run_here
from tests.jobs.making import path_of, version_2, without_baseline, write
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
                lacks = run.lacks_component
                verdict = judge(run.node_names, run.records, run.damaged, run.doubts, lacks_component=lacks)
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
@example(26086)  # a component's id is another job's a second after
@example(100481)  # the same, of two heterogeneous jobs
def test_a_report_of_all_jobs_says_what_reports_of_single_jobs_say(seed):
    the_same(seed)


def of_nodes():
    """Return the records of one job's nodes as their hooks write them, with counters in the order of the kernel."""
    made = []
    for number in range(5):
        record = whole_record(number, 2) | {"job_id": 7, "run": "t1", "restart_count": 0, "started_at": 1}
        record |= dict.fromkeys(("node_list", "node_list_at_end"), "gpu-st-p5-[1-5]")
        devices = record["devices"]
        for group in ("counters", "device_counters"):
            devices[group] = dict(sorted(devices[group].items(), reverse=True))
        devices["names"] = [f"d{9 - number}", f"e{number}"]
        devices["counters"]["retrans_timeout_events"] = [9_000_000, 0]
        made.append(record)
    return made


def put(folder, record, write_text=dumps_lines):
    path = path_of(folder, record)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(write_text(record))
    return path


def report(folder):
    done = run_here("report", "7", "--records", folder, "--format", "json", "--devices")
    return done.returncode, done.stdout.replace(str(folder), "."), done.stderr.replace(str(folder), ".")


def test_a_report_with_all_devices_is_the_same_to_the_letter_where_records_came_into_the_store_in_another_order(
    tmp_path,
):
    made = of_nodes()
    for record in made:
        put(tmp_path, record)
    expected = report(tmp_path)
    assert expected[0] == 0
    everything = {record["record_id"]: record for record in made}
    for path in tmp_path.glob("*/*/*.json"):
        path.unlink()
    for record in sorted(everything.values(), key=lambda one: one["node"], reverse=True):
        put(tmp_path, record)
        compact(tmp_path, grace_seconds=0)
        compact(tmp_path, grace_seconds=0)
    assert not jobs_in(tmp_path)
    assert report(tmp_path) == expected


@pytest.mark.parametrize("write_text", [dumps_lines, json.dumps], ids=["by lines", "on one line"])
def test_a_copy_of_a_record_that_is_in_the_store_is_no_other_record_of_its_node(tmp_path, write_text):
    made = of_nodes()
    for record in made:
        put(tmp_path, record)
    compact(tmp_path)
    put(tmp_path, made[0] | {"record_id": "00000000000000aa"}, write_text)
    expected = from_files(tmp_path)
    assert [told[2] for told in expected] == ["efa"]
    compact(tmp_path)
    assert from_store(tmp_path) == expected
    compact(tmp_path, grace_seconds=0)
    assert from_store(tmp_path) == expected


def test_a_file_of_before_1970_comes_into_the_store_and_goes(tmp_path):
    os.utime(put(tmp_path, of_nodes()[0]), (-1e9, -1e9))
    assert compact(tmp_path).records == 1
    assert compact(tmp_path, grace_seconds=0).removed_files == 1
    assert verify(tmp_path).faults == []


def test_a_folder_whose_name_is_not_a_job_as_the_hooks_write_it_does_not_make_a_job_be_taken_twice(tmp_path):
    put(tmp_path, of_nodes()[0]).parent.with_name("007").mkdir()
    assert compact(tmp_path).records == 1
    assert (verify(tmp_path).json_files, verify(tmp_path).faults) == (1, [])


def test_which_of_two_records_without_a_baseline_a_run_gets_is_the_same_whichever_came_into_the_store_first(tmp_path):
    firm = [version_2(node, run="r1", restart_count=1, node_list="n[1-3]") for node in ("n1", "n2")]
    loose = [
        without_baseline(version_2("n3", run=run, restart_count=count, ended_at=ended, node_list=None))
        for run, count, ended in (("r0", 0, 1990.0), ("r2", 2, 2005.0))
    ]
    write(tmp_path, loose[0])
    compact(tmp_path)
    write(tmp_path, *firm, loose[1])
    expected = from_files(tmp_path)
    assert len(expected) == 2
    compact(tmp_path)
    assert from_store(tmp_path) == expected
