"""Records are read as they are published, and what is no record is named."""

from __future__ import annotations

import copy
import json
import os
from pathlib import Path
from typing import Any

import pytest

from efakit.errors import RecordError
from efakit.jobs.records import find_runs

RECORD: dict[str, Any] = {
    "schema_version": 1,
    "cluster": "lab",
    "job_id": 7,
    "restart_count": 0,
    "sluid": None,
    "node": "n1",
    "node_list": "n1",
    "ended_at": 2.0,
    "baseline": "ok",
    "resets": [],
    "shared_with": [],
    "findings": [{"rule": "r", "severity": "warning", "message": "m"}],
    "devices_expected": None,
    "devices_found": 1,
    "devices": [{"name": "rdmap79s0", "counters": {"tx_bytes": 1}, "errors": []}],
    "interfaces": [{"name": "eth0", "counters": {"tx_bytes": 10}, "errors": []}],
}


@pytest.fixture
def file(tmp_path) -> Path:
    path = tmp_path / "lab/7/n1.r0.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(RECORD))
    return path


def test_a_record_is_read_and_fields_of_a_newer_efakit_do_no_harm(file, tmp_path):
    file.write_text(json.dumps({**RECORD, "later": {"x": 1}}))
    (run,) = find_runs(tmp_path, 7)
    assert (run.node_names, run.records["n1"]["devices_found"]) == (("n1",), 1)
    assert find_runs(tmp_path, 8) == []


PLACES = [(name,) for name in RECORD if name != "schema_version"] + [
    (part, 0, *rest) for part in ("devices", "interfaces") for rest in ((), ("name",), ("counters",), ("errors",))
]


@pytest.mark.parametrize("place", [*PLACES, ("devices", 0, "counters", "tx_bytes"), ("findings", 0)], ids=str)
@pytest.mark.parametrize("wrong", [{"x": [1]}, [[1]], True], ids=str)
def test_a_damaged_field_is_named_whatever_is_in_its_place(file, tmp_path, place, wrong):
    record = copy.deepcopy(RECORD)
    inner: Any = record
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = wrong
    file.write_text(json.dumps(record))
    with pytest.raises(RecordError, match=f"n1.r0.json: is damaged: {place[0]}"):
        find_runs(tmp_path, 7)


@pytest.mark.parametrize("name", sorted(set(RECORD) - {"schema_version"}))
def test_a_missing_field_is_named(file, tmp_path, name):
    file.write_text(json.dumps({key: value for key, value in RECORD.items() if key != name}))
    with pytest.raises(RecordError, match=f"damaged: {name}"):
        find_runs(tmp_path, 7)


def test_what_is_no_file_is_told_and_never_waited_for(file, tmp_path):
    file.unlink()
    os.mkfifo(file)
    with pytest.raises(RecordError, match="not a regular file"):
        find_runs(tmp_path, 7)


def test_json_that_is_nested_too_deep_is_told(file, tmp_path):
    file.write_text("[" * 100_000)
    with pytest.raises(RecordError, match="nested deeper"):
        find_runs(tmp_path, 7)


@pytest.mark.parametrize("folder", ["none", "lab/7/n1.r0.json", "n" * 300])
def test_a_folder_that_is_none_is_told(file, tmp_path, folder):
    with pytest.raises(RecordError, match=r"no such folder|cannot be read"):
        find_runs(tmp_path / folder, 7)


@pytest.mark.parametrize("folder", [".", "lab", "lab/7"])
def test_a_folder_that_may_not_be_read_does_not_seem_empty(file, tmp_path, folder):
    closed = tmp_path / folder
    closed.chmod(0)
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if os.geteuid() == 0:
                # Root may read everything.
                for parent in tmp_path.parents[:3]:
                    parent.chmod(0o755)
                os.setuid(65534)
            find_runs(tmp_path, 7)
        except RecordError as error:
            os.write(write_end, str(error).encode())
        finally:
            os._exit(0)
    os.close(write_end)
    said = os.read(read_end, 4096).decode()
    os.waitpid(child, 0)
    os.close(read_end)
    closed.chmod(0o755)
    assert "you may not read it" in said
