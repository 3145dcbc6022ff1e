"""The spec as frozen dataclasses, defaults filled in where they do not depend on anything else.

They compare by identity: Python makes each method of each class at every start, and nothing compares specs by value.
``overrides`` hold keys of ParallelCluster's own, merged last; they are plain data, and judged with the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from efakit.catalog.enforceable import ENFORCED_BY_DEFAULT
from efakit.catalog.instances import Instance

Overrides = Mapping[str, Any]
SlurmSettings = Mapping[str, "str | int | float | bool"]
SlurmOptions = Mapping[str, "str | int | float | bool | tuple[str, ...]"]


@dataclass(frozen=True, eq=False, repr=False)
class CustomAction:
    """A script that ParallelCluster fetches and runs."""

    script: str
    args: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False, repr=False)
class S3Access:
    """A bucket, or an object or prefix of it, that nodes may read, or write as well."""

    bucket: str
    key: str | None = None
    write: bool = False


@dataclass(frozen=True, eq=False, repr=False)
class Iam:
    """What nodes may do: more than ParallelCluster's role, or a role or profile in its place."""

    policies: tuple[str, ...] = ()
    s3_access: tuple[S3Access, ...] = ()
    role: str | None = None
    profile: str | None = None


@dataclass(frozen=True, eq=False, repr=False)
class Node:
    """What head node, login nodes and queues have in common. ``custom_actions`` is keyed as in the spec."""

    security_groups: tuple[str, ...] = ()
    additional_security_groups: tuple[str, ...] = ()
    custom_actions: Mapping[str, tuple[CustomAction, ...]] = field(default_factory=dict)
    iam: Iam = field(default_factory=Iam)
    overrides: Overrides = field(default_factory=dict)


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
    gpu_health_check: bool | None = None
    slurm_settings: SlurmSettings = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    overrides: Overrides = field(default_factory=dict)

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
class Queue(Node):
    """A Slurm partition; ``placement_group`` None leaves the choice to efakit."""

    name: str = ""
    subnets: tuple[str, ...] = ()
    compute_resources: tuple[ComputeResource, ...] = ()
    availability_zone: str | None = None
    capacity: str = "on-demand"
    reservation: str | None = None
    reservation_group: str | None = None
    placement_group: str | None = None
    exclusive: bool = True
    public_ip: bool | None = None
    ami: str | None = None
    gpu_health_check: bool | None = None
    slurm_settings: SlurmSettings = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def nodes(self) -> int:
        """The most nodes that the queue has at one time."""
        return sum(resource.nodes for resource in self.compute_resources)


@dataclass(frozen=True, eq=False, repr=False)
class HeadNode(Node):
    """The head node; ``instance`` None leaves the choice to efakit."""

    subnet: str = ""
    instance: Instance | None = None


@dataclass(frozen=True, eq=False, repr=False)
class LoginPool(Node):
    """A pool of login nodes; ``instance`` None: as the head node's."""

    name: str = ""
    subnet: str = ""
    instance: Instance | None = None
    count: int = 1


@dataclass(frozen=True, eq=False, repr=False)
class Storage:
    """A shared file system: an existing one (``id``) or one that ParallelCluster makes. Size in GiB (ebs: GB)."""

    name: str
    mount: str
    type: str
    id: str | None = None
    size_gb: int | None = None
    deployment: str = "PERSISTENT_2"
    throughput: int | None = None
    keep: bool = True
    overrides: Overrides = field(default_factory=dict)


@dataclass(frozen=True, eq=False, repr=False)
class Accounting:
    """Slurm's accounting database."""

    uri: str
    user: str
    password_secret: str
    database: str | None = None


@dataclass(frozen=True, eq=False, repr=False)
class Monitoring:
    """CloudWatch; None leaves ParallelCluster's own choice."""

    logs: bool | None = None
    log_days: int | None = None
    dashboard: bool | None = None
    detailed: bool | None = None


@dataclass(frozen=True, eq=False, repr=False)
class SoftwareStack:
    """Versions that the user names, where they are not those of the ParallelCluster release; None: not named."""

    installer: str | None = None
    libfabric: str | None = None
    plugin: str | None = None
    nccl: str | None = None
    cuda: str | None = None
    kernel: str | None = None


@dataclass(frozen=True, eq=False, repr=False)
class Cluster:
    """What the ParallelCluster config is made from."""

    region: str
    key: str
    head_node: HeadNode
    queues: tuple[Queue, ...]
    os: str
    parallelcluster: str
    stack: SoftwareStack = field(default_factory=SoftwareStack)
    ami: str | None = None
    login_nodes: tuple[LoginPool, ...] = ()
    storage: tuple[Storage, ...] = ()
    accounting: Accounting | None = None
    slurm_settings: SlurmSettings = field(default_factory=dict)
    efa_interface_type: str | None = None
    imds: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    monitoring: Monitoring = field(default_factory=Monitoring)
    overrides: Overrides = field(default_factory=dict)

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
    preflight: bool = True
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
