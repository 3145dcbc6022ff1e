"""A case of the fault matrix: a job's way through the hook with something broken on it, and what must hold.

A case is a row: its name, the steps (hook runs, the job's traffic, and what breaks), and the checks. Whatever the
case, ``play`` asserts the rest: each run of the hook ends with 0 by itself and without a traceback, every published
file is a whole record, and no run of a job has two records.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jsonschema

from efakit.emit.resources import package_file
from efakit.jobs.records import find_runs
from efakit.jobs.verdict import judge as verdict_of
from efakit.report.job import JobReport, SlurmFacts
from efakit.report.text import print_report
from scripts.record_forms import one_by_one
from tests.hook.hookrun import Node
from tests.lab import efa_tree

SCHEMA = jsonschema.Draft202012Validator(
    json.loads(package_file("node").joinpath("record.schema.json").read_text(encoding="utf-8"))
)
# Of thousands of old ones, these many are looked at.
MOST_JUDGED = 30
INSTANCE, DEVICES = "p4d.24xlarge", 4
EFA_BYTES, TCP_BYTES = 1000, 500
JOB = 7


@dataclass
class Story:
    """What a case acts on and is judged by: the node, and what the hook said in the order of its runs."""

    node: Node
    said: list[str] = field(default_factory=list)
    tcp_bytes: int = 10_000

    def names(self) -> list[str]:
        """Return the names of all RDMA devices that the tree shows now."""
        return sorted(path.name for path in (self.node.root / "sys/class/infiniband").iterdir())

    def port(self, index: int) -> Path:
        """Return the folder of a device's port counters."""
        return self.node.root / "sys/class/infiniband" / self.names()[index] / "ports/1/hw_counters"

    def published(self) -> list[dict[str, Any]]:
        """Return all published records, the oldest job first."""
        paths = sorted(self.node.records.glob("*/*/[!.]*.json")) if self.node.records.is_dir() else []
        return sorted((json.loads(path.read_text()) for path in paths), key=lambda record: int(record["job_id"]))

    def waiting(self) -> list[dict[str, Any]]:
        """Return the records that wait in the spool."""
        return [content for content in self._outbox() if isinstance(content, dict) and "schema_version" in content]

    def _outbox(self) -> Iterator[Any]:
        for path in sorted((self.node.spool / "outbox").glob("[!.]*.json")):
            # Some cases put other things there.
            with contextlib.suppress(ValueError, RecursionError, OSError):
                yield json.loads(path.read_text())

    def record(self, job_id: int = JOB) -> dict[str, Any]:
        """Return the only published record of a job."""
        found = [record for record in self.published() if record["job_id"] == job_id]
        assert len(found) == 1, f"{len(found)} records of job {job_id} published; the hook said {self.said}"
        return found[0]


Step = Callable[[Story], None]


@dataclass(frozen=True)
class Case:
    """One row of the matrix."""

    name: str
    steps: tuple[Step, ...]
    must: tuple[Step, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)
    needs_root: bool = False


def play(case: Case, folder: Path, python: str | None = None) -> Story:
    """Play a case below ``folder`` on a node of four devices, by default with the tests' own Python."""
    usual = {"compute_resources": {"gpu/p5": DEVICES}, "deadline_seconds": 5, "run_dir": str(folder / "run")}
    node = Node(folder, **{**usual, **case.settings})
    if "spool_dir" in case.settings:
        node.spool = folder / case.settings["spool_dir"]
        node.settings["spool_dir"] = str(node.spool)
    node.python = python or node.python
    efa_tree.write_node(node.root, INSTANCE)
    story = Story(node)
    node.set_interface(story.tcp_bytes, story.tcp_bytes)
    judge(case, story)
    return story


def judge(case: Case, story: Story) -> None:
    """Run a case's steps on a node that is ready, and assert what must hold for it and for every case."""
    for step in case.steps:
        step(story)
    for check in case.must:
        check(story)
    for place in (story.published(), story.waiting()):
        runs = [
            (one["job_id"], one["node"], one.get("run") or one["sluid"] or one["restart_count"], one["began_at"])
            for one in place
        ]
        assert len(runs) == len(set(runs)), f"two records of a run among {runs}"
    for one in (story.published() + story.waiting())[:MOST_JUDGED]:
        SCHEMA.validate(one)
    for job_id in sorted({one["job_id"] for one in story.published()})[:MOST_JUDGED]:
        _report(story, job_id)


def _report(story: Story, job_id: int) -> list[str]:
    """Report a job as efakit does; return the verdicts of its runs."""
    verdicts = []
    for run in find_runs(story.node.records, job_id):
        verdict = verdict_of(run.node_names, run.records, run.damaged, run.doubts)
        print_report(JobReport(run, verdict, SlurmFacts()), io.StringIO())
        verdicts.append(verdict.verdict)
    return verdicts


# Steps: the hook's runs, and the job between them.


def hook(command: str, job_id: int | None = JOB, **variables: str) -> Step:
    """Let Slurm run the hook."""

    def step(story: Story) -> None:
        story.said.append(story.node.run(command, job_id, **variables))

    return step


def traffic(story: Story) -> None:
    """Let a job move EFA_BYTES over each device that has the counter, and TCP_BYTES over eth0."""
    for index, name in enumerate(story.names() if (story.node.root / "sys/class/infiniband").is_dir() else []):
        counter = story.port(index) / "tx_bytes"
        if counter.is_file() and not counter.is_symlink():
            with contextlib.suppress(ValueError):  # of a counter that holds no number
                efa_tree.add(story.node.root, name, "tx_bytes", EFA_BYTES)
    story.tcp_bytes += TCP_BYTES
    if (story.node.root / "sys/class/net/eth0/statistics/rx_bytes").is_file():
        story.node.set_interface(story.tcp_bytes, story.tcp_bytes)


prolog, epilog, flush = hook("prolog"), hook("epilog"), hook("flush", None)


def work(break_before: Step | None = None, between: Step | None = None) -> tuple[Step, ...]:
    """Return a job's steps, with what breaks before its prolog, and between its work and its epilog."""
    steps = (break_before, prolog, traffic, between, epilog)
    return tuple(step for step in steps if step is not None)


# Checks.


def record(job_id: int = JOB, **expected: Any) -> Step:
    """Check fields of a job's only published record; ``devices`` is the number of devices whose counters it has."""

    def check(story: Story) -> None:
        found = story.record(job_id)
        shown = {**found, "devices": len(found["devices"]["names"])}
        assert {name: shown[name] for name in expected} == expected

    return check


def efa_bytes(total: int | None, job_id: int = JOB) -> Step:
    """Check the sum of ``tx_bytes`` over the devices; None: no device has a difference."""

    def check(story: Story) -> None:
        found = [device["counters"].get("tx_bytes") for device in one_by_one(story.record(job_id))["devices"]]
        known = [amount for amount in found if amount is not None]
        assert (sum(known) if known else None) == total

    return check


def tcp_bytes(total: int | None, job_id: int = JOB) -> Step:
    """Check what the record says of eth0's received bytes; None: it has no difference."""

    def check(story: Story) -> None:
        found = [interface["counters"].get("rx_bytes") for interface in story.record(job_id)["interfaces"]]
        assert found in ([total], [] if total is None else [total])

    return check


def whole(total: int = DEVICES * EFA_BYTES) -> tuple[Step, ...]:
    """Check that the record lacks nothing: baseline, all devices and bytes."""
    return record(baseline="ok", resets=[], devices_found=DEVICES), efa_bytes(total), tcp_bytes(TCP_BYTES)


def finding(rule: str, job_id: int = JOB) -> Step:
    """Check that the record has a finding of this rule."""

    def check(story: Story) -> None:
        rules = [item["rule"] for item in story.record(job_id)["findings"]]
        assert rule in rules, rules

    return check


def no_finding(rule: str, job_id: int = JOB) -> Step:
    """Check that the record has no finding of this rule."""

    def check(story: Story) -> None:
        assert rule not in [item["rule"] for item in story.record(job_id)["findings"]]

    return check


def verdict(*expected: str, job_id: int = JOB) -> Step:
    """Check the verdict of each run of a job, the newest last."""

    def check(story: Story) -> None:
        assert _report(story, job_id) == list(expected)

    return check


def said(pattern: str) -> Step:
    """Check that some run of the hook said what matches."""

    def check(story: Story) -> None:
        assert any(re.search(pattern, text) for text in story.said), story.said

    return check


def published(*jobs: int) -> Step:
    """Check of which jobs records are published."""

    def check(story: Story) -> None:
        assert [record["job_id"] for record in story.published()] == list(jobs), story.said

    return check


def waits(*jobs: int) -> Step:
    """Check of which jobs records wait in the spool."""

    def check(story: Story) -> None:
        assert [record["job_id"] for record in story.waiting()] == list(jobs), story.said

    return check
