"""Decides the hook's settings and how the hooks reach the cluster."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from efakit.catalog.layouts import layout
from efakit.catalog.stacks import Stack
from efakit.plan.cluster import ClusterPlan
from efakit.plan.decision import Decision
from efakit.plan.slurm.exporter import ExporterPlan, plan_exporter
from efakit.plan.slurm.programs import plan_programs
from efakit.plan.slurm.settings import with_prolog_flags
from efakit.plan.slurm.site import INSTALLER, PYXIS_SCRIPT, Publication, SlurmSite
from efakit.rules.breaker import breaker_limit
from efakit.spec.model import Hooks

_DRAINED_NODES = "https://github.com/aws/aws-parallelcluster-node/blob/develop/src/slurm_plugin/clustermgtd.py"
_LATE_DEVICES = "https://github.com/awslabs/awsome-distributed-ai"
# A prolog that may fail waits longer, and only where devices are missing: p5en brings its own up late, in 15 s or so.
_DEADLINE_SECONDS = {False: 5, True: 50}
_PYXIS_OFF = "https://github.com/aws/aws-parallelcluster-cookbook/pull/2820"
_FAILED_PROLOG = "https://slurm.schedmd.com/prolog_epilog.html"


@dataclass(frozen=True)
class HooksPlan:
    """The content of hook.json, where the installer is published (None: nowhere), and what slurm.conf says."""

    settings: dict[str, Any]
    publication: Publication | None
    decisions: tuple[Decision, ...]
    slurm_settings: dict[str, str | int | float | bool]
    pyxis: Publication | None = None
    """Where the script is published that switches Pyxis on; None: it is not needed, or the cluster fetches none."""
    exporter: ExporterPlan | None = None
    """None: the spec asks for none."""


def plan_hooks(hooks: Hooks, cluster: ClusterPlan, stack: Stack, site: SlurmSite, *, pyxis: bool) -> HooksPlan:
    """Return the hook's settings on a Slurm cluster; ``pyxis``: jobs of the spec run in Pyxis's containers."""
    expected = {}
    for queue in cluster.queues:
        for item in queue.resources:
            count = item.resource.efa_interfaces if item.efa else 0
            if count is not None:  # an unknown count stays unknown, and the hook says so
                expected[f"{queue.queue.name}/{item.resource.name}"] = count
    publication = _publication(hooks.bucket)
    installed_first = site.installs_itself and (publication is not None or site.brings_hooks)
    programs = plan_programs(hooks, site, installed_first=installed_first, pyxis=pyxis)
    interfaces = hooks.tcp_interfaces
    settings = {
        # The installer writes one: render gives the same bytes for the same spec.
        "installation_id": None,
        "mode": hooks.mode,
        "enforce": list(hooks.enforce),
        "breaker_nodes_per_hour": hooks.breaker_nodes_per_hour,
        "breaker_percent_per_hour": hooks.breaker_percent_per_hour,
        "cluster_nodes": cluster.nodes,
        "task_prolog": programs.task_prolog,
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
        "records_dir": hooks.records_dir or site.records_dir,
        "records_mode": hooks.records_mode,
        "expected_devices": hooks.expected_devices,
        "compute_resources": expected,
        "tcp_interfaces": interfaces if isinstance(interfaces, str) else list(interfaces),
        "deadline_seconds": hooks.deadline_seconds or _DEADLINE_SECONDS[hooks.mode == "enforce"],
    }
    where = layout(site.layout)
    if where.partitions or where.reservations:
        settings["never_enforced_in"] = [*where.partitions, *where.reservations]
    decisions = [site.installation(publication), _records(hooks, site), *_policy(hooks, cluster.nodes, site)]
    if not site.writes_settings:
        decisions.append(_flags(site))
    script = publication.beside(PYXIS_SCRIPT) if publication is not None and pyxis and site.pyxis_off else None
    if script is not None:
        reason = (
            "jobs of the spec run in Pyxis containers, and Pyxis and Enroot are disabled in the images; publish "
            "the script with the installer: efakit hooks publish"
        )
        decisions.append(
            Decision("containers of Pyxis", f"Pyxis is enabled by {script.address}", reason, _PYXIS_OFF, "pyxis")
        )
    exporter, of_exporter = plan_exporter(hooks, site, publication)
    made = (*decisions, *programs.decisions, *of_exporter)
    return HooksPlan(settings, publication, made, programs.settings, script, exporter)


def _flags(site: SlurmSite) -> Decision:
    """Return the flags that the user has to set, since efakit writes no configuration of a cluster that is up."""
    _, decision = with_prolog_flags(site.settings)
    return replace(decision, reason=f"{decision.reason}: {site.how_to_set({'PrologFlags': decision.choice})}")


def _records(hooks: Hooks, site: SlurmSite) -> Decision:
    subject, topic = "records of the hooks", "records"
    if hooks.records_dir:
        return Decision(subject, hooks.records_dir, "as the spec says", topic=topic)
    return Decision(subject, site.records_dir, site.records_reason, topic=topic)


def _policy(hooks: Hooks, nodes: int, site: SlurmSite) -> tuple[Decision, ...]:
    """Return the decisions about what a finding does."""
    subject = "mode of the hooks"
    if hooks.mode == "observe":
        reason = "findings are recorded and no job is changed: a false alarm costs nothing"
        return (Decision(subject, "observe", reason, _DRAINED_NODES),)
    if hooks.mode == "warn":
        reason = "findings are recorded, logged on the node and printed in the job's output; no job is changed"
        return (Decision(subject, "warn", reason, _DRAINED_NODES),)
    reason = (
        f"as the spec says: {', '.join(hooks.enforce)} fail the prolog. Slurm then drains the node and starts the job "
        f"elsewhere{f', and {site.replaced_by} replaces the instance' if site.replaced_by else ''}"
    )
    most = breaker_limit(nodes, hooks.breaker_nodes_per_hour, hooks.breaker_percent_per_hour)
    limit = f"{most} of {nodes} nodes each hour"
    why = (
        f"at most {hooks.breaker_nodes_per_hour} nodes and {hooks.breaker_percent_per_hour:g} per cent of all nodes "
        "(at least one): otherwise a wrong setting would "
        f"{'replace instances without end' if site.replaced_by else 'drain the whole cluster'}. Beyond it the hooks "
        "only warn"
    )
    return (
        Decision(subject, "enforce", reason, _FAILED_PROLOG),
        Decision("circuit breaker of the hooks", limit, why, _DRAINED_NODES),
        _patience(hooks),
    )


def _patience(hooks: Hooks) -> Decision:
    seconds = hooks.deadline_seconds or _DEADLINE_SECONDS[True]
    reason = (
        f"a prolog that may fail waits {0.3 * seconds:g} s for missing devices: on p5en devices come up late, "
        "and a healthy node would be drained"
    )
    return Decision("deadline of the hooks", f"{seconds:g} s", reason, _LATE_DEVICES)


def _publication(bucket: str | None) -> Publication | None:
    if bucket is None:
        return None
    name, _, prefix = bucket.removeprefix("s3://").partition("/")
    return Publication(name, f"{prefix.strip('/')}/{INSTALLER}".lstrip("/"))
