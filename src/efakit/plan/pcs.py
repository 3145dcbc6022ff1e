"""Decides what is AWS PCS's own: custom settings, a compute node group for each compute resource, hooks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from efakit.catalog import pcs as rows
from efakit.catalog.layouts import PCS_LIFECYCLE, PCS_SETTINGS, layout
from efakit.plan.cluster import QueuePlan, ResourcePlan
from efakit.plan.decision import Decision
from efakit.plan.names import plain_name
from efakit.plan.platforms import Platform, register
from efakit.plan.slurm.settings import with_prolog_flags
from efakit.plan.slurm.site import INSTALLER, Publication, SlurmSite
from efakit.spec.model import Spec
from efakit.spec.pcs.model import Pcs

if TYPE_CHECKING:
    from efakit.plan.plan import Plan

_LAYOUT = layout("pcs")
_Value = str | int | float | bool


@dataclass(frozen=True)
class Group:
    """A compute node group."""

    name: str
    queue: QueuePlan
    resource: ResourcePlan


@dataclass(frozen=True)
class PcsPlan:
    """What was decided for AWS PCS; ``publication`` None: no lifecycle action installs the hooks.

    ``exporter`` is the address of the exporter's installer, None where no lifecycle action runs it.
    """

    section: Pcs
    region: str
    groups: tuple[Group, ...]
    settings: Mapping[str, _Value]
    publication: Publication | None
    exporter: Publication | None
    decisions: tuple[Decision, ...]


def plan_pcs(plan: Plan) -> PcsPlan:
    """Return the plan of the section."""
    section, region = _section(plan.spec), plan.spec.cluster.region
    assert region is not None  # noqa: S101 (the section needs it)
    hooks = plan.slurm.hooks if plan.slurm else None
    publication = hooks.publication if hooks else None
    exporter = hooks.exporter.publication if hooks and hooks.exporter else None
    settings, flags = with_prolog_flags(section.slurm_settings)
    scripts, of_scripts = _scripts(section, publication)
    own = {**settings, **scripts, **(hooks.slurm_settings if hooks else {})}
    decisions = [_image(section), flags, of_scripts, _deadline()]
    names: dict[str, str] = {}
    groups = []
    for queue in plan.cluster.queues:
        for resource in queue.resources:
            name = plain_name(f"{queue.queue.name}-{resource.resource.name}", names, rows.MOST_LETTERS)
            groups.append(Group(name, queue, resource))
            decisions += [resource.nearness, resource.capacity]
            if resource.efa:
                decisions.append(_interfaces(name, resource))
    decisions.append(_login(section))
    return PcsPlan(section, region, tuple(groups), own, publication, exporter, tuple(decisions))


def _section(spec: Spec) -> Pcs:
    section = spec.section(Pcs)
    if section is None:
        raise LookupError("the spec has no section 'pcs'")
    return section


def _scripts(section: Pcs, publication: Publication | None) -> tuple[dict[str, _Value], Decision]:
    """Return Prolog and Epilog: only where each node surely gets the folders that they name."""
    subject = "Slurm's Prolog and Epilog"
    theirs = sorted(name for name in section.slurm_settings if name.lower() in ("prolog", "epilog"))
    if theirs:
        reason = "the spec's own; efakit's hooks run where these name its folders too"
        return {}, Decision(subject, f"the spec's {' and '.join(theirs)}", reason, PCS_SETTINGS)
    if publication is None:
        reason = (
            "no lifecycle action installs the hooks, and Slurm drains each node on which Prolog's folder is missing. "
            f"Install them in the image ({INSTALLER} --layout pcs), then set both under pcs.slurm_settings"
        )
        return {}, Decision(subject, "not set", reason, PCS_SETTINGS)
    folder = _LAYOUT.scripts_dir
    values: dict[str, _Value] = {"Prolog": f"{folder}/prolog.d/*", "Epilog": f"{folder}/epilog.d/*"}
    reason = (
        "folders of efakit's own on each node, since PCS has none; your own scripts go beside efakit's. If a node "
        "could not fetch the installer at all, the folders are missing there, and Slurm drains it with 'Prolog error'"
    )
    return values, Decision(subject, f"{values['Prolog']}, {values['Epilog']}", reason, PCS_SETTINGS)


def _deadline() -> Decision:
    reason = (
        "PCS allows neither PrologTimeout nor EpilogTimeout, so the hooks' own deadline is the only one; slurmd gives "
        "up a prolog after 420 s and the node is drained"
    )
    return Decision("time limits of the hooks", "the hooks' own deadline", reason, rows.OPERATIONS)


def _image(section: Pcs) -> Decision:
    if section.ami:
        reason = f"as the spec says; it must include PCS's agent {rows.AGENT} or later for lifecycle actions"
        return Decision("image of the nodes", section.ami, reason, PCS_LIFECYCLE)
    reason = "a public parameter of AWS: each update of the stack takes the newest image"
    return Decision("image of the nodes", rows.IMAGE, reason, rows.TEMPLATES)


def _interfaces(name: str, resource: ResourcePlan) -> Decision:
    instance = resource.resource.instance
    count = resource.resource.efa_interfaces
    first = "one of type efa on card 0" if instance.card0_efa else "a plain one on card 0, which has no EFA there"
    more = (count or 0) - (1 if instance.card0_efa else 0)
    choice = f"{first}, {more} of type efa-only on the other cards" if more else first
    reason = (
        f"PCS attaches no EFA by itself: the launch template lists all {count} EFA interfaces of {instance.name}. "
        "Those of type efa-only take no IP address"
    )
    return Decision(f"network interfaces of {name}", choice, reason, rows.NETWORKING)


def _login(section: Pcs) -> Decision:
    if section.login_instance:
        return Decision("login node", f"one {section.login_instance}", "as the spec says", rows.GROUP)
    reason = "the controller is AWS's and takes no logins; pcs.login_instance makes a login node"
    return Decision("login node", "none", reason, rows.GROUP)


def _site(spec: Spec) -> SlurmSite:
    section = _section(spec)
    return SlurmSite(
        installation=_installation,
        installs_itself=True,
        installed_late="without a bucket no lifecycle action installs the hooks",
        how_to_set=lambda wanted: (
            f"set {', '.join(f'{name}: {value}' for name, value in wanted.items())} under pcs.slurm_settings and "
            "update the stack"
        ),
        writes_settings=True,
        replaced_by="",
        records_dir="/home/efakit/records",
        records_reason=(
            "PCS mounts no file system: mount a shared one on the nodes and the login node, and name a folder on it in "
            "hooks.records_dir; else each node keeps its own records"
        ),
        settings=section.slurm_settings,
        fetches_exporter="a lifecycle action of each compute node group runs it before slurmd starts",
        layout="pcs",
    )


def _installation(publication: Publication | None) -> Decision:
    subject = "installation of the hooks"
    if publication is None:
        choice = f"by hand: run 'sudo sh {INSTALLER} --layout pcs' where the nodes' image is built"
        return Decision(subject, choice, "the spec names no bucket (hooks.bucket)", PCS_LIFECYCLE)
    reason = (
        "each node runs it before slurmd starts. It ends with 0 whatever happens, and onError is not TERMINATE, so "
        "that no fault of the hooks' ends a node; publish the installer first: efakit hooks publish"
    )
    choice = f"by a lifecycle action on each node, from {publication.address}"
    return Decision(subject, choice, reason, PCS_LIFECYCLE, "installation")


register("pcs", Platform(plan_pcs, slurm=_site))
