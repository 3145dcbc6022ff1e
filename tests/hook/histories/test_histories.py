"""Random histories of a cluster against a model of what is true: a report never says what is not known."""

from __future__ import annotations

import gc
import os
import tempfile
from pathlib import Path

import pytest

from efakit.jobs.records import find_runs
from efakit.jobs.verdict import judge
from tests.hook.histories.world import World, random_history
from tests.hook.hookrun import built_hook

HISTORIES, BATCHES = 2000, 40
BUILT, BUILT_BATCHES = 50, 10
BY_TRAFFIC = ("efa", "tcp-fallback", "mixed", "no-traffic")


@pytest.fixture
def descriptors_closed():
    """A hook's process ends after a failure and closes all with it; here its folders stay open in the traceback.

    Once a batch: a collection takes as long as a history.
    """
    yield
    gc.collect()


@pytest.mark.thorough
@pytest.mark.parametrize("batch", range(BATCHES))
def test_no_history_makes_a_report_say_what_is_not_so(batch, record_property, descriptors_closed):
    told = 0
    for seed in range(batch, HISTORIES, BATCHES):
        told += play(seed)
    record_property("says", f"histories {batch}: {told} verdicts by traffic, all true")
    assert told > 0


def test_a_few_histories_in_the_inner_loop():
    assert sum(play(seed) for seed in range(100_000, 100_008)) > 0


@pytest.mark.thorough
@pytest.mark.parametrize("batch", range(BUILT_BATCHES))
def test_the_built_hook_lives_the_same(batch):
    for seed in range(batch, BUILT, BUILT_BATCHES):
        play(seed, built_hook())


def play(seed: int, built: bytes | None = None) -> int:
    """Play a history and hold every report to the truth; return how many verdicts were told by traffic."""
    # In memory, where the other tests have their folders: a history makes thousands of small files.
    memory = os.environ.get("PYTEST_DEBUG_TEMPROOT") or None
    with tempfile.TemporaryDirectory(prefix="efakit-history-", dir=memory) as folder:
        world = random_history(seed, Path(folder), built)
        try:
            return hold_to_truth(world)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}, Slurm {world.flavour}: {error}\n" + "\n".join(world.log)) from error


def hold_to_truth(world: World) -> int:
    told = 0
    for job_id in sorted({run.job_id for run in world.runs}):
        for run in find_runs(world.records, job_id):
            verdict = judge(run.node_names, run.records, run.damaged, run.doubts)
            ids = [record["record_id"] for record in run.records.values()]
            began = {world.from_prolog[name] for name in ids if name in world.from_prolog}
            ended = {world.from_epilog[name] for name in ids if name in world.from_epilog}
            true = [world.runs[number] for number in sorted(began | ended)]
            what = f"job {job_id} {run.run}: {verdict.verdict} ({verdict.reason}); true runs {[t.number for t in true]}"
            wholes = {one.het_job_id or one.number for one in true}
            if len(wholes) > 1:
                assert verdict.verdict == "incomplete", f"{what}: runs are mixed"
                assert run.doubts or any(r["doubts"] or r["baseline"] == "missing" for r in run.records.values()), what
            if verdict.verdict in BY_TRAFFIC:
                told += 1
                parts = [one for one in world.runs if one in true]
                nodes = {name for one in parts for name in one.nodes}
                assert not any(one.shared for one in parts), f"{what}: another job ran there"
                assert set(run.node_names) == nodes, f"{what}: nodes {sorted(run.node_names)}, not {sorted(nodes)}"
                assert not any(one.lost for one in parts), f"{what}: not all is known"
                assert {one.verdict for one in parts} == {verdict.verdict}, what
                _hold_bytes(verdict.traffic, parts, what)
            if verdict.verdict == "single-node":
                assert all(len(one.nodes) == 1 for one in true), what
    _hold_plain_lives(world)
    return told


def _hold_bytes(traffic, parts, what):
    for name in ("efa_tx", "efa_rx", "tcp_tx", "tcp_rx"):
        amount = getattr(traffic, name)
        wanted = sum(one.totals()[name] for one in parts)
        assert amount.known_bytes <= wanted, f"{what}: {name}"
        assert not amount.complete or amount.known_bytes == wanted, f"{what}: {name}"


def _hold_plain_lives(world: World) -> None:
    """Where nothing at all went wrong in a history, every run has its verdict."""
    if any(run.touched or run.lost or run.shared for run in world.runs):
        return
    for true in world.runs:
        found = [
            judge(run.node_names, run.records, run.damaged, run.doubts).verdict
            for run in find_runs(world.records, true.job_id)
            if any(world.from_prolog.get(r["record_id"]) == true.number for r in run.records.values())
        ]
        wanted = "single-node" if len(true.nodes) == 1 and not true.het_job_id else true.verdict
        # Slurm before 23.02 tells the epilog of a requeued run a count that another run may have.
        allowed = {wanted, "incomplete"} if world.flavour == "22.05" else {wanted}
        assert len(found) == 1 and found[0] in allowed, f"run {true.number}: {found}, not {wanted}"  # noqa: PT018
