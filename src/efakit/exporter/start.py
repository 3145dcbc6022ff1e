"""Starts the exporter: what ``efakit exporter`` and efakit-exporter.pyz, which nodes have, share. Python 3.9."""

from __future__ import annotations

import gc
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from efakit.errors import UsageError
from efakit.exporter.metrics import NodeCollector
from efakit.exporter.reading import Reader
from efakit.exporter.serve import Certificates, server_for, write_textfile
from efakit.finding import Place
from efakit.hook.settings import Settings, load_settings

_LISTEN = re.compile(r"(?:(?P<bracketed>\[[^\]]+\])|(?P<host>[^:\[\]]*))(?::(?P<port>\d{1,5}))?")
_DEFAULT_PORT = 9764
_SECONDS = 5.0
DEFAULT_LISTEN = f"127.0.0.1:{_DEFAULT_PORT}"


@dataclass(frozen=True)
class Asked:
    """What the command line asks for; see the commands' help."""

    listen: str = DEFAULT_LISTEN
    cert: Path | None = None
    key: Path | None = None
    client_ca: Path | None = None
    textfile: Path | None = None
    device_detail: bool = True
    config: Path | None = None
    node: str | None = None


def start(
    asked: Asked,
    by_type: Mapping[str, int],
    bytes_per_second: Callable[[str], float | None],
    say: Callable[[str], object],
) -> None:
    """Serve the node's metrics until the process is ended, or write them once.

    ``by_type`` has the number of EFA interfaces of each instance type, ``bytes_per_second`` gives what one can send.
    Raises UsageError for what cannot be served.
    """
    settings = _settings(asked.config)
    certificates = certificates_of(asked.cert, asked.key, asked.client_ca)
    address, port = address_of(asked.listen)
    name = asked.node or os.uname().nodename.partition(".")[0]
    reader = Reader(settings, name, _SECONDS, by_type)
    collector = NodeCollector(reader.read, bytes_per_second, device_detail=asked.device_detail)
    if asked.textfile is not None:
        write_textfile(collector, asked.textfile)
        return
    with server_for(collector, address, port, certificates) as server:
        shown = f"[{address}]" if ":" in address else address
        scheme = "https" if certificates else "http"
        say(f"serving metrics of {name} at {scheme}://{shown}:{server.server_port}/metrics")
        gc.freeze()  # what is here now stays: nobody needs to look through it again
        server.serve_forever()


def certificates_of(cert: Path | None, key: Path | None, authority: Path | None) -> Certificates | None:
    """Return the files that TLS needs, None where none is named; raise UsageError where only some are."""
    if cert and key and authority:
        return Certificates(cert, key, authority)
    if cert or key or authority:
        raise UsageError("--cert, --key and --client-ca go together", Place("--cert"))
    return None


def _settings(config: Path | None) -> Settings:
    if config is None:
        return Settings()
    settings, problems = load_settings(str(config))
    if problems:
        # A misread setting would leave series out, and nobody would see that they are missing.
        text = "; ".join(problems)
        raise UsageError(text) if str(config) in text else UsageError(text, Place(str(config)))
    return settings


def address_of(listen: str) -> tuple[str, int]:
    """Return host and port of an address as ``--listen`` takes it; raise UsageError for another text."""
    found = _LISTEN.fullmatch(listen)
    if found is None or int(found["port"] or _DEFAULT_PORT) > 65535:
        raise UsageError(f"{listen!r} is no ADDRESS:PORT, such as 127.0.0.1:9764 or [::1]:9764", Place("--listen"))
    host = (found["bracketed"] or "").strip("[]") or found["host"] or "127.0.0.1"
    return host, int(found["port"] or _DEFAULT_PORT)
