"""What the script of a watched job does, run with stand-ins for Slurm's commands and for the hook."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.emit.jobscript import Run, script_of

pytestmark = pytest.mark.thorough

JOB = {"template": "torchrun", "script": "train.py", "watch": "stop"}
# It goes on until its input ends, and takes a moment to end.
HOOK = 'echo "watch begins: $1 $EFAKIT_WATCH"; cat >"$0.input"; sleep 0.2; echo "watch ends"'


def run(tmp_path: Path, job: dict[str, object], hook: str = HOOK, **environment: str) -> Run:
    (tmp_path / "home").mkdir()
    if hook:
        (tmp_path / "home/run-hook").write_text(hook)
    return Run(tmp_path, script_of({**job, "env": {"EFAKIT_HOME": str(tmp_path / "home")}}), **environment)


@pytest.mark.parametrize("status", ["0", "7"])
def test_the_watch_ends_before_the_job_whatever_the_launch_ends_with(tmp_path, status):
    done = run(tmp_path, JOB, LAUNCH_EXIT=status).done
    lines = done.stdout.splitlines()
    assert done.returncode == int(status)
    assert lines[-1] == "watch ends"
    assert "watch begins: watch stop" in lines
    assert (tmp_path / "home/run-hook.input").read_text() == "", "nothing but its end comes"


@pytest.mark.parametrize("hook", ["", "exit 3", "exec sleep 20 >/dev/null 2>&1"])
def test_a_watch_that_fails_or_hangs_changes_no_job_s_end(tmp_path, hook):
    done = run(tmp_path, JOB, hook, LAUNCH_EXIT="7").done
    assert done.returncode == 7
    assert len([line for line in done.stderr.splitlines() if "run-hook" in line]) == (0 if hook else 1)


def test_it_ends_beside_the_other_things_that_are_done_at_the_end(tmp_path):
    job = {**JOB, "watch": "requeue", "requeue": True, "signal": {"seconds": 300}, "time": "60"}
    ran = run(tmp_path, job, JOB_END="2020-01-01T00:00:00")
    assert "watch ends" in ran.done.stdout
    assert ran.calls[-1][:2] == ["scontrol", "requeue"]


def test_a_script_of_the_user_s_own_is_watched_too(tmp_path):
    (tmp_path / "body.sh").write_text("echo my own\nexit 5\n")
    (tmp_path / "home").mkdir()
    (tmp_path / "home/run-hook").write_text(HOOK)
    job = {"template": "body", "body": "body.sh", "watch": "warn", "env": {"EFAKIT_HOME": str(tmp_path / "home")}}
    done = Run(tmp_path, script_of(job, folder=tmp_path)).done
    assert (done.returncode, done.stdout.splitlines()[-1]) == (5, "watch ends")
