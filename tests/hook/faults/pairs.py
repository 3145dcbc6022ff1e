"""Two nodes of one job: what a report says of it when something is wrong on one of them.

The second node has a device tree, an interface and a spool of its own. Devices are a folder tree; what ranks move is
added to its counters.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from efakit.jobs.records import find_runs
from efakit.jobs.verdict import JobVerdict
from efakit.jobs.verdict import judge as verdict_of
from tests.hook.faults.story import INSTANCE, Step, Story
from tests.hook.hookrun import Node
from tests.lab import efa_tree

NODES = "gpu-st-p5-[1-2]"
TB, GB = 10**12, 10**9


def peer(story: Story) -> Story:
    """Return the story of the job's other node, made when it is asked for first."""
    found = story.__dict__.get("peer")
    if found is None:
        folder = story.node.root.parent
        node = Node(folder, "gpu-st-p5-2", **{**story.node.settings, "root": str(folder / "root-gpu-st-p5-2")})
        node.python, node.spool = story.node.python, folder / "spool-2"
        node.settings["spool_dir"] = str(node.spool)
        efa_tree.write_node(node.root, INSTANCE)
        found = Story(node, said=story.said)
        node.set_interface(found.tcp_bytes, found.tcp_bytes)
        story.__dict__["peer"] = found
    return found  # type: ignore[no-any-return]


def both(step: Step) -> Step:
    """Do a step on both nodes."""

    def on_both(story: Story) -> None:
        step(story)
        step(peer(story))

    return on_both


def second(step: Step) -> Step:
    """Do a step on the second node only."""
    return lambda story: step(peer(story))


def run(command: str, job_id: int = 7, **variables: str) -> Step:
    """Run the hook as Slurm does for a job of both nodes."""
    return lambda story: story.said.append(
        story.node.run(command, job_id, **{"SLURM_JOB_NODELIST": NODES, "SLURM_JOB_NUM_NODES": "2", **variables})
    )


prologs, epilogs = both(run("prolog")), both(run("epilog"))


def moved(efa: int = 0, tcp: int = 0, **by_counter: int) -> Step:
    """Let ranks move bytes: ``efa`` each way by send operations over each device, ``tcp`` each way over eth0."""

    def step(story: Story) -> None:
        amounts: Mapping[str, int] = {
            **dict.fromkeys(("tx_bytes", "rx_bytes", "send_bytes", "recv_bytes"), efa),
            **by_counter,
        }
        for index, name in enumerate(story.names()):
            for counter, amount in amounts.items():
                if (story.port(index) / counter).is_file() and amount:
                    efa_tree.add(story.node.root, name, counter, amount)
        story.tcp_bytes += tcp
        statistics = story.node.root / "sys/class/net/eth0/statistics"
        if all((statistics / name).is_file() for name in ("rx_bytes", "tx_bytes")):
            story.node.set_interface(story.tcp_bytes, story.tcp_bytes)

    return step


def reports(story: Story, job_id: int = 7) -> list[JobVerdict]:
    """Return what a report says of each run of a job, the newest last."""
    return [
        verdict_of(run.node_names, run.records, run.damaged, run.doubts)
        for run in find_runs(story.node.records, job_id)
    ]


def told(*verdicts: str, job_id: int = 7, reason: str = "") -> Step:
    """Check the verdict of each run of a job, the newest last, and what the newest's reason or notes name."""

    def check(story: Story) -> None:
        found = reports(story, job_id)
        assert [one.verdict for one in found] == list(verdicts), [(one.verdict, one.reason) for one in found]
        if reason:
            assert reason in " ".join([found[-1].reason, *found[-1].notes]), (found[-1].reason, found[-1].notes)

    return check


def has(rule: str, job_id: int = 7, node: str = "gpu-st-p5-1") -> Step:
    """Check that the newest record of a node has a finding of this rule."""

    def check(story: Story) -> None:
        records = [one for one in story.published() if one["job_id"] == job_id and one["node"] == node]
        rules = [item["rule"] for item in max(records, key=lambda one: one["ended_at"])["findings"]]
        assert rule in rules, rules

    return check


def has_not(rule: str, job_id: int = 7) -> Step:
    """Check that no record of a job has a finding of this rule."""

    def check(story: Story) -> None:
        records = [one for one in story.published() if one["job_id"] == job_id]
        assert rule not in [item["rule"] for one in records for item in one["findings"]]

    return check


def field(name: str, value: Any, job_id: int = 7) -> Step:
    """Check a field of the newest record of a job on the first node."""

    def check(story: Story) -> None:
        records = [one for one in story.published() if one["job_id"] == job_id and one["node"] == story.node.name]
        assert max(records, key=lambda one: one["ended_at"])[name] == value

    return check


def baselines(change: Callable[[dict[str, Any]], Any]) -> Step:
    """Change what the prolog kept, on the first node."""

    def step(story: Story) -> None:
        for path in (story.node.spool / "active").glob("*.json"):
            kept = json.loads(path.read_text())
            change(kept)
            path.write_text(json.dumps(kept))

    return step


def days_passed(days: float) -> Step:
    """Let the baselines be older, by both clocks."""

    def change(kept: dict[str, Any]) -> None:
        kept["snapshot"]["taken_at"] -= days * 86400
        kept["snapshot"]["since_boot_seconds"] -= days * 86400

    return baselines(change)


def steps_run(*jobs: int) -> Step:
    """Let these jobs have a step on the first node, and show the process table that says so."""

    def step(story: Story) -> None:
        proc = story.node.root / "proc"
        (proc / "1").mkdir(parents=True, exist_ok=True)
        (proc / "1/comm").write_text("systemd\n")
        for number in jobs:
            folder = proc / str(1000 + number)
            folder.mkdir(exist_ok=True)
            (folder / "comm").write_text("slurmstepd\n")
            (folder / "status").write_text("Name:\tslurmstepd\nUid:\t0\t0\t0\t0\n")
            (folder / "cmdline").write_bytes(b"slurmstepd: [%d.batch]\0" % number)

    return step


def in_cgroup(job_id: int, *, populated: bool = True) -> Step:
    """Let a job have processes in Slurm's cgroup on the first node."""

    def step(story: Story) -> None:
        folder = story.node.root / f"sys/fs/cgroup/system.slice/slurmstepd.scope/job_{job_id}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "cgroup.events").write_text(f"populated {int(populated)}\nfrozen 0\n")

    return step
