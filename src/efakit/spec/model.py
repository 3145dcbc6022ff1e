"""The spec as frozen dataclasses, defaults filled in where they do not depend on anything else.

They compare by identity: Python makes each method of each class at every start, and nothing compares specs by value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from efakit.catalog.enforceable import ENFORCED_BY_DEFAULT
from efakit.catalog.instances import Instance

SlurmOptions = Mapping[str, "str | int | float | bool | tuple[str, ...]"]
_Section = TypeVar("_Section")


@dataclass(frozen=True, eq=False, repr=False)
class ComputeResource:
    """Nodes of one instance type, or of whichever of several EC2 has; ``nodes`` is the most at one time."""

    name: str
    instances: tuple[Instance, ...]
    nodes: int
    flexible: bool = False
    min_nodes: int | None = None
    efa: str = "auto"
    placement_group: str | None = None
    reservation: str | None = None
    reservation_group: str | None = None
    smt: bool = True

    @property
    def instance(self) -> Instance:
        """The first instance type: with several, what they have in common is what counts."""
        return self.instances[0]

    @property
    def efa_interfaces(self) -> int | None:
        """EFA interfaces a node: ParallelCluster attaches the least of all its types; None where one is not known."""
        counts = [instance.efa_interfaces for instance in self.instances]
        return None if None in counts else min(count for count in counts if count is not None)


@dataclass(frozen=True, eq=False, repr=False)
class Queue:
    """A Slurm partition, or what takes its place; ``placement_group`` None leaves the choice to efakit."""

    name: str
    compute_resources: tuple[ComputeResource, ...] = ()
    subnets: tuple[str, ...] = ()
    availability_zone: str | None = None
    capacity: str = "on-demand"
    reservation: str | None = None
    reservation_group: str | None = None
    placement_group: str | None = None
    exclusive: bool = True

    @property
    def nodes(self) -> int:
        """The most nodes that the queue has at one time."""
        return sum(resource.nodes for resource in self.compute_resources)


@dataclass(frozen=True, eq=False, repr=False)
class SoftwareStack:
    """Versions of the software on the nodes that the user names; None: not named."""

    installer: str | None = None
    libfabric: str | None = None
    plugin: str | None = None
    nccl: str | None = None
    cuda: str | None = None
    kernel: str | None = None


@dataclass(frozen=True, eq=False, repr=False)
class Cluster:
    """What every platform needs to know."""

    queues: tuple[Queue, ...]
    region: str | None = None
    stack: SoftwareStack = field(default_factory=SoftwareStack)

    def queue(self, name: str) -> Queue:
        """Return a queue by name; raise KeyError where there is none."""
        return {queue.name: queue for queue in self.queues}[name]


@dataclass(frozen=True, eq=False, repr=False)
class Hooks:
    """The hook's settings; ``bucket`` is an address such as s3://my-bucket/efakit."""

    mode: str = "observe"
    enforce: tuple[str, ...] = ENFORCED_BY_DEFAULT
    breaker_nodes_per_hour: int = 2
    breaker_percent_per_hour: float = 10
    task_prolog: bool = True
    health_check: bool = True
    health_check_interval_seconds: int = 300
    health_max_age_seconds: int = 86400
    bucket: str | None = None
    records_dir: str | None = None
    records_mode: str = "0644"
    spool_dir: str = "/var/spool/efakit"
    spool_limit_mib: int = 256
    spool_max_age_days: float = 60
    baseline_max_age_days: float = 7
    run_dir: str = "/run/efakit"
    root: str = "/"
    expected_devices: str | int = "auto"
    tcp_interfaces: str | tuple[str, ...] = "auto"
    deadline_seconds: float | None = None
    exporter: bool = False
    exporter_listen: str | None = None
    exporter_cert: str | None = None
    exporter_key: str | None = None
    exporter_client_ca: str | None = None
    exporter_device_detail: bool = True


@dataclass(frozen=True, eq=False, repr=False)
class Container:
    """Where a job's ranks run; ``stack`` holds the versions in the image, by component."""

    runtime: str
    image: str
    mounts: tuple[str, ...] = ()
    workdir: str | None = None
    args: tuple[str, ...] = ()
    stack: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False, repr=False)
class Signal:
    """A signal ahead of the time limit."""

    name: str = "USR1"
    seconds: int = 120


@dataclass(frozen=True, eq=False, repr=False)
class Job:
    """One sbatch script; ``queue`` None: the first, ``nodes`` None: all of the queue's.

    What else is None is decided from the template's row and the catalog. ``body_text`` is what the file ``body`` holds.
    ``preflight`` is True, False or "file"; ``watch`` is False, "warn", "stop" or "requeue".
    """

    name: str
    template: str
    queue: str | None = None
    nodes: int | None = None
    time: str | None = None
    account: str | None = None
    output: str | None = None
    slurm: SlurmOptions = field(default_factory=dict)
    ranks_per_node: int | None = None
    cpus_per_task: int | None = None
    gpus_per_node: int | None = None
    modules: tuple[str, ...] | None = None
    setup: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    workload: str = "none"
    script: str | None = None
    program: str | None = None
    args: tuple[str, ...] | None = None
    launcher_args: tuple[str, ...] | None = None
    srun_args: tuple[str, ...] = ()
    mpi: str | None = None
    body: str | None = None
    body_text: str = ""
    container: Container | None = None
    preflight: bool | str = True
    watch: bool | str = False
    signal: Signal | None = None
    requeue: bool | None = None
    resume_args: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False, repr=False)
class Spec:
    """A whole spec."""

    cluster: Cluster
    hooks: Hooks = field(default_factory=Hooks)
    jobs: tuple[Job, ...] = ()
    templates: str | None = None
    """Folder of the user's own job templates."""
    sections: Mapping[str, Any] = field(default_factory=dict)
    """What each section that is there was built to, by its name."""
    platforms: tuple[str, ...] = ()
    """The sections whose platforms make nodes; none: the nodes are there already."""

    def section(self, kind: type[_Section]) -> _Section | None:
        """Return the section that was built to this type, None where it is not there."""
        return next((section for section in self.sections.values() if isinstance(section, kind)), None)

    def with_section(self, name: str, section: Any) -> Spec:
        """Return the spec with another section of this name."""
        return replace(self, sections={**self.sections, name: section})
