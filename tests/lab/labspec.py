"""What a lab consists of: hosts, sizes, addresses and the folders below its work directory. Pure values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

HEAD_NAME = "head"
BRIDGE_NAME = "br0"
MAX_NODES = 250  # host numbers 1..250 of a /24; the head node has 254
SLOTS = range(256)
RESERVED_FOLDERS = frozenset({"run", "cgroup-aside"})  # what the lab itself keeps in a host's folder


def default_node_names(count: int, queue: str = "gpu", resource: str = "p5") -> list[str]:
    """Static nodes as ParallelCluster names them: QUEUE-st-RESOURCE-N."""
    return [f"{queue}-st-{resource}-{number}" for number in range(1, count + 1)]


@dataclass(frozen=True)
class LabSpec:
    """The description of one lab, as its first process reads it from `lab.json`."""

    work_dir: Path
    node_names: tuple[str, ...]
    partition: str = "gpu"
    gpus_per_node: int = 8
    cpus: int = 96
    sockets: int = 2
    real_memory_mib: int = 2_000_000
    exclusive: bool = True
    private: Mapping[Path, str] = field(default_factory=dict)
    root: Path | None = None
    slurm_settings: Mapping[str, str | None] = field(default_factory=dict)
    configless: bool = False  # the nodes have no slurm.conf: the controller sends it
    accounting: bool = False

    def __post_init__(self) -> None:
        if not self.node_names or len(self.node_names) > MAX_NODES:
            raise ValueError(f"a lab has 1 to {MAX_NODES} nodes, not {len(self.node_names)}")
        if len(set(self.node_names)) != len(self.node_names) or HEAD_NAME in self.node_names:
            raise ValueError(f"node names must differ from each other and from {HEAD_NAME!r}")
        if self.cpus % self.sockets:
            raise ValueError(f"{self.cpus} CPUs do not divide into {self.sockets} sockets")
        if not all(path.is_absolute() for path in (self.work_dir, *self.private)):
            raise ValueError("work_dir and private paths must be absolute")
        if self.work_dir.is_relative_to("/run"):
            raise ValueError("work_dir must not be below /run, of which each host has its own")
        folders = list(self.private.values())
        if len(set(folders)) != len(folders) or not RESERVED_FOLDERS.isdisjoint(folders):
            raise ValueError(f"private folders must differ from each other and from {sorted(RESERVED_FOLDERS)}")
        if self.root is not None and self.root not in self.private:
            raise ValueError("root must be one of the private paths")

    @property
    def etc_dir(self) -> Path:
        return self.work_dir / "etc"

    @property
    def slurm_conf(self) -> Path:
        return self.etc_dir / "slurm.conf"

    @property
    def scripts_dir(self) -> Path:
        """Stands for ParallelCluster's /opt/slurm/etc/scripts."""
        return self.work_dir / "slurm" / "etc" / "scripts"

    @property
    def log_dir(self) -> Path:
        return self.work_dir / "log"

    @property
    def jobs_dir(self) -> Path:
        """Where jobs are submitted from, and so where slurm-ID.out lands."""
        return self.work_dir / "jobs"

    @property
    def ctld_state_dir(self) -> Path:
        return self.work_dir / "state"

    @property
    def gpu_dir(self) -> Path:
        """Stand-ins for /dev/nvidia*: links to a character device, since slurmd takes nothing else for a GPU."""
        return self.work_dir / "gpus"

    @property
    def database_dir(self) -> Path:
        return self.work_dir / "mariadb"

    @property
    def ready_file(self) -> Path:
        """Written by the lab's first process once every daemon was started: the hosts' process ids."""
        return self.work_dir / "ready.json"

    def host_dir(self, name: str) -> Path:
        return self.work_dir / "hosts" / name

    def host_path(self, node: str, path: Path) -> Path:
        """The place where a path that a host sees lies outside of the host."""
        for target, folder in self.private.items():
            if path.is_relative_to(target):
                return self.host_dir(node) / folder / path.relative_to(target)
        return path

    def save(self) -> None:
        values = asdict(self)
        values["work_dir"] = str(self.work_dir)
        values["root"] = None if self.root is None else str(self.root)
        values["private"] = {str(path): folder for path, folder in self.private.items()}
        (self.work_dir / "lab.json").write_text(json.dumps(values, indent=1))

    @classmethod
    def load(cls, work_dir: Path) -> LabSpec:
        values = json.loads((work_dir / "lab.json").read_text())
        values["work_dir"] = Path(values["work_dir"])
        values["node_names"] = tuple(values["node_names"])
        values["root"] = None if values["root"] is None else Path(values["root"])
        values["private"] = {Path(path): folder for path, folder in values["private"].items()}
        return cls(**values)


def head_address(slot: int) -> str:
    return f"10.77.{slot}.254"


def node_address(slot: int, index: int) -> str:
    return f"10.77.{slot}.{index + 1}"
