"""``efakit top`` against real exporters on loopback and this node's own counters: a folder tree that moves."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import shlex
import signal
import socket
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import efakit.slurm.lookup
from efakit.catalog import instances
from efakit.cli.main import efakit as command
from efakit.errors import UsageError
from efakit.exporter.metrics import NodeCollector
from efakit.exporter.reading import Reader
from efakit.exporter.serve import server_for
from efakit.hook.settings import Settings
from efakit.slurm.job import SlurmAnswer, SlurmJob
from efakit.top.exporters import Exporter
from efakit.top.watch import Watched
from tests.cli.running import COMMAND
from tests.lab import efa_tree

pytestmark = pytest.mark.thorough

TYPE, DEVICES = "p4d.24xlarge", 4
_NEVER_SECONDS = 60


class Tree:
    """A node's folder tree, whose counters ``move`` sets: device K sends K + 1 times and receives twice that."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "root"
        efa_tree.write_node(self.root, TYPE)
        statistics = self.root / "sys/class/net/eth0/statistics"
        statistics.mkdir(parents=True)
        for name in ("tx_bytes", "rx_bytes", "tx_packets", "rx_packets"):
            (statistics / name).write_text("11\n")
        self.names = sorted(path.name for path in (self.root / "sys/class/infiniband").iterdir())
        self.config = folder / "hook.json"
        self.config.write_text(json.dumps({"root": str(self.root), "tcp_interfaces": ["eth0"]}))
        self._stop = threading.Event()
        self._mover: threading.Thread | None = None

    def file(self, device: str, counter: str) -> Path:
        return self.root / "sys/class/infiniband" / device / "ports/1/hw_counters" / counter

    def move(self, value: int) -> None:
        for number, name in enumerate(self.names, 1):
            self._put(self.file(name, "tx_bytes"), value * number)
            self._put(self.file(name, "rx_bytes"), 2 * value * number)

    def _put(self, file: Path, value: int) -> None:
        # By rename: no reader sees half of it.
        new = file.with_name("lifespan")
        new.write_text(f"{value}\n")
        new.replace(file)

    def start(self) -> None:
        """Move on and on."""

        def work() -> None:
            began = time.monotonic()
            while not self._stop.wait(0.02):
                self.move(int((time.monotonic() - began) * 1e9))

        self._mover = threading.Thread(target=work)
        self._mover.start()

    def stop(self) -> None:
        self._stop.set()
        if self._mover is not None:
            self._mover.join()


@pytest.fixture
def tree(tmp_path) -> Iterator[Tree]:
    made = Tree(tmp_path)
    yield made
    made.stop()


@pytest.fixture
def serve() -> Iterator[Any]:
    """Start a real exporter of a tree; return its address."""
    started = []

    def start(tree: Tree, *, detail: bool = True) -> str:
        settings = Settings(root=str(tree.root), tcp_interfaces=["eth0"], spool_dir=str(tree.root / "none"))
        reader = Reader(settings, "n1", 20, instances.efa_table())
        collector = NodeCollector(reader.read, instances.bytes_per_second, device_detail=detail)
        server = server_for(collector, "127.0.0.1", 0, None)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        started.append((server, reader))
        return f"127.0.0.1:{server.server_port}"

    yield start
    for server, reader in started:
        server.shutdown()
        server.server_close()
        reader.close()


@pytest.fixture
def hung() -> Iterator[str]:
    """The address of an exporter that takes a question and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


def top(*arguments: object) -> Any:
    return CliRunner().invoke(command, ["top", *map(str, arguments)], standalone_mode=False)


def nodes(*arguments: object) -> list[dict[str, Any]]:
    result = top("--once", "--format", "json", *arguments)
    assert result.exception is None, result.exception
    return json.loads(result.stdout)["nodes"]


def test_each_device_s_rate_is_what_its_counters_moved(tree, serve):
    tree.move(10**9)
    host, _, port = serve(tree).partition(":")
    looks = []
    ask = Exporter(host, int(port), _NEVER_SECONDS, None, None)

    def look() -> Any:
        looks.append(ask())
        return looks[-1]

    watched = Watched("n1", look)
    for value in (10**9, 3 * 10**9):
        tree.move(value)
        watched.ask()
        assert watched.idle.wait(_NEVER_SECONDS)
    found = watched.rates(_NEVER_SECONDS)
    seconds = looks[1].at - looks[0].at
    assert [round(device.tx * seconds) for device in found.devices] == [2 * 10**9 * k for k in (1, 2, 3, 4)]
    assert [round(device.rx * seconds) for device in found.devices] == [4 * 10**9 * k for k in (1, 2, 3, 4)]
    assert round(found.tx * seconds) == 2 * 10**10
    assert (found.found, found.expected, found.line_rate, found.tcp_tx) == (4, 4, 5e10, 0)


def test_once_tells_all_nodes_and_one_that_hangs_or_refuses_costs_its_own_row(tree, serve, hung):
    tree.start()
    one, sums = serve(tree), serve(tree, detail=False)
    # Nobody listens at the port of a socket that is bound only.
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        closed = f"127.0.0.1:{bound.getsockname()[1]}"
        listed = [item for address in (one, hung, sums, closed) for item in ("--exporter", address)]
        found = nodes("--interval", "1", "--timeout", "3", *listed)
    assert [node["node"] for node in found] == [one, hung, sums, closed]
    assert [node["error"] is None for node in found] == [True, False, True, False]
    assert "no answer" in found[1]["error"]
    assert "refused" in found[3]["error"]
    assert found[1]["efa_tx_bytes_per_second"] is None
    assert [device["efa_tx_bytes_per_second"] > 0 for device in found[0]["devices"]] == [True] * DEVICES
    assert found[0]["efa_tx_bytes_per_second"] > 0 < found[2]["efa_tx_bytes_per_second"]
    assert found[2]["devices"] == []


def test_this_node_s_own_counters_need_no_exporter_and_text_is_plain_and_narrow(tree):
    tree.start()
    result = top("--once", "--interval", "0.2", "--config", tree.config)
    assert result.exception is None
    lines = result.stdout.splitlines()
    assert lines[0].startswith("efakit top: this node")
    assert {name for name in tree.names for line in lines if f"{name} " in line} == set(tree.names)
    assert "4/4" in result.stdout
    assert "\x1b" not in result.stdout
    assert max(map(len, lines)) <= 80


def test_a_device_that_cannot_be_read_is_unknown_and_its_node_is_at_least_the_others(tree):
    tree.start()
    first = tree.names[0]
    tree.names = tree.names[1:]
    tree.file(first, "tx_bytes").unlink()
    tree.file(first, "tx_bytes").write_text("?\n")
    (node,) = nodes("--interval", "0.2", "--config", tree.config)
    assert [device["efa_tx_bytes_per_second"] is None for device in node["devices"]] == [True] + [False] * 3
    assert node["efa_tx_bytes_per_second"] is None
    assert node["read_devices_tx_bytes_per_second"] > 0


def test_where_nothing_is_known_of_any_node_the_exit_code_says_so(hung):
    done = top("--once", "--interval", "0.2", "--timeout", "0.3", "--exporter", hung)
    assert done.return_value == 1 or done.exit_code == 1
    assert "no answer" in done.stdout


def test_a_job_s_nodes_come_from_slurm(monkeypatch):
    job = SlurmJob(7, "train", "RUNNING", 60, "127.0.0.[1-2]", 0, "gpu", "me", None, "squeue")
    monkeypatch.setattr(efakit.slurm.lookup, "find_job", lambda text: SlurmAnswer(job, ()))
    result = top("7", "--once", "--interval", "0.2", "--port", "1", "--format", "json")
    assert [node["node"] for node in json.loads(result.stdout)["nodes"]] == ["127.0.0.1", "127.0.0.2"]
    waiting = SlurmJob(7, "train", "PENDING", 0, "", 0, "gpu", "me", None, "squeue")
    monkeypatch.setattr(efakit.slurm.lookup, "find_job", lambda text: SlurmAnswer(waiting, ()))
    assert "job 7 has no nodes: PENDING" in str(top("7", "--once").exception)
    monkeypatch.setattr(efakit.slurm.lookup, "find_job", lambda text: SlurmAnswer(None, (), "Slurm is away"))
    assert "Slurm is away; --nodes LIST" in str(top("7", "--once").exception)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "this is no terminal: add --once"),
        (("--format", "json"), "needs --once"),
        (("--once", "7", "--nodes", "n1"), "one of them"),
        (("--once", "--nodes", "n[1-"), "is not a node list"),
        (("--once", "--nodes", "n[1-9999]"), "at most 4096"),
        (("--once", "--nodes", "n1", "--cert", "a.pem"), "go together"),
        (("--once", "--ca", "a.pem"), "are for exporters"),
        (("--once", "--config", "/none/hook.json"), "/none/hook.json: No such file"),
    ],
)
def test_what_cannot_be_is_refused(arguments, said):
    exception = top(*arguments).exception
    assert said in str(exception)
    assert str(exception).count("/none/hook.json") <= 1
    assert getattr(exception, "exit_code", None) == 2


def test_certificates_that_are_no_use_are_named(tmp_path):
    (tmp_path / "a.pem").write_text("none\n")
    files = [item for name in ("--cert", "--key", "--ca") for item in (name, tmp_path / "a.pem")]
    with pytest.raises(UsageError, match="no certificate"):
        raise top("--once", "--nodes", "n1", *files).exception


class Terminal:
    """A terminal of 80 columns and 24 lines, in which ``efakit top`` runs."""

    def __init__(self, *arguments: object, command: Sequence[str] = (*COMMAND, "top")) -> None:
        self.ours, self.its = pty.openpty()
        fcntl.ioctl(self.its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.before = termios.tcgetattr(self.its)
        environment = {**os.environ, "TERM": "xterm"}
        for name in ("COLUMNS", "LINES", "NO_COLOR"):
            environment.pop(name, None)
        self.process = subprocess.Popen(
            [*command, *map(str, arguments)],
            stdin=self.its,
            stdout=self.its,
            stderr=self.its,
            env=environment,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        self.seen = b""

    def wait_for(self, text: bytes) -> None:
        """Read until the terminal has shown a text."""
        until = time.monotonic() + _NEVER_SECONDS
        while text not in self.seen:
            ready, _, _ = select.select([self.ours], [], [], max(0, until - time.monotonic()))
            assert ready, self.seen
            self.seen += os.read(self.ours, 1 << 16)

    def type(self, keys: bytes) -> None:
        os.write(self.ours, keys)

    def end(self) -> int:
        """Read on until the program has ended; return its exit code."""
        self.wait_for(b"\x1b[?1049l")  # the screen as it was before
        code = self.process.wait(_NEVER_SECONDS)
        assert termios.tcgetattr(self.its) == self.before
        behind = self.seen.rpartition(b"\x1b[?1049l")[2]
        assert b"\x1b[?25h".startswith(behind)  # it may come in parts
        return code

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.ours)
        os.close(self.its)


@pytest.fixture
def terminal() -> Iterator[Any]:
    made = []

    def start(*arguments: object, **options: Any) -> Terminal:
        made.append(Terminal(*arguments, **options))
        return made[-1]

    yield start
    for one in made:
        one.close()


@pytest.mark.parametrize(("how", "code"), [("q", 0), ("ctrl-c", 0), ("sigterm", 143)])
def test_it_quits_and_leaves_the_terminal_as_it_was(tree, terminal, hung, how, code):
    tree.start()
    one = terminal("--config", tree.config, "--interval", "0.2") if how == "q" else terminal("--exporter", hung)
    one.wait_for(b"q quits")
    if how == "sigterm":
        one.process.send_signal(signal.SIGTERM)
    else:
        one.type({"q": b"q", "ctrl-c": b"\x03"}[how])
    assert one.end() == code


def screens(seen: bytes) -> list[str]:
    """Return which screen a terminal was told to show, one after the other."""
    return [name.decode() for name in re.findall(rb"\x1b\[\?1049([hl])", seen)]


@pytest.mark.parametrize("sent", ["ctrl-z", "sigstop"])
def test_a_stopped_top_leaves_its_screen_and_shows_it_again_once_continued(tree, terminal, sent):
    tree.start()
    # A shell with job control, as people have one.
    shell = terminal("--norc", "--noprofile", "-i", command=("bash",))
    line = shlex.join([*COMMAND, "top", "--config", str(tree.config), "--interval", "0.2"])
    shell.type(f"PS1='$ '; {line}\r".encode())
    shell.wait_for(b"q quits")
    shell.seen = b""
    if sent == "ctrl-z":
        shell.type(b"\x1a")
    else:
        os.kill(os.tcgetpgrp(shell.ours), signal.SIGSTOP)
    shell.wait_for(b"Stopped")
    # What stops a program without asking it leaves no time to tidy up.
    assert screens(shell.seen) == (["l"] if sent == "ctrl-z" else [])
    shell.seen = b""
    shell.type(b"echo typ''ed; fg; echo end $?\r")
    shell.wait_for(b"q quits")
    assert b"typed" in shell.seen
    assert screens(shell.seen)[-1:] == ["h"]
    shell.type(b"q")
    shell.wait_for(b"end 0")
    assert screens(shell.seen)[-2:] == ["h", "l"]
    shell.type(b"exit\r")
    shell.process.wait(_NEVER_SECONDS)
    assert termios.tcgetattr(shell.its) == shell.before


def test_continued_in_the_background_it_waits_for_the_foreground(tree, terminal):
    tree.start()
    shell = terminal("--norc", "--noprofile", "-i", command=("bash",))
    line = shlex.join([*COMMAND, "top", "--config", str(tree.config), "--interval", "0.2"])
    shell.type(f"PS1='$ '; {line}\r".encode())
    shell.wait_for(b"q quits")
    shell.type(b"\x1a")
    shell.wait_for(b"Stopped")
    shell.seen = b""
    shell.type(b"bg; wait %1; jobs; echo sta''te\r")
    shell.wait_for(b"state")
    assert screens(shell.seen) == []
    shell.seen = b""
    shell.type(b"fg\r")
    shell.wait_for(b"q quits")
    assert screens(shell.seen) == ["h"]
    shell.type(b"q")
    shell.wait_for(b"\x1b[?1049l")
    shell.type(b"exit\r")
    assert shell.process.wait(_NEVER_SECONDS) == 0


def test_keys_show_devices_and_a_hung_exporter_costs_its_own_row(tree, serve, terminal, hung):
    tree.start()
    one = serve(tree)
    shown = terminal("--exporter", one, "--exporter", hung, "--interval", "0.2", "--timeout", "0.5")
    shown.wait_for(f"{hung}: no answer".encode())
    shown.wait_for(b"B/s")
    # Sorted by name, and either may be first.
    shown.type(b"d")
    shown.type(b"k" if one < hung else b"j")
    shown.wait_for(tree.names[-1].encode())
    shown.type(b"q")
    assert shown.end() == 0


def test_more_nodes_than_this_user_may_have_connections_are_refused():
    """Else nodes would be said not to answer, where it is this process that may not ask."""
    few = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))\n"
    argv = [sys.executable, "-c", few + COMMAND[-1], "top", "--once", "--nodes", "n[1-60]", "--interval", "0.2"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (
        2,
        "efakit: 60 nodes need as many connections, and this user may have 36: raise the limit (ulimit -n), or name "
        "fewer by --nodes\n",
    )
