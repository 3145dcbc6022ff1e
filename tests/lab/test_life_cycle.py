"""A lab starts, is used, ends, and leaves nothing behind, however it ends."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from .cluster import REPOSITORY, LabCluster, LabError
from .footprint import footprint, lab_namespaces, processes_in

pytestmark = [pytest.mark.lab, pytest.mark.alone]

NODES = ["gpu-st-p5-1", "gpu-st-p5-2"]
WAIT_SECONDS = 60.0


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.lab.cluster", *arguments],
        cwd=REPOSITORY,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=WAIT_SECONDS,
    )


def wait_until_empty(namespaces: set[str]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while left := processes_in(namespaces):
        assert time.monotonic() < deadline, left
        time.sleep(0.05)


def test_stop_leaves_nothing_behind(tmp_path: Path) -> None:
    mount_point = tmp_path / "outside" / "spool"
    work_dir = tmp_path / "lab"
    before = footprint(work_dir)
    with LabCluster(work_dir, NODES, private={mount_point: "spool"}) as cluster:
        cluster.run(["srun", "--nodes=2", "true"])
        # A process that does all it can to outlive the job and the lab.
        cluster.exec(NODES[0], ["setsid", "--fork", "sh", "-c", "trap '' HUP TERM; exec >&- 2>&-; sleep 1000"])
        namespaces = lab_namespaces(work_dir)
        assert processes_in(namespaces)
        assert mount_point.is_dir()
    assert processes_in(namespaces) == []
    assert footprint(work_dir) == before
    assert not mount_point.parent.exists()
    assert (work_dir / "log" / "slurmctld.log").is_file()  # the logs stay, for whoever looks for the cause


def test_an_exception_in_the_with_block_leaves_nothing_behind(tmp_path: Path) -> None:
    before = footprint(tmp_path)
    namespaces: set[str] = set()

    def use() -> None:
        with LabCluster(tmp_path, NODES) as cluster:
            namespaces.update(lab_namespaces(tmp_path))
            raise ZeroDivisionError(cluster.node_states())

    with pytest.raises(ZeroDivisionError):
        use()
    assert namespaces
    assert processes_in(namespaces) == []
    assert footprint(tmp_path) == before


def test_a_failed_start_leaves_nothing_behind_and_shows_the_logs(tmp_path: Path) -> None:
    before = footprint(tmp_path)
    cluster = LabCluster(tmp_path, NODES, slurm_settings={"SelectType": "select/nonsense"})
    with pytest.raises(LabError, match=r"slurmctld.*\n(.*\n)*.*select/nonsense"):
        cluster.start()
    assert footprint(tmp_path) == before


def test_nodes_that_never_become_idle_fail_the_start_in_bounded_time(tmp_path: Path) -> None:
    before = footprint(tmp_path)
    settings = {"HealthCheckProgram": "/bin/true", "SlurmdParameters": None}  # 96 CPUs on a smaller machine
    cluster = LabCluster(tmp_path, NODES, cpus=4096, slurm_settings=settings, start_timeout_seconds=3)
    with pytest.raises(LabError, match="not all nodes are idle"):
        cluster.start()
    assert footprint(tmp_path) == before


def test_a_lab_ends_with_its_starter_even_when_that_is_killed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    work_dir = tmp_path / "lab"
    before = footprint(work_dir)
    program = (
        "import time; from pathlib import Path; from tests.lab.cluster import LabCluster\n"
        f"cluster = LabCluster(Path({str(work_dir)!r}), {NODES!r}, private={{Path({str(outside)!r}): 'private'}})\n"
        "cluster.start(); print('started', flush=True); time.sleep(1000)"
    )
    argv = [sys.executable, "-c", program]
    with subprocess.Popen(argv, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        assert starter.stdout.readline() == "started\n"
        with pytest.raises(LabError, match=f"process {starter.pid} runs a lab"):
            LabCluster(work_dir, NODES).start()
        namespaces = lab_namespaces(work_dir)
        starter.send_signal(signal.SIGKILL)
    wait_until_empty(namespaces)
    assert outside.is_dir()  # what no kernel takes away
    assert command("stop", "--work-dir", str(work_dir)).returncode == 0
    assert not outside.exists()
    assert footprint(work_dir) == before


def test_the_next_start_cleans_up_after_a_killed_run(tmp_path: Path) -> None:
    before = footprint(tmp_path)
    program = (
        "import os, signal; from pathlib import Path; from tests.lab.cluster import LabCluster\n"
        f"LabCluster(Path({str(tmp_path)!r}), {NODES!r}).start(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    killed = subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, timeout=WAIT_SECONDS)
    assert killed.returncode == -signal.SIGKILL
    with LabCluster(tmp_path, NODES) as cluster:
        assert set(cluster.node_states().values()) == {"idle"}
    assert footprint(tmp_path) == before


def test_the_command_line_starts_a_lab_that_stays_until_stopped(tmp_path: Path) -> None:
    before = footprint(tmp_path)
    place = ("--work-dir", str(tmp_path))
    try:
        assert command("start", *place, "--nodes", "2").returncode == 0
        assert command("status", *place).stdout == "gpu-st-p5-1 idle\ngpu-st-p5-2 idle\n"
        assert "already" in command("start", *place).stderr
        assert sorted(command("run", *place, "--", "srun", "-N2", "hostname").stdout.split()) == NODES
        assert command("exec", *place, NODES[1], "--", "hostname").stdout == f"{NODES[1]}\n"
        assert command("run", *place, "--", "sh", "-c", "exit 7").returncode == 7
    finally:
        stopped = command("stop", *place)
    assert stopped.returncode == 0
    assert command("status", *place).returncode == 1
    assert footprint(tmp_path) == before


def test_two_labs_with_the_same_node_names_run_side_by_side(tmp_path: Path) -> None:
    before = footprint(tmp_path)
    with LabCluster(tmp_path / "a", NODES) as first, LabCluster(tmp_path / "b", NODES, gpus_per_node=0) as second:
        for cluster in (first, second):
            assert sorted(cluster.run(["srun", "-N2", "hostname"]).stdout.split()) == NODES
        addresses = {cluster.run(["getent", "hosts", NODES[0]]).stdout.split()[0] for cluster in (first, second)}
        assert len(addresses) == 2
    assert footprint(tmp_path) == before
