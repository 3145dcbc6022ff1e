"""The spec as frozen dataclasses, defaults filled in where they do not depend on anything else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from efakit.catalog.instances import Instance


@dataclass(frozen=True)
class ComputeResource:
    """Nodes of one instance type in a queue; ``nodes`` is the most at one time."""

    name: str
    instance: Instance
    nodes: int
    min_nodes: int | None = None
    efa: str = "auto"
    reservation: str | None = None


@dataclass(frozen=True)
class Queue:
    """A Slurm partition; ``placement_group`` None leaves the choice to efakit."""

    name: str
    subnet: str
    compute_resources: tuple[ComputeResource, ...]
    capacity: str = "on-demand"
    placement_group: str | None = None
    exclusive: bool = True

    @property
    def nodes(self) -> int:
        """The most nodes that the queue has at one time."""
        return sum(resource.nodes for resource in self.compute_resources)


@dataclass(frozen=True)
class HeadNode:
    """The head node; ``instance`` None leaves the choice to efakit."""

    subnet: str
    instance: Instance | None = None


@dataclass(frozen=True)
class Cluster:
    """What the ParallelCluster config is made from."""

    region: str
    key: str
    head_node: HeadNode
    queues: tuple[Queue, ...]
    os: str
    parallelcluster: str
    plugin: str | None = None
    slurm_settings: Mapping[str, str | int | float | bool] = field(default_factory=dict)

    def queue(self, name: str) -> Queue:
        """Return a queue by name; raise KeyError where there is none."""
        return {queue.name: queue for queue in self.queues}[name]


@dataclass(frozen=True)
class Hooks:
    """The hook's settings; ``bucket`` is an address such as s3://my-bucket/efakit."""

    mode: str = "observe"
    bucket: str | None = None
    records_dir: str = "/home/efakit/records"
    records_mode: str = "0644"
    spool_dir: str = "/var/spool/efakit"
    root: str = "/"
    expected_devices: str | int = "auto"
    tcp_interfaces: str | tuple[str, ...] = "auto"
    deadline_seconds: float = 5


@dataclass(frozen=True)
class Job:
    """One sbatch script; ``queue`` None: the first, ``nodes`` None: all of the queue's."""

    name: str
    template: str
    queue: str | None = None
    nodes: int | None = None
    time: str | None = None
    account: str | None = None
    output: str = "%x-%j.out"
    setup: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    args: tuple[str, ...] | None = None
    script: str | None = None
    program: str = "/opt/nccl-tests/build/all_reduce_perf"
    ranks_per_node: int | None = None
    mpi: str = "pmix"


@dataclass(frozen=True)
class Spec:
    """A whole spec."""

    cluster: Cluster
    hooks: Hooks = field(default_factory=Hooks)
    jobs: tuple[Job, ...] = ()
