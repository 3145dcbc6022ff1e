"""eksctl's ClusterConfig: the cluster, and its node groups."""

from __future__ import annotations

from typing import Any

from efakit.catalog import eks as rows
from efakit.emit.writing import Line, yaml_lines
from efakit.plan.eks import EksPlan
from efakit.plan.eks.groups import OPEN, Group

NO_TEMPLATE = "lt-00000000000000000"
"""Stands for the launch template's id until its stack is there."""
EFA_LABEL, QUEUE_LABEL = "efakit/efa", "efakit/queue"
_ADDONS = ("vpc-cni", "coredns", "kube-proxy", "eks-pod-identity-agent")


def cluster_config(section: EksPlan) -> str:
    """Return cluster.yaml, without the groups whose launch template is a stack of its own."""
    inside = [group for group in section.groups if not group.launch_template]
    managed = section.section.nodes == "managed"
    system = _system_group(section)
    groups = {"managedNodeGroups": [*system, *(_group(section, group) for group in inside if managed)]}
    if not managed:
        groups["nodeGroups"] = [_group(section, group) for group in inside]
    lines: list[Line] = [
        *_head(section),
        ("iam", {"withOIDC": True}, "So that pods can have IAM roles."),
        ("addons", [{"name": name} for name in _ADDONS], f"vpc-cni: {rows.CNI_VERSION} or later for several cards."),
        *((key, value, "DECISIONS.md says why.") for key, value in groups.items() if value),
    ]
    return yaml_lines(f"For eksctl {rows.EKSCTL_VERSION} or later; README.md has the commands.", lines)


def group_config(section: EksPlan, group: Group) -> str:
    """Return the config of one group on a launch template: README.md puts the template's id in."""
    head = f"Node group {group.name}: its launch template is the stack of {group.name}.launch-template.yaml."
    lines: list[Line] = [*_head(section), ("managedNodeGroups", [_group(section, group)], "")]
    return yaml_lines(head, lines)


def _head(section: EksPlan) -> list[Line]:
    own = section.section
    lines: list[Line] = [
        ("apiVersion", "eksctl.io/v1alpha5", ""),
        ("kind", "ClusterConfig", ""),
        ("metadata", {"name": own.name, "region": section.region, "version": own.version}, ""),
    ]
    if own.zones:
        lines.append(("availabilityZones", list(own.zones), "Of the VPC that eksctl makes."))
    else:
        private = {zone: {"id": subnet} for zone, subnet in own.subnets.items()}
        lines.append(("vpc", {"subnets": {"private": private}}, "A VPC that is there."))
    return lines


def _system_group(section: EksPlan) -> list[dict[str, Any]]:
    own = section.section
    if not own.system_nodes:
        return []
    return [
        {
            "name": "system",
            "instanceType": own.system_instance,
            "minSize": own.system_nodes,
            "desiredCapacity": own.system_nodes,
            "maxSize": own.system_nodes,
            "privateNetworking": True,
        }
    ]


def _group(section: EksPlan, group: Group) -> dict[str, Any]:
    own = section.section
    least, now, most = group.sizes
    data: dict[str, Any] = {"name": group.name}
    types = [instance.name for instance in group.instances]
    if group.launch_template:
        data["launchTemplate"] = {"id": NO_TEMPLATE}
    elif len(types) == 1:
        data["instanceType"] = types[0]
    elif own.nodes == "managed":
        data["instanceTypes"] = types
    else:
        data["instancesDistribution"] = {"instanceTypes": types}
    data["amiFamily"] = group.ami_family
    if own.ami and not group.launch_template:
        data["ami"] = own.ami
    data.update(minSize=least, desiredCapacity=now, maxSize=most)
    data.update({"subnets": [group.subnet]} if group.subnet else {"availabilityZones": [group.zone]})
    data["privateNetworking"] = True
    if not group.launch_template:
        data["volumeSize"] = own.volume_gib
        data.update(_efa(section, group))
    data.update(_capacity(group))
    data["labels"] = {QUEUE_LABEL: group.label, **_labels(group)}
    if group.efa and own.taint:
        data["taints"] = [{"key": rows.TAINT, "value": "present", "effect": "NoSchedule"}]
    return data


def _efa(section: EksPlan, group: Group) -> dict[str, Any]:
    """Return what eksctl is to do about EFA itself."""
    if not group.efa:
        return {}
    data: dict[str, Any] = {"efaEnabled": True}
    if section.section.security_groups:
        data["securityGroups"] = {"attachIDs": list(section.section.security_groups)}
    if group.placement not in ("managed", OPEN):
        data["placement"] = {"groupName": group.placement}
    return data


def _capacity(group: Group) -> dict[str, Any]:
    data: dict[str, Any] = {}
    if group.reservation:
        target = {"capacityReservationID": group.reservation}
        data["capacityReservation"] = {"capacityReservationTarget": target}
    elif group.reservation_group:
        target = {"capacityReservationResourceGroupARN": group.reservation_group}
        data["capacityReservation"] = {"capacityReservationTarget": target}
    elif group.efa and group.placement == OPEN and not group.launch_template:
        data["capacityReservation"] = {"capacityReservationPreference": "open"}
    if group.block:
        data["instanceMarketOptions"] = {"marketType": "capacity-block"}
    if group.queue.queue.capacity == "spot":
        data["spot"] = True
    return data


def _labels(group: Group) -> dict[str, str]:
    labels = {EFA_LABEL: "true"} if group.efa else {}
    if any(rows.accelerator_resource(item) == "nvidia.com/gpu" for item in group.instances):
        labels["nvidia.com/gpu.present"] = "true"  # NVIDIA's chart runs where it is
    return labels
