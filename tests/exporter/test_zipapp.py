"""efakit-exporter.pyz: one file that a bare Python runs on a compute node, with prometheus-client in it."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zipfile
from http.client import HTTPConnection
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from efakit.emit.exporter_archive import exporter_archive
from efakit.errors import UsageError
from tests.hook.pythons import found_pythons
from tests.lab import efa_tree

pytestmark = pytest.mark.thorough

TYPE, DEVICES = "p5.48xlarge", 32


@pytest.fixture(scope="module")
def program(tmp_path_factory) -> Path:
    file = tmp_path_factory.mktemp("exporter") / "efakit-exporter.pyz"
    file.write_bytes(exporter_archive())
    return file


@pytest.fixture(scope="module")
def config(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("node")
    efa_tree.write_node(folder / "root", TYPE)
    (folder / "hook.json").write_text(json.dumps({"root": str(folder / "root"), "tcp_interfaces": []}))
    return folder / "hook.json"


def run(python: str, program: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the file as a node does: nothing in the environment, nothing of ours to import."""
    command = [python, "-I", program, *map(str, arguments)]
    return subprocess.run(command, env={}, cwd="/", capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("python", sorted(map(str, found_pythons().values())))
def test_a_bare_python_writes_the_metrics(program, config, tmp_path, python):
    # prometheus-client imports it; a Python of another release finds no OpenSSL of its own on this machine.
    if subprocess.run([python, "-I", "-c", "import ssl"], capture_output=True).returncode:
        pytest.skip(f"{python} cannot import its own ssl here, which prometheus-client needs")
    done = run(python, program, "--config", config, "--textfile", tmp_path / "efa.prom")
    assert (done.returncode, done.stderr) == (0, "")
    text = (tmp_path / "efa.prom").read_text()
    assert text.count("\nefa_tx_bytes_total{") == DEVICES
    assert f"\nefa_devices_expected {DEVICES}.0\n" in text
    assert "\nefa_line_rate_bytes_per_second 4e+11\n" in text


def test_it_serves_until_it_is_ended(program, config):
    command = [sys.executable, "-I", program, "--config", config, "--listen", "127.0.0.1:0"]
    with subprocess.Popen(command, env={}, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        address = process.stderr.readline().rpartition("http://")[2].partition("/")[0]
        connection = HTTPConnection(address, timeout=60)
        connection.request("GET", "/metrics")
        assert b"efa_devices_found 32\n" in connection.getresponse().read()
        connection.close()
        process.terminate()
        assert process.wait() == -15
        assert process.stderr.read() == ""


def test_what_is_wrong_is_said_in_a_line_and_its_path_once(program, tmp_path):
    missing = tmp_path / "hook.json"
    for arguments, said in (
        (("--config", missing), f"{missing}: No such file"),
        (("--listen", "0.0.0.0:0"), "give --cert, --key and --client-ca"),
        (("--cert", missing), "go together"),
    ):
        done = run(sys.executable, program, *arguments)
        assert done.returncode == 2
        assert said in done.stderr
        assert done.stderr.count("\n") == 1
        assert done.stderr.count(str(missing)) <= 1


def test_it_is_the_same_file_whatever_makes_it(program):
    script = "import sys; from efakit.emit.exporter_archive import exporter_archive as a; sys.stdout.buffer.write(a())"
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "TZ": f"UTC{seed}"}
        done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, check=True)
        assert done.stdout == program.read_bytes()


def test_it_has_the_library_with_its_license_and_no_server_of_another_framework(program):
    names = zipfile.ZipFile(io.BytesIO(program.read_bytes())).namelist()
    assert {"prometheus_client/core.py", "prometheus_client/LICENSE", "prometheus_client/NOTICE"} <= set(names)
    assert not [name for name in names if "twisted" in name or "click" in name or "/cli/" in name]


def test_without_the_library_it_is_said_what_to_install(monkeypatch):
    def none(name: str) -> None:
        raise PackageNotFoundError(name)

    monkeypatch.setattr("importlib.metadata.distribution", none)
    with pytest.raises(UsageError, match=r"pip install 'efakit\[exporter\]'"):
        exporter_archive()
