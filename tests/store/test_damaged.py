"""Damaged records beside good ones: no good one is lost, nothing is thrown away, and all are counted."""

from __future__ import annotations

import json
import os
from random import Random

import pytest

from tests.jobs.hostile import REFUSED, USABLE
from tests.jobs.making import path_of, version_1, version_2, write

pytest.importorskip("duckdb")
pytest.importorskip("pyarrow")

from efakit.jobs.reader import read_records
from efakit.store.compact import compact
from efakit.store.fleet import ask
from efakit.store.keep import verify
from efakit.store.queries import Filters
from efakit.store.stored import find_runs

pytestmark = pytest.mark.thorough

EVERYTHING = Filters()


def ids(runs):
    return sorted(record["record_id"] for run in runs for record in (*run.records.values(), *run.more))


def files_in(folder):
    return sorted(path for path in folder.rglob("*") if "@store" not in path.parts and not path.is_dir())


@pytest.mark.parametrize(("name", "put", "why"), REFUSED, ids=[case[0] for case in REFUSED])
def test_what_cannot_be_used_stays_where_it_is_and_is_counted(tmp_path, name, put, why):
    write(tmp_path, version_2("n1"))
    path = put(tmp_path)
    there = path.lstat()
    good = sorted(record["record_id"] for _, record in read_records(tmp_path, 7).records)
    for _ in range(2):
        outcome = compact(tmp_path, grace_seconds=0)
        assert outcome.damaged == 1, outcome
        assert len(outcome.faults) == 1
    assert (path.lstat().st_ino, path.lstat().st_mtime_ns) == (there.st_ino, there.st_mtime_ns)
    assert files_in(tmp_path) in ([path], []) or path.is_dir()
    assert sorted(record["record_id"] for _, record in _read(tmp_path).records) == good


def _told(found):
    """Return the records, a copy by hand but once."""
    return {record["record_id"]: {**record, "devices": list(record["devices"])} for _, record in found.records}


def _read(folder):
    from efakit.store.stored import StoredRecords

    return read_records(folder, 7, StoredRecords(folder))


@pytest.mark.parametrize(("name", "put"), USABLE, ids=[case[0] for case in USABLE])
def test_what_can_be_used_comes_back_from_the_store_as_it_was(tmp_path, name, put):
    write(tmp_path, version_2("n1"))
    put(tmp_path)
    before = _told(read_records(tmp_path, 7))
    for _ in range(2):
        assert compact(tmp_path, grace_seconds=0).damaged == 0
    assert _told(_read(tmp_path)) == before
    assert verify(tmp_path).faults == []
    _, (answer,) = ask(tmp_path, EVERYTHING, [("node", EVERYTHING, None)])
    assert answer.rows


def damaged(random, number):
    """Return a record's file with something wrong, as bytes; it may still be a good one."""
    record = version_2(f"n{number}", f"{number:016x}", job_id=1 + number % 40, node_list=None, node_list_at_end=None)
    data = bytearray(json.dumps(record).encode())
    kind = random.randrange(8)
    if kind == 0:
        return bytes(data[: random.randrange(len(data))])
    if kind == 1:
        return random.randbytes(random.randrange(3000))
    if kind == 2:
        for _ in range(random.randrange(1, 5)):
            data[random.randrange(len(data))] = random.randrange(256)
        return bytes(data)
    if kind == 3:
        record[random.choice(list(record))] = random.choice((None, -1, 2**63, 2**64, "\ud800", [], {}, 1e300, "=1+1"))
        return json.dumps(record).encode()
    if kind == 4:
        return json.dumps({**record, "schema_version": 4 + random.randrange(3), "new": {"x": 1}}).encode()
    if kind == 5:
        return json.dumps({**record, "user": "=cmd|' /C calc'!A0", "partition": "<script>\x1b[2J"}).encode()
    if kind == 6:
        return b"[" * random.randrange(100_000)
    return json.dumps(
        {**record, "findings": [{"message": "x" * (5 << 20 if random.random() < 0.02 else random.randrange(20_000))}]}
    ).encode()


def hold_with(folder, count, seed):
    """Write good and damaged files, compact them, and compare with what single reports read."""
    random = Random(seed)  # noqa: S311
    for number in range(count):
        good = version_2(f"g{number}", job_id=1 + number % 40, node_list=None, node_list_at_end=None, node_count=9)
        write(folder, good)
        path = path_of(folder, version_2(f"n{number}", f"{number:016x}", job_id=1 + number % 40))
        path.write_bytes(damaged(random, number))
    accepted = {job_id: ids_read(folder, job_id) for job_id in range(1, 41)}
    total = sum(map(len, accepted.values()))
    assert count <= total < 2 * count
    outcome = compact(folder, grace_seconds=0, workers=2)
    assert outcome.damaged + outcome.misplaced + outcome.records == 2 * count
    compact(folder, grace_seconds=0)
    left = len(files_in(folder))
    assert left == outcome.damaged + outcome.misplaced
    for job_id, expected in accepted.items():
        assert ids(find_runs(folder, job_id)) == expected
    view, _ = ask(folder, EVERYTHING, [("verdict", EVERYTHING, None)])
    # A file of another id than its name's may also be another cluster's.
    assert outcome.damaged <= view.damaged <= outcome.damaged + outcome.misplaced
    return outcome


def ids_read(folder, job_id):
    from efakit.jobs.records import find_runs as find_in_files

    return ids(find_in_files(folder, job_id))


def test_damaged_records_lose_no_good_one_and_all_are_counted(tmp_path):
    hold_with(tmp_path, 150, 1)


@pytest.mark.thorough
def test_ten_thousand_damaged_records_lose_no_good_one_and_all_are_counted(tmp_path):
    outcome = hold_with(tmp_path, int(os.environ.get("EFAKIT_DAMAGED", "2000")), 2)
    assert outcome.newer > 0


def test_a_record_that_is_published_again_takes_the_place_of_the_first(tmp_path):
    first = write(tmp_path, version_2("n1", record_id="a" * 16, user="first"))
    compact(tmp_path, grace_seconds=0)
    write(tmp_path, version_2("n1", record_id="a" * 16, user="second", ended_at=2000.0 + 86_400))
    os.utime(first, ns=(1, 10**18))
    for _ in range(3):
        assert [record["user"] for _, record in _read(tmp_path).records] == ["second"]
        compact(tmp_path, grace_seconds=0)
    assert not first.exists()
    assert verify(tmp_path).records == 1


def test_a_file_that_is_not_named_as_hooks_do_stays(tmp_path):
    path = write(tmp_path, version_2("n1"))
    copy = path.with_name("n1.r0.0123456789abcdef.json")
    copy.write_bytes(path.read_bytes())
    for _ in range(2):
        assert compact(tmp_path, grace_seconds=0).misplaced == 1
    assert copy.exists()
    assert ids(find_runs(tmp_path, 7)) == [version_2("n1")["record_id"]]


def test_version_1_comes_back_as_it_was(tmp_path):
    write(tmp_path, version_1("n1"), version_1("n2"))
    before = find_runs(tmp_path, 7)
    for _ in range(2):
        compact(tmp_path, grace_seconds=0)
    assert files_in(tmp_path) == []
    assert [run.records for run in find_runs(tmp_path, 7)] == [run.records for run in before]
