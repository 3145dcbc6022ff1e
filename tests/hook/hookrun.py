"""Runs the built hook as Slurm would: one file, a bare interpreter, Slurm's variables and nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from scripts.record_forms import one_by_one
from tests.hook.forked import Ended, as_forked, built_hook, plain_server

__all__ = ["Node", "built_hook"]

# Far beyond any deadline of the hook: whoever is still there then does not return by itself.
_NEVER_SECONDS = 90


class Node:
    """A node whose devices are a folder tree, with its settings, spool and records folder below ``folder``."""

    def __init__(self, folder: Path, name: str = "gpu-st-p5-1", **settings: Any) -> None:
        self.name = name
        self.root, self.spool, self.records = folder / f"root-{name}", folder / "spool", folder / "records"
        self.records.mkdir(exist_ok=True)
        self.archive = folder / "efakit-hook.pyz"
        self.archive.write_bytes(built_hook())
        self._as_built = self._archive_s_state()
        self.config = folder / f"hook-{name}.json"
        self.settings: dict[str, Any] = {
            "root": str(self.root),
            "spool_dir": str(self.spool),
            "run_dir": str(folder / f"run-{name}"),
            "records_dir": str(self.records),
            "compute_resources": {"gpu/p5": 32},
            "tcp_interfaces": ["eth0"],
            **settings,
        }
        self.python = sys.executable

    def run(self, command: str, job_id: int | None = 7, **variables: str) -> str:
        """Run the hook; assert that it ends with 0 and without a traceback, and return what it said."""
        self.config.write_text(json.dumps(self.settings))
        environment = {"SLURMD_NODENAME": self.name, "SLURM_CLUSTER_NAME": "lab", **variables}
        environment.setdefault("SLURM_JOB_NODELIST", self.name)
        if job_id is not None:
            environment["SLURM_JOB_ID"] = str(job_id)
        done = self.start([command, "--config", str(self.config)], environment)
        assert (done.returncode, done.stderr) == (0, "")
        assert "internal error" not in done.stdout
        return done.stdout

    def start(self, arguments: list[str], environment: dict[str, str], *, whole: bool = False) -> Ended:
        """Run the hook with these arguments and variables; ``whole``: by a Python of its own, in any case."""
        built = self._archive_s_state() == self._as_built
        if built and not whole and self.python == sys.executable and as_forked(environment):
            return plain_server().run(self.archive, arguments, environment, seconds=_NEVER_SECONDS)
        done = subprocess.run(
            [self.python, "-I", "-S", str(self.archive), *arguments],
            env=environment,
            cwd="/",
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=_NEVER_SECONDS,
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    def _archive_s_state(self) -> tuple[int, int, int]:
        status = self.archive.stat()
        return status.st_ino, status.st_size, status.st_mtime_ns

    def record(self, job_id: int = 7, run: str = "r0") -> dict[str, Any]:
        """Return the published record of a job's run: of its only one, or of the one with this key."""
        paths = sorted((self.records / "lab" / str(job_id)).glob(f"{self.name}.*.json"))
        records: list[dict[str, Any]] = [one_by_one(json.loads(path.read_text())) for path in paths]
        chosen = [record for record in records if len(records) == 1 or record["run"] == run]
        assert len(chosen) == 1, f"{[path.name for path in paths]}: not one record of run {run}"
        return chosen[0]

    def set_interface(self, received: int, sent: int, name: str = "eth0", driver: str = "ena") -> None:
        """Write an interface's byte counters."""
        folder = self.root / "sys/class/net" / name
        (folder / "statistics").mkdir(parents=True, exist_ok=True)
        for counter, value in {"rx_bytes": received, "tx_bytes": sent, "rx_packets": 1, "tx_packets": 1}.items():
            (folder / "statistics" / counter).write_text(f"{value}\n")
        (folder / "device").mkdir(exist_ok=True)
        if not (folder / "device/driver").is_symlink():
            (folder / "device/driver").symlink_to(f"../../../../bus/pci/drivers/{driver}")
