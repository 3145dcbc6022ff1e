"""Rows: what a job's life can do to its hooks: runs that never come, come twice, or come after a reboot."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from typing import Any

from tests.hook.faults.story import (
    DEVICES,
    EFA_BYTES,
    TCP_BYTES,
    Case,
    Step,
    Story,
    efa_bytes,
    epilog,
    flush,
    hook,
    prolog,
    published,
    record,
    said,
    tcp_bytes,
    traffic,
    verdict,
    waits,
    whole,
)
from tests.lab import efa_tree

ALL_BYTES = DEVICES * EFA_BYTES
_BOOT_ID = "proc/sys/kernel/random/boot_id"
YEAR_SECONDS = 365 * 86400.0
NOTHING_COUNTED = (efa_bytes(None), tcp_bytes(None), verdict("incomplete"))


def of_run(count: int) -> dict[str, str]:
    return {"SLURM_JOB_RESTART_COUNT": str(count)}


def reboot(story: Story) -> None:
    """Let the node come up anew: another boot id, counters from 0."""
    for name in story.names():
        efa_tree.reset_counters(story.node.root, name)
    boot = story.node.root / _BOOT_ID
    boot.unlink()
    boot.write_text(f"{time.monotonic_ns()}\n")
    story.tcp_bytes = 0
    story.node.set_interface(0, 0)


def boot_id_hangs(story: Story) -> None:
    """Let the read of the boot id never return, and so the whole snapshot."""
    path = story.node.root / _BOOT_ID
    path.rename(path.with_name("aside"))
    os.mkfifo(path)


def boot_id_answers(story: Story) -> None:
    path = story.node.root / _BOOT_ID
    path.with_name("aside").replace(path)


def reload_of(*devices: int) -> Step:
    """Reload the driver of devices: their counters begin anew."""

    def step(story: Story) -> None:
        for index in devices:
            efa_tree.reset_counters(story.node.root, story.names()[index])

    return step


def moved_devices(story: Story) -> None:
    """Let the devices come back under other names, as after a reload without the naming rule."""
    efa_tree.write_node(story.node.root, "p4d.24xlarge", efa_tree.generic_devices(DEVICES))


def baselines(change: Callable[[dict[str, Any]], None]) -> Step:
    """Change the baselines that are kept: the clock, or another version of the hook, may have written them so."""

    def step(story: Story) -> None:
        for path in (story.node.spool / "active").glob("*.json"):
            kept = json.loads(path.read_text())
            change(kept)
            path.write_text(json.dumps(kept))

    return step


def taken(seconds: float) -> Step:
    """Let the baseline's clock have been off by so much."""
    return baselines(lambda kept: kept["snapshot"].update(taken_at=kept["snapshot"]["taken_at"] + seconds))


def shared(**by_job: list[int]) -> Step:
    """Check with which jobs each job shared the node: ``shared(job1=[2])``."""

    def check(story: Story) -> None:
        found = {f"job{record['job_id']}": record["shared_with"] for record in story.published()}
        assert found == by_job

    return check


def runs(*expected: tuple[int | None, str]) -> Step:
    """Check restart count and baseline of each record of the job."""

    def check(story: Story) -> None:
        found = [(record["restart_count"], record["baseline"]) for record in story.published()]
        assert sorted(found, key=str) == sorted(expected, key=str), story.said

    return check


def no_baseline_left(story: Story) -> None:
    assert list((story.node.spool / "active").iterdir()) == []


CASES = [
    Case("an epilog without prolog", (traffic, epilog), (record(baseline="missing"), *NOTHING_COUNTED)),
    Case("a prolog without epilog", (prolog, traffic), (published(), waits())),
    Case("an epilog twice", (prolog, traffic, epilog, epilog), (*whole(), published(7), no_baseline_left)),
    Case("an epilog twice, with traffic between", (prolog, traffic, epilog, traffic, epilog), (*whole(), published(7))),
    Case("an epilog twice, without prolog", (epilog, epilog), (record(baseline="missing"), published(7))),
    Case(
        "an epilog twice, before anything is published",
        (
            prolog,
            traffic,
            lambda story: story.node.records.rmdir(),
            epilog,
            epilog,
            lambda story: story.node.records.mkdir(),
            flush,
        ),
        (*whole(), published(7), waits()),
    ),
    Case("an epilog twice, after the next job began", (prolog, traffic, epilog, hook("prolog", 8), epilog), whole()),
    Case(
        "a prolog twice in one run, slurmd having been killed",
        (hook("prolog", **of_run(1)), traffic, hook("prolog", **of_run(1)), traffic, hook("epilog", **of_run(1))),
        (efa_bytes(2 * ALL_BYTES), tcp_bytes(2 * TCP_BYTES), runs((1, "ok")), no_baseline_left),
    ),
    Case("a prolog twice", (prolog, traffic, prolog, traffic, epilog), (*whole(), published(7), no_baseline_left)),
    Case(
        "a requeued job",
        (
            hook("prolog", **of_run(0)),
            traffic,
            hook("epilog", **of_run(0)),
            hook("prolog", **of_run(1)),
            traffic,
            hook("epilog", **of_run(1)),
        ),
        (runs((0, "ok"), (1, "ok")), verdict("single-node", "single-node"), no_baseline_left),
    ),
    Case(
        "a requeued job whose first epilog is told the second run",
        (
            hook("prolog", **of_run(0)),
            traffic,
            hook("epilog", **of_run(1)),
            hook("prolog", **of_run(1)),
            traffic,
            hook("epilog", **of_run(1)),
        ),
        (runs((0, "ok"), (1, "ok")), no_baseline_left),
    ),
    Case(
        "a requeued job whose first epilog never came",
        (hook("prolog", **of_run(0)), traffic, hook("prolog", **of_run(1)), traffic, hook("epilog", **of_run(1))),
        (runs((1, "ok")), *whole(), no_baseline_left),
    ),
    Case(
        "a requeued job whose second prolog never came",
        (hook("prolog", **of_run(0)), traffic, hook("epilog", **of_run(0)), traffic, hook("epilog", **of_run(1))),
        (runs((0, "ok"), (1, "missing")),),
    ),
    Case(
        "a job that was requeued ten times",
        tuple(
            step
            for count in range(10)
            for step in (hook("prolog", **of_run(count)), traffic, hook("epilog", **of_run(count)))
        ),
        (runs(*((count, "ok") for count in range(10))), no_baseline_left),
    ),
    # Reboots and reloads.
    Case(
        "a reboot in the job",
        (prolog, traffic, reboot, epilog),
        (record(baseline="ok"), *NOTHING_COUNTED, said("epilog of job 7")),
    ),
    Case("a reboot before the epilog alone", (prolog, traffic, reboot, traffic, epilog), NOTHING_COUNTED),
    Case(
        "a reboot, and the job starts again",
        (hook("prolog", **of_run(0)), reboot, hook("prolog", **of_run(1)), traffic, hook("epilog", **of_run(1))),
        (*whole(), runs((1, "ok")), shared(job7=[]), no_baseline_left),
    ),
    Case(
        "a reboot, and another job starts",
        (prolog, reboot, hook("prolog", 8), traffic, hook("epilog", 8)),
        (published(8), shared(job8=[]), efa_bytes(ALL_BYTES, 8), no_baseline_left),
    ),
    Case(
        "a record that waits when the node reboots",
        (
            prolog,
            traffic,
            lambda story: story.node.records.rmdir(),
            epilog,
            reboot,
            lambda story: story.node.records.mkdir(),
            flush,
        ),
        (*whole(), waits()),
    ),
    Case("a reload of the driver in the job", (prolog, traffic, reload_of(*range(DEVICES)), epilog), NOTHING_COUNTED),
    Case("a reload of one device in the job", (prolog, traffic, reload_of(2), epilog), NOTHING_COUNTED),
    Case(
        "a reload, and more traffic than before",
        (prolog, reload_of(0), *[traffic] * 3, epilog),
        (verdict("incomplete"), efa_bytes(None)),
    ),
    Case("devices under other names in the job", (prolog, moved_devices, epilog), NOTHING_COUNTED),
    Case(
        "a fall of an interface's counters in the job",
        (prolog, traffic, lambda story: story.node.set_interface(1, 1), epilog),
        (verdict("incomplete"), tcp_bytes(None)),
    ),
    # The clock.
    Case("a clock that went back a year", (prolog, traffic, taken(YEAR_SECONDS), epilog), whole()),
    Case("a clock that went back a second", (prolog, traffic, taken(1.0), epilog), whole()),
    Case("a clock that went on by a year", (prolog, traffic, taken(-YEAR_SECONDS), epilog), whole()),
    Case("a clock that began at the epoch", (prolog, traffic, taken(-time.time()), epilog), whole()),
    # Jobs that overlap.
    Case(
        "a job inside another",
        (hook("prolog", 1), hook("prolog", 2), traffic, hook("epilog", 2), hook("epilog", 1)),
        (shared(job1=[2], job2=[1]), verdict("shared", job_id=1), verdict("shared", job_id=2), no_baseline_left),
    ),
    Case(
        "a job across the end of another",
        (hook("prolog", 1), hook("prolog", 2), hook("epilog", 1), hook("epilog", 2)),
        (shared(job1=[2], job2=[1]), no_baseline_left),
    ),
    Case(
        "three jobs in a chain",
        (
            *(hook("prolog", 1), hook("prolog", 2), hook("epilog", 1)),
            *(hook("prolog", 3), hook("epilog", 2), hook("epilog", 3)),
        ),
        (shared(job1=[2], job2=[1, 3], job3=[2]), no_baseline_left),
    ),
    Case(
        "a job after two that overlapped",
        (
            *(hook("prolog", 1), hook("prolog", 2), hook("epilog", 1), hook("epilog", 2)),
            *(hook("prolog", 3), traffic, hook("epilog", 3)),
        ),
        (shared(job1=[2], job2=[1], job3=[]), efa_bytes(ALL_BYTES, 3)),
    ),
    Case(
        "overlapping jobs, one with an epilog twice",
        (hook("prolog", 1), hook("prolog", 2), hook("epilog", 1), hook("epilog", 1), hook("epilog", 2)),
        (shared(job1=[2], job2=[1]), record(1, baseline="ok"), no_baseline_left),
    ),
    Case(
        "a job beside one whose prolog was cut short",
        (
            *(hook("prolog", 1), boot_id_hangs, hook("prolog", 2), boot_id_answers),
            *(traffic, hook("epilog", 2), hook("epilog", 1)),
        ),
        (shared(job1=[2], job2=[1]), record(1, baseline="ok"), efa_bytes(ALL_BYTES, 1), no_baseline_left),
        {"deadline_seconds": 1},
    ),
    # What an upgrade of the hook leaves.
    Case(
        "a baseline of another version",
        (prolog, traffic, baselines(lambda kept: kept.update(version="99", more={"x": []})), epilog),
        whole(),
    ),
    Case(
        "a baseline without what a newer version wants",
        (prolog, traffic, baselines(lambda kept: kept["snapshot"].pop("devices_listed", None)), epilog),
        whole(),
    ),
    Case(
        "a baseline that lacks nearly all",
        (prolog, traffic, baselines(lambda kept: kept["snapshot"].clear()), epilog),
        (record(baseline="missing", devices_found=DEVICES), no_baseline_left),
    ),
    Case(
        "a baseline whose counters are of another kind",
        (prolog, traffic, baselines(lambda kept: kept["snapshot"].update(devices=[{"name": 1}, 7])), epilog),
        (record(baseline="missing", devices_found=DEVICES), no_baseline_left),
    ),
    Case("a flush on a node that ran nothing", (flush,), (published(), said("nothing waits"))),
    Case("a flush in a job", (prolog, traffic, flush, epilog), whole()),
    Case("a flush after all is published", (prolog, traffic, epilog, flush, flush), (*whole(), waits())),
]
