"""What is wrong with ``hooks`` that the schema cannot see."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from typing import Any

from efakit.finding import Finding
from efakit.spec.faults import At

_FILES = ("exporter_cert", "exporter_key", "exporter_client_ca")


def hook_faults(hooks: Mapping[str, Any], at: At) -> Iterator[Finding]:
    """Give the faults of the exporter's address and certificates."""
    named = [name for name in _FILES if name in hooks]
    listen = hooks.get("exporter_listen", "127.0.0.1:9764")
    if named and len(named) < len(_FILES):
        missing = ", ".join(name for name in _FILES if name not in hooks)
        yield at("exporter-open", ["hooks", named[0]], f"{missing} is missing", "name all three files, or none of them")
    elif not named and not _is_loopback(listen):
        message = f"{listen} can be reached from other machines, and nothing tells who asks"
        fix = f"set {', '.join(_FILES)}, or listen on 127.0.0.1"
        yield at("exporter-open", ["hooks", "exporter_listen"], message, fix)


def _is_loopback(listen: str) -> bool:
    host = listen.rpartition(":")[0].strip("[]")
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
