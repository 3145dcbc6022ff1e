"""The plan of the section: groups, devices, jobs."""

from __future__ import annotations

from dataclasses import dataclass

from efakit.catalog import eks as rows
from efakit.plan.decision import Decision
from efakit.plan.eks.groups import Group, decide_group
from efakit.plan.eks.jobs import Pods, decide_pods, why_no_pods
from efakit.plan.names import plain_name
from efakit.plan.plan import Plan
from efakit.plan.platforms import jobs_of
from efakit.spec.eks.model import Eks

_MOST_OF_GROUP = 50
"""Letters of a node group's name: it is a part of a stack's, with the cluster's."""


@dataclass(frozen=True)
class EksPlan:
    """What was decided for EKS."""

    section: Eks
    region: str
    groups: tuple[Group, ...]
    jobs: tuple[Pods, ...]
    decisions: tuple[Decision, ...]

    @property
    def efa_types(self) -> tuple[str, ...]:
        """The instance types of all EFA groups."""
        return tuple(dict.fromkeys(item.name for group in self.groups if group.efa for item in group.instances))

    def accelerated(self, resource: str) -> tuple[str, ...]:
        """Return the instance types whose accelerators a device plugin offers as ``resource``."""
        types = (item for group in self.groups for item in group.instances)
        return tuple(dict.fromkeys(item.name for item in types if rows.accelerator_resource(item) == resource))


def plan_eks(plan: Plan) -> EksPlan:
    """Return the plan of the section; the jobs are planned anew, on the software of their images."""
    section = plan.spec.section(Eks)
    region = plan.spec.cluster.region
    assert section is not None  # noqa: S101 (the platform is asked where its section is there)
    assert region is not None  # noqa: S101 (the section needs it)
    decisions = _of_cluster(section)
    names: dict[str, str] = {}
    labels: dict[str, str] = {}
    groups: dict[str, list[Group]] = {}
    for queue in plan.cluster.queues:
        label = plain_name(queue.queue.name, labels, 63)
        for resource in queue.resources:
            name = plain_name(f"{queue.queue.name}-{resource.resource.name}", names, _MOST_OF_GROUP)
            group, reasons = decide_group(section, queue, resource, name, label)
            groups.setdefault(queue.queue.name, []).append(group)
            decisions += reasons
    jobs: list[Pods] = []
    job_names: dict[str, str] = {}
    for job, queue, known in jobs_of(plan, section.jobs):
        why = why_no_pods(section, job, queue)
        if why:
            decisions.append(Decision(f"job {job.name} on EKS", "no manifest", why, rows.EFA_GUIDE))
            continue
        name = plain_name(job.name, job_names, rows.MOST_LETTERS)
        pods, reasons = decide_pods(section, job, plan.cluster, tuple(groups[queue.queue.name]), name, known)
        jobs.append(pods)
        decisions += reasons
    every = tuple(group for found in groups.values() for group in found)
    return EksPlan(section, region, every, tuple(jobs), tuple(decisions))


def _of_cluster(section: Eks) -> list[Decision]:
    reason = "from the spec, or eksctl's default"
    found = [Decision("Kubernetes", section.version, reason, rows.VALIDATION)]
    reason = f"EKS installs its default version, newer than {rows.CNI_VERSION}, the minimum for several network cards"
    found.append(Decision("VPC CNI", "an add-on of EKS", reason, rows.CNI))
    if section.devices == "dra":
        reason = (
            "a claim requests the number of devices; the EKS guide recommends it for new clusters from "
            "{rows.DRA_KUBERNETES} on (the chart's README says 1.35). Do not run it and the device plugin on the "
            "same node"
        )
        found.append(
            Decision("EFA devices", f"the DRA driver, chart aws-dranet {rows.DRA_VERSION}", reason, rows.DRA_CHART)
        )
    else:
        reason = (
            f"eksctl installs {rows.PLUGIN_OF_EKSCTL}, which does not support p6. By default the chart tolerates no "
            "taint. The values name the instance types, the label and the taint of the nodes with EFA"
        )
        choice = f"the device plugin, chart {rows.PLUGIN_VERSION}"
        found.append(Decision("EFA devices", choice, reason, rows.PLUGIN_CHART))
    if section.taint:
        reason = (
            f"pods that do not tolerate it stay off these nodes; {section.system_nodes} other nodes run the cluster's "
            "own pods"
        )
        found.append(Decision("EFA nodes", f"taint {rows.TAINT}", reason, rows.EKSCTL_PLUGIN))
    return found
