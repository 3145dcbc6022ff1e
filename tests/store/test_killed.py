"""Compaction that is killed at any moment, while hooks publish and a reader sums up: each record is there once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.jobs.making import counters, path_of, version_2

pytest.importorskip("duckdb")
pytest.importorskip("pyarrow")

from efakit.store.compact import compact
from efakit.store.fleet import ask
from efakit.store.keep import verify
from efakit.store.queries import Filters

pytestmark = pytest.mark.thorough

ROOT = Path(__file__).resolve().parents[2]
EVERYTHING = Filters()
KILLS = int(os.environ.get("EFAKIT_KILLS", "8"))
GRACE_SECONDS = 0.5
# Forks a compaction over and over, and kills it at a random moment; a line for each.
KILLER = """
import os, random, signal, sys, time
from pathlib import Path
from efakit.store.compact import compact
folder, kills, grace = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
for _ in range(kills):
    child = os.fork()
    if not child:
        while True:
            compact(folder, grace_seconds=grace, workers=random.choice((1, 2)))
    time.sleep(random.random() ** 2 * 0.6)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    print("killed", flush=True)
"""


def record(number):
    """Return a record of a job with one node; what it sent is its number."""
    device = {**version_2()["devices"][0], "counters": counters(number, 0)}
    day = 1_790_000_000 + number % 3 * 86_400
    fields = {"job_id": 1 + number // 3, "node_list": "n[0-2]", "node_list_at_end": "n[0-2]", "devices": [device]}
    return version_2(f"n{number % 3}", began_at=float(day), ended_at=float(day + number), **fields)


def publish(folder, number):
    made = record(number)
    path = path_of(folder, made)
    path.parent.mkdir(parents=True, exist_ok=True)
    hidden = path.with_name(f".{path.name}")
    hidden.write_text(json.dumps(made))
    hidden.rename(path)


def seen(folder):
    """Return how many records a report counts, and the sum of what they sent."""
    _, (answer,) = ask(folder, EVERYTHING, [("node", EVERYTHING, None)])
    rows = answer.dicts()
    return sum(row["efa_tx_bytes"] for row in rows)


def test_each_record_is_there_once_at_every_read_while_compactions_are_killed(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    number, total, reads = 0, 0, 0
    command = [sys.executable, "-c", KILLER, str(tmp_path), str(KILLS), str(GRACE_SECONDS)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as killer:
        while killer.poll() is None:
            for _ in range(7):
                number += 1
                publish(tmp_path, number)
                total += number
            assert seen(tmp_path) == total, (number, reads)
            reads += 1
        assert killer.returncode == 0
        assert killer.stdout is not None
        assert killer.stdout.read().count("killed") == KILLS
    compact(tmp_path)
    compact(tmp_path, grace_seconds=0)
    compact(tmp_path, grace_seconds=0)
    assert seen(tmp_path) == total
    assert list(tmp_path.glob("lab/*/*.json")) == []
    check = verify(tmp_path)
    assert (check.records, check.faults) == (number, [])
    unfinished = [path.name for path in (tmp_path / "@store").rglob(".*") if path.name != ".compact.lock"]
    assert unfinished == []
    print(f"{KILLS} kills, {reads} reads, {number} records")
