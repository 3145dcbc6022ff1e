"""Serves a node's metrics over HTTP, or writes them for node_exporter's textfile collector."""

from __future__ import annotations

import ipaddress
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any, NamedTuple
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.registry import Collector

from efakit.errors import UsageError
from efakit.exporter.text import CONTENT_TYPE, text_of
from efakit.exporter.textfile import replace_file
from efakit.exporter.tls import mutual_context
from efakit.finding import Place


class Certificates(NamedTuple):
    """What TLS needs: the server's own certificate and key, and who signs the clients' certificates."""

    certificate: Path
    key: Path
    client_authority: Path


def registry_of(collector: Collector) -> CollectorRegistry:
    """Return a registry that holds this collector alone."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(collector)
    return registry


def server_for(collector: Collector, address: str, port: int, certificates: Certificates | None) -> WSGIServer:
    """Return a server of metrics that listens already; port 0 is a free one.

    Raises UsageError where the address is not this machine's own and there are no certificates, where a certificate
    cannot be used, or where the port cannot be had.
    """
    if not _is_known(address):
        raise UsageError(
            f"{address!r} is no IP address, and no name that this machine can resolve: "
            "give ADDRESS:PORT, such as 127.0.0.1:9764",
            Place("--listen"),
        )
    if certificates is None and not _is_loopback(address):
        raise UsageError(
            f"{address} can be reached from other machines, and nothing tells who asks: "
            "give --cert, --key and --client-ca, or listen on 127.0.0.1",
            Place("--listen"),
        )
    context = _context(certificates) if certificates else None
    try:
        server = make_server(address, port, _app(collector), _server_class(address), _Silent)
    except OSError as error:
        reason = error.strerror or str(error)
        raise UsageError(f"cannot listen on {address}, port {port}: {reason}", Place("--listen")) from error
    if context is not None:
        # The handshake is each connection's own, in its thread: one that never speaks holds nobody else up.
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    return server


def _app(collector: Collector) -> Callable[[dict[str, Any], Callable[..., Any]], Any]:
    # Plain text: OpenMetrics takes twice the time to write, and packing it as much again as reading the node.
    def text(environ: dict[str, Any], start: Callable[..., Any]) -> Any:
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            start("405 Method Not Allowed", [("Allow", "GET, HEAD"), ("Content-Length", "0")])
            return [b""]
        if environ["PATH_INFO"] == "/favicon.ico":
            start("200 OK", [("Content-Length", "0")])
            return [b""]
        content = text_of(collector.collect())
        start("200 OK", [("Content-Type", CONTENT_TYPE), ("Content-Length", str(len(content)))])
        return [content]

    return text


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    request_queue_size = 16

    def server_bind(self) -> None:
        # Not by the name of the host: a name service that does not answer would hold the start up.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])
        self.setup_environ()

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: whoever breaks off, or has no certificate, is no fault of the exporter."""


class _Server6(_Server):
    address_family = socket.AF_INET6


def _server_class(address: str) -> type[_Server]:
    return _Server6 if ":" in address else _Server


class _Silent(WSGIRequestHandler):
    timeout = 30

    def log_message(self, *arguments: object) -> None:
        """Say nothing: Prometheus asks every few seconds."""

    def address_string(self) -> str:
        return str(self.client_address[0])


def _context(certificates: Certificates) -> ssl.SSLContext:
    return mutual_context(ssl.PROTOCOL_TLS_SERVER, *certificates)


def write_textfile(collector: Collector, path: Path) -> None:
    """Write the metrics to a file that is there whole or not at all; raise UsageError where it cannot be written."""
    if path.suffix != ".prom":
        raise UsageError("node_exporter reads files named *.prom only", Place(str(path)))
    try:
        replace_file(path, generate_latest(registry_of(collector)))
    except OSError as error:
        raise UsageError(f"cannot be written: {error.strerror}", Place(str(path))) from error


def _is_known(address: str) -> bool:
    try:
        socket.getaddrinfo(address, None)
    except (OSError, UnicodeError):
        return False
    return True


def _is_loopback(address: str) -> bool:
    if address == "localhost":
        return True
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
