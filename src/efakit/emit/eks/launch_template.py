"""The stack of a launch template, for types whose EFA interfaces eksctl does not count right."""

from __future__ import annotations

from typing import Any

from efakit.catalog.instances import Instance
from efakit.emit.network_interfaces import network_interfaces
from efakit.emit.writing import yaml_lines
from efakit.plan.eks import EksPlan
from efakit.plan.eks.groups import MANAGED, OPEN, Group


def launch_template(section: EksPlan, group: Group) -> str:
    """Return the template of CloudFormation: security group, placement group, launch template."""
    (instance,) = group.instances
    data: dict[str, Any] = {
        "InstanceType": instance.name,
        "NetworkInterfaces": _interfaces(instance, len(section.section.security_groups)),
        "BlockDeviceMappings": [
            {
                "DeviceName": "/dev/xvdb" if group.ami_family == "Bottlerocket" else "/dev/xvda",
                "Ebs": {"VolumeSize": section.section.volume_gib, "VolumeType": "gp3", "Encrypted": True},
            }
        ],
        "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 2},
    }
    resources: dict[str, Any] = {}
    if group.placement == MANAGED:
        resources["PlacementGroup"] = {"Type": "AWS::EC2::PlacementGroup", "Properties": {"Strategy": "cluster"}}
        data["Placement"] = {"GroupName": {"Ref": "PlacementGroup"}}
    elif group.placement != OPEN:
        data["Placement"] = {"GroupName": group.placement}
    if group.reservation or group.reservation_group:
        target = (
            {"CapacityReservationId": group.reservation}
            if group.reservation
            else {"CapacityReservationResourceGroupArn": group.reservation_group}
        )
        data["CapacityReservationSpecification"] = {"CapacityReservationTarget": target}
    if group.block:
        data["InstanceMarketOptions"] = {"MarketType": "capacity-block"}
    resources.update(_security_group())
    resources["LaunchTemplate"] = {"Type": "AWS::EC2::LaunchTemplate", "Properties": {"LaunchTemplateData": data}}
    head = f"For {instance.name}, of which eksctl counts {instance.network_cards} EFA interfaces in place of "
    return yaml_lines(
        f"{head}{instance.efa_interfaces}; README.md has the commands.",
        [
            ("AWSTemplateFormatVersion", "2010-09-09", ""),
            ("Description", f"EFA nodes of {group.name}", ""),
            ("Parameters", _parameters(len(section.section.security_groups)), "Of the cluster: eksctl made it."),
            ("Resources", resources, ""),
            ("Outputs", {"LaunchTemplateId": {"Value": {"Ref": "LaunchTemplate"}}}, ""),
        ],
    )


def _interfaces(instance: Instance, more_groups: int) -> list[dict[str, Any]]:
    groups = [{"Ref": "ClusterSecurityGroup"}, {"Fn::GetAtt": ["EfaSecurityGroup", "GroupId"]}]
    groups += [{"Ref": f"SecurityGroup{number}"} for number in range(1, more_groups + 1)]
    return network_interfaces(instance, {"Groups": groups})


def _parameters(more_groups: int) -> dict[str, Any]:
    names = {"Vpc": "AWS::EC2::VPC::Id", "ClusterSecurityGroup": "AWS::EC2::SecurityGroup::Id"}
    names.update({f"SecurityGroup{number}": "AWS::EC2::SecurityGroup::Id" for number in range(1, more_groups + 1)})
    return {name: {"Type": kind} for name, kind in names.items()}


def _security_group() -> dict[str, Any]:
    """Return a group that lets all traffic to itself pass, in and out: EFA's is neither TCP nor UDP."""
    own = {"Fn::GetAtt": ["EfaSecurityGroup", "GroupId"]}
    rule = {"GroupId": own, "IpProtocol": "-1"}
    return {
        "EfaSecurityGroup": {
            "Type": "AWS::EC2::SecurityGroup",
            "Properties": {"GroupDescription": "EFA traffic between nodes", "VpcId": {"Ref": "Vpc"}},
        },
        "EfaIn": {"Type": "AWS::EC2::SecurityGroupIngress", "Properties": {**rule, "SourceSecurityGroupId": own}},
        "EfaOut": {"Type": "AWS::EC2::SecurityGroupEgress", "Properties": {**rule, "DestinationSecurityGroupId": own}},
    }
