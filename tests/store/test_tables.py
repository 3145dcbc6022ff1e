"""Rows of some jobs are found whatever groups of rows they lie in; records lie in small groups."""

from __future__ import annotations

import pytest

pytest.importorskip("pyarrow")

import pyarrow.parquet as pq

from efakit.store import tables
from efakit.store.columns import kinds
from efakit.store.judged import NODE_COLUMNS
from efakit.store.tables import ROWS_OF_A_GROUP_WITH_LISTS, Writer, of_jobs, records_schema, schema_of, table


def written(path, jobs, schema, *parts):
    """Write a row for each job, in this order, added in parts of these sizes, and return the groups' sizes."""
    rows = [{"folder_job_id": job, "record_id": f"{at:016x}"} for at, job in enumerate(jobs)]
    writer, begin = Writer(path, schema), 0
    for size in parts or (len(rows),):
        writer.add(table(rows[begin : begin + size], schema))
        begin += size
    writer.close()
    metadata = pq.ParquetFile(path).metadata
    return [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]


def places(path, jobs):
    return [int(row["record_id"], 16) for row in of_jobs(path, jobs)]


@pytest.mark.parametrize("rows_at_once", [1, 3, 512])
def test_rows_of_jobs_are_found_in_every_group_and_in_their_order(tmp_path, monkeypatch, rows_at_once):
    monkeypatch.setattr(tables, "_ROWS_AT_ONCE", rows_at_once)
    monkeypatch.setattr(tables, "ROWS_OF_A_GROUP_WITH_LISTS", 8)
    jobs = [1, 1, 2, 3, 3, 3, 9, 1, 2, 2, 5, 5, 3, 7, 7, 8, 8, 8, 1]
    path = tmp_path / "records.parquet"
    assert len(written(path, jobs, records_schema(), 8, 8, 3)) == 3
    for wanted in ([1], [3], [9], [4], [], [1, 8], [2, 3, 5], range(10)):
        assert places(path, wanted) == [at for at, job in enumerate(jobs) if job in wanted]


def test_rows_have_all_columns_of_the_records(tmp_path):
    path = tmp_path / "records.parquet"
    written(path, [1, 2], records_schema())
    (row,) = of_jobs(path, [2])
    assert row == dict.fromkeys(kinds()) | {"folder_job_id": 2, "record_id": f"{1:016x}"}


def test_records_lie_in_groups_of_about_one_size_and_rows_without_lists_in_larger_ones(tmp_path):
    size = ROWS_OF_A_GROUP_WITH_LISTS
    jobs = range(5 * size)
    groups = written(tmp_path / "records", jobs, records_schema(), size // 2 + 1, size // 2, 4 * size - 1)
    assert sum(groups) == len(jobs)
    assert max(groups) < 1.5 * size
    assert len(groups) == 5
    assert max(written(tmp_path / "nodes", jobs, schema_of({**NODE_COLUMNS, "record_id": "text"}))) > 2 * size
