"""The queries over all jobs give on a real local Spark what they give in DuckDB, from one text."""

from __future__ import annotations

import math
import os
import shutil

import pytest

from efakit.store.compact import compact
from efakit.store.fleet import ask
from efakit.store.layout import newest
from efakit.store.queries import BY, Filters, query
from tests.jobs.making import write
from tests.jobs.true_runs import make_world

pytestmark = pytest.mark.spark

FILTERS = {
    "everything": Filters(),
    "some": Filters(user="me", cluster="lab", verdicts=("efa", "incomplete")),
    "a node": Filters(node="n60"),
    "hostile": Filters(user="x\\' OR 1=1 --", partition="$a :b"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a store with jobs that were judged more than once."""
    made = tmp_path_factory.mktemp("records")
    for seed in range(12):
        for number, record in enumerate(make_world(seed).records):
            # Of each world jobs of their own.
            shifted = {**record, "job_id": record["job_id"] + 20 * seed}
            if record.get("het_job_id") is not None:
                shifted["het_job_id"] = record["het_job_id"] + 20 * seed
            write(made, shifted)
            if number % 20 == 7:
                compact(made)
    compact(made)
    return made


@pytest.fixture(scope="module")
def spark(folder):
    if not shutil.which("java"):
        pytest.skip("needs Java, which scripts/setup-java.sh installs")
    from pyspark.sql import SparkSession

    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    settings = {
        "spark.ui.enabled": "false",
        "spark.sql.shuffle.partitions": "1",
        "spark.driver.memory": "512m",
        # For a minute's life the best code is not worth its making, nor are threads that collect garbage.
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
        "spark.driver.host": "127.0.0.1",
        "spark.sql.warehouse.dir": str(folder.parent / "warehouse"),
    }
    builder = SparkSession.builder.master("local[2]")
    for name, value in settings.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    for table in ("runs", "nodes", "records"):
        files = [str(one.file(f"{table}.parquet")) for one in newest(folder)]
        session.read.option("mergeSchema", "true").parquet(*files).createOrReplaceTempView(table)
    yield session
    session.stop()


def same(row, other):
    return all(
        (one is None and two is None)
        or (isinstance(one, float) and math.isclose(one, two, rel_tol=1e-9, abs_tol=1e-9))
        or one == two
        for one, two in zip(row, other, strict=True)
    )


@pytest.mark.parametrize("filters", FILTERS.values(), ids=FILTERS)
@pytest.mark.parametrize("by", BY)
def test_spark_answers_as_duckdb_does(folder, spark, by, filters):
    _, (answer,) = ask(folder, filters, [(by, filters, None)])
    asked = query(by, filters)
    rows = [tuple(row) for row in spark.sql(asked.text, args=asked.values).collect()]
    assert len(rows) == len(answer.rows)
    assert bool(rows) == (filters.user is None or filters.user == "me")
    assert all(same(row, other) for row, other in zip(rows, answer.rows, strict=True))
