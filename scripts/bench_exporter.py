"""Measures the CPU that scrapes of a node with 32 devices cost: server and child together. Part of ``make bench``."""

from __future__ import annotations

import os
import subprocess
import sys
from http.client import HTTPConnection
from pathlib import Path

from tests.lab import efa_tree

_SCRAPES, _LIMIT_MS = 200, 15.0
_TICKS = os.sysconf("SC_CLK_TCK")


def bench_exporter(efakit: list[str], folder: Path) -> int:
    """Print the line; return 1 where the limit is exceeded."""
    root = folder / "exporter-root"
    efa_tree.write_node(root, "p5.48xlarge")
    config = folder / "exporter-hook.json"
    config.write_text(f'{{"root": "{root}", "tcp_interfaces": [], "spool_dir": "{folder / "none"}"}}')
    config.chmod(0o644)
    command = [*efakit, "exporter", "--config", str(config), "--listen", "127.0.0.1:0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        address = (server.stderr or sys.stdin).readline().rpartition("//")[2].partition("/")[0]
        _scrape(address, 5)  # what is made once
        before = _ticks(server.pid)
        series = _scrape(address, _SCRAPES)
        ms = (_ticks(server.pid) - before) / _TICKS / _SCRAPES * 1000
        server.terminate()
    word = "ok" if ms < _LIMIT_MS else "TOO SLOW"
    print(f"a scrape of 32 devices, {series} series: {ms:.1f} ms of CPU, server and child (limit {_LIMIT_MS:g}) {word}")
    return int(ms >= _LIMIT_MS)


def _scrape(address: str, times: int) -> int:
    for _ in range(times):
        connection = HTTPConnection(address, timeout=60)
        connection.request("GET", "/metrics")
        text = connection.getresponse().read()
        connection.close()
    return sum(not line.startswith(b"#") for line in text.splitlines())


def _ticks(process: int) -> int:
    """Return the CPU of a process, of its children that live, and of those that have ended, in clock ticks."""
    total = 0
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(entry.name) == process:
            total += sum(map(int, fields[11:15]))
        elif int(fields[1]) == process:
            total += sum(map(int, fields[11:13]))
    return total


if __name__ == "__main__":
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as name:
        sys.exit(bench_exporter(["efakit"], Path(name)))
