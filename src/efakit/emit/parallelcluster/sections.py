"""The sections of a ParallelCluster config. What the user asked for is added to, never dropped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from efakit.emit.writing import merged
from efakit.plan.parallelcluster.nodes import HeadNodePlan, LoginPlan
from efakit.plan.parallelcluster.queues import PcQueuePlan, PcResourcePlan
from efakit.plan.parallelcluster.storage import StoragePlan
from efakit.spec.model import Queue
from efakit.spec.parallelcluster.model import (
    Accounting,
    CustomAction,
    Iam,
    Monitoring,
    Node,
    QueueOptions,
    SlurmSettings,
)

_CAPACITY = {"on-demand": "ONDEMAND", "spot": "SPOT", "capacity-block": "CAPACITY_BLOCK"}
_EVENTS = {
    "on_node_start": "OnNodeStart",
    "on_node_configured": "OnNodeConfigured",
    "on_node_updated": "OnNodeUpdated",
}
_Section = dict[str, Any]


def head_node(plan: HeadNodePlan, key: str | None) -> _Section:
    """Return HeadNode."""
    node = plan.node
    section: _Section = {
        "InstanceType": plan.instance,
        "Networking": {"SubnetId": node.subnet, **_security_groups(node)},
        **({"Ssh": {"KeyName": key}} if key else {}),
        **_custom_actions(plan.custom_actions),
        **_iam(plan.iam),
    }
    return merged(section, node.overrides)


def login_nodes(plans: Iterable[LoginPlan]) -> _Section:
    """Return LoginNodes. They have no key of their own: ParallelCluster 3.15 and later refuse one."""
    pools = []
    for plan in plans:
        pool = plan.pool
        section: _Section = {
            "Name": pool.name,
            "InstanceType": plan.instance,
            "Count": pool.count,
            "Networking": {"SubnetIds": [pool.subnet], **_security_groups(pool)},
            **_custom_actions(pool.custom_actions),
            **_iam(pool.iam),
        }
        pools.append(merged(section, pool.overrides))
    return {"Pools": pools}


def slurm_settings(wanted: SlurmSettings, accounting: Accounting | None) -> _Section:
    """Return SlurmSettings."""
    # One item a setting: ParallelCluster takes an item of two keys for a custom node and checks neither.
    settings = [{name: value} for name, value in wanted.items()]
    return {"CustomSlurmSettings": settings, **_accounting(accounting)}


def queue(plan: PcQueuePlan) -> _Section:
    """Return one item of SlurmQueues."""
    item, options = plan.plan.queue, plan.options
    section: _Section = {
        "Name": item.name,
        "CapacityType": _CAPACITY[item.capacity],
        "JobExclusiveAllocation": item.exclusive,
        **_reservation(item.reservation, item.reservation_group),
        "Networking": _queue_networking(item, options),
        "ComputeResources": [_resource(resource) for resource in plan.resources],
        **_custom_actions(options.custom_actions),
        **_iam(options.iam),
        **_health_check(options.gpu_health_check),
    }
    if options.ami:
        section["Image"] = {"CustomAmi": options.ami}
    if options.slurm_settings:
        section["CustomSlurmSettings"] = dict(options.slurm_settings)
    return merged({**section, **_tags(options.tags)}, options.overrides)


def shared_storage(plan: StoragePlan) -> _Section:
    """Return one item of SharedStorage."""
    storage = plan.storage
    kind, settings_name, id_name = _STORAGE[storage.type]
    settings: _Section = {}
    if storage.id:
        settings[id_name] = storage.id
    elif storage.type == "fsx-lustre":
        settings["StorageCapacity"] = storage.size_gb
        settings["DeploymentType"] = storage.deployment
        settings |= _present(PerUnitStorageThroughput=plan.throughput)
    elif storage.size_gb:
        settings["Size"] = storage.size_gb
    settings |= _present(DeletionPolicy=plan.deletion_policy)
    section: _Section = {"Name": storage.name, "MountDir": storage.mount, "StorageType": kind, settings_name: settings}
    return merged(section, storage.overrides)


_STORAGE = {
    "fsx-lustre": ("FsxLustre", "FsxLustreSettings", "FileSystemId"),
    "fsx-openzfs": ("FsxOpenZfs", "FsxOpenZfsSettings", "VolumeId"),
    "fsx-ontap": ("FsxOntap", "FsxOntapSettings", "VolumeId"),
    "efs": ("Efs", "EfsSettings", "FileSystemId"),
    "ebs": ("Ebs", "EbsSettings", "VolumeId"),
}


def monitoring(wanted: Monitoring) -> _Section:
    """Return Monitoring, or nothing where the spec leaves it to ParallelCluster."""
    logs = _present(Enabled=wanted.logs, RetentionInDays=wanted.log_days)
    section: _Section = _present(DetailedMonitoring=wanted.detailed)
    if logs:
        section["Logs"] = {"CloudWatch": logs}
    if wanted.dashboard is not None:
        section["Dashboards"] = {"CloudWatch": {"Enabled": wanted.dashboard}}
    return {"Monitoring": section} if section else {}


def _resource(plan: PcResourcePlan) -> _Section:
    item, options = plan.plan.resource, plan.options
    types: _Section = {"InstanceType": item.instance.name}
    if item.flexible:
        types = {"Instances": [{"InstanceType": instance.name} for instance in item.instances]}
    section: _Section = {
        "Name": item.name,
        **types,
        "MinCount": plan.min_nodes,
        "MaxCount": item.nodes,
        "Efa": {"Enabled": plan.plan.efa},
        "Networking": {"PlacementGroup": _placement_group(plan.plan.placement_group)},
        **_reservation(item.reservation, item.reservation_group),
        **_health_check(options.gpu_health_check),
    }
    if not item.smt:
        section["DisableSimultaneousMultithreading"] = True
    if plan.slurm_settings:
        section["CustomSlurmSettings"] = dict(plan.slurm_settings)
    return merged({**section, **_tags(options.tags)}, options.overrides)


def _placement_group(group: str) -> _Section:
    """Return PlacementGroup.

    It is always written out: ParallelCluster refuses an EFA queue that says nothing of it (EfaPlacementGroupValidator).
    """
    return {"Enabled": group == "managed"} if group in ("managed", "none") else {"Name": group}


def _queue_networking(item: Queue, options: QueueOptions) -> _Section:
    networking: _Section = {"SubnetIds": list(item.subnets), **_security_groups(options)}
    return {**networking, **_present(AssignPublicIp=options.public_ip)}


def _reservation(id_: str | None, group: str | None) -> _Section:
    target = _present(CapacityReservationId=id_, CapacityReservationResourceGroupArn=group)
    return {"CapacityReservationTarget": target} if target else {}


def _security_groups(node: Node) -> _Section:
    return _present(
        SecurityGroups=list(node.security_groups) or None,
        AdditionalSecurityGroups=list(node.additional_security_groups) or None,
    )


def _custom_actions(actions: Mapping[str, Iterable[CustomAction]]) -> _Section:
    section: _Section = {}
    for event, name in _EVENTS.items():
        listed = [_present(Script=action.script, Args=list(action.args) or None) for action in actions.get(event, ())]
        if listed:
            section[name] = listed[0] if len(listed) == 1 else {"Sequence": listed}
    return {"CustomActions": section} if section else {}


def _iam(iam: Iam) -> _Section:
    access = [
        _present(BucketName=item.bucket, KeyName=item.key, EnableWriteAccess=item.write or None)
        for item in iam.s3_access
    ]
    section = _present(
        InstanceRole=iam.role,
        InstanceProfile=iam.profile,
        S3Access=access or None,
        AdditionalIamPolicies=[{"Policy": policy} for policy in iam.policies] or None,
    )
    return {"Iam": section} if section else {}


def _health_check(enabled: bool | None) -> _Section:
    return {} if enabled is None else {"HealthChecks": {"Gpu": {"Enabled": enabled}}}


def _tags(tags: Mapping[str, str]) -> _Section:
    return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]} if tags else {}


def _accounting(wanted: Accounting | None) -> _Section:
    if wanted is None:
        return {}
    database = _present(
        Uri=wanted.uri, UserName=wanted.user, PasswordSecretArn=wanted.password_secret, DatabaseName=wanted.database
    )
    return {"Database": database}


def _present(**values: Any) -> _Section:
    return {name: value for name, value in values.items() if value is not None}
