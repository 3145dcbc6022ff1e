"""Jobs that are watched while they run, on a real Slurm: what the job's output says of its ranks, and what it leaves.

Real: Slurm, the rendered scripts, the hooks as installed, TCP traffic between the hosts and its counters. Simulated:
the EFA devices, whose counters a rank moves, and storage, which is a program on the head node.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab.cluster import missing_requirements
from tests.lab.loop import LAB, Loop

MISSING = missing_requirements()
pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(bool(MISSING), reason=f"no lab without {', '.join(MISSING)}: run 'make test' as root"),
]
TALK = LAB / "talk.py"
STORAGE_PORT = 20300
# A fallback is said after eight seconds or so; a busy machine has time.
LONG_SECONDS = "60"


def job(loop: Loop, name: str, watch: str, nodes: list[int], *args: str, **more: Any) -> dict[str, Any]:
    """A job on these hosts whose ranks talk as ``args`` say."""
    return {
        "name": name,
        "template": "command",
        "nodes": len(nodes),
        "ranks_per_node": 1,
        "watch": watch,
        "slurm": {"nodelist": [loop.nodes[number] for number in nodes]},
        "env": {"EFAKIT_HOME": str(loop.home)},
        "program": sys.executable,
        "args": [str(TALK), *args],
        **more,
    }


@pytest.fixture(scope="module")
def loop(tmp_path_factory) -> Iterator[Loop]:
    loop = Loop(Path(tmp_path_factory.mktemp("lab")), nodes=8)
    tcp, efa = ("--tcp", "--seconds"), ("--efa", str(loop.root), "--seconds")
    storage = ("--storage", f"10.77.@SLOT@.254:{STORAGE_PORT}")
    loop.write_spec(
        [
            job(loop, "fallen", "warn", [0, 1], *tcp, "20"),
            job(loop, "healthy", "warn", [2, 3], *efa, "20", "--tcp", *storage),
            job(loop, "stopped", "stop", [4, 5], *tcp, LONG_SECONDS),
            job(loop, "files", "stop", [6, 7], *storage, "--seconds", "16"),
            job(loop, "again", "requeue", [4, 5], *tcp, LONG_SECONDS, requeue=True),
        ]
    )
    loop.render()
    loop.make_devices()
    with loop.cluster:
        loop.install_hooks()
        address = loop.cluster.run(["sh", "-c", "ip -4 -o address show br0 | tr -s ' ' | cut -d ' ' -f 4"]).stdout
        for script in (loop.bundle / "jobs").glob("*.sbatch"):
            script.write_text(script.read_text().replace("10.77.@SLOT@.254", address.partition("/")[0]))
        server = subprocess.Popen(
            loop.cluster.entering_argv([sys.executable, str(TALK), "--serve", str(STORAGE_PORT)]),
            stdout=subprocess.PIPE,
            text=True,
        )
        with server:
            assert server.stdout
            assert server.stdout.readline() == "serving\n"
            yield loop
            server.kill()


@pytest.fixture(scope="module")
def jobs(loop) -> dict[str, int]:
    """All of them, as far as they have hosts of their own at once. Each has ended, but for the one that is requeued."""
    names = ("stopped", "fallen", "healthy", "files")
    ids = {name: loop.cluster.submit(loop.bundle / f"jobs/{name}.sbatch") for name in names}
    loop.cluster.wait(ids["stopped"], 180)
    ids["again"] = loop.cluster.submit(loop.bundle / "jobs/again.sbatch")
    loop.cluster.wait_for_state(ids["again"], frozenset(["RUNNING"]))
    for name in names:
        loop.cluster.wait(ids[name], 180)
    return ids


def said(loop: Loop, name: str, number: int) -> list[str]:
    return [line for line in loop.output(name, number).splitlines() if line.startswith("efakit: ")]


def state(loop: Loop, number: int) -> str:
    return loop.cluster.wait(number)


def left_processes(loop: Loop) -> str:
    count = "ps -eo args | grep -c '[w]atch-node' || true"
    return "".join(loop.cluster.exec(node, ["sh", "-c", count]).stdout.strip() for node in loop.nodes)


def test_ranks_that_talk_over_tcp_are_told_by_node_and_the_job_goes_on(loop, jobs):
    lines = sorted(said(loop, "fallen", jobs["fallen"]))
    assert [line.partition(":")[0] + line.partition(":")[2].partition(":")[0] for line in lines] == [
        f"efakit warning on {node}" for node in loop.nodes[:2]
    ]
    assert all("the ranks talk over TCP and not over EFA" in line for line in lines)
    assert state(loop, jobs["fallen"]) == "COMPLETED"


@pytest.mark.parametrize("name", ["healthy", "files"])
def test_nothing_is_said_of_a_job_that_uses_efa_and_of_one_that_only_reads_and_writes_files(loop, jobs, name):
    assert said(loop, name, jobs[name]) == []
    assert state(loop, jobs[name]) == "COMPLETED"


def test_a_job_that_is_to_stop_is_cancelled_with_its_reason(loop, jobs):
    lines = said(loop, "stopped", jobs["stopped"])
    assert lines[0].startswith("efakit: error on gpu-st-p5-")
    assert f"efakit: job {jobs['stopped']} is cancelled by its watch on {loop.nodes[4]}, " in lines[-1]
    assert state(loop, jobs["stopped"]) == "CANCELLED"


def test_a_job_that_is_to_be_requeued_starts_anew(loop, jobs):
    number = jobs["again"]
    loop.cluster.wait_for_state(number, frozenset(["PENDING"]))
    assert "Restarts=1" in loop.cluster.run(["scontrol", "show", "job", str(number)]).stdout
    loop.cluster.run(["scancel", str(number)])
    loop.cluster.wait(number)
    assert f"efakit: job {number} is requeued by its watch on {loop.nodes[4]}, " in said(loop, "again", number)[-1]


def test_no_process_is_left_on_a_node_and_no_node_is_drained(loop, jobs):
    loop.cluster.run(["scancel", str(jobs["again"])])
    loop.wait_for_epilogs()
    assert left_processes(loop) == "0" * len(loop.nodes)
    assert set(loop.cluster.node_states().values()) == {"idle"}
    assert loop.report(jobs["fallen"])["verdict"] == "tcp-fallback"
