"""SIGTERM and SIGKILL at 50 random moments of prolog and epilog: no half record, none lost that could be kept."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.hook.faults import at_moment
from tests.hook.faults.story import DEVICES, INSTANCE, Case, Story, efa_bytes, hook, judge, record, traffic, waits
from tests.hook.hookrun import Node
from tests.lab import efa_tree

SEED, MOMENTS = 20_26, 50
ENVIRONMENT = {"SLURM_JOB_ID": "7", "SLURMD_NODENAME": "gpu-st-p5-1", "SLURM_CLUSTER_NAME": "lab"}
# With the lab's tests, since they take their time.
pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(sys.platform != "linux", reason="what a killed hook leaves is waited for as on Linux"),
]


@dataclass(frozen=True)
class Moment:
    """Where in the hook the signal comes: ``process`` and ``share`` are scaled to what the hook has."""

    command: str
    process: float
    share: float
    signal: str
    victim: str

    def __str__(self) -> str:
        return f"{self.command} {self.process:.3f} {self.share:.4f} SIG{self.signal} to {self.victim}"


def moments() -> list[Moment]:
    draw = random.Random(SEED)  # noqa: S311 - the same in each run
    return [
        Moment(
            draw.choice(["prolog", "epilog", "epilog"]),
            draw.random(),
            # Of the hook itself the first nine tenths are imports: half of its moments come after them.
            draw.choice([draw.random(), 1 - draw.random() / 10]),
            draw.choice(["TERM", "KILL"]),
            draw.choice(["hook", "hook", "all"]),
        )
        for _ in range(MOMENTS)
    ]


def new_story(folder: Path) -> Story:
    node = Node(folder, compute_resources={"gpu/p5": DEVICES}, run_dir=str(folder / "run"))
    efa_tree.write_node(node.root, INSTANCE)
    story = Story(node)
    node.set_interface(story.tcp_bytes, story.tcp_bytes)
    node.config.write_text(json.dumps(node.settings))
    return story


def interrupted(node: Node, command: str, process: int, moment: int, signal: str, victim: str) -> None:
    number = {"TERM": "15", "KILL": "9"}[signal]
    program = [sys.executable, at_moment.__file__, str(node.archive), command, str(node.config)]
    done = subprocess.run(
        [*program, str(process), str(moment), number, victim],
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.fixture(scope="module")
def lengths(tmp_path_factory) -> dict[str, list[int]]:
    """How many moments each process of prolog and epilog has."""
    story = new_story(tmp_path_factory.mktemp("whole"))
    found = {}
    for command in ("prolog", "epilog"):
        interrupted(story.node, command, 0, 0, "KILL", "hook")
        path = Path(f"{story.node.config}.moments")
        by_process: dict[int, int] = {}
        for line in path.read_text().splitlines():
            process, count = map(int, line.split())
            by_process[process] = max(count, by_process.get(process, 0))
        path.unlink()
        found[command] = [by_process[process] for process in range(len(by_process))]
    return found


@pytest.mark.parametrize("moment", moments(), ids=str)
def test_a_signal_at_any_moment_loses_no_record_and_publishes_no_half_one(moment, lengths, tmp_path):
    story = new_story(tmp_path)
    counts = lengths[moment.command]
    process = int(moment.process * len(counts))
    number = 1 + int(moment.share * (counts[process] - 1))
    if moment.command == "epilog":
        hook("prolog")(story)
        traffic(story)
    interrupted(story.node, moment.command, process, number, moment.signal, moment.victim)
    judge(Case("what is published is whole", (), ()), story)
    if moment.command == "prolog":
        had_baseline = bool(list((story.node.spool / "active").glob("[!.]*.json")))
        after_prolog = (traffic, hook("epilog"))
        expected = (record(baseline="ok"), efa_bytes(4000)) if had_baseline else (record(baseline="missing"),)
        judge(Case("the epilog leaves a record", after_prolog, expected), story)
    else:
        could_be_kept = bool(story.waiting() or story.published())
        judge(Case("the next job", (hook("prolog", 8), hook("epilog", 8)), (record(8, baseline="ok"), waits())), story)
        if not could_be_kept:
            # As slurmctld has it run when the node answers again.
            hook("epilog")(story)
        judge(Case("the next run heals", (), (record(baseline="ok"), efa_bytes(4000), waits())), story)
    assert list((story.node.spool / "active").glob("[!.]*.json")) == [], "no job that ended seems to run on"


def test_the_moments_are_spread_over_all_processes_of_the_hook(lengths, record_property):
    hit = {(moment.command, int(moment.process * len(lengths[moment.command]))) for moment in moments()}
    assert hit == {(command, process) for command in lengths for process in range(len(lengths[command]))}
    text = f"signals: {MOMENTS} random moments (seed {SEED}) in {len(hit)} processes of prolog and epilog"
    record_property("says", text)
