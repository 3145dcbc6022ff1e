"""A lab on which efakit's own job scripts run: hosts of several queues, a spec with many jobs, their outcomes.

Real: Slurm, the rendered scripts, torchrun and Open MPI, the hosts' network. Simulated: the EFA devices (a folder tree
on each host), the GPUs (links to /dev/null), and the hosts' instance types, which only the spec claims.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import efa_tree
from .cluster import LabCluster, default_node_names
from .loop import LAB, REPOSITORY, efakit_argv

TORCH_PYTHON = Path(os.environ.get("EFAKIT_TORCH_PYTHON", REPOSITORY / ".venv-torch/bin/python"))
GPU_HOSTS = default_node_names(7)
SOUND_HOSTS = GPU_HOSTS[:4]
SPARE, BROKEN, LIMITED = GPU_HOSTS[4:]  # the first is sound, too
SHARED_HOSTS = default_node_names(2, "shared")
CPU_HOSTS = default_node_names(2, "cpu", "hpc7a")
# Of Slurm; what the instance types are, the spec claims.
PARTITIONS = {
    "gpu": GPU_HOSTS,
    **dict.fromkeys(("two-gpus", "one-gpu"), SOUND_HOSTS[:2]),
    "shared": SHARED_HOSTS,
    **dict.fromkeys(("hpc", "no-efa", "trn"), CPU_HOSTS),
}
GPU_DEVICES = 32
CPU_DEVICES = 8  # as many as the most demanding of their queues wants


@dataclass(frozen=True)
class Outcome:
    """How a job ended: Slurm's word, the exit code, all that it wrote."""

    job_id: int
    state: str
    exit_code: int
    output: str

    @property
    def said(self) -> list[dict[str, Any]]:
        """The lines of JSON that its ranks wrote, by rank."""
        lines = [json.loads(line) for line in self.output.splitlines() if line.startswith("{")]
        return sorted(lines, key=lambda line: line["rank"])


class JobsLab:
    """The lab, its spec and its rendered scripts below a work directory."""

    def __init__(self, work_dir: Path) -> None:
        self.work_dir, self.root = work_dir, work_dir / "root"
        self.spec, self.bundle = work_dir / "spec.yaml", work_dir / "bundle"
        # Whether jobs share a host, each script says itself.
        hosts = [*GPU_HOSTS, *SHARED_HOSTS, *CPU_HOSTS]
        self.cluster = LabCluster(work_dir, hosts, cpus=192, root=self.root, exclusive=False)

    def write_spec(self) -> None:
        """Write the spec: `jobs.yaml` with the folders' names, and the folders in which jobs leave something."""
        text = (LAB / "jobs.yaml").read_text()
        for word, path in (("@WORK@", self.work_dir), ("@LAB@", LAB), ("@TORCH@", TORCH_PYTHON.parent)):
            text = text.replace(word, str(path))
        self.spec.write_text(text)
        for name in ("meeting", "checkpoint", "waiting", "ready"):
            (self.work_dir / name).mkdir()

    def efakit(self, *arguments: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run efakit beside the lab."""
        argv = [*efakit_argv(), *map(str, arguments)]
        return subprocess.run(argv, check=check, capture_output=True, text=True)

    def render(self) -> None:
        """Write the bundle."""
        self.efakit("render", self.spec, "--out", self.bundle)

    def make_devices(self) -> None:
        """Write each host's stand-in tree: one host lacks a device, one has the real limits of its processes."""
        self.cluster.prepare()
        for count, hosts in ((GPU_DEVICES, [*GPU_HOSTS, *SHARED_HOSTS]), (CPU_DEVICES, CPU_HOSTS)):
            tree = self.work_dir / f"{count}-devices"
            devices = efa_tree.write_node(tree, "p5.48xlarge", efa_tree.generic_devices(count))
            # A test machine may forbid even root what nodes with EFA allow.
            limits = tree / "proc/self/limits"
            limits.parent.mkdir()
            limits.write_text("Max locked memory         unlimited            unlimited            bytes\n")
            for host in hosts:
                root = self.cluster.host_path(host, self.root)
                subprocess.run(["cp", "--archive", f"{tree}/.", root], check=True)
                if host == BROKEN:
                    efa_tree.remove_device(root, devices[-1].name)
                elif host == LIMITED:
                    (root / "proc/self/limits").unlink()
                    (root / "proc/self/limits").symlink_to("/proc/self/limits")

    def make_partitions(self) -> None:
        """Give Slurm the spec's queues."""
        for name, hosts in PARTITIONS.items():
            verb = "update" if name == self.cluster.spec.partition else "create"
            self.cluster.run(["scontrol", verb, f"PartitionName={name}", f"Nodes={','.join(hosts)}"])

    def script(self, name: str) -> Path:
        """The rendered script of a job."""
        return self.bundle / f"jobs/{name}.sbatch"

    def submit(self, name: str, wrapper: Sequence[str] = ()) -> int:
        """Submit a rendered script as it is, below a command such as prlimit where one is given."""
        argv = [*wrapper, "sbatch", "--parsable", str(self.script(name))]
        return int(self.cluster.run(argv).stdout)

    def outcome(self, name: str, job: int, timeout_seconds: float = 120.0) -> Outcome:
        """Wait until a job has ended."""
        state = self.cluster.wait(job, timeout_seconds)
        shown = self.cluster.run(["scontrol", "show", "job", str(job)]).stdout
        code = re.search(r"ExitCode=(\d+):", shown)
        path = re.search(r"^ *StdOut=(.*)$", shown, re.MULTILINE)
        assert code, shown
        assert path, shown
        return Outcome(job, state, int(code[1]), Path(path[1]).read_text())

    def run(self, name: str, state: str = "COMPLETED", wrapper: Sequence[str] = ()) -> Outcome:
        """Submit a rendered script, wait for its end, and hold its state to the expected one."""
        outcome = self.outcome(name, self.submit(name, wrapper))
        assert outcome.state == state, f"{name} ended {outcome.state}:\n{outcome.output}"
        return outcome

    def wait_for_files(self, folder: str, names: Sequence[str]) -> None:
        """Wait until jobs have made all these files in a folder below the work directory, at most a minute."""
        tests = " && ".join(f"[ -e {self.work_dir / folder / name} ]" for name in names)
        self.cluster.run(["sh", "-c", f"for i in $(seq 600); do {tests} && exit 0; sleep 0.1; done; exit 1"])

    def addresses(self) -> dict[str, str]:
        """Host -> its address, as the lab's hosts file has them."""
        lines = (self.cluster.spec.etc_dir / "hosts").read_text().splitlines()
        return {name: address for address, name in (line.split()[:2] for line in lines)}
