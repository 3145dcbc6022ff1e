"""The watch of a job as its processes run: real connections between two of this machine's own addresses, a device tree.

Slurm's commands are stand-ins that write down how they were called. A look is some milliseconds here, not two seconds.
"""

from __future__ import annotations

import errno
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hook.hookrun import Node
from tests.lab import efa_tree, move_counters

pytestmark = pytest.mark.thorough

# Of this process alone: what others on this machine talk about is none of its tests' traffic.
_NUMBER = os.getpid() % 65_536
OWN, PEER, ALONE = "127.0.0.1", *(f"127.{_NUMBER // 256}.{_NUMBER % 256}.{last}" for last in (2, 3))
_HASTE = """
import os, sys
from efakit.hook import watch_node
watch_node.LOOK_SECONDS, watch_node._LATER_SECONDS = 0.03, 0.03
from efakit.hook.main import main
sys.exit(main(sys.argv[1:], os.environ, {}))
"""
# As a node that is short of something: the kernel tells of no connections, a number of times.
_SHORT = """
from efakit.hook import watch_node
really, lacks = watch_node.read_connections, [OSError(*lack) for lack in LACKS]
def read_connections(peers, user):
    if lacks:
        raise lacks.pop()
    return really(peers, user)
watch_node.read_connections = read_connections
"""
# EFA's traffic begins in the moment in which the watch speaks.
_BEGINS = """
from pathlib import Path
from efakit.hook import watch_node
from tests.lab import move_counters
really = watch_node.say
def say(text):
    if "talk over TCP" in text:
        move_counters.move(Path(ROOT), 10_000_000, {})
    really(text)
watch_node.say = say
"""
# A watch that has nothing more to say is waited for so long, and not for ever.
_AT_MOST_SECONDS = 120
STAND_IN = '#!/bin/sh\necho "${{0##*/}} $*" >>{calls}\n{more}\n'


class Talk:
    """Ranks of two nodes, of which this process plays both: what one sends comes back to it."""

    def __init__(self, node: Node) -> None:
        self._node, self._over = node, threading.Event()
        self._listener = socket.create_server((PEER, 0))
        self._out = socket.create_connection(self._listener.getsockname(), source_address=(OWN, 0))
        self._back = self._listener.accept()[0]
        self._threads = [threading.Thread(target=work) for work in (self._send, self._echo)]
        for thread in self._threads:
            thread.start()

    def _send(self) -> None:
        block, total = bytes(1 << 20), 0
        while not self._over.is_set():
            self._out.sendall(block)
            left = len(block)
            while left:
                left -= len(self._out.recv(left))
            total += len(block)
            move_counters.replace_text(self._statistics / "rx_bytes", f"{total}\n", self._node.root)
            move_counters.replace_text(self._statistics / "tx_bytes", f"{total}\n", self._node.root)
        self._out.shutdown(socket.SHUT_WR)

    def _echo(self) -> None:
        while data := self._back.recv(1 << 20):
            self._back.sendall(data)

    @property
    def _statistics(self) -> Path:
        return self._node.root / "sys/class/net/eth0/statistics"

    def end(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()
        for one in (self._out, self._back, self._listener):
            one.close()


@pytest.fixture
def node(tmp_path) -> Node:
    node = Node(tmp_path)
    efa_tree.write_node(node.root, "p4d.24xlarge")
    node.set_interface(0, 0)
    (tmp_path / "bin").mkdir()
    for name in ("scancel", "scontrol", "srun"):
        stand_in(tmp_path, name)
    return node


@pytest.fixture
def talk(node) -> Iterator[Talk]:
    talk = Talk(node)
    yield talk
    talk.end()


def stand_in(folder: Path, name: str, more: str = "") -> None:
    path = folder / "bin" / name
    path.write_text(STAND_IN.format(calls=folder / "calls", more=more))
    path.chmod(0o755)


def start(
    node: Node, command: str = "watch-node", haste: bool = True, before: str = "", **variables: str
) -> subprocess.Popen[str]:
    node.config.write_text(json.dumps(node.settings))
    program = [sys.executable, "-c", before + _HASTE] if haste else [sys.executable, "-I", "-S", str(node.archive)]
    folder = node.config.parent
    environment = {
        "SLURMD_NODENAME": node.name,
        "SLURM_JOB_ID": "7",
        "SLURM_JOB_NUM_NODES": "2",
        "SLURM_NODEID": "0",
        "EFAKIT_WATCH": "warn",
        "EFAKIT_WATCH_PEERS": f"{PEER} 10.255.255.1",
        "PATH": f"{folder / 'bin'}:/usr/bin:/bin",
        "PYTHONPATH": os.pathsep.join(sys.path),
        **variables,
    }
    process = subprocess.Popen(
        [*program, command, "--config", str(node.config)],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    guard = threading.Timer(_AT_MOST_SECONDS, process.kill)
    guard.daemon = True
    guard.start()
    return process


def end(process: subprocess.Popen[str]) -> str:
    """Let the input end, and return what was said since; the process ends in order."""
    said, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")
    return said


def calls(node: Node) -> list[str]:
    path = node.config.parent / "calls"
    return path.read_text().splitlines() if path.exists() else []


def test_ranks_that_talk_over_tcp_are_told_by_node_and_efas_first_traffic_too(node, talk):
    process = start(node)
    line = process.stdout.readline()
    assert line.startswith(f"efakit: warning on {node.name}: the ranks talk over TCP and not over EFA: ")
    assert "with 1 of the job's nodes" in line
    move_counters.move(node.root, 10_000_000, {})
    assert process.stdout.readline().startswith(f"efakit: on {node.name} EFA traffic has begun: ")
    assert end(process) == ""
    assert calls(node) == []


def test_efas_traffic_that_begins_while_the_watch_speaks_is_told(node, talk):
    process = start(node, before=f"ROOT = {str(node.root)!r}\n{_BEGINS}")
    assert "the ranks talk over TCP" in process.stdout.readline()
    assert process.stdout.readline().startswith(f"efakit: on {node.name} EFA traffic has begun: ")
    end(process)


def test_a_node_that_is_short_of_something_for_a_moment_is_still_watched(node, talk):
    lacks = [(errno.ENOBUFS, "No buffer space available"), (errno.EMFILE, "Too many open files"), ("timed out",)] * 2
    process = start(node, before=f"LACKS = {lacks!r}\n{_SHORT}")
    assert process.stdout.readline().startswith(f"efakit: warning on {node.name}: the ranks talk over TCP")
    end(process)


@pytest.mark.parametrize(
    ("lacks", "why"),
    [
        ([(errno.ENOENT, "No such file or directory")], "No such file or directory"),
        ([("timed out",)] * 30, "timed out"),
    ],
)
def test_connections_that_cannot_be_read_end_the_watch_with_the_reason(node, talk, lacks, why):
    said = until_it_ends(start(node, before=f"LACKS = {lacks!r}\n{_SHORT}"))
    assert said == [f"efakit: watch of {node.name} ends: its TCP connections cannot be read: {why}"]


def test_counters_that_cannot_be_read_are_told_once_as_not_known(node, talk):
    device = next((node.root / "sys/class/infiniband").iterdir()) / "ports/1/hw_counters/tx_bytes"
    device.unlink()
    device.mkdir()
    process = start(node, EFAKIT_WATCH="stop")
    line = process.stdout.readline()
    assert line.endswith("EFA's counters cannot be read: whether EFA is used is not known\n")
    assert end(process) == ""
    assert calls(node) == [], "and nobody ends a job for that"


@pytest.mark.parametrize(
    "cgroup",
    ["0::/system.slice/slurmstepd.scope/job_{}/step_0/user/task_0", "9:devices:/slurm/uid_0/job_{}/step_0\n1:x:/"],
)
def test_where_another_job_of_the_same_user_runs_nobody_says_whose_ranks_talk(node, talk, cgroup):
    for process, job in ((4242, 7), (4243, 8)):
        folder = node.root / "proc" / str(process)
        folder.mkdir(parents=True)
        (folder / "cgroup").write_text(cgroup.format(job) + "\n")
    process = start(node, EFAKIT_WATCH="stop")
    line = process.stdout.readline()
    assert line.startswith(f"efakit: warning on {node.name}: ")
    assert line.endswith("none over EFA, and job 8 of the same user runs here too: whose ranks talk is not known\n")
    assert end(process) == ""
    assert calls(node) == [], "and nobody ends a job for another's traffic"


def test_processes_of_the_job_itself_change_nothing(node, talk):
    for process, job in ((4242, 7), (4243, 8)):
        folder = node.root / "proc" / str(process)
        folder.mkdir(parents=True)
        (folder / "cgroup").write_text(f"0::/system.slice/slurmstepd.scope/job_{job}/step_0\n")
    said = until_it_ends(start(node, EFAKIT_WATCH="stop", SLURM_JOB_ID_HET_GROUP_0="7", SLURM_JOB_ID_HET_GROUP_1="8"))
    assert "the ranks talk over TCP and not over EFA" in said[0]


def until_it_ends(process: subprocess.Popen[str]) -> list[str]:
    """Return the lines of a process that ends although its input goes on."""
    status = process.wait(timeout=60)  # it says little: the pipe holds it
    process.stdin.close()
    with process.stdout as out, process.stderr as errors:
        assert (status, errors.read()) == (0, "")
        return out.read().splitlines()


@pytest.mark.parametrize(
    ("mode", "variables", "called"),
    [
        ("stop", {}, "scancel 7"),
        ("stop", {"SLURM_NODEID": "1"}, "scancel 7"),
        ("stop", {"SLURM_ARRAY_TASK_ID": "2", "SLURM_ARRAY_JOB_ID": "7"}, "scancel 7_2"),
        ("requeue", {}, "scontrol requeue 7"),
        ("requeue", {"SLURM_RESTART_COUNT": "2"}, "scontrol requeue 7"),
    ],
)
def test_a_job_that_is_to_end_is_ended_after_its_reason_was_said(node, talk, mode, variables, called):
    said = until_it_ends(start(node, EFAKIT_WATCH=mode, **variables))
    assert said[0].startswith(f"efakit: error on {node.name}: the ranks talk over TCP and not over EFA: ")
    what = "cancelled" if mode == "stop" else "requeued"
    job = called.split()[-1]
    assert said[1:] == [f"efakit: job {job} is {what} by its watch on {node.name}, since its ranks do not use EFA"]
    assert calls(node) == [called]


@pytest.mark.parametrize(
    ("variables", "refused", "why"),
    [
        ({"SLURM_RESTART_COUNT": "3"}, "", "job 7 was requeued 3 times: it is cancelled now"),
        ({}, "echo no such luck; exit 1", "job 7 cannot be requeued: no such luck"),
    ],
)
def test_a_job_that_cannot_be_requeued_again_is_cancelled(node, talk, variables, refused, why):
    stand_in(node.config.parent, "scontrol", refused)
    said = until_it_ends(start(node, EFAKIT_WATCH="requeue", **variables))
    assert said[-2].endswith(why)
    assert "is cancelled" in said[-1]
    assert calls(node)[-1] == "scancel 7"


def test_a_job_that_another_node_has_requeued_is_not_taken_out_of_the_queue(node, talk):
    stand_in(node.config.parent, "scontrol", "echo Job is pending execution for job 7; exit 1")
    said = until_it_ends(start(node, EFAKIT_WATCH="requeue"))
    assert said[-1].startswith("efakit: job 7 is requeued by its watch on ")
    assert calls(node) == ["scontrol requeue 7"]


def test_a_job_whose_step_ends_while_slurm_answers_is_not_cancelled(node, talk):
    os.mkfifo(node.config.parent / "answer")
    stand_in(node.config.parent, "scontrol", f"cat {node.config.parent}/answer; exit 1")
    process = start(node, EFAKIT_WATCH="requeue")
    process.stdout.readline()
    assert "is requeued by its watch" in process.stdout.readline()
    process.stdin.close()
    (node.config.parent / "answer").write_text("no such luck")
    assert until_it_ends(process) == []
    assert calls(node) == ["scontrol requeue 7"]


def test_slurm_s_refusal_to_cancel_is_told(node, talk):
    stand_in(node.config.parent, "scancel", "echo Access denied >&2; exit 1")
    assert until_it_ends(start(node, EFAKIT_WATCH="stop"))[-1] == "efakit: job 7 cannot be cancelled: Access denied"


@pytest.mark.parametrize("why", ["no devices", "one node", "no peers", "addresses that are none"])
def test_where_there_is_nothing_to_watch_the_process_ends_at_once_and_says_nothing(tmp_path, node, why):
    variables = {
        "one node": {"SLURM_JOB_NUM_NODES": "1"},
        "no peers": {"EFAKIT_WATCH_PEERS": ""},
        "addresses that are none": {"EFAKIT_WATCH_PEERS": "gpu-1 1.2.3"},
    }.get(why, {})
    if why == "no devices":
        node.settings["root"] = str(tmp_path)
        (tmp_path / "sys/class/infiniband").mkdir(parents=True)
    assert until_it_ends(start(node, haste=False, **variables)) == []


def test_it_ends_with_its_input_and_outlives_a_signal_that_the_job_asked_for(node):
    """As installed: one file and a bare interpreter. Signals that Slurm sends to all steps are for the ranks."""
    process = start(node, haste=False)
    of_the_ranks = (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGALRM, signal.SIGUSR1, signal.SIGUSR2)
    wanted = sum(1 << number - 1 for number in of_the_ranks)
    while _ignored(process) & wanted != wanted:
        assert process.poll() is None
    for number in of_the_ranks:
        process.send_signal(number)
    assert end(process) == ""


def _ignored(process: subprocess.Popen[str]) -> int:
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("SigIgn")).split()[1], 16)


def test_the_script_s_part_finds_the_nodes_addresses_and_starts_one_process_a_node(node):
    folder = node.config.parent
    stand_in(folder, "scontrol", "echo 10.1.2.3; echo 10.1.2.4; echo no.such.host.invalid; echo 127.0.0.1")
    stand_in(folder, "srun", f'echo "$EFAKIT_WATCH $EFAKIT_WATCH_PEERS" >>{folder}/calls; cat; echo a line of a node')
    process = start(node, "watch", SLURM_JOB_NUM_NODES="4")
    assert end(process) == "a line of a node\n"
    assert calls(node) == [
        "scontrol show hostnames",
        "srun --overlap --nodes=4 --ntasks=4 --ntasks-per-node=1 --job-name=efakit-watch --mem=0 --mpi=none "
        f"--kill-on-bad-exit=0 --wait=0 --export=ALL /bin/sh {folder}/run-hook watch-node",
        "warn 10.1.2.3 10.1.2.4",
    ]


@pytest.mark.parametrize(
    ("name", "does", "why"),
    [
        (
            "srun",
            "echo srun: nothing >&2; echo srun: error: no step >&2; echo more >&2; exit 1",
            "srun: error: no step",
        ),
        ("srun", "exit 3", "srun ended with status 3"),
        ("scontrol", "exit 1", "no address of the job's nodes is known"),
        ("scontrol", "echo no.such.host.invalid", "no address of the job's nodes is known"),
    ],
)
def test_a_watch_that_cannot_start_says_so_in_one_line(node, name, does, why):
    folder = node.config.parent
    stand_in(folder, "scontrol", "echo 10.1.2.3")
    stand_in(folder, name, does)
    assert end(start(node, "watch")) == f"efakit: watch: {why}: nobody looks whether the ranks use EFA\n"


def test_a_connection_of_another_user_or_with_a_server_of_files_does_not_count():
    from efakit.node.connections import packed, read_connections

    with socket.create_server((ALONE, 0)) as listener, socket.create_connection(listener.getsockname()) as out:
        back = listener.accept()[0]
        back.sendall(b"x" * 1000)
        while len(out.recv(1000, socket.MSG_PEEK)) < 1000:
            pass
        peers = {packed(ALONE)}
        assert [carried[:2] for carried in read_connections(peers, os.getuid()).values()] == [(1, 1000)]
        assert read_connections(peers, os.getuid() + 1) == {}
        assert read_connections({packed("10.255.255.1")}, os.getuid()) == {}
        back.close()
