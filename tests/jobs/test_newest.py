"""The newest record of each node."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from efakit.jobs import newest
from efakit.jobs.newest import newest_records
from tests.report.test_report import record


def write(folder: Path, job: int, node: str, written_at: float, **changes: Any) -> Path:
    path = folder / "lab" / str(job) / f"{node}.r0.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record(node, job_id=job, node_list=node, **changes)))
    os.utime(path, (written_at, written_at))
    return path


def test_the_record_of_the_latest_job_is_taken_by_number_and_not_by_name(tmp_path: Path):
    write(tmp_path, 9, "n1", 100, instance_type="p4d.24xlarge")
    write(tmp_path, 10, "n1", 200, instance_type="p5.48xlarge")
    write(tmp_path, 8, "n2", 50)
    found = newest_records(tmp_path, ["n1", "n2", "n3"])
    assert {node: one["job_id"] for node, one in found.items()} == {"n1": 10, "n2": 8}
    assert found["n1"]["instance_type"] == "p5.48xlarge"


def test_where_job_ids_began_anew_the_file_that_was_written_last_counts(tmp_path: Path):
    write(tmp_path, 900, "n1", 100)
    write(tmp_path, 901, "n2", 100)
    write(tmp_path, 3, "n1", 200)
    write(tmp_path, 4, "n1", 150)
    found = newest_records(tmp_path, ["n1", "n2"])
    assert {node: one["job_id"] for node, one in found.items()} == {"n1": 3, "n2": 901}


def test_of_very_many_jobs_the_highest_id_counts(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(newest, "_MOST_FOLDERS_BY_TIME", 1)
    write(tmp_path, 900, "n1", 100)
    write(tmp_path, 3, "n1", 200)
    assert newest_records(tmp_path, ["n1"])["n1"]["job_id"] == 900


def test_folders_without_records_do_not_count_among_those_that_are_looked_at(tmp_path: Path):
    write(tmp_path, 1, "n1", 100)
    for job in range(2, 6):
        (tmp_path / "lab" / str(job)).mkdir()
    assert set(newest_records(tmp_path, ["n1"], most_folders=1)) == {"n1"}


def test_a_record_that_cannot_be_used_gives_way_to_an_earlier_one(tmp_path: Path):
    write(tmp_path, 9, "n1", 100)
    write(tmp_path, 10, "n1", 200).write_text("{")
    assert newest_records(tmp_path, ["n1"])["n1"]["job_id"] == 9


def test_other_clusters_do_not_count(tmp_path: Path):
    write(tmp_path, 9, "n1", 100)
    assert newest_records(tmp_path, ["n1"], cluster="other") == {}
    assert set(newest_records(tmp_path, ["n1"], cluster="lab")) == {"n1"}


def test_only_so_many_folders_are_looked_at(tmp_path: Path):
    for job in range(1, 6):
        write(tmp_path, job, "n1" if job == 1 else "n2", job)
    assert set(newest_records(tmp_path, ["n1", "n2"], most_folders=4)) == {"n2"}
    assert set(newest_records(tmp_path, ["n1", "n2"])) == {"n1", "n2"}


def test_when_the_time_is_over_nothing_more_is_read(tmp_path: Path):
    write(tmp_path, 9, "n1", 100)
    assert newest_records(tmp_path, ["n1"], most_seconds=-1) == {}


def test_a_folder_that_is_not_there_has_no_records(tmp_path: Path):
    assert newest_records(tmp_path / "none", ["n1"]) == {}
