"""Wrong cluster configs: what is changed in a good one, which rule refuses it and where, and what pcluster says.

``at`` is the line that the finding must stand on (its text, or the beginning of it), ``fix`` a part of its
proposal. ``vendor`` is the validator of pcluster that refuses it as well: an empty text where pcluster refuses it
before any validator runs, None where it accepts it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from tests.pcluster.simulated import Account

Change = Mapping[str, Any]


class Wrong(NamedTuple):
    changes: tuple[Change, ...]
    rule: str
    at: str
    fix: str
    vendor: str | None


def p5(**more: Any) -> Change:
    return {"resource": more}


def queue(**more: Any) -> Change:
    return {"queue": more}


def group(**more: Any) -> Change:
    return {"queue": {"Networking": {"PlacementGroup": more or None}}}


def subnets(*ids: str) -> Change:
    return {"queue": {"Networking": {"SubnetIds": list(ids)}}}


def slurm(*settings: Mapping[str, Any], **more: Any) -> Change:
    return {"Scheduling": {"SlurmSettings": {"CustomSlurmSettings": [dict(item) for item in settings], **more}}}


def block(count: int | None = 2, **more: Any) -> tuple[Change, ...]:
    counts = {} if count is None else {"MinCount": count, "MaxCount": count}
    target = {"CapacityReservationTarget": {"CapacityReservationId": Account.block_id}}
    return (queue(CapacityType="CAPACITY_BLOCK"), p5(**{**target, **counts, **more}), group(Enabled=False))


def storage(kind: str = "FsxLustre", mount: str = "/fsx", name: str = "fsx", **settings: Any) -> dict[str, Any]:
    section = {"FsxLustre": "FsxLustreSettings", "Ebs": "EbsSettings", "Efs": "EfsSettings"}[kind]
    item: dict[str, Any] = {"Name": name, "MountDir": mount, "StorageType": kind}
    return {**item, section: settings} if settings else item


def shared(*items: dict[str, Any]) -> Change:
    return {"SharedStorage": list(items)}


def lustre(**more: Any) -> dict[str, Any]:
    good = {"StorageCapacity": 1200, "DeploymentType": "PERSISTENT_2", "PerUnitStorageThroughput": 125}
    return storage(**{key: value for key, value in {**good, **more}.items() if value is not None})


def pool(**more: Any) -> Change:
    item = {
        "Name": "login",
        "InstanceType": "m5.xlarge",
        "Count": 1,
        "Networking": {"SubnetIds": [Account.head_subnet]},
        **more,
    }
    return {"LoginNodes": {"Pools": [item]}}


ARM_HEAD = {"HeadNode": {"InstanceType": "m6g.2xlarge"}}
TWO_TYPES = [{"InstanceType": "p5.48xlarge"}, {"InstanceType": "p5e.48xlarge"}]
SECOND_RESOURCE = {
    "Name": "other",
    "InstanceType": "p5e.48xlarge",
    "MaxCount": 1,
    "CapacityReservationTarget": {"CapacityReservationId": Account.reservation_id},
}
FIRST_RESOURCE = {
    "Name": "p5",
    "InstanceType": "p5.48xlarge",
    "MaxCount": 1,
    "CapacityReservationTarget": {"CapacityReservationId": Account.reservation_id},
}

WRONG: dict[str, Wrong] = {
    # EFA and placement groups
    "EFA on a type without it": Wrong(
        (p5(InstanceType="m5.2xlarge"),), "efa-unsupported", "Enabled: true", "disable EFA", "Efa"
    ),
    "EFA on a list with a type without it": Wrong(
        (p5(InstanceType=None, Instances=[{"InstanceType": "c5n.18xlarge"}, {"InstanceType": "c5.18xlarge"}]),),
        "efa-unsupported",
        "Enabled: true",
        "disable EFA",
        "InstancesEFA",
    ),
    "EFA and no PlacementGroup key": Wrong(
        (group(),), "placement-group-missing", "- Name: p5", "Enabled: true", "EfaPlacementGroup"
    ),
    "a named group that is turned off": Wrong(
        (group(Enabled=False, Name=Account.placement_group),),
        "placement-group-name",
        "Enabled: false",
        "remove",
        "PlacementGroupNaming",
    ),
    "a group with Name and Id": Wrong(
        (group(Name=Account.placement_group, Id=Account.placement_group),),
        "placement-group-name",
        "Id:",
        "keep Name",
        "PlacementGroupNaming",
    ),
    "a group for a type that cannot be in one": Wrong(
        (p5(InstanceType="vt1.24xlarge"),),
        "placement-group-unsupported",
        "PlacementGroup:",
        "Enabled: false",
        "InstanceTypePlacementGroup",
    ),
    "EFA in two zones": Wrong(
        (subnets(Account.compute_subnet, Account.other_zone_subnet), group(Enabled=False)),
        "efa-several-zones",
        "SubnetIds:",
        "one subnet",
        "EfaMultiAz",
    ),
    "a placement group in two zones": Wrong(
        (subnets(Account.compute_subnet, Account.other_zone_subnet),),
        "group-several-zones",
        "SubnetIds:",
        "one subnet",
        "MultiAzPlacementGroup",
    ),
    "one type in two subnets": Wrong(
        (subnets(Account.compute_subnet, Account.other_zone_subnet),),
        "one-type-several-subnets",
        "SubnetIds:",
        "Instances",
        "SingleInstanceTypeSubnet",
    ),
    "a subnet twice": Wrong(
        (subnets(Account.compute_subnet, Account.compute_subnet),),
        "subnet-twice",
        f"- {Account.compute_subnet}",
        "remove",
        "QueueSubnets",
    ),
    "a public address for p5": Wrong(
        (queue(Networking={"AssignPublicIp": True}),),
        "public-address",
        "AssignPublicIp: true",
        "NAT",
        "MultiNetworkInterfacesInstances",
    ),
    "a public address for EFA on one card": Wrong(
        (queue(Networking={"AssignPublicIp": True}), p5(InstanceType="c5n.18xlarge")),
        "public-address",
        "AssignPublicIp: true",
        "private subnet",
        "MultiNetworkInterfacesInstances",
    ),
    "an interface type that does nothing": Wrong(
        ({"DevSettings": {"EfaInterfaceType": "efa-only"}},), "interface-type", "EfaInterfaceType:", "write efa", None
    ),
    "GdrSupport without EFA": Wrong(
        (p5(Efa={"Enabled": False, "GdrSupport": True}),), "gdr-without-efa", "GdrSupport: true", "remove", "Efa"
    ),
    # Capacity
    "MinCount above MaxCount": Wrong(
        (p5(MinCount=4),), "counts", "MinCount: 4", "raise MaxCount", "ComputeResourceSize"
    ),
    "a Capacity Block without its id": Wrong(
        (*block(CapacityReservationTarget=None),),
        "block-without-reservation",
        "- Name: p5",
        "CapacityReservationId",
        "CapacityType",
    ),
    "a Capacity Block with MinCount 0": Wrong(
        (*block(None, MaxCount=2),), "block-counts", "- Name: p5", "MinCount", "ComputeResourceSize"
    ),
    "a Capacity Block with MinCount below MaxCount": Wrong(
        (*block(1, MaxCount=2),), "block-counts", "MinCount: 1", "set MinCount to MaxCount (2)", "ComputeResourceSize"
    ),
    "spot where it is not sold": Wrong(
        (p5(InstanceType="hpc7g.16xlarge"), ARM_HEAD, queue(CapacityType="SPOT")),
        "usage-class",
        "CapacityType: SPOT",
        "another",
        "CapacityType",
    ),
    "a Capacity Block of a type that has none": Wrong(
        (*block(InstanceType="c5n.18xlarge"),), "usage-class", "CapacityType: CAPACITY_BLOCK", "another", "CapacityType"
    ),
    "a reservation for spot": Wrong(
        (
            p5(CapacityReservationTarget={"CapacityReservationId": Account.reservation_id}),
            queue(CapacityType="SPOT"),
            group(Enabled=False),
        ),
        "spot-with-reservation",
        "CapacityReservationTarget:",
        "on-demand",
        None,
    ),
    "a reservation that none can be": Wrong(
        (p5(CapacityReservationTarget={"CapacityReservationId": "NA"}), group(Enabled=False)),
        "reservation-id",
        "CapacityReservationId: NA",
        "cr-",
        None,
    ),
    "a reservation target that names nothing": Wrong(
        (p5(CapacityReservationTarget={}),),
        "reservation-target",
        "CapacityReservationTarget:",
        "CapacityReservationId",
        "ConfigSchema",
    ),
    "a reservation by id and by group": Wrong(
        (
            p5(
                CapacityReservationTarget={
                    "CapacityReservationId": Account.reservation_id,
                    "CapacityReservationResourceGroupArn": "arn:x",
                }
            ),
        ),
        "exclude-each-other",
        "CapacityReservationResourceGroupArn",
        "keep one",
        "ConfigSchema",
    ),
    "a reservation's id for a list of types": Wrong(
        (
            p5(
                InstanceType=None,
                Instances=TWO_TYPES,
                CapacityReservationTarget={"CapacityReservationId": Account.reservation_id},
            ),
            group(Enabled=False),
        ),
        "reservation-with-list",
        "Instances:",
        "InstanceType",
        "CapacityReservation",
    ),
    "one reservation for two types": Wrong(
        (queue(ComputeResources=[FIRST_RESOURCE, SECOND_RESOURCE]), group(Enabled=False)),
        "reservation-of-two-types",
        "InstanceType: p5e.48xlarge",
        "its own",
        "CapacityReservation",
    ),
    "an allocation strategy of spot for on demand": Wrong(
        (
            p5(InstanceType=None, Instances=[{"InstanceType": "p5.48xlarge"}]),
            queue(AllocationStrategy="capacity-optimized"),
        ),
        "allocation-strategy",
        "AllocationStrategy:",
        "lowest-price",
        "InstancesAllocationStrategy",
    ),
    "more nodes than an UltraServer's block": Wrong(
        (*block(20, InstanceType="p6e-gb200.36xlarge"), ARM_HEAD, {"Image": {"Os": "alinux2023"}}),
        "ultraserver-too-large",
        "MaxCount: 20",
        "each UltraServer",
        "",
    ),
    # Instance types
    "a type that EC2 does not have": Wrong(
        (p5(InstanceType="p5.96xlarge"),), "instance-unknown", "InstanceType: p5.96xlarge", "48xlarge", ""
    ),
    "a type in other letters": Wrong(
        (p5(InstanceType="P5.48xlarge"),), "instance-unknown", "InstanceType: P5.48xlarge", "", ""
    ),
    "an unknown head node": Wrong(
        ({"HeadNode": {"InstanceType": "m5.3xlarge"}},), "instance-unknown", "InstanceType: m5.3xlarge", "m5", ""
    ),
    "no type at all": Wrong((p5(InstanceType=None),), "instance-missing", "- Name: p5", "InstanceType", "ConfigSchema"),
    "a type listed twice": Wrong(
        (p5(InstanceType=None, Instances=[{"InstanceType": "p5.48xlarge"}, {"InstanceType": "p5.48xlarge"}]),),
        "instance-twice",
        "- InstanceType: p5",
        "remove",
        "ConfigSchema",
    ),
    "InstanceType beside Instances": Wrong(
        (p5(Instances=[{"InstanceType": "p5e.48xlarge"}]),),
        "exclude-each-other",
        "Instances:",
        "keep one",
        "ConfigSchema",
    ),
    "p4d and p5 in one list": Wrong(
        (p5(InstanceType=None, Instances=[{"InstanceType": "p4d.24xlarge"}, {"InstanceType": "p5.48xlarge"}]),),
        "mixed-cpus",
        "Instances:",
        "its own",
        "InstancesCPU",
    ),
    "a list of types with different GPUs": Wrong(
        (
            p5(
                InstanceType=None,
                Instances=[{"InstanceType": "g6.12xlarge"}, {"InstanceType": "m5.12xlarge"}],
                Efa=None,
            ),
        ),
        "mixed-accelerators",
        "Instances:",
        "its own",
        "InstancesAccelerators",
    ),
    "x86 and Arm in one list": Wrong(
        (
            p5(
                InstanceType=None,
                Instances=[{"InstanceType": "c6gn.16xlarge"}, {"InstanceType": "c6i.16xlarge"}],
                Efa=None,
            ),
        ),
        "mixed-architecture",
        "Instances:",
        "its own",
        "InstanceArchitectureCompatibility",
    ),
    "a GPU that the open driver does not know": Wrong(
        (p5(InstanceType="p3dn.24xlarge"),),
        "nvidia-driver",
        "InstanceType: p3dn",
        "CustomAmi",
        "InstanceTypeBaseAMICompatible",
    ),
    "a type that the region does not offer": Wrong(
        (p5(InstanceType="hpc7a.96xlarge"),),
        "offering-region",
        "InstanceType: hpc7a",
        "another region",
        "InstanceTypeBaseAMICompatible",
    ),
    # Head node
    "Arm nodes under an x86 head": Wrong(
        (p5(InstanceType="hpc7g.16xlarge"),),
        "head-architecture",
        "InstanceType: hpc7g",
        "arm64",
        "InstanceArchitectureCompatibility",
    ),
    "a head node too small for its nodes": Wrong(
        ({"HeadNode": {"InstanceType": "t3.micro"}}, p5(MaxCount=300)),
        "head-memory",
        "InstanceType: t3.micro",
        "12.6 GiB",
        "HeadNodeMemorySize",
    ),
    "Rocky Linux without an image": Wrong(
        ({"Image": {"Os": "rocky9"}},), "rocky-image", "Os: rocky9", "build-image", ""
    ),
    "GB200 with RHEL": Wrong(
        (*block(9, InstanceType="p6e-gb200.36xlarge"), ARM_HEAD, {"Image": {"Os": "rhel9"}}),
        "os-unsupported-by-type",
        "InstanceType: p6e-gb200",
        "use another operating system",
        "",
    ),
    # Slurm
    "Prolog as a setting": Wrong(
        (slurm({"Prolog": "/opt/x.sh"}),), "slurm-denied", "- Prolog:", "prolog.d", "CustomSlurmSettings"
    ),
    "Prolog and Epilog in one item": Wrong(
        (slurm({"Prolog": "/opt/x.sh", "Epilog": "/opt/y.sh"}),), "slurm-denied-hidden", "- Prolog:", "prolog.d", None
    ),
    "a setting that Slurm does not know": Wrong(
        (slurm({"KilWait": 60}),), "slurm-unknown", "- KilWait:", "KillWait", None
    ),
    "a node's setting for the cluster": Wrong(
        (slurm({"CoresPerSocket": 24}),), "slurm-unknown", "- CoresPerSocket:", "compute resource", None
    ),
    "a setting without a value": Wrong(
        (slurm({"KillWait": None}),), "slurm-empty", "- KillWait:", "a number or a string", None
    ),
    "a partition's name as a queue's setting": Wrong(
        (queue(CustomSlurmSettings={"PartitionName": "x"}),),
        "slurm-denied",
        "PartitionName: x",
        "remove",
        "CustomSlurmSettings",
    ),
    "a node's weight": Wrong(
        (p5(CustomSlurmSettings={"Weight": 5}),),
        "slurm-denied",
        "Weight: 5",
        "StaticNodePriority",
        "CustomSlurmSettings",
    ),
    "an unknown setting of a node": Wrong(
        (p5(CustomSlurmSettings={"Socket": 2}),), "slurm-unknown", "Socket: 2", "Sockets", None
    ),
    "accounting settings beside a database": Wrong(
        (
            slurm(
                {"AccountingStorageHost": "db"},
                Database={
                    "Uri": "db:3306",
                    "UserName": "slurm",
                    "PasswordSecretArn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:x",
                },
            ),
        ),
        "slurm-denied",
        "- AccountingStorageHost:",
        "remove",
        "CustomSlurmSettings",
    ),
    "an own node that looks like a cluster's": Wrong(
        (slurm({"NodeName": "gpu-st-p5-1", "CPUs": 2}),),
        "slurm-node-name",
        "NodeName:",
        "another name",
        "CustomSlurmNodeNames",
    ),
    "settings beside an include file": Wrong(
        (slurm({"KillWait": 60}, CustomSlurmSettingsIncludeFile=Account.hook_address),),
        "slurm-include-file",
        "CustomSlurmSettingsIncludeFile:",
        "move",
        "CustomSlurmSettingsIncludeFileOnly",
    ),
    # Names and numbers
    "a queue in capitals": Wrong((queue(Name="GPU_1"),), "name-form", "Name: GPU_1", "gpu-1", "Name"),
    "a queue with a long name": Wrong((queue(Name="q" * 26),), "name-form", "Name: qqq", "25", "Name"),
    "a queue named default": Wrong((queue(Name="default"),), "name-form", "Name: default", "another", "Name"),
    "a compute resource twice": Wrong(
        (queue(ComputeResources=[{"Name": "a", "InstanceType": name} for name in ("m5.large", "m5.xlarge")]),),
        "name-twice",
        "- Name: a",
        "its own",
        "DuplicateName",
    ),
    "51 compute resources": Wrong(
        (
            queue(
                ComputeResources=[
                    {"Name": f"r{number}", "InstanceType": "m5.large", "MaxCount": 1} for number in range(51)
                ]
            ),
        ),
        "too-many",
        "SlurmQueues:",
        "remove some",
        "MaxCount",
    ),
    # Keys and values
    "no mapping": Wrong((queue(Networking="here"),), "wrong-type", "Networking: here", "a mapping", "ConfigSchema"),
    "an unknown key": Wrong((p5(EFA={"Enabled": True}),), "unknown-key", "EFA:", "Efa", "ConfigSchema"),
    "an unknown key at the top": Wrong(({"HeadNodes": {}},), "unknown-key", "HeadNodes:", "HeadNode", "ConfigSchema"),
    "no subnet": Wrong(
        (queue(Networking={"SubnetIds": None}),), "missing-key", "Networking:", "SubnetIds", "ConfigSchema"
    ),
    "a number in words": Wrong((p5(MaxCount="two"),), "wrong-type", "MaxCount: two", "a whole number", "ConfigSchema"),
    "a key without a value": Wrong((p5(Tags=[None]),), "wrong-type", "Tags:", "a list of mappings", "ConfigSchema"),
    "MaxCount 0": Wrong((p5(MaxCount=0),), "value-not-allowed", "MaxCount: 0", "at least 1", "ConfigSchema"),
    "an unknown capacity type": Wrong(
        (queue(CapacityType="ON_DEMAND"),), "value-not-allowed", "CapacityType: ON_DEMAND", "ONDEMAND", "ConfigSchema"
    ),
    "a subnet of another form": Wrong(
        (subnets("subnet-123"),), "value-not-allowed", "- subnet-123", "match", "ConfigSchema"
    ),
    "own and additional security groups": Wrong(
        (queue(Networking={"SecurityGroups": [Account.open_group], "AdditionalSecurityGroups": [Account.open_group]}),),
        "exclude-each-other",
        "AdditionalSecurityGroups:",
        "keep one",
        "ConfigSchema",
    ),
    # Releases
    "an operating system of the past": Wrong(
        ({"Image": {"Os": "alinux2"}},), "os-not-in-release", "Os: alinux2", "3.15", "ConfigSchema"
    ),
    "an unknown operating system": Wrong(
        ({"Image": {"Os": "ubuntu2304"}},), "os-not-in-release", "Os: ubuntu2304", "ubuntu24", "ConfigSchema"
    ),
    "AWS Batch": Wrong(
        ({"Scheduling": {"Scheduler": "awsbatch"}},),
        "scheduler-not-in-release",
        "Scheduler: awsbatch",
        "slurm",
        "ConfigSchema",
    ),
    "a login node's key": Wrong(
        (pool(Ssh={"KeyName": Account.key_name}),), "key-not-in-release", "KeyName:", "remove it", "ConfigSchema"
    ),
    # Storage
    "a Lustre size that is not made": Wrong(
        (shared(lustre(StorageCapacity=1500)),),
        "lustre-capacity",
        "StorageCapacity: 1500",
        "2400",
        "FsxStorageCapacity",
    ),
    "a Lustre file system of no size": Wrong(
        (shared(lustre(StorageCapacity=None)),),
        "lustre-capacity",
        "FsxLustreSettings:",
        "StorageCapacity",
        "FsxStorageCapacity",
    ),
    "a Lustre throughput that is not there": Wrong(
        (shared(lustre(PerUnitStorageThroughput=100)),),
        "lustre-throughput",
        "PerUnitStorageThroughput: 100",
        "125",
        "FsxStorageTypeOptions",
    ),
    "persistent Lustre without throughput": Wrong(
        (shared(lustre(PerUnitStorageThroughput=None)),),
        "lustre-throughput",
        "FsxLustreSettings:",
        "PerUnit",
        "FsxPersistentOptions",
    ),
    "a new Lustre file system for two subnets": Wrong(
        (shared(lustre()), subnets(Account.compute_subnet, Account.other_zone_subnet)),
        "new-lustre-several-subnets",
        "FsxLustreSettings:",
        "FileSystemId",
        "ManagedFsxMultiAz",
    ),
    "settings of another storage": Wrong(
        (shared(storage("Ebs") | {"EfsSettings": {"Encrypted": True}}),),
        "storage-settings",
        "EfsSettings:",
        "EbsSettings",
        "ConfigSchema",
    ),
    "two mounts in one place": Wrong(
        (shared(storage("Ebs", name="a"), storage("Ebs", name="b")),),
        "mount-twice",
        "MountDir: /fsx",
        "its own",
        "DuplicateMountDir",
    ),
    "a mount that the system needs": Wrong(
        (shared(storage("Ebs", "/opt/slurm")),),
        "mount-reserved",
        "MountDir: /opt/slurm",
        "/fsx",
        "SharedStorageMountDir",
    ),
    "a storage name that is too long": Wrong(
        (shared(storage("Ebs", name="s" * 31)),), "storage-name-form", "Name: sss", "30", "SharedStorageName"
    ),
    "a volume that is too small": Wrong(
        (shared(storage("Ebs", VolumeType="st1", Size=100)),), "ebs-size", "Size: 100", "500", "EbsVolumeTypeSize"
    ),
    "EFS throughput without its mode": Wrong(
        (shared(storage("Efs", ProvisionedThroughput=100)),),
        "efs-throughput",
        "ProvisionedThroughput:",
        "ThroughputMode",
        "ConfigSchema",
    ),
}
