"""What the judges take from this machine and leave on it: nothing."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from efakit.errors import UsageError
from efakit.vendor.child import Child, ChildError
from efakit.vendor.isolated_environment import isolated_environment
from efakit.vendor.pcluster_process import PclusterProcess
from efakit.vendor.simulated_account import Judge, MotoServer, server
from tests.pcluster.simulated import Account, config, text


def eventually(condition: Callable[[], bool], seconds: float = 15.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return condition()


def alive(pid: int) -> bool:
    """Whether the process exists and is no zombie that waits for its parent."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True).stdout.strip()
    return bool(state) and not state.startswith("Z")


def answers(endpoint: str) -> bool:
    address = urlsplit(endpoint)
    try:
        socket.create_connection((str(address.hostname), int(address.port or 0)), timeout=10).close()
    except ConnectionRefusedError:
        return False
    return True


def test_environment_has_no_credentials_and_no_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ROLE_ARN", "AWS_ENDPOINT_URL_EC2", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "the-users-own")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "the-users-own")
    monkeypatch.setenv("PYTHONPATH", "src")
    environment = isolated_environment(tmp_path)
    assert "the-users-own" not in environment.values()
    assert environment["AWS_CONFIG_FILE"] == environment["AWS_SHARED_CREDENTIALS_FILE"] == "/dev/null"
    assert environment["HOME"] == str(tmp_path)
    assert environment["PYTHONPATH"] == str(Path("src").resolve())
    proxy = urllib.request.ProxyHandler({"https": environment["https_proxy"]})
    with pytest.raises(urllib.error.URLError, match="refused"):  # at once, where a firewall would let it wait
        urllib.request.build_opener(proxy).open("https://aws.amazon.com", timeout=5)


@pytest.mark.pcluster
def test_judge_changes_nothing_in_the_process_that_asks(judge: Judge, account: Account) -> None:
    before = dict(os.environ)
    modules = {"moto", "pcluster"} & set(sys.modules)
    assert judge.dry_run(text(config(account)), account.simulated).accepted
    assert dict(os.environ) == before
    assert {"moto", "pcluster"} & set(sys.modules) == modules


@pytest.mark.pcluster
def test_server_is_gone_when_its_context_ends(moto_server: MotoServer, account: Account) -> None:
    with MotoServer(account.simulated) as second:  # beside the one of the session
        assert second.endpoint.startswith("http://127.0.0.1:")
        assert second.endpoint != moto_server.endpoint
        assert answers(second.endpoint)
        folder, process = second._home, second._child._process
    assert not answers(second.endpoint)
    assert process.returncode is not None
    assert not folder.exists()


@pytest.mark.pcluster
def test_server_ends_with_a_parent_that_is_killed(moto_server: MotoServer) -> None:
    parent = subprocess.run(
        [sys.executable, "-c", _DIES_WITHOUT_CLEANING_UP], capture_output=True, text=True, timeout=60
    )
    pid, folder = parent.stdout.split()
    try:
        assert eventually(lambda: not alive(int(pid)))
    finally:
        subprocess.run(["rm", "-rf", folder], check=True)


_DIES_WITHOUT_CLEANING_UP = """
import os
from efakit.vendor.simulated_account import MotoServer, SimulatedAccount
server = MotoServer(SimulatedAccount()).__enter__()
print(server._child._process.pid, server._home, flush=True)
os._exit(0)
"""


@pytest.mark.pcluster
def test_a_process_that_is_not_needed_is_gone_at_once_with_its_folder() -> None:
    with PclusterProcess() as process:  # it imports still
        running, folder = process._child._process, Path(process._folder.name)
        assert folder.exists()
    assert running.returncode == -signal.SIGKILL
    assert not folder.exists()
    process.end()


@pytest.mark.pcluster
def test_a_judge_takes_a_process_that_was_started_before_and_kills_it(account: Account) -> None:
    process = PclusterProcess()
    with Judge(process) as judge:
        assert judge.dry_run(text(config(account)), account.simulated).accepted
        running = process._child._process
        assert running.poll() is None
    assert running.wait(timeout=60) == -signal.SIGKILL
    process.end()
    assert not Path(process._folder.name).exists()


@pytest.mark.pcluster
def test_config_that_is_not_there_is_an_error(moto_server: MotoServer, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no-such-file"):
        moto_server.dry_run(tmp_path / "no-such-file.yaml")


@pytest.mark.pcluster
def test_pcluster_without_a_answer_is_an_error(
    moto_server: MotoServer, account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "cluster.yaml"
    path.write_text(text(config(account)), encoding="utf-8")
    monkeypatch.setattr(server, "SUPPRESSED_VALIDATORS", ("--no-such-option",))
    with pytest.raises(UsageError, match=r"(?s)no answer.*usage:"):
        moto_server.dry_run(path)


def test_child_that_dies_is_an_error_with_what_it_printed(tmp_path: Path) -> None:
    child = Child("efakit.no_such_module", isolated_environment(tmp_path), tmp_path)
    for _ in range(2):
        with pytest.raises(ChildError, match=r"(?s)died.*No module named"):
            child.ask({}, timeout_seconds=30)


def test_child_that_hangs_is_killed(tmp_path: Path) -> None:
    (tmp_path / "hangs.py").write_text("import time\ntime.sleep(600)\n", encoding="utf-8")
    child = Child("hangs", isolated_environment(tmp_path), tmp_path)
    with pytest.raises(ChildError, match=r"no answer in 0\.2 s"):
        child.ask({}, timeout_seconds=0.2)
    assert child._process.returncode is not None
