"""The plan of a spec's section ``parallelcluster``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from efakit.catalog.release_traits import has_trait
from efakit.catalog.stacks import parallelcluster_release
from efakit.plan.cluster import ClusterPlan
from efakit.plan.decision import Decision
from efakit.plan.parallelcluster.nodes import HeadNodePlan, LoginPlan, plan_head_node, plan_login_nodes
from efakit.plan.parallelcluster.pyxis import pyxis_queues
from efakit.plan.parallelcluster.queues import PcQueuePlan, plan_queues, running
from efakit.plan.parallelcluster.section import section_of
from efakit.plan.parallelcluster.storage import StoragePlan, plan_storage
from efakit.plan.slurm.settings import with_prolog_flags
from efakit.spec.parallelcluster.model import ParallelCluster, SlurmSettings

if TYPE_CHECKING:
    from efakit.plan.plan import Plan


@dataclass(frozen=True)
class ParallelClusterPlan:
    """All that cluster.yaml says."""

    section: ParallelCluster
    region: str
    head_node: HeadNodePlan
    login_nodes: tuple[LoginPlan, ...]
    queues: tuple[PcQueuePlan, ...]
    storage: tuple[StoragePlan, ...]
    slurm_settings: SlurmSettings
    decisions: tuple[Decision, ...]


def plan_parallelcluster(plan: Plan) -> ParallelClusterPlan:
    """Return what was decided for ParallelCluster's config."""
    section = section_of(plan.spec)
    hooks = plan.slurm.hooks if plan.slurm else None
    publication, pyxis = (hooks.publication, hooks.pyxis) if hooks else (None, None)
    region = plan.spec.cluster.region or ""
    head, of_head = plan_head_node(section, plan.cluster, publication, pyxis, region)
    login, of_login = plan_login_nodes(section, head.instance)
    settings, flags = with_prolog_flags(section.slurm_settings)
    queues, of_queues = plan_queues(section, plan.cluster.queues)
    if pyxis is not None:
        queues = tuple(
            running(queue, "on_node_start", pyxis, "node") if queue.plan.queue.name in pyxis_queues(plan) else queue
            for queue in queues
        )
    exporter = hooks.exporter.publication if hooks and hooks.exporter else None
    if exporter is not None:
        queues = tuple(running(queue, "on_node_configured", exporter, "--custom-action") for queue in queues)
    storage, of_storage = plan_storage(section.storage)
    return ParallelClusterPlan(
        section=section,
        region=region,
        head_node=head,
        login_nodes=login,
        queues=queues,
        storage=storage,
        slurm_settings={**settings, **(hooks.slurm_settings if hooks else {})},
        decisions=(
            *_release(section),
            *of_head,
            *of_login,
            flags,
            *of_queues,
            *of_storage,
            *_interface_type(section, plan.cluster),
        ),
    )


def _release(section: ParallelCluster) -> list[Decision]:
    """Return a decision where the release has no row of its own."""
    row = parallelcluster_release(section.version)
    if row.version == section.version:
        return []
    reason = f"efakit's catalog does not have {section.version}; the nearest earlier release in it is {row.version}"
    choice = f"the same as {row.version}: EFA installer {row.installer}"
    return [Decision(f"software of ParallelCluster {section.version}", choice, reason, row.source)]


def _interface_type(section: ParallelCluster, cluster: ClusterPlan) -> list[Decision]:
    """Return what the interfaces of nodes with EFA are, where some node has it or the spec says a type."""
    subject, topic = "EFA interface type", "efa-interface-type"
    source = "https://github.com/aws/aws-parallelcluster/pull/7262"
    if section.efa_interface_type:
        reason = "as the spec says: an IP address on every card, as before 3.15; public subnets need that"
        return [Decision(subject, section.efa_interface_type, reason, source, topic)]
    if not any(cluster.efa.values()):
        return []
    if not has_trait("efa-only-interfaces", section.version):
        reason = f"ParallelCluster {section.version} has no other: an IP address on every card"
        return [Decision(subject, "efa", reason, source)]
    reason = "ParallelCluster's default since 3.15: one IP address for each node, and EFA-only interfaces besides"
    return [Decision(subject, "efa-only", reason, source)]
