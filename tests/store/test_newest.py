"""The newest record of each node: files and store as one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from efakit.store.newest import newest_records
from tests.jobs.making import version_2, write

pytestmark = pytest.mark.thorough

pytest.importorskip("duckdb")
pytest.importorskip("pyarrow")

DAY = 86400.0
START = 1_790_000_000.0


def put(folder: Path, job: int, *nodes: str, day: int = 0, **changes) -> None:
    """Publish the records of a job that ended on a day."""
    for number, node in enumerate(nodes):
        ended = START + day * DAY
        record = version_2(node, job_id=job, node_list=node, node_list_at_end=node, **changes)
        record |= {"began_at": ended - 60, "ended_at": ended, "record_id": f"{job:08x}{number:08x}"}
        write(folder, record)


def store(folder: Path) -> None:
    """Move all files into the store."""
    from efakit.store.compact import compact

    compact(folder, grace_seconds=0)
    compact(folder, grace_seconds=0)
    assert list(folder.glob("lab/*/*.json")) == []


def jobs(folder: Path, *nodes: str, **options) -> dict[str, int]:
    told = newest_records(folder, nodes, **options)
    assert told.unread == ""
    return {node: record["job_id"] for node, record in told.records.items()}


def test_records_that_are_in_the_store_alone_are_found_of_whatever_day(tmp_path):
    put(tmp_path, 7, "n1", "n2", day=0, findings=[])
    put(tmp_path, 8, "n1", day=1)
    put(tmp_path, 9, "n3", day=0)
    store(tmp_path)
    assert jobs(tmp_path, "n1", "n2", "n3", "n4") == {"n1": 8, "n2": 7, "n3": 9}
    assert jobs(tmp_path, "n1", cluster="lab") == {"n1": 8}
    assert jobs(tmp_path, "n1", cluster="other") == {}


def test_the_newer_of_file_and_store_counts(tmp_path):
    put(tmp_path, 10, "n1", "n2")
    store(tmp_path)
    put(tmp_path, 9, "n1")  # a long job, which ended last
    put(tmp_path, 11, "n2")
    assert jobs(tmp_path, "n1", "n2") == {"n1": 9, "n2": 11}
    store(tmp_path)
    assert jobs(tmp_path, "n1", "n2") == {"n1": 9, "n2": 11}


def test_where_job_ids_began_anew_the_latest_record_counts_and_not_the_highest_id(tmp_path):
    put(tmp_path, 900, "n1", "n2", "n3")
    store(tmp_path)
    put(tmp_path, 3, "n1", day=1)
    assert jobs(tmp_path, "n1", "n2") == {"n1": 3, "n2": 900}
    store(tmp_path)
    put(tmp_path, 4, "n2", day=2)
    assert jobs(tmp_path, "n1", "n2", "n3") == {"n1": 3, "n2": 4, "n3": 900}


def test_a_record_of_the_store_comes_out_as_its_file_was_read(tmp_path):
    put(tmp_path, 7, "n1", instance_type="p5.48xlarge")
    (before,) = newest_records(tmp_path, ["n1"]).records.values()
    store(tmp_path)
    (after,) = newest_records(tmp_path, ["n1"]).records.values()
    assert {**after, "devices": list(after["devices"])} == {**before, "devices": list(before["devices"])}


def test_of_two_runs_of_a_job_the_one_that_was_written_last_counts(tmp_path):
    put(tmp_path, 7, "n1", run="r0")
    store(tmp_path)
    record = version_2("n1", job_id=7, node_list="n1", node_list_at_end="n1", run="r1", restart_count=1)
    write(tmp_path, record | {"began_at": START - 60, "ended_at": START})
    store(tmp_path)
    assert newest_records(tmp_path, ["n1"]).records["n1"]["run"] == "r1"


def test_only_so_many_jobs_are_looked_at(tmp_path):
    for job in range(1, 6):
        put(tmp_path, job, "n1" if job == 1 else "n2", day=job)
    store(tmp_path)
    assert jobs(tmp_path, "n1", "n2", most_jobs=4) == {"n2": 5}
    assert jobs(tmp_path, "n1", "n2", most_jobs=5) == {"n1": 1, "n2": 5}


def test_parquet_is_not_opened_where_the_files_have_later_jobs_and_its_lack_is_said_where_it_is_needed(tmp_path):
    put(tmp_path, 7, "n1", "n2")
    store(tmp_path)
    put(tmp_path, 8, "n1")
    without = "import sys\nfor name in ('pyarrow', 'duckdb', 'msgspec'): sys.modules[name] = None\n"
    ask = "from pathlib import Path; from efakit.store.newest import newest_records; told = newest_records"
    code = f"{without}{ask}(Path(sys.argv[1]), sys.argv[2:]); print(sorted(told.records), told.unread)"

    def asked(*nodes: str) -> str:
        return subprocess.run(
            [sys.executable, "-c", code, tmp_path, *nodes], check=True, capture_output=True, text=True
        ).stdout.strip()

    assert asked("n1") == "['n1']"
    assert asked("n1", "n2").startswith("['n1'] the newest records of some nodes may be in the store")


def test_a_store_that_is_broken_leaves_what_the_files_have(tmp_path):
    put(tmp_path, 7, "n1", "n2")
    store(tmp_path)
    put(tmp_path, 8, "n1")
    (path,) = tmp_path.glob("@store/lab/*/*/index")
    path.write_bytes(b"no index")
    told = newest_records(tmp_path, ["n1", "n2"])
    assert {node: record["job_id"] for node, record in told.records.items()} == {"n1": 8}
    assert "is not an index of efakit's store" in told.unread
