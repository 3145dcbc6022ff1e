"""Which jobs have steps on a node, by the process table."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from efakit.hook import steps
from efakit.hook.steps import jobs_with_steps


def process(root: Path, number: int, job_id: int, users: str = "0 0 0 0", name: str = "slurmstepd") -> Path:
    """Write what the kernel tells of a process that bears a step's title."""
    folder = root / "proc" / str(number)
    folder.mkdir(parents=True)
    (folder / "comm").write_text(f"{name}\n")
    (folder / "status").write_text(f"Name:\t{name}\nState:\tS (sleeping)\nUid:\t{users}\nGid:\t0 0 0 0\n")
    (folder / "cmdline").write_bytes(b"slurmstepd: [%d.batch]\0" % job_id)
    return folder


def test_a_step_s_job_is_told_by_the_title_of_its_daemon(tmp_path):
    process(tmp_path, 1, 1, name="systemd")
    process(tmp_path, 20, 7)
    process(tmp_path, 21, 8, f"{os.geteuid()} 0 0 0")
    assert jobs_with_steps(tmp_path) == {7, 8}


@pytest.mark.parametrize("users", ["4711 4711 4711 4711", "4711 0 0 0"])
def test_a_user_s_process_that_names_itself_so_is_no_step(tmp_path, users):
    process(tmp_path, 1, 1, name="systemd")
    process(tmp_path, 20, 7, users)
    assert jobs_with_steps(tmp_path) == set()


def test_the_title_of_a_user_s_process_is_not_asked_for(tmp_path, monkeypatch):
    title = process(tmp_path, 20, 7, "4711 4711 4711 4711") / "cmdline"
    asked = []
    read = steps._read
    monkeypatch.setattr(steps, "_read", lambda path, *most: asked.append(Path(path)) or read(path, *most))
    jobs_with_steps(tmp_path)
    assert asked
    assert title not in asked


def test_a_step_that_ended_just_now_is_none(tmp_path):
    process(tmp_path, 20, 7)
    (process(tmp_path, 21, 8) / "status").unlink()
    assert jobs_with_steps(tmp_path) == {7}


def test_the_kernel_s_own_status_tells_whose_a_process_is():
    status = Path("/proc/self/status")
    assert steps._real_user(status.read_bytes()[:512]) == os.getuid()
