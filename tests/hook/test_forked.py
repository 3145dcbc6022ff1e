"""A run in a forked process is a whole run: what most of these tests start (``forked``) is what slurmd starts."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.hook.hookrun import Node
from tests.lab import efa_tree

pytestmark = pytest.mark.thorough

NAME, DEVICES = "gpu-st-p5-1", 4
JOB = {
    "SLURMD_NODENAME": NAME,
    "SLURM_CLUSTER_NAME": "lab",
    "SLURM_JOB_NODELIST": NAME,
    "SLURM_JOB_ID": "7",
    "SLURM_JOB_UID": "1000",
    "SLURM_JOB_RESTART_COUNT": "0",
}
NODE_ONLY = {"SLURMD_NODENAME": NAME}
RUNS = [
    ("health-check", NODE_ONLY),
    ("prolog", JOB),
    ("task-prolog", JOB),
    ("epilog", JOB),
    ("flush", NODE_ONLY),
    ("collect", {}),
    ("prolog", {}),
    ("no such command", JOB),
]
# A clock's, a random number's, or this run's own.
_OWN = re.compile(r"(_at|_seconds|^record_id|^registration|^seen|^run)$")
_OWN_NAME = re.compile(r"\.[0-9a-f]{8,}|[0-9a-f]{16,}|r\d{9,}")


def new_node(folder: Path, **settings: Any) -> Node:
    folder.mkdir()
    node = Node(folder, compute_resources={"gpu/p5": DEVICES}, run_dir=str(folder / "run"), **settings)
    efa_tree.write_node(node.root, "p4d.24xlarge")
    node.set_interface(10_000, 10_000)
    node.config.write_text(json.dumps(node.settings))
    return node


def lives(node: Node, *, whole: bool) -> Iterator[tuple[str, int, str, str]]:
    """Give what each run of a job's life said and ended with."""
    for command, environment in RUNS:
        done = node.start([command, "--config", str(node.config)], environment, whole=whole)
        folder = str(node.records.parent)
        yield command, done.returncode, *(_plain(text, folder) for text in (done.stdout, done.stderr))
        efa_tree.add(node.root, next((node.root / "sys/class/infiniband").iterdir()).name, "tx_bytes", 1000)
        node.set_interface(20_000, 30_000)


def _plain(text: str, folder: str) -> str:
    text = re.sub(r'"registration": \d+', '"registration": #', text)
    return re.sub(r"\d+\.\d+|\d{10,}|[0-9a-f]{16,}", "#", text.replace(folder, "FOLDER"))


def left(node: Node) -> dict[str, Any]:
    """Return all files that the hook has left, but for what is another in each run."""
    found = {}
    folder = node.records.parent
    for place in (node.records, node.spool, folder / "run"):
        for path in sorted(path for path in place.rglob("*") if path.is_file()):
            name = _OWN_NAME.sub("#", str(path.relative_to(folder)))
            text = path.read_text()
            content = json.loads(text) if path.suffix == ".json" else _plain(text, str(folder))
            found[name] = (path.stat().st_mode, _without_own(content, str(folder)))
    return found


def _without_own(value: Any, folder: str) -> Any:
    if isinstance(value, dict):
        return {name: "#" if _OWN.search(name) else _without_own(item, folder) for name, item in value.items()}
    if isinstance(value, list):
        return [_without_own(item, folder) for item in value]
    return value.replace(folder, "FOLDER") if isinstance(value, str) else value


@pytest.mark.parametrize("mode", ["observe", "enforce"])
def test_it_says_writes_and_ends_with_what_a_whole_run_does(mode, tmp_path):
    """In mode enforce the node lacks devices, and the prolog is refused."""
    settings = {"mode": mode, **({"expected_devices": DEVICES + 1} if mode == "enforce" else {})}
    one, other = new_node(tmp_path / "whole", **settings), new_node(tmp_path / "forked", **settings)
    whole, forked = list(lives(one, whole=True)), list(lives(other, whole=False))
    for ran, wanted in zip(forked, whole, strict=True):
        assert ran == wanted
    assert {status for _, status, *_ in whole} == ({0} if mode == "observe" else {0, 1})
    assert left(other) == left(one)
    record = other.record()
    assert (record["job_id"], record["baseline"]) == (7, "ok")


def test_one_run_leaves_nothing_to_the_next(tmp_path):
    """Neither variables nor descriptors, as a process of its own has none of another's."""
    node = new_node(tmp_path / "node")
    config = ["--config", str(node.config)]
    before = node.start(["prolog", *config], {})
    node.start(["prolog", *config], JOB)
    after = node.start(["prolog", *config], {})
    assert (after, "SLURM_JOB_ID" in after.stdout) == (before, True)


@pytest.mark.parametrize("name", ["LC_ALL", "LD_PRELOAD", "PYTHONUTF8"])
def test_what_python_reads_at_its_start_gets_a_start(name, tmp_path, monkeypatch):
    node = new_node(tmp_path / "node")
    monkeypatch.setattr("tests.hook.hookrun.plain_server", lambda: pytest.fail("forked"))
    assert node.start(["flush", "--config", str(node.config)], {**NODE_ONLY, name: ""}).returncode == 0


def test_a_hook_that_a_test_has_changed_is_the_one_that_runs(tmp_path):
    node = new_node(tmp_path / "node")
    node.archive.write_bytes(b"no hook")
    assert node.start(["flush", "--config", str(node.config)], NODE_ONLY).returncode == 1
    assert os.path.exists(node.archive)  # noqa: PTH110
