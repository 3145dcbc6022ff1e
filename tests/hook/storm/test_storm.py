"""The end of a job of 512 nodes: all their epilogs at once, into one records folder, on this one machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from scripts.record_forms import one_by_one
from tests.hook.forked import ForkServer
from tests.hook.hookrun import built_hook
from tests.lab import efa_tree

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(sys.platform != "linux", reason="the hook runs on Linux"),
]
NODES, DEVICES, BYTES = 512, 32, 4096
# A node has the machine for itself; here 512 share it. The most that the hook takes.
DEADLINE_SECONDS = 60
JOB = {"SLURM_JOB_ID": "7", "SLURM_CLUSTER_NAME": "lab", "SLURM_JOB_NODELIST": f"gpu-st-p5-[1-{NODES}]"}


class Storm:
    """512 nodes with a spool each, and one device tree, which all of them read and none writes."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.records, self.root = folder, folder / "records", folder / "root"
        self.records.mkdir()
        self.archive = folder / "efakit-hook.pyz"
        self.archive.write_bytes(built_hook())
        efa_tree.write_node(self.root, "p5.48xlarge")
        self.names = [f"gpu-st-p5-{number}" for number in range(1, NODES + 1)]
        for name in self.names:
            settings = {
                "root": str(self.root),
                "spool_dir": str(self.spool(name)),
                "run_dir": str(folder / "run"),
                "records_dir": str(self.records),
                "compute_resources": {"gpu/p5": DEVICES},
                "tcp_interfaces": [],
                "deadline_seconds": DEADLINE_SECONDS,
            }
            (folder / f"{name}.json").write_text(json.dumps(settings))

    def spool(self, name: str) -> Path:
        return self.folder / "spools" / name

    def arguments(self, command: str, name: str) -> list[str]:
        return [command, "--config", str(self.folder / f"{name}.json")]

    def start(self, command: str, name: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", str(self.archive), *self.arguments(command, name)],
            env={**JOB, "SLURMD_NODENAME": name},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, command: str, names: Iterable[str]) -> Iterator[str]:
        """Run the hook on one node after the other, a few at a time: this need not start whole."""
        several = os.cpu_count() or 1
        with ThreadPoolExecutor(several) as few:
            shares = [[*names][number::several] for number in range(several)]
            for said in few.map(lambda share: self._run(command, share), shares):
                yield from said

    def _run(self, command: str, names: list[str]) -> list[str]:
        server, found = ForkServer(), []
        try:
            for name in names:
                done = server.run(self.archive, self.arguments(command, name), {**JOB, "SLURMD_NODENAME": name})
                assert (done.returncode, done.stderr) == (0, ""), done
                found.append(done.stdout)
        finally:
            server.close()
        return found

    def waiting(self) -> list[str]:
        """Return the nodes whose record is not published yet."""
        return [name for name in self.names if any((self.spool(name) / "outbox").iterdir())]


def test_512_epilogs_at_once_lose_nothing(tmp_path, record_property):
    storm = Storm(tmp_path)
    prologs = list(storm.run("prolog", storm.names))
    assert len(prologs) == NODES
    assert all("baseline kept" in said for said in prologs)
    for device in (storm.root / "sys/class/infiniband").iterdir():
        efa_tree.add(storm.root, device.name, "tx_bytes", BYTES)
    epilogs = [storm.start("epilog", name) for name in storm.names]
    for epilog in epilogs:
        with epilog:
            said, _ = epilog.communicate()
        assert epilog.returncode == 0, said
    held_back = storm.waiting()
    list(storm.run("flush", held_back))
    assert storm.waiting() == []
    found = [one_by_one(json.loads(path.read_text())) for path in storm.records.rglob("*") if path.is_file()]
    assert sorted(record["node"] for record in found) == sorted(storm.names)
    for record in found:
        assert (record["baseline"], len(record["devices"]), record["shared_with"]) == ("ok", DEVICES, [])
        assert {device["counters"]["tx_bytes"] for device in record["devices"]} == {BYTES}
    record_property(
        "says",
        f"storm: {NODES} epilogs at once, {NODES - len(held_back)} records published by them, "
        f"{len(held_back)} by a flush, none lost",
    )
