"""Decides the hook's settings and how the hooks reach the cluster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from efakit.plan.decision import Decision
from efakit.spec.model import Spec

INSTALLER = "install-hooks.sh"
_CUSTOM_ACTIONS = "https://docs.aws.amazon.com/parallelcluster/latest/ug/custom-bootstrap-actions-v3.html"


@dataclass(frozen=True)
class Publication:
    """Where the installer is published: ``address`` is s3://bucket/key."""

    bucket: str
    key: str

    @property
    def address(self) -> str:
        """The installer's address."""
        return f"s3://{self.bucket}/{self.key}"


@dataclass(frozen=True)
class HooksPlan:
    """The content of hook.json, and where the installer is published (None: nowhere)."""

    settings: dict[str, Any]
    publication: Publication | None
    decisions: tuple[Decision, ...]


def plan_hooks(spec: Spec, efa: dict[tuple[str, str], bool]) -> HooksPlan:
    """Return the hook's settings; ``efa`` says for each queue and compute resource whether EFA is on."""
    hooks = spec.hooks
    expected = {}
    for queue in spec.cluster.queues:
        for resource in queue.compute_resources:
            count = resource.efa_interfaces if efa[queue.name, resource.name] else 0
            if count is not None:  # an unknown count stays unknown, and the hook says so
                expected[f"{queue.name}/{resource.name}"] = count
    interfaces = hooks.tcp_interfaces
    settings = {
        "mode": hooks.mode,
        "root": hooks.root,
        "spool_dir": hooks.spool_dir,
        "records_dir": hooks.records_dir or _records_dir(spec),
        "records_mode": hooks.records_mode,
        "expected_devices": hooks.expected_devices,
        "compute_resources": expected,
        "tcp_interfaces": interfaces if isinstance(interfaces, str) else list(interfaces),
        "deadline_seconds": hooks.deadline_seconds,
    }
    publication = _publication(hooks.bucket)
    iam = spec.cluster.head_node.iam
    return HooksPlan(settings, publication, (_installation(publication, iam.role or iam.profile),))


def _records_dir(spec: Spec) -> str:
    """Return where records go: the first shared file system, else the home that ParallelCluster's nodes share."""
    storage = spec.cluster.storage
    return f"{storage[0].mount.rstrip('/')}/efakit/records" if storage else "/home/efakit/records"


def _publication(bucket: str | None) -> Publication | None:
    if bucket is None:
        return None
    name, _, prefix = bucket.removeprefix("s3://").partition("/")
    return Publication(name, f"{prefix.strip('/')}/{INSTALLER}".lstrip("/"))


def _installation(publication: Publication | None, theirs: str | None) -> Decision:
    if publication is None:
        return Decision(
            "installation of the hooks",
            f"by hand: run 'sudo sh {INSTALLER}' on the head node once",
            "the spec names no bucket from which ParallelCluster could fetch the installer",
            _CUSTOM_ACTIONS,
        )
    return Decision(
        "installation of the hooks",
        f"by the cluster itself, from {publication.address}",
        "OnNodeConfigured installs them when the head node is made, OnNodeUpdated again at each update of the cluster; "
        "publish the installer first: efakit hooks publish"
        + (f"; {theirs}, which takes the place of ParallelCluster's, must let it read there" if theirs else ""),
        _CUSTOM_ACTIONS,
        ("HeadNode", "CustomActions"),
    )
