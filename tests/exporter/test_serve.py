"""Who may ask the exporter, and what its command says of wrong input."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import threading
from http.client import HTTPSConnection
from pathlib import Path

import pytest
from click.testing import CliRunner

from efakit.cli.main import efakit
from efakit.errors import UsageError
from efakit.exporter.assets import ASSETS, asset
from efakit.exporter.metrics import NodeCollector
from efakit.exporter.reading import Reader
from efakit.exporter.serve import Certificates, server_for
from efakit.hook.settings import Settings
from tests.lab import efa_tree

pytestmark = pytest.mark.thorough

TYPE = "p4d.24xlarge"


@pytest.fixture
def config(tmp_path) -> Path:
    efa_tree.write_node(tmp_path / "root", TYPE)
    file = tmp_path / "hook.json"
    file.write_text(json.dumps({"root": str(tmp_path / "root"), "tcp_interfaces": []}))
    return file


def call(*arguments: object):
    return CliRunner().invoke(efakit, ["exporter", *map(str, arguments)], standalone_mode=False)


def refused(*arguments: object) -> UsageError:
    result = call(*arguments)
    assert isinstance(result.exception, UsageError), result.output
    return result.exception


@pytest.fixture(scope="module")
def keys(tmp_path_factory) -> Path:
    """An authority, what it signed for server and client, and a stranger's certificate."""
    folder = tmp_path_factory.mktemp("keys")

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    for name in ("authority", "stranger"):
        new = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", f"/CN={name}"]
        openssl(*new, "-keyout", f"{name}.key", "-out", f"{name}.pem")
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1\n")
    for name in ("server", "client"):
        openssl(
            "req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", "request"
        )
        signed = ["-CA", "authority.pem", "-CAkey", "authority.key", "-CAcreateserial", "-days", "1"]
        openssl("x509", "-req", "-in", "request", *signed, "-extfile", "names", "-out", f"{name}.pem")
    return folder


@pytest.fixture
def port(tmp_path, config, keys):
    reader = Reader(Settings(root=str(tmp_path / "root"), tcp_interfaces=[]), "n1", 20, {TYPE: 4})
    collector = NodeCollector(reader.read, lambda name: None, device_detail=True)
    server = server_for(
        collector, "127.0.0.1", 0, Certificates(keys / "server.pem", keys / "server.key", keys / "authority.pem")
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def ask(port: int, keys: Path, client: str | None) -> str:
    context = ssl.create_default_context(cafile=str(keys / "authority.pem"))
    if client:
        context.load_cert_chain(keys / f"{client}.pem", keys / f"{client}.key")
    connection = HTTPSConnection("127.0.0.1", port, context=context, timeout=60)
    try:
        connection.request("GET", "/metrics")
        return connection.getresponse().read().decode()
    finally:
        connection.close()


def test_whom_the_authority_has_signed_is_served(port, keys):
    assert "efa_tx_bytes_total{" in ask(port, keys, "client")


def test_top_asks_by_tls_and_tells_a_stranger_what_failed(port, keys):
    def asked(client: str, *more: str):
        files = ("--cert", keys / f"{client}.pem", "--key", keys / f"{client}.key", "--ca", keys / "authority.pem")
        command = ["top", "--once", "--format", "json", "--interval", "0.2", "--exporter", f"127.0.0.1:{port}"]
        done = CliRunner().invoke(efakit, [*command, *map(str, files), *more], standalone_mode=False)
        (node,) = json.loads(done.stdout)["nodes"]
        return node

    found = asked("client")
    assert (found["error"], found["devices_found"], found["efa_tx_bytes_per_second"]) == (None, 4, 0)
    assert asked("stranger")["error"]
    assert "TLS: " in asked("client", "--server-name", "another")["error"]


@pytest.mark.parametrize("client", [None, "stranger"])
def test_who_has_no_certificate_or_a_stranger_s_is_refused(port, keys, client):
    with pytest.raises(OSError, match=r"(?i)alert|reset|closed|EOF"):
        ask(port, keys, client)
    assert "efa_tx_bytes_total{" in ask(port, keys, "client")


def test_who_connects_and_never_speaks_holds_nobody_else_up(port, keys):
    with socket.create_connection(("127.0.0.1", port)):
        assert "efa_tx_bytes_total{" in ask(port, keys, "client")


@pytest.mark.parametrize("address", ["0.0.0.0:0", "[::]:0", "192.0.2.1:9764"])
def test_where_other_machines_can_ask_certificates_are_wanted(config, address):
    assert "give --cert, --key and --client-ca" in str(refused("--config", config, "--listen", address))


@pytest.mark.parametrize("address", ["127.0.0.1:65536", "127.0.0.1:x", "::1:9764", "127.0.0.1:9764:1", "[::1"])
def test_what_is_no_address_is_refused(config, address):
    assert "is no ADDRESS:PORT" in str(refused("--config", config, "--listen", address))


def test_a_name_that_is_none_is_not_said_to_be_reachable(config):
    said = str(refused("--config", config, "--listen", "non.sense.invalid"))
    assert "'non.sense.invalid' is no IP address" in said
    assert "can be reached" not in said


def test_a_port_that_is_taken_is_named(config):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        assert f"cannot listen on 127.0.0.1, port {taken}" in str(
            refused("--config", config, "--listen", f"127.0.0.1:{taken}")
        )


def test_certificates_that_are_no_use_are_named(config, keys, tmp_path):
    def with_files(cert: object, key: object, authority: object) -> str:
        files = ("--cert", cert, "--key", key, "--client-ca", authority)
        return str(refused("--config", config, "--listen", "127.0.0.1:0", *files))

    right = keys / "server.pem", keys / "server.key", keys / "authority.pem"
    none = tmp_path / "none.pem"
    (tmp_path / "text.pem").write_text("no certificate\n")
    for place in range(3):
        assert f"{none}: cannot be read: No such file" in with_files(*right[:place], none, *right[place + 1 :])
    assert "no certificate" in with_files(tmp_path / "text.pem", *right[1:])
    assert "not that of" in with_files(right[0], keys / "client.key", right[2])
    assert f"{tmp_path / 'text.pem'}: no certificate" in with_files(*right[:2], tmp_path / "text.pem")
    assert "go together" in str(refused("--config", config, "--cert", right[0]))


@pytest.mark.parametrize("content", ["{", "[]", '{"tcp_interfaces": 7}', None])
def test_settings_that_are_not_in_force_are_refused(tmp_path, content):
    """They would leave series out, and nobody would see that they are missing (NVIDIA/NVSentinel #1529)."""
    file = tmp_path / "hook.json"
    if content is not None:
        file.write_text(content)
    assert str(refused("--config", file, "--textfile", tmp_path / "x.prom")).count(str(file)) == 1
    assert not (tmp_path / "x.prom").exists()


def test_a_textfile_is_there_whole_or_not_at_all(tmp_path, config):
    assert call("--config", config, "--textfile", tmp_path / "efa.prom").exit_code == 0
    assert "efa_tx_bytes_total{" in (tmp_path / "efa.prom").read_text()
    assert "*.prom only" in str(refused("--config", config, "--textfile", tmp_path / "efa.txt"))
    assert "cannot be written" in str(refused("--config", config, "--textfile", tmp_path / "none/efa.prom"))


def test_the_assets_are_written_and_nothing_else_is_overwritten(tmp_path):
    folder = tmp_path / "new/metrics"
    for _ in range(2):
        result = call("--assets", folder)
        assert result.exit_code == 0, result.output
        assert {file.name: file.read_text() for file in folder.iterdir()} == {name: asset(name) for name in ASSETS}
    (folder / "efa.rules.yml").write_text("mine\n")
    (folder / "efa.dashboard.json").unlink()
    assert "is there, with another text" in str(refused("--assets", folder))
    assert not (folder / "efa.dashboard.json").exists()
    assert "cannot be written" in str(refused("--assets", folder / "efa.rules.yml"))
