"""The whole loop on the lab: spec, bundle, hooks installed by the bundle's own installer, templated jobs, reports.

Real: efakit's commands, Slurm, the hosts' network interfaces and their counters. Simulated: the EFA devices, which are
a folder tree on each host (`root` in hook.json), and the GPUs, which are links to /dev/null.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from efakit.catalog.instances import get

from . import efa_tree
from .cluster import LabCluster, default_node_names

REPOSITORY = Path(__file__).resolve().parents[2]
LAB = Path(__file__).resolve().parent
INSTANCE = "p5.48xlarge"
BYTES_PER_DEVICE = 1_000_000
TCP_MIB = 24


class Loop:
    """One cluster's way from a spec to reports, below a work directory."""

    def __init__(self, work_dir: Path, nodes: int = 4, instance: str = INSTANCE) -> None:
        self.work_dir = work_dir
        self.instance = instance
        self.nodes = default_node_names(nodes)
        self.root, self.spool = work_dir / "root", work_dir / "spool"
        self.home, self.records = work_dir / "etc/efakit", work_dir / "records"
        self.spec, self.bundle = work_dir / "spec.yaml", work_dir / "bundle"
        self.cluster = LabCluster(
            work_dir, self.nodes, cpus=192, root=self.root, private={self.root: "root", self.spool: "spool"}
        )

    def efakit(self, *arguments: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run efakit as a user of the cluster's head node does."""
        return self.cluster.run([*efakit_argv(), *map(str, arguments)], check=check)

    def write_spec(self, jobs: list[dict[str, Any]]) -> None:
        """Step 1: `efakit init`, then what a lab has otherwise than a node, and the jobs."""
        subprocess.run(
            [
                *(*efakit_argv(), "init", "--instance", self.instance, "--nodes", str(len(self.nodes))),
                *("--region", "us-east-1", "--key", "my-key", "--subnet", "subnet-0123456789abcdef1"),
                *("--head-subnet", "subnet-0123456789abcdef0", "--output", str(self.spec)),
            ],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        spec = yaml.safe_load(self.spec.read_text())
        spec["cluster"]["queues"][0]["compute_resources"][0]["name"] = "p5"
        spec["hooks"].update(
            root=str(self.root),
            spool_dir=str(self.spool),
            records_dir=str(self.records),
            tcp_interfaces=["eth0"],  # a veth here, whose driver is not ena
        )
        spec["jobs"] = jobs
        self.spec.write_text(yaml.safe_dump(spec, sort_keys=False))

    def render(self) -> str:
        """Step 2: the bundle; returns what efakit said."""
        argv = [*efakit_argv(), "render", str(self.spec), "--out", str(self.bundle)]
        return subprocess.run(argv, check=True, capture_output=True, text=True).stdout

    def make_devices(self) -> None:
        """Write each host's stand-in device tree."""
        self.cluster.prepare()
        for node in self.nodes:
            devices = (
                None if self.instance == INSTANCE else efa_tree.generic_devices(get(self.instance).efa_interfaces or 0)
            )
            efa_tree.write_node(self.cluster.host_path(node, self.root), self.instance, devices)

    def install_hooks(self) -> str:
        """Step 4: the bundle's own installer, on the running cluster; returns what it said."""
        installer = [
            "sh",
            str(self.bundle / "hooks/install-hooks.sh"),
            "--scripts-dir",
            str(self.cluster.spec.scripts_dir),
        ]
        return self.cluster.run([*installer, "--home", str(self.home), "--records-dir", str(self.records)]).stdout

    def run_job(self, name: str, timeout_seconds: float = 180.0) -> int:
        """Submit a rendered script and wait until its epilogs are done; returns the job's id."""
        job = self.cluster.submit(self.bundle / f"jobs/{name}.sbatch")
        state = self.cluster.wait(job, timeout_seconds)
        if state != "COMPLETED":
            raise AssertionError(f"job {name} ended {state}:\n{self.output(name, job)}\n{self.cluster.logs()}")
        return job

    def interface_bytes(self, node: str) -> dict[str, int]:
        """Return what a host's own eth0 has counted, as the kernel says it."""
        folder = "/sys/class/net/eth0/statistics"
        counts = self.cluster.exec(node, ["cat", f"{folder}/tx_bytes", f"{folder}/rx_bytes"]).stdout.split()
        return dict(zip(("tcp_tx_bytes", "tcp_rx_bytes"), map(int, counts), strict=True))

    def wait_for_epilogs(self) -> None:
        """Wait until no job is completing: all epilogs are done."""
        done = 'for i in $(seq 200); do [ -z "$(squeue -h -t CG)" ] && exit 0; sleep 0.3; done; exit 1'
        self.cluster.run(["sh", "-c", done])

    def output(self, name: str, job: int) -> str:
        """Return what a rendered job wrote."""
        path = self.cluster.spec.jobs_dir / f"{name}-{job}.out"
        return path.read_text() if path.exists() else "no output"

    def report(self, job: int) -> dict[str, Any]:
        """Step 6: the report as data. The records folder comes from the installed hook's settings."""
        data: dict[str, Any] = json.loads(self.efakit("report", str(job), "--format", "json", "--devices").stdout)
        return data


def efakit_argv() -> list[str]:
    """Return the command line of the efakit under test."""
    return [sys.executable, "-c", "from efakit.cli.main import main; main()"]


def tcp_job(name: str = "over-tcp") -> dict[str, Any]:
    """A job whose ranks exchange real TCP traffic with iperf3, and leave the EFA counters at rest."""
    return {**_one_rank_a_node(name), "program": str(LAB / "iperf3_ring.sh"), "args": [str(TCP_MIB)]}


def efa_job(root: Path, name: str = "over-efa") -> dict[str, Any]:
    """A job that moves the stand-in devices' counters by known amounts."""
    arguments = [str(LAB / "move_counters.py"), "--root", str(root), "--bytes-per-device", str(BYTES_PER_DEVICE)]
    return {**_one_rank_a_node(name), "program": sys.executable, "args": arguments}


def _one_rank_a_node(name: str) -> dict[str, Any]:
    return {"name": name, "template": "command", "ranks_per_node": 1}
