"""The check of a node before the launch, run on device trees such as nodes have."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.emit.jobscript import Run, script_of
from tests.lab import efa_tree

PREFLIGHT = Path(__file__).resolve().parents[2] / "job-templates/preflight.sh"
PACKAGES = """\
# EFA installer version: 1.43.2
# Debug packages installed: no
# Packages installed:
efa-config_1.18_all libfabric-aws-bin_2.1.0amzn5.0_amd64 libfabric1-aws_2.1.0amzn5.0_amd64 libnccl-ofi_1.16.3-1_amd64
"""
LIMIT = (
    "Limit                     Soft Limit           Hard Limit           Units\nMax locked memory         {} x bytes\n"
)


def node(root: Path, limit: str = "unlimited") -> Path:
    efa_tree.write_node(root, "p5.48xlarge")
    for path, text in (("opt/amazon/efa_installed_packages", PACKAGES), ("proc/self/limits", LIMIT.format(limit))):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return root


def check(tmp_path: Path, root: Path, devices: int = 32) -> subprocess.CompletedProcess[str]:
    """Run the check; waiting costs nothing here, and is counted."""
    (tmp_path / "bin").mkdir(exist_ok=True)
    (tmp_path / "bin/sleep").write_text(f'#!/bin/sh\necho "$1" >>{tmp_path}/waited\n')
    (tmp_path / "bin/sleep").chmod(0o755)
    return subprocess.run(
        ["/bin/bash", "-s", "--", str(devices), str(root)],
        input=PREFLIGHT.read_text(),
        env={"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}", "SLURMD_NODENAME": "node-1"},
        capture_output=True,
        text=True,
    )


def test_a_sound_node_says_what_it_has_in_one_line(tmp_path):
    done = check(tmp_path, node(tmp_path / "root"))
    assert (done.returncode, done.stderr, done.stdout.count("\n")) == (0, "", 1)
    for words in ("EFA installer 1.43.2", "libfabric 2.1.0", "aws-ofi-nccl 1.16.3", "32 EFA devices (32 needed)"):
        assert words in done.stdout
    assert "locked memory unlimited" in done.stdout
    assert not (tmp_path / "waited").exists()


def test_a_device_that_is_missing_stops_the_job_after_a_while(tmp_path):
    """p5en brings its devices up late, so it is looked for again before it counts as missing."""
    root = node(tmp_path / "root")
    efa_tree.remove_device(root, sorted(path.name for path in (root / "sys/class/infiniband").iterdir())[0])
    done = check(tmp_path, root)
    assert (done.returncode, done.stderr) == (
        1,
        "preflight: node-1: EFA cannot work: found 31 of 32 EFA devices\n",
    )
    assert (tmp_path / "waited").read_text() == "5\n5\n5\n"


def test_other_vendors_devices_are_not_counted(tmp_path):
    """p6-b200 shows two mlx5 devices beside its eight."""
    root = tmp_path / "root"
    efa_tree.write_node(root, "p6-b200.48xlarge")
    assert len(list((root / "sys/class/infiniband").iterdir())) == 10
    assert "8 EFA devices (8 needed)" in check(tmp_path, root, 8).stdout
    assert check(tmp_path, root, 9).returncode == 1


@pytest.mark.parametrize("limit", ["65536", "8388608", "67108864"])
def test_too_little_memory_to_lock_stops_the_job(tmp_path, limit):
    done = check(tmp_path, node(tmp_path / "root", limit))
    assert done.returncode == 1
    assert f"only {limit} bytes of memory can be locked" in done.stderr
    assert "ulimit -l unlimited" in done.stderr


@pytest.mark.parametrize("limit", ["unlimited", "17179869184"])
def test_enough_memory_to_lock_does_not(tmp_path, limit):
    assert check(tmp_path, node(tmp_path / "root", limit)).returncode == 0


def test_what_cannot_be_read_is_unknown_and_stops_nothing(tmp_path):
    root = tmp_path / "root"
    efa_tree.write_node(root, "p5.48xlarge", driver_version=None)
    done = check(tmp_path, root)
    assert (done.returncode, done.stderr) == (0, "")
    for words in ("EFA installer unknown", "aws-ofi-nccl unknown", "EFA driver unknown", "locked memory unknown"):
        assert words in done.stdout


def test_equal_nodes_share_a_line_and_a_failure_ends_the_job_before_its_launch(tmp_path):
    text = script_of({"template": "torchrun", "script": "train.py"})
    sound = text.replace("\nsrun --ntasks=", "\nprintf '%s\\n' same other same | cat; srun --ntasks=")
    assert Run(tmp_path, sound).done.returncode == 0
    (tmp_path / "failing").mkdir()
    failing = text.replace("\nsrun --ntasks=", "\n(cat >/dev/null; echo same; echo same; exit 1) ||\nsrun --ntasks=", 1)
    assert "uniq -c" in failing
    stop = text.replace('srun --ntasks="$SLURM_JOB_NUM_NODES" --ntasks-per-node=1 bash -s', "bash -c 'exit 4'", 1)
    run = Run(tmp_path / "failing", stop)
    assert run.done.returncode == 4
    assert not [words for words in run.calls if words[0] == "srun"]


def test_a_body_s_own_script_does_not_run_where_efa_cannot_work(tmp_path):
    (tmp_path / "run.sh").write_text("echo ran\n")
    text = script_of({"template": "body", "body": "run.sh"}, folder=tmp_path)
    stop = text.replace('srun --ntasks="$SLURM_JOB_NUM_NODES" --ntasks-per-node=1 bash -s', "bash -c 'exit 4'", 1)
    done = Run(tmp_path, stop).done
    assert (done.returncode, "ran" in done.stdout) == (1, False)
    assert "ran" in Run(tmp_path, text).done.stdout
