"""The section ``parallelcluster`` as frozen dataclasses, as in ``spec/model.py``.

``overrides`` hold keys of ParallelCluster's own, merged last; they are plain data, and judged with the rest.
None in them removes a key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from efakit.catalog.instances import Instance

Overrides = Mapping[str, Any]
SlurmSettings = Mapping[str, "str | int | float | bool"]


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
class ResourceOptions:
    """What only ParallelCluster says of a compute resource."""

    gpu_health_check: bool | None = None
    slurm_settings: SlurmSettings = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    overrides: Overrides = field(default_factory=dict)


@dataclass(frozen=True, eq=False, repr=False)
class QueueOptions(Node):
    """What only ParallelCluster says of a queue; ``compute_resources`` by their names."""

    public_ip: bool | None = None
    ami: str | None = None
    gpu_health_check: bool | None = None
    slurm_settings: SlurmSettings = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    compute_resources: Mapping[str, ResourceOptions] = field(default_factory=dict)

    def resource(self, name: str) -> ResourceOptions:
        """Return the options of a compute resource, the defaults where the spec names none."""
        return self.compute_resources.get(name) or ResourceOptions()


@dataclass(frozen=True, eq=False, repr=False)
class ParallelCluster:
    """What only ParallelCluster's config says; ``queues`` by their names."""

    head_node: HeadNode
    version: str
    os: str
    key: str | None = None
    ami: str | None = None
    login_nodes: tuple[LoginPool, ...] = ()
    queues: Mapping[str, QueueOptions] = field(default_factory=dict)
    storage: tuple[Storage, ...] = ()
    accounting: Accounting | None = None
    slurm_settings: SlurmSettings = field(default_factory=dict)
    efa_interface_type: str | None = None
    imds: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    monitoring: Monitoring = field(default_factory=Monitoring)
    overrides: Overrides = field(default_factory=dict)

    def queue(self, name: str) -> QueueOptions:
        """Return the options of a queue, the defaults where the spec names none."""
        return self.queues.get(name) or QueueOptions()
