"""Rows: what the hook could not write or remove, of its own and for others. It costs no record, and the record is true.

A note has a folder in its place: what is renamed onto it fails, and so does its removal. A spool is read-only in one
run of the hook.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.hook.faults.pairs import field, has, moved, run, steps_run
from tests.hook.faults.story import Case, Step, Story, epilog, flush, published, said

TB = 10**12
GONE_BY = {"SLURM_JOB_START_TIME": "1500000000", "SLURM_JOB_END_TIME": "1500003600"}
_READ_ONLY = '/bin/mount --bind "$0" "$0" && /bin/mount -o remount,bind,ro "$0" && exec "$@"'


def taken(place: Callable[[Story], Path]) -> Step:
    """Put a folder where the hook is to write a file."""

    def step(story: Story) -> None:
        path = place(story)
        if path.exists():
            path.unlink()
        path.mkdir(parents=True)

    return step


def free_again(place: Callable[[Story], Path]) -> Step:
    return lambda story: place(story).rmdir()


def in_active(name: str) -> Callable[[Story], Path]:
    return lambda story: story.node.spool / "active" / name


def note_of_end(story: Story) -> Path:
    """Return where the epilog notes that it has left its record."""
    (path,) = (story.node.spool / "active").glob("*.7.*.json")
    return story.node.spool / "ended" / f"gpu-st-p5-1.7.{json.loads(path.read_text())['record_id']}"


def note_for_tasks(story: Story) -> Path:
    path = Path(story.node.settings["run_dir"])
    path.mkdir(mode=0o755, exist_ok=True)
    return path / "job-7.json"


def read_only(command: str, job_id: int | None = 7) -> Step:
    """Run the hook where its spool's file system is read-only."""

    def step(story: Story) -> None:
        if os.geteuid() != 0:
            pytest.skip("only root mounts a file system read-only")
        node = story.node
        variables = {"SLURMD_NODENAME": node.name, "SLURM_CLUSTER_NAME": "lab", "SLURM_JOB_NODELIST": node.name}
        if job_id is not None:
            variables["SLURM_JOB_ID"] = str(job_id)
        hook = [node.python, "-I", "-S", str(node.archive), command, "--config", str(node.config)]
        done = subprocess.run(
            ["/usr/bin/unshare", "--mount", "/bin/sh", "-c", _READ_ONLY, str(node.spool), *hook],
            env=variables,
            capture_output=True,
            text=True,
            timeout=90,
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert "internal error" not in done.stdout
        story.said.append(done.stdout)

    return step


def damaged_waits(story: Story) -> None:
    """Let half a record wait, and be what came last."""
    path = story.node.spool / "outbox/gpu-st-p5-1.3.0123456789abcdef.json"
    path.write_bytes(b'{"job_id": 3')
    at = path.stat().st_mtime + 60
    os.utime(path, (at, at))


ALONE = {"SLURM_JOB_NODELIST": "gpu-st-p5-1", "SLURM_JOB_NUM_NODES": "1"}
WORK = (run("prolog", **ALONE), moved(efa=TB))
WHOLE = (field("baseline", "ok"), published(7))

READ_ONLY = [
    Case("a spool that is read-only at the epilog", (*WORK, read_only("epilog")), WHOLE),
    Case(
        "a spool that is read-only at the epilog, and another job runs: shared",
        (*WORK, run("prolog", 5), read_only("epilog")),
        (*WHOLE, field("shared_with", [5])),
    ),
    Case(
        "a spool that is read-only at the epilog, with a lost job's baseline",
        (*WORK, run("prolog", 5, **GONE_BY), steps_run(), read_only("epilog")),
        (*WHOLE, has("baseline-given-up")),
    ),
    Case(
        "a spool that is read-only at the epilog, with what cannot be read in it",
        (*WORK, damaged_waits, read_only("epilog")),
        (*WHOLE, said("epilog of job 7: .*; record published")),
    ),
    Case(
        "a spool that is read-only at the flush, behind what cannot be read",
        (
            *(*WORK, lambda s: s.node.records.rmdir(), epilog, damaged_waits),
            *(lambda s: s.node.records.mkdir(), read_only("flush", None)),
        ),
        WHOLE,
    ),
    Case(
        "a spool that is read-only at the prolog: no baseline, and the record says so",
        (*(run("prolog", 5), run("epilog", 5), read_only("prolog"), moved(efa=TB), run("epilog", **ALONE)),),
        (field("baseline", "missing"), has("baseline-missing"), published(5, 7)),
    ),
]

NOTES = [
    Case(
        "a note beside another job's baseline cannot be written: the own record is whole",
        (
            *(*WORK, run("prolog", 5), taken(in_active("gpu-st-p5-1.5.r0.json.shared-with.7"))),
            run("epilog", **ALONE),
        ),
        (*WHOLE, field("shared_with", [5])),
    ),
    Case(
        "a baseline cannot be written: another job hears of its job all the same",
        (
            *(run("prolog", 5), taken(in_active("gpu-st-p5-1.7.r0.json")), *WORK),
            *(free_again(in_active("gpu-st-p5-1.7.r0.json")), run("epilog", 5)),
        ),
        (field("baseline", "ok", 5), field("shared_with", [7], 5)),
    ),
    Case(
        "the note for a job's tasks can neither be written nor removed",
        (taken(note_for_tasks), run("prolog", SLURM_JOB_COMMENT="efakit=off", **ALONE), run("epilog", **ALONE)),
        WHOLE,
    ),
    Case(
        "the note that a run has ended cannot be written: one record",
        (*WORK, taken(note_of_end), run("epilog", **ALONE)),
        WHOLE,
    ),
    Case(
        "the note of what was lost cannot be written: what waits is published",
        (
            *(*WORK, lambda s: s.node.records.rmdir(), epilog, damaged_waits, lambda s: s.node.records.mkdir()),
            *(taken(lambda s: s.node.spool / "lost.json"), flush),
        ),
        (*WHOLE, said("flush: nothing waits now")),
    ),
]
