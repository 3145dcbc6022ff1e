"""Decides the hook's settings and how the hooks reach the cluster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from efakit.catalog.stacks import Stack
from efakit.plan.decision import Decision
from efakit.plan.hook_programs import plan_programs
from efakit.spec.model import Hooks, Spec

INSTALLER = "install-hooks.sh"
_CUSTOM_ACTIONS = "https://docs.aws.amazon.com/parallelcluster/latest/ug/custom-bootstrap-actions-v3.html"
_DRAINED_NODES = "https://github.com/aws/aws-parallelcluster-node/blob/develop/src/slurm_plugin/clustermgtd.py"
_LATE_DEVICES = "https://github.com/awslabs/awsome-distributed-ai"
# A prolog that may fail waits longer, and only where devices are missing: p5en brings its own up late, in 15 s or so.
_DEADLINE_SECONDS = {False: 5, True: 50}
_FAILED_PROLOG = "https://slurm.schedmd.com/prolog_epilog.html"


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
    """The content of hook.json, where the installer is published (None: nowhere), and what slurm.conf says."""

    settings: dict[str, Any]
    publication: Publication | None
    decisions: tuple[Decision, ...]
    slurm_settings: dict[str, str | int | float | bool]


def plan_hooks(spec: Spec, efa: dict[tuple[str, str], bool], stack: Stack) -> HooksPlan:
    """Return the hook's settings; ``efa`` says for each queue and compute resource whether EFA is on."""
    hooks = spec.hooks
    expected = {}
    for queue in spec.cluster.queues:
        for resource in queue.compute_resources:
            count = resource.efa_interfaces if efa[queue.name, resource.name] else 0
            if count is not None:  # an unknown count stays unknown, and the hook says so
                expected[f"{queue.name}/{resource.name}"] = count
    interfaces = hooks.tcp_interfaces
    nodes = sum(queue.nodes for queue in spec.cluster.queues)
    settings = {
        # The installer writes one: render gives the same bytes for the same spec.
        "installation_id": None,
        "mode": hooks.mode,
        "enforce": list(hooks.enforce),
        "breaker_nodes_per_hour": hooks.breaker_nodes_per_hour,
        "breaker_percent_per_hour": hooks.breaker_percent_per_hour,
        "cluster_nodes": nodes,
        "task_prolog": hooks.task_prolog,
        "health_check": hooks.health_check,
        "health_check_interval_seconds": hooks.health_check_interval_seconds,
        "health_max_age_seconds": hooks.health_max_age_seconds,
        "stack": stack._asdict(),
        "root": hooks.root,
        "run_dir": hooks.run_dir,
        "spool_dir": hooks.spool_dir,
        "spool_limit_mib": hooks.spool_limit_mib,
        "spool_max_age_days": hooks.spool_max_age_days,
        "baseline_max_age_days": hooks.baseline_max_age_days,
        "records_dir": hooks.records_dir or _records_dir(spec),
        "records_mode": hooks.records_mode,
        "expected_devices": hooks.expected_devices,
        "compute_resources": expected,
        "tcp_interfaces": interfaces if isinstance(interfaces, str) else list(interfaces),
        "deadline_seconds": hooks.deadline_seconds or _DEADLINE_SECONDS[hooks.mode == "enforce"],
    }
    publication = _publication(hooks.bucket)
    iam = spec.cluster.head_node.iam
    programs = plan_programs(
        hooks,
        spec.cluster.slurm_settings,
        installed_by_cluster=publication is not None,
        pyxis=any(job.container is not None and job.container.runtime == "pyxis" for job in spec.jobs),
    )
    installation = _installation(publication, iam.role or iam.profile)
    policy = _policy(hooks, nodes)
    return HooksPlan(settings, publication, (installation, *policy, *programs.decisions), programs.settings)


def _policy(hooks: Hooks, nodes: int) -> tuple[Decision, ...]:
    """Return the decisions about what a finding does."""
    subject = "mode of the hooks"
    if hooks.mode == "observe":
        reason = "findings are recorded and no job is touched: a false alarm costs nothing"
        return (Decision(subject, "observe", reason, _DRAINED_NODES),)
    if hooks.mode == "warn":
        reason = "findings are recorded, logged on the node and told in the job's output; no job is touched"
        return (Decision(subject, "warn", reason, _DRAINED_NODES),)
    reason = (
        f"as the spec says: {', '.join(hooks.enforce)} fail the prolog. Slurm then drains the node and starts the job "
        "elsewhere, and ParallelCluster replaces the instance"
    )
    most = breaker_limit(nodes, hooks.breaker_nodes_per_hour, hooks.breaker_percent_per_hour)
    limit = f"{most} of {nodes} nodes an hour"
    why = (
        f"never more than {hooks.breaker_nodes_per_hour} nodes nor {hooks.breaker_percent_per_hour:g} per cent of all "
        "(which are one at least): a wrong expectation would else replace instances without end. Beyond it the hooks "
        "only warn"
    )
    return (
        Decision(subject, "enforce", reason, _FAILED_PROLOG),
        Decision("circuit breaker of the hooks", limit, why, _DRAINED_NODES),
        _patience(hooks),
    )


def breaker_limit(nodes: int, nodes_per_hour: int, percent_per_hour: float) -> int:
    """Return on how many nodes the prolog may fail in an hour: the smaller of both limits, the second at least one."""
    return min(nodes_per_hour, max(1, int(nodes * percent_per_hour / 100)))


def _patience(hooks: Hooks) -> Decision:
    seconds = hooks.deadline_seconds or _DEADLINE_SECONDS[True]
    reason = (
        f"a prolog that may fail waits {0.3 * seconds:g} s for devices that are missing: p5en brings its own up late, "
        "and a node drained for that is a sound one"
    )
    return Decision("deadline of the hooks", f"{seconds:g} s", reason, _LATE_DEVICES)


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
