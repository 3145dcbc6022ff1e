"""Target pcs: a CloudFormation template of the cluster, and the commands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from efakit.catalog import pcs as rows
from efakit.emit.network_interfaces import network_interfaces
from efakit.emit.registry import File, target
from efakit.emit.writing import comment, merged, yaml_text
from efakit.plan.pcs import Group, PcsPlan
from efakit.plan.plan import Plan
from efakit.plan.slurm.site import EXPORTER_SCRIPT, INSTALLER

_CHECKSUM, _EXPORTER_CHECKSUM = "InstallerSha256", "ExporterSha256"
_Data = dict[str, Any]


@target("pcs")
def emit_pcs(plan: Plan) -> list[File]:
    """Return the files below pcs/."""
    section = plan.section(PcsPlan)
    if section is None:
        return []
    head = "A cluster of AWS PCS, for CloudFormation; README.md has the commands, DECISIONS.md says why."
    text = f"{comment(head)}\n{yaml_text(template(section))}"
    return [File("pcs/cluster.yaml", text.encode()), File("pcs/README.md", _readme(section).encode())]


def template(section: PcsPlan) -> _Data:
    """Return the template as data, the spec's overrides merged last."""
    own = section.section
    resources: _Data = {"Cluster": {"Type": "AWS::PCS::Cluster", "Properties": _cluster(section)}}
    members: dict[str, list[_Data]] = {}
    for group in section.groups:
        name = _logical(group.name)
        resources.update(_group(section, group, name))
        members.setdefault(group.queue.queue.name, []).append({"ComputeNodeGroupId": _attribute(f"{name}Nodes", "Id")})
    for queue, groups in members.items():
        properties = {"ClusterId": _attribute("Cluster", "Id"), "Name": queue, "ComputeNodeGroupConfigurations": groups}
        resources[f"{_logical(queue)}Queue"] = {"Type": "AWS::PCS::Queue", "Properties": properties}
    if own.login_instance:
        resources.update(_login(section, own.login_instance))
    data: _Data = {"AWSTemplateFormatVersion": "2010-09-09", "Description": f"AWS PCS cluster {own.name} with EFA"}
    if section.publication is not None:
        data["Parameters"] = {
            name: {
                "Type": "String",
                "AllowedPattern": "^[a-f0-9]{64}$",
                "Description": f"SHA-256 of hooks/{script} as it was published",
            }
            for name, script, _ in _scripts(section)
        }
    data["Resources"] = resources
    data["Outputs"] = {"ClusterId": {"Value": _attribute("Cluster", "Id")}}
    return merged(data, own.overrides)


def _scripts(section: PcsPlan) -> list[tuple[str, str, str]]:
    """Return of each script that nodes fetch its checksum's parameter, its name and its address; the hooks first."""
    found = ((_CHECKSUM, INSTALLER, section.publication), (_EXPORTER_CHECKSUM, EXPORTER_SCRIPT, section.exporter))
    return [(name, script, place.address) for name, script, place in found if place is not None]


def _cluster(section: PcsPlan) -> _Data:
    own = section.section
    settings = [{"ParameterName": name, "ParameterValue": _word(value)} for name, value in section.settings.items()]
    slurm: _Data = {"ScaleDownIdleTimeInSeconds": own.scale_down_idle_seconds, "SlurmCustomSettings": settings}
    if own.accounting:
        slurm["Accounting"] = {"Mode": "STANDARD"}
    subnet = own.controller_subnet or section.groups[0].queue.queue.subnets[0]
    return {
        "Name": own.name,
        "Size": own.size,
        "Scheduler": {"Type": "SLURM", "Version": own.slurm},
        "Networking": {"SubnetIds": [subnet], "SecurityGroupIds": list(own.security_groups)},
        "SlurmConfiguration": slurm,
    }


def _group(section: PcsPlan, group: Group, name: str) -> Iterator[tuple[str, _Data]]:
    """Give the resources of a compute node group: placement group, launch template, the group."""
    resource, queue = group.resource.resource, group.queue.queue
    data = _machine(section)
    groups = list(section.section.security_groups)
    if group.resource.efa:
        shared = {"SubnetId": queue.subnets[0], "Groups": groups}
        data["NetworkInterfaces"] = network_interfaces(resource.instance, shared)
    else:
        data["SecurityGroupIds"] = groups
    if group.resource.placement_group == "managed":
        yield f"{name}Placement", {"Type": "AWS::EC2::PlacementGroup", "Properties": {"Strategy": "cluster"}}
        data["Placement"] = {"GroupName": {"Ref": f"{name}Placement"}}
    elif group.resource.placement_group != "none":
        data["Placement"] = {"GroupName": group.resource.placement_group}
    reservation, several = resource.reservation or queue.reservation, resource.reservation_group
    several = None if reservation else several or queue.reservation_group
    if reservation or several:
        target = (
            {"CapacityReservationId": reservation} if reservation else {"CapacityReservationResourceGroupArn": several}
        )
        data["CapacityReservationSpecification"] = {"CapacityReservationTarget": target}
    if queue.capacity == "capacity-block":
        data["InstanceMarketOptions"] = {"MarketType": "capacity-block"}
    yield f"{name}Template", _launch_template(data)
    least = resource.nodes if queue.capacity == "capacity-block" else resource.min_nodes or 0
    properties = {
        **_nodes(section, f"{name}Template", group.name, [instance.name for instance in resource.instances]),
        "SubnetIds": list(queue.subnets),
        "ScalingConfiguration": {"MinInstanceCount": least, "MaxInstanceCount": resource.nodes},
        "PurchaseOption": rows.PURCHASE[queue.capacity],
    }
    if section.publication is not None:
        scripts = [
            {
                "Name": "efakit hooks" if script == INSTALLER else "efakit exporter",
                "ScriptSource": {"ScriptLocation": address, "Checksum": {"Ref": checksum}},
                "Arguments": ["--custom-action", *(("--layout", "pcs") if script == INSTALLER else ())],
                "OnError": section.section.on_error,
            }
            for checksum, script, address in _scripts(section)
        ]
        properties["NodeLifecycleActions"] = {"Stages": {"NodeBootstrapped": scripts}}
    yield f"{name}Nodes", {"Type": "AWS::PCS::ComputeNodeGroup", "Properties": properties}


def _login(section: PcsPlan, instance: str) -> Iterator[tuple[str, _Data]]:
    data = {**_machine(section), "SecurityGroupIds": list(section.section.security_groups)}
    yield "LoginTemplate", _launch_template(data)
    properties = {
        **_nodes(section, "LoginTemplate", "efakit-login", [instance]),
        "SubnetIds": [section.groups[0].queue.queue.subnets[0]],
        "ScalingConfiguration": {"MinInstanceCount": 1, "MaxInstanceCount": 1},
    }
    yield "LoginNodes", {"Type": "AWS::PCS::ComputeNodeGroup", "Properties": properties}


def _machine(section: PcsPlan) -> _Data:
    own = section.section
    disk = {"VolumeSize": own.volume_gib, "VolumeType": "gp3", "Encrypted": True, "DeleteOnTermination": True}
    data: _Data = {
        "BlockDeviceMappings": [{"DeviceName": "/dev/sda1", "Ebs": disk}],
        "MetadataOptions": {"HttpTokens": "required"},
    }
    if own.key:
        data["KeyName"] = own.key
    return data


def _launch_template(data: _Data) -> _Data:
    return {"Type": "AWS::EC2::LaunchTemplate", "Properties": {"LaunchTemplateData": data}}


def _nodes(section: PcsPlan, launch_template: str, name: str, types: list[str]) -> _Data:
    ami = section.section.ami or rows.IMAGE
    return {
        "ClusterId": _attribute("Cluster", "Id"),
        "Name": name,
        "AmiId": ami if ami.startswith("ami-") else f"{{{{resolve:ssm:{ami}}}}}",
        "CustomLaunchTemplate": {
            "TemplateId": {"Ref": launch_template},
            # Else a changed launch template would not reach the group.
            "Version": _attribute(launch_template, "LatestVersionNumber"),
        },
        "IamInstanceProfileArn": section.section.instance_profile,
        "InstanceConfigs": [{"InstanceType": instance} for instance in types],
    }


def _attribute(resource: str, name: str) -> _Data:
    return {"Fn::GetAtt": [resource, name]}


def _logical(name: str) -> str:
    """Return a name as CloudFormation takes it; two names of queues differ in more than hyphens and capitals."""
    return "".join(part.capitalize() for part in re.split(r"[^A-Za-z0-9]+", name))


def _word(value: object) -> str:
    return {True: "YES", False: "NO"}.get(value, str(value)) if isinstance(value, bool) else str(value)


def _readme(section: PcsPlan) -> str:
    own = section.section
    publish = checksum = ""
    if section.publication is not None:
        what = "the installers of the hooks and of the exporter" if section.exporter else "the installer of the hooks"
        publish = f"\n1. Publish {what}, which each node fetches:\n\n   ```sh\n   efakit hooks publish ..\n   ```\n"
        checksum = " \\\n     --parameter-overrides" + "".join(
            f' \\\n       {name}="$(sha256sum <../hooks/{script} | cut -c 1-64)"'
            for name, script, _ in _scripts(section)
        )
    number = 2 if publish else 1
    deploy = (
        f"   aws cloudformation deploy --region {section.region} --stack-name {own.name} \\\n"
        f"     --template-file cluster.yaml{checksum}"
    )
    hooks = (
        "After a new render, publish again and repeat both: PCS holds the script to the checksum. New nodes get it; "
        "those that are up keep theirs."
        if publish
        else "No hooks are installed: the spec has no `hooks.bucket`. DECISIONS.md says what to do."
    )
    return f"""# AWS PCS cluster {own.name}

Run these commands in this folder.
{publish}
{number}. Make the cluster:

   ```sh
{deploy}
   ```

{number + 1}. Submit jobs (`../jobs/*.sbatch`) on a login node: `sbatch train.sbatch`. Slurm's commands are in
   `/opt/aws/pcs/scheduler/slurm-{own.slurm}/bin`.

{hooks}

The records of the hooks need a file system that all nodes and the login node mount; PCS mounts none by itself.
The security groups must allow all traffic to and from themselves: EFA's traffic is neither TCP nor UDP.

`efakit validate` holds this template to CloudFormation's schemas (cfn-lint). That proves no capacity, quota, permission
or zone, nothing of the image's contents, and not that PCS takes each custom setting. No release of efakit has been run
on AWS PCS.
"""
