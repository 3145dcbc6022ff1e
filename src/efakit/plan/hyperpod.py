"""Decides what is SageMaker HyperPod's own: instance groups, and how Slurm's settings and the hooks get there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from efakit.catalog import hyperpod as rows
from efakit.catalog.layouts import layout
from efakit.plan.cluster import QueuePlan, ResourcePlan
from efakit.plan.decision import Decision
from efakit.plan.names import plain_name
from efakit.plan.platforms import Platform, register
from efakit.plan.slurm.settings import with_prolog_flags
from efakit.plan.slurm.site import Publication, SlurmSite
from efakit.spec.hyperpod.model import HyperPod
from efakit.spec.model import Spec

if TYPE_CHECKING:
    from efakit.plan.plan import Plan

_LAYOUT = layout("hyperpod")
_Value = str | int | float | bool


@dataclass(frozen=True)
class Group:
    """An instance group of compute nodes."""

    name: str
    queue: QueuePlan
    resource: ResourcePlan


@dataclass(frozen=True)
class HyperPodPlan:
    """What was decided for HyperPod; ``settings`` are what the lifecycle script adds to slurm.conf."""

    section: HyperPod
    region: str
    groups: tuple[Group, ...]
    settings: Mapping[str, _Value]
    decisions: tuple[Decision, ...]


def plan_hyperpod(plan: Plan) -> HyperPodPlan:
    """Return the plan of the section."""
    section, region = _section(plan.spec), plan.spec.cluster.region
    assert region is not None  # noqa: S101 (the section needs it)
    hooks = plan.slurm.hooks if plan.slurm else None
    settings, flags = with_prolog_flags({})
    decisions = [_stage(section), _strategy(section), flags, _left_alone(), _interfaces(section)]
    names = {rows.CONTROLLER: rows.CONTROLLER, rows.LOGIN: rows.LOGIN}
    groups = []
    for queue in plan.cluster.queues:
        for resource in queue.resources:
            name = plain_name(f"{queue.queue.name}-{resource.resource.name}", names, 63)
            groups.append(Group(name, queue, resource))
    own = {**settings, **(hooks.slurm_settings if hooks else {})}
    return HyperPodPlan(section, region, tuple(groups), own, tuple(decisions))


def _section(spec: Spec) -> HyperPod:
    section = spec.section(HyperPod)
    if section is None:
        raise LookupError("the spec has no section 'hyperpod'")
    return section


def _stage(section: HyperPod) -> Decision:
    subject = "lifecycle script"
    if section.stage == "OnCreate":
        reason = (
            "as the spec says: your own lifecycle scripts set Slurm up, by provisioning_parameters.json, and start "
            "efakit-lifecycle.sh at their end"
        )
        return Decision(subject, "OnCreate", reason, rows.PARAMETERS)
    reason = (
        "HyperPod's images set Slurm up themselves, with prolog.d and epilog.d and scripts of their own there; "
        "efakit's script runs after that on each node, and ends with 0 whatever happens"
    )
    return Decision(subject, "OnInitComplete", reason, rows.LIFECYCLE)


def _strategy(section: HyperPod) -> Decision:
    reason = (
        "the lifecycle script adds the hooks' settings to slurm.conf on the controller. Managed refuses updates of the "
        "cluster when slurm.conf differs; whether these lines count as such a difference is not documented"
    )
    return Decision("SlurmConfigStrategy", section.slurm_config_strategy, reason, rows.STRATEGY)


def _left_alone() -> Decision:
    named = ", ".join((*_LAYOUT.partitions, *_LAYOUT.reservations))
    reason = (
        "HyperPod repairs and checks nodes there: the hooks record, and fail no prolog in any mode (never_enforced_in "
        "in hook.json)"
    )
    return Decision("partitions and reservations of HyperPod's", f"left alone: {named}", reason, rows.HEALTH)


def _interfaces(section: HyperPod) -> Decision:
    subject = "EFA interfaces"
    if section.efa_interface_type:
        return Decision(subject, section.efa_interface_type, "as the spec says", rows.CREATE)
    reason = "HyperPod attaches them itself; its documents do not state of which type"
    return Decision(subject, "HyperPod's own choice", reason, rows.CREATE)


def _site(spec: Spec) -> SlurmSite:
    section = _section(spec)
    mount = section.fsx.mount if section.fsx else "/fsx"
    return SlurmSite(
        installation=_installation,
        installs_itself=True,
        installed_late="the lifecycle script has not run",
        how_to_set=lambda wanted: (
            f"set {' '.join(f'{name}={value}' for name, value in wanted.items())} in {_LAYOUT.settings_in}"
        ),
        writes_settings=True,
        replaced_by="",
        records_dir=f"{mount}/efakit/records",
        records_reason=(
            "on the file system of hyperpod.fsx"
            if section.fsx
            else "the spec names no file system (hyperpod.fsx): mount one there, or name a folder in hooks.records_dir"
        ),
        brings_hooks=True,
        brings_exporter="the lifecycle script installs it on each node, if you upload its installer beside the hooks'",
        layout="hyperpod",
    )


def _installation(publication: Publication | None) -> Decision:
    reason = "each node has folders of its own. The installer goes to the folder of the lifecycle scripts with them" + (
        "; hooks.bucket is not used" if publication else ""
    )
    choice = "by the lifecycle script on each node"
    return Decision("installation of the hooks", choice, reason, rows.LIFECYCLE, "installation")


register("hyperpod", Platform(plan_hyperpod, slurm=_site))
