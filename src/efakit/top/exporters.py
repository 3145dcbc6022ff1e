"""Asks a node's exporter over HTTP, and reads its answer."""

from __future__ import annotations

import http.client
import math
import re
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from efakit.errors import UsageError
from efakit.exporter.tls import mutual_context
from efakit.finding import Place
from efakit.top.sample import EFA, TCP, Sample

_MOST_BYTES = 1 << 24
_SERIES = re.compile(r"([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)")
_LABEL = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"')
_ADDRESS = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9][A-Za-z0-9._-]*))(?::(\d{1,5}))?")
_ESCAPED = {"\\n": "\n", '\\"': '"', "\\\\": "\\"}


class Unreachable(Exception):
    """An exporter gave no answer that can be read; the text says why."""


class Certificates(NamedTuple):
    """What TLS needs: our certificate and key, who signs the exporters', and the name that stands in these."""

    certificate: Path
    key: Path
    authority: Path
    server_name: str | None = None


def context_of(certificates: Certificates) -> ssl.SSLContext:
    """Return the context for all connections; raise UsageError where a file is no use."""
    return mutual_context(ssl.PROTOCOL_TLS_CLIENT, *certificates[:3])


def host_and_port(text: str) -> tuple[str, int | None]:
    """Return host and port of ADDRESS[:PORT]; raise UsageError for another text."""
    found = _ADDRESS.fullmatch(text)
    if found is None or not 0 < int(found[3] or 1) <= 65535:
        raise UsageError(f"{text!r} is no ADDRESS[:PORT], such as n1, n1:9764 or [::1]:9764", Place("--exporter"))
    return found[1] or found[2], int(found[3]) if found[3] else None


class Exporter:
    """The exporter of one node."""

    def __init__(
        self, host: str, port: int, seconds: float, context: ssl.SSLContext | None, server_name: str | None
    ) -> None:
        self._host, self._port = host, port
        self._seconds = seconds
        self._context = context
        self._server_name = server_name

    def __call__(self) -> Sample:
        """Ask once; raise Unreachable."""
        began = time.monotonic()
        try:
            sent, text = self._text(began + self._seconds)
        except TimeoutError as error:
            raise Unreachable(f"no answer within {self._seconds:g} s") from error
        except ssl.SSLError as error:
            raise Unreachable(f"TLS: {error.reason or error}") from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Unreachable(getattr(error, "strerror", None) or str(error) or type(error).__name__) from error
        return sample_of(text, sent, time.monotonic())

    def _text(self, ends_at: float) -> tuple[float, str]:
        """Return when the question was sent, and the answer."""
        connection = http.client.HTTPConnection(self._host, self._port, timeout=self._seconds)
        try:
            connection.connect()
            if self._context is not None:
                name = self._server_name or self._host
                connection.sock = self._context.wrap_socket(connection.sock, server_hostname=name)
            sent = time.monotonic()
            connection.request("GET", "/metrics")
            answer = connection.getresponse()
            if answer.status != 200:
                raise Unreachable(f"it answers {answer.status} {answer.reason}")
            content = bytearray()
            while chunk := answer.read1(1 << 16):
                content += chunk
                if time.monotonic() > ends_at:
                    raise TimeoutError
                if len(content) > _MOST_BYTES:
                    raise Unreachable("it does not stop")
            return sent, content.decode()
        finally:
            connection.close()


def sample_of(text: str, sent: float, answered: float) -> Sample:
    """Return what the metrics of an exporter say; raise Unreachable where these are no metrics of EFA.

    The exporter read the counters at the beginning of a reading, which it says how long it took: a device that hangs
    holds the answer up for seconds.
    """
    values: dict[str, float] = {}
    devices: dict[str, dict[str, float]] = {}
    present: list[str] = []
    sums: dict[str, float] = {}
    tcp: dict[str, dict[str, float]] = {}
    jobs: list[str] = []
    efa = {f"efa_{name}_total": name for name in EFA}
    by_interface = {f"efa_node_tcp_{name}_total": name for name in TCP}
    for name, labels, value in _series(text):
        if name == "efa_device_read_success":
            present.append(labels.get("device", ""))
        elif name in efa and "device" in labels:
            devices.setdefault(labels["device"], {})[efa[name]] = value
        elif name in efa:
            sums[efa[name]] = value
        elif name in by_interface:
            tcp.setdefault(labels.get("interface", ""), {})[by_interface[name]] = value
        elif name == "efa_job_info":
            jobs.append(labels.get("job_id", ""))
        else:
            values[name] = value
    if "efa_scrape_success" not in values:
        raise Unreachable("it is no exporter of efakit's: it has no efa_scrape_success")
    if values["efa_scrape_success"] != 1:
        raise Unreachable("its node could not be read")
    found, expected = values.get("efa_devices_found"), values.get("efa_devices_expected")
    summed = "efa_devices_read" in values
    latest = max(sent, answered - values.get("efa_scrape_duration_seconds", 0.0))
    return Sample(
        (sent + latest) / 2,
        None if summed else devices,
        None if summed else tuple(sorted(present)),
        sums,
        tcp,
        None if found is None else int(found),
        None if expected is None else int(expected),
        values.get("efa_line_rate_bytes_per_second"),
        tuple(jobs),
        within=(latest - sent) / 2,
    )


def _series(text: str) -> Iterator[tuple[str, dict[str, str], float]]:
    for line in text.split("\n"):  # a label may hold what else ends a line
        match = None if line.startswith("#") else _SERIES.fullmatch(line)
        if match is None:
            continue
        labels = {name: re.sub(r"\\.", _unescaped, value) for name, value in _LABEL.findall(match[2] or "")}
        try:
            value = float(match[3])
        except ValueError:
            continue
        if math.isfinite(value):  # no counter or number of devices is NaN or infinite
            yield match[1], labels, value


def _unescaped(found: re.Match[str]) -> str:
    return _ESCAPED.get(found[0], found[0])
