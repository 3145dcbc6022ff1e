"""The kept benchmark results of a records folder: how long they stay, and what ``records verify`` says of them."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from efakit.cli.main import efakit
from efakit.errors import UsageError
from efakit.jobs.bench_results import KeptRun, Key, Measured
from efakit.store.bench import keep
from tests.jobs.making import version_2, write

DAY = 86_400.0
KEY = Key("nccl-tests", "all_reduce", "", "GB/s", "p5.48xlarge", 2, 16, "float")


def result(folder: Path, job_id: int, days_ago: float, cluster: str = "lab") -> Path:
    run = KeptRun(cluster, job_id, "r0", time.time() - days_ago * DAY, (Measured(KEY, ("n1", "n2"), {8: 1.0}),))
    return keep(folder, run)[0]


def invoke(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(efakit, ["records", *arguments, "--records", str(folder)], standalone_mode=False)


def prune(folder: Path, *arguments: str) -> dict[str, Any]:
    done = invoke(folder, "prune", *arguments, "--format", "json")
    assert done.exception is None, done.exc_info
    return json.loads(done.output)  # type: ignore[no-any-return]


@pytest.fixture
def folder(tmp_path) -> Path:
    write(tmp_path, version_2("n1"), version_2("n2"))
    return tmp_path


def names(folder: Path) -> set[str]:
    return {path.name for path in (folder / "@bench").iterdir()}


def test_results_go_by_their_run_s_end_and_only_with_yes(folder):
    old, other, young = result(folder, 1, 900), result(folder, 2, 500, "other"), result(folder, 3, 1)
    shown = prune(folder, "--benchmarks-older-than", "400d")
    assert (shown["removed"], shown["benchmarks"], shown["records"], shown["files"]) == (False, 2, 0, 0)
    assert shown["benchmarks_size_bytes"] == old.stat().st_size + other.stat().st_size
    assert names(folder) == {old.name, other.name, young.name}
    text = invoke(folder, "prune", "--benchmarks-older-than", "400d").output
    assert text.startswith("would remove 2 files of kept benchmark results: ")
    assert text.endswith("add --yes to remove them\n")
    assert prune(folder, "--benchmarks-older-than", "400d", "--yes")["benchmarks"] == 2
    assert names(folder) == {young.name}
    assert prune(folder, "--benchmarks-older-than", "400d", "--yes")["benchmarks"] == 0


def test_each_span_leaves_what_the_other_is_for(folder):
    kept = result(folder, 1, 900)
    (record,) = folder.glob("*/*/n1.*")
    for path in folder.glob("*/*/*.json"):
        os.utime(path, (0, 0))
    assert prune(folder, "--benchmarks-older-than", "1d")["files"] == 0
    assert prune(folder, "--older-than", "1d", "--yes")["benchmarks"] == 0
    assert not record.exists()
    assert kept.exists()


def test_a_span_is_needed_and_no_wrong_one_removes_anything(folder):
    result(folder, 1, 900)
    for arguments, word in (((), "--benchmarks-older-than SPAN"), (("--benchmarks-older-than", "1y"), "'1y'")):
        done = (
            invoke(folder, "prune", "--older-than", "1d", *arguments, "--yes") if arguments else invoke(folder, "prune")
        )
        assert isinstance(done.exception, UsageError)
        assert word in str(done.exception)
    assert len(names(folder)) == 1
    assert len(list(folder.glob("*/*/*.json"))) == 2


def test_what_tells_no_run_goes_by_its_file_and_what_is_not_ours_stays(folder, tmp_path_factory):
    place = result(folder, 1, 1).parent
    outside = tmp_path_factory.mktemp("outside") / "x.json"
    outside.write_text("{}")
    for name, content in {
        "lab.2.r0.x.json": "{",
        "lab.3.r0.x.json": '{"kind": "benchmarks", "schema_version": 99}',
        ".new-abandoned": "",
        "notes.txt": "somebody's",
    }.items():
        (place / name).write_text(content)
        os.utime(place / name, (0, 0))
    (place / "link.json").symlink_to(outside)
    os.mkfifo(place / "pipe.json")
    (place / "folder.json").mkdir()
    os.utime(place / "folder.json", (0, 0))
    assert prune(folder, "--benchmarks-older-than", "400d", "--yes")["benchmarks"] == 3
    assert {"notes.txt", "link.json", "pipe.json", "folder.json"} < names(folder)
    assert len(names(folder)) == 5
    assert outside.exists()


def test_a_folder_of_results_that_is_a_link_is_refused(folder, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    victim = elsewhere / "a.json"
    victim.write_text("{}")
    os.utime(victim, (0, 0))
    (folder / "@bench").symlink_to(elsewhere)
    done = invoke(folder, "prune", "--benchmarks-older-than", "1d", "--yes")
    assert "is a link" in str(done.exception)
    assert victim.exists()


def test_no_results_are_none(folder):
    assert prune(folder, "--benchmarks-older-than", "1d", "--yes")["benchmarks"] == 0


def test_verify_counts_results_and_names_those_that_are_broken(folder):
    pytest.importorskip("pyarrow")
    place = result(folder, 1, 1).parent
    result(folder, 2, 900, "other")
    (place / "lab.3.r0.x.json").write_text('{"kind": "benchmarks", "schema_version": 99}')
    done = invoke(folder, "verify")
    assert done.exception is None
    assert "2 kept benchmark results, and 1 that a newer efakit wrote\n" in done.output
    (place / "lab.4.r0.\x1b[2J.json").write_text("{")
    done = invoke(folder, "verify")
    assert done.return_value == 1 or getattr(done.exception, "exit_code", 0) == 1
    assert "1 kept benchmark results cannot be used:\n" in done.output
    assert "\x1b" not in done.output
    told = json.loads(invoke(folder, "verify", "--format", "json").output)
    assert (told["benchmarks"], told["benchmarks_newer"], len(told["benchmark_faults"])) == (2, 1, 1)
