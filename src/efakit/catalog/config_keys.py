"""The keys of a ParallelCluster cluster config, as rows: where each stands, what it holds, which releases know it.

Source of all rows: ParallelCluster's own schema, ``pcluster/schemas/cluster_schema.py`` and ``common_schema.py``, of
releases 3.11.1, 3.12.0, 3.13.0, 3.13.2, 3.14.0, 3.15.0 and 3.16.1 (https://github.com/aws/aws-parallelcluster).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Dict, NamedTuple, Optional, Tuple

from efakit.versions import within

SOURCE = "https://github.com/aws/aws-parallelcluster/blob/develop/cli/src/pcluster/schemas/cluster_schema.py"
ROOT = "Cluster"

# Identifiers as pcluster's schema wants them.
_AMI = r"^ami-[0-9a-z]{8}$|^ami-[0-9a-z]{17}$"
_FOLDER = r"^\/?[^\/.\\][^\/\\]*(\/[^\/.\\][^\/]*)*$"
_POLICY = "^arn:.*:policy/"
_PROFILE = "^arn:.*:instance-profile/"
_ROLE = "^arn:.*:role/"
_SECURITY_GROUP = r"^sg-[0-9a-z]{8}$|^sg-[0-9a-z]{17}$"
_SUBNET = r"^subnet-[0-9a-z]{8}$|^subnet-[0-9a-z]{17}$"
_VOLUME = r"^fsvol-[0-9a-f]{17}$"


class Key(NamedTuple):
    """One key of a section; where a release changed what it may hold, there is a row for each span of releases."""

    section: str
    name: str
    kind: str
    """``text``, ``whole`` (a whole number), ``number``, ``flag``, ``texts``, ``mapping``, ``mappings``, ``section`` and
    ``sections`` (a list of them) of ``child``, ``actions`` (a custom action or a sequence of them), ``any``."""
    required: bool = False
    child: str = ""
    choices: Tuple[str, ...] = ()
    """The values that are allowed; of ``texts``, for each item."""
    pattern: str = ""
    """What a text must match from its beginning; of ``texts``, each item."""
    least: Optional[int] = None
    """The least number; of a text its least length, of ``texts`` the least number of items."""
    most: Optional[int] = None
    since: str = ""
    """The first release that has the key; empty: all that efakit knows have it."""
    until: str = ""
    """The first release that no longer has the key; empty: none has dropped it."""
    instead: str = ""
    """What to do in a release that has dropped it."""

    def in_release(self, version: str) -> bool:
        """Say whether a release has the key."""
        return within(version, self.since or None, self.until or None)


@lru_cache(maxsize=None)
def sections(version: str) -> Dict[str, Dict[str, Key]]:
    """Give the keys that a release has, by section and name."""
    return _by_section(tuple(key for key in KEYS if key.in_release(version)))


@lru_cache(maxsize=None)
def sections_of_all_releases() -> Dict[str, Dict[str, Key]]:
    """Give every section's keys by name, those of all releases; where their values changed, the newest."""
    return _by_section(KEYS)


def _by_section(keys: Tuple[Key, ...]) -> Dict[str, Dict[str, Key]]:
    found: Dict[str, Dict[str, Key]] = {key.section: {} for key in KEYS}
    for key in keys:
        found[key.section][key.name] = key
    return found


KEYS = (
    Key(section="Cluster", name="LoginNodes", kind="section", child="LoginNodes"),
    Key(section="Cluster", name="Image", kind="section", required=True, child="Image"),
    Key(section="Cluster", name="HeadNode", kind="section", required=True, child="HeadNode"),
    Key(section="Cluster", name="Scheduling", kind="section", required=True, child="Scheduling"),
    Key(section="Cluster", name="SharedStorage", kind="sections", child="SharedStorage"),
    Key(section="Cluster", name="Monitoring", kind="section", child="Monitoring"),
    Key(section="Cluster", name="AdditionalPackages", kind="section", child="AdditionalPackages"),
    Key(section="Cluster", name="Tags", kind="sections", child="Tag"),
    Key(section="Cluster", name="Iam", kind="section", child="ClusterIam"),
    Key(section="Cluster", name="DirectoryService", kind="section", child="DirectoryService"),
    Key(section="Cluster", name="Region", kind="text"),
    Key(section="Cluster", name="Imds", kind="section", child="ClusterImds"),
    Key(section="Cluster", name="CustomS3Bucket", kind="text"),
    Key(section="Cluster", name="AdditionalResources", kind="text"),
    Key(section="Cluster", name="DevSettings", kind="section", child="ClusterDevSettings"),
    Key(section="Cluster", name="DeploymentSettings", kind="section", child="ClusterDeploymentSettings"),
    Key(section="LoginNodes", name="Pools", kind="sections", required=True, child="LoginNodesPool"),
    Key(section="LoginNodesPool", name="Name", kind="text", required=True),
    Key(section="LoginNodesPool", name="InstanceType", kind="text", required=True),
    Key(section="LoginNodesPool", name="Image", kind="section", child="LoginNodesImage"),
    Key(section="LoginNodesPool", name="Networking", kind="section", required=True, child="LoginNodesNetworking"),
    Key(section="LoginNodesPool", name="Count", kind="whole", required=True, least=0),
    Key(section="LoginNodesPool", name="Dcv", kind="section", child="Dcv"),
    Key(section="LoginNodesPool", name="Ssh", kind="section", child="LoginNodesSsh"),
    Key(section="LoginNodesPool", name="CustomActions", kind="section", child="LoginNodesCustomActions"),
    Key(section="LoginNodesPool", name="Iam", kind="section", child="LoginNodesIam"),
    Key(section="LoginNodesPool", name="GracetimePeriod", kind="whole", least=3, most=120),
    Key(section="LoginNodesImage", name="CustomAmi", kind="text", pattern=_AMI),
    Key(section="LoginNodesNetworking", name="AdditionalSecurityGroups", kind="texts", pattern=_SECURITY_GROUP),
    Key(section="LoginNodesNetworking", name="SecurityGroups", kind="texts", pattern=_SECURITY_GROUP),
    Key(
        section="LoginNodesNetworking", name="SubnetIds", kind="texts", required=True, least=1, most=1, pattern=_SUBNET
    ),
    Key(section="LoginNodesNetworking", name="Proxy", kind="section", child="LoginNodeProxy"),
    Key(section="LoginNodeProxy", name="HttpProxyAddress", kind="text"),
    Key(section="Dcv", name="Enabled", kind="flag"),
    Key(section="Dcv", name="Port", kind="whole"),
    Key(section="Dcv", name="AllowedIps", kind="text"),
    Key(section="LoginNodesSsh", name="AllowedIps", kind="text"),
    Key(
        section="LoginNodesSsh",
        name="KeyName",
        kind="text",
        until="3.15.0",
        instead="remove it: login nodes take the head node's key",
    ),
    Key(section="LoginNodesCustomActions", name="OnNodeStart", kind="actions", child="CustomAction"),
    Key(section="LoginNodesCustomActions", name="OnNodeConfigured", kind="actions", child="CustomAction"),
    Key(section="LoginNodesCustomActions", name="OnNodeUpdated", kind="actions", child="CustomAction"),
    Key(section="CustomAction", name="Script", kind="text", required=True),
    Key(section="CustomAction", name="Args", kind="texts"),
    Key(section="LoginNodesIam", name="InstanceRole", kind="text", pattern=_ROLE),
    Key(section="LoginNodesIam", name="AdditionalIamPolicies", kind="sections", child="AdditionalIamPolicy"),
    Key(section="LoginNodesIam", name="InstanceProfile", kind="text", pattern=_PROFILE),
    Key(section="AdditionalIamPolicy", name="Policy", kind="text", required=True, pattern=_POLICY),
    Key(section="Image", name="Os", kind="text", required=True),
    Key(section="Image", name="CustomAmi", kind="text", pattern=_AMI),
    Key(section="HeadNode", name="InstanceType", kind="text", required=True),
    Key(section="HeadNode", name="DisableSimultaneousMultithreading", kind="flag"),
    Key(section="HeadNode", name="Networking", kind="section", required=True, child="HeadNodeNetworking"),
    Key(section="HeadNode", name="Ssh", kind="section", child="HeadNodeSsh"),
    Key(section="HeadNode", name="LocalStorage", kind="section", child="HeadNodeStorage"),
    Key(section="HeadNode", name="SharedStorageType", kind="text", choices=("Ebs", "Efs")),
    Key(
        section="HeadNode",
        name="SharedStorageEfsSettings",
        kind="section",
        child="SharedStorageEfsSettings",
        since="3.14.0",
    ),
    Key(section="HeadNode", name="Dcv", kind="section", child="Dcv"),
    Key(section="HeadNode", name="CustomActions", kind="section", child="HeadNodeCustomActions"),
    Key(section="HeadNode", name="Iam", kind="section", child="HeadNodeIam"),
    Key(section="HeadNode", name="Imds", kind="section", child="HeadNodeImds"),
    Key(section="HeadNode", name="Image", kind="section", child="HeadNodeImage"),
    Key(section="HeadNodeNetworking", name="AdditionalSecurityGroups", kind="texts", pattern=_SECURITY_GROUP),
    Key(section="HeadNodeNetworking", name="SecurityGroups", kind="texts", pattern=_SECURITY_GROUP),
    Key(section="HeadNodeNetworking", name="SubnetId", kind="text", required=True, pattern=_SUBNET),
    Key(section="HeadNodeNetworking", name="ElasticIp", kind="any"),
    Key(section="HeadNodeNetworking", name="Proxy", kind="section", child="HeadNodeProxy"),
    Key(section="HeadNodeProxy", name="HttpProxyAddress", kind="text"),
    Key(section="HeadNodeSsh", name="KeyName", kind="text"),
    Key(section="HeadNodeSsh", name="AllowedIps", kind="text"),
    Key(section="HeadNodeStorage", name="RootVolume", kind="section", child="HeadNodeRootVolume"),
    Key(section="HeadNodeStorage", name="EphemeralVolume", kind="section", child="HeadNodeEphemeralVolume"),
    Key(
        section="HeadNodeRootVolume",
        name="VolumeType",
        kind="text",
        choices=("standard", "io1", "io2", "gp2", "st1", "sc1", "gp3"),
    ),
    Key(section="HeadNodeRootVolume", name="Iops", kind="whole"),
    Key(section="HeadNodeRootVolume", name="Size", kind="whole"),
    Key(section="HeadNodeRootVolume", name="Throughput", kind="whole"),
    Key(section="HeadNodeRootVolume", name="Encrypted", kind="flag"),
    Key(section="HeadNodeRootVolume", name="DeleteOnTermination", kind="flag"),
    Key(section="HeadNodeEphemeralVolume", name="MountDir", kind="text", pattern=_FOLDER),
    Key(section="SharedStorageEfsSettings", name="Encrypted", kind="flag"),
    Key(section="HeadNodeCustomActions", name="OnNodeStart", kind="actions", child="CustomAction"),
    Key(section="HeadNodeCustomActions", name="OnNodeConfigured", kind="actions", child="CustomAction"),
    Key(section="HeadNodeCustomActions", name="OnNodeUpdated", kind="actions", child="CustomAction"),
    Key(section="HeadNodeIam", name="InstanceRole", kind="text", pattern=_ROLE),
    Key(section="HeadNodeIam", name="AdditionalIamPolicies", kind="sections", child="AdditionalIamPolicy"),
    Key(section="HeadNodeIam", name="S3Access", kind="sections", child="S3Access"),
    Key(section="HeadNodeIam", name="InstanceProfile", kind="text", pattern=_PROFILE),
    Key(section="S3Access", name="BucketName", kind="text", required=True, pattern=r"^[\*a-z0-9\-\.]+$"),
    Key(section="S3Access", name="KeyName", kind="text"),
    Key(section="S3Access", name="EnableWriteAccess", kind="flag"),
    Key(section="HeadNodeImds", name="Secured", kind="flag"),
    Key(section="HeadNodeImage", name="CustomAmi", kind="text", pattern=_AMI),
    Key(section="Scheduling", name="Scheduler", kind="text", required=True),
    Key(
        section="Scheduling",
        name="ScalingStrategy",
        kind="text",
        choices=("all-or-nothing", "best-effort", "greedy-all-or-nothing"),
    ),
    Key(section="Scheduling", name="SlurmSettings", kind="section", child="SlurmSettings"),
    Key(
        section="Scheduling", name="SlurmQueues", kind="sections", child="SlurmQueue", until="3.16.0"
    ),  # not with AWS Batch
    Key(section="Scheduling", name="SlurmQueues", kind="sections", required=True, child="SlurmQueue", since="3.16.0"),
    Key(
        section="Scheduling",
        name="AwsBatchQueues",
        kind="any",
        until="3.16.0",
        instead="use Scheduler: slurm with SlurmQueues",
    ),
    Key(
        section="Scheduling",
        name="AwsBatchSettings",
        kind="any",
        until="3.16.0",
        instead="use Scheduler: slurm with SlurmSettings",
    ),
    Key(section="SlurmSettings", name="ScaledownIdletime", kind="whole", least=-1),
    Key(section="SlurmSettings", name="Dns", kind="section", child="Dns"),
    Key(
        section="SlurmSettings",
        name="QueueUpdateStrategy",
        kind="text",
        choices=("DRAIN", "COMPUTE_FLEET_STOP", "TERMINATE"),
    ),
    Key(section="SlurmSettings", name="EnableMemoryBasedScheduling", kind="flag"),
    Key(section="SlurmSettings", name="Database", kind="section", child="Database"),
    Key(section="SlurmSettings", name="CustomSlurmSettings", kind="mappings"),
    Key(section="SlurmSettings", name="CustomSlurmSettingsIncludeFile", kind="text"),
    Key(section="SlurmSettings", name="MungeKeySecretArn", kind="text"),
    Key(section="SlurmSettings", name="ExternalSlurmdbd", kind="section", child="ExternalSlurmdbd"),
    Key(section="Dns", name="DisableManagedDns", kind="flag"),
    Key(section="Dns", name="HostedZoneId", kind="text"),
    Key(section="Dns", name="UseEc2Hostnames", kind="flag"),
    Key(section="Database", name="Uri", kind="text", required=True),
    Key(section="Database", name="UserName", kind="text", required=True),
    Key(section="Database", name="PasswordSecretArn", kind="text", required=True, pattern=r"^arn:.*:secret"),
    Key(section="Database", name="DatabaseName", kind="text", pattern=r"^[0-9a-z_]+$", least=1, most=64),
    Key(section="ExternalSlurmdbd", name="Host", kind="text", required=True),
    Key(section="ExternalSlurmdbd", name="Port", kind="whole"),
    Key(section="SlurmQueue", name="Name", kind="text", required=True),
    Key(section="SlurmQueue", name="CapacityType", kind="text", choices=("CAPACITY_BLOCK", "ONDEMAND", "SPOT")),
    Key(section="SlurmQueue", name="ComputeSettings", kind="section", child="ComputeSettings"),
    Key(section="SlurmQueue", name="CustomActions", kind="section", child="QueueCustomActions"),
    Key(section="SlurmQueue", name="Iam", kind="section", child="QueueIam"),
    Key(section="SlurmQueue", name="Image", kind="section", child="QueueImage"),
    Key(section="SlurmQueue", name="CapacityReservationTarget", kind="section", child="CapacityReservationTarget"),
    Key(
        section="SlurmQueue",
        name="AllocationStrategy",
        kind="text",
        choices=("lowest-price", "capacity-optimized", "price-capacity-optimized"),
        until="3.14.0",
    ),
    Key(
        section="SlurmQueue",
        name="AllocationStrategy",
        kind="text",
        choices=(
            "lowest-price",
            "capacity-optimized",
            "price-capacity-optimized",
            "prioritized",
            "capacity-optimized-prioritized",
        ),
        since="3.14.0",
    ),
    Key(section="SlurmQueue", name="ComputeResources", kind="sections", child="SlurmComputeResource"),
    Key(section="SlurmQueue", name="Networking", kind="section", required=True, child="SlurmQueueNetworking"),
    Key(section="SlurmQueue", name="HealthChecks", kind="section", child="HealthChecks"),
    Key(section="SlurmQueue", name="CustomSlurmSettings", kind="mapping"),
    Key(section="SlurmQueue", name="Tags", kind="sections", child="QueueTag"),
    Key(section="SlurmQueue", name="JobExclusiveAllocation", kind="flag"),
    Key(section="ComputeSettings", name="LocalStorage", kind="section", child="QueueStorage"),
    Key(section="QueueStorage", name="RootVolume", kind="section", child="QueueRootVolume"),
    Key(section="QueueStorage", name="EphemeralVolume", kind="section", child="QueueEphemeralVolume"),
    Key(section="QueueRootVolume", name="Size", kind="whole"),
    Key(section="QueueRootVolume", name="Encrypted", kind="flag"),
    Key(section="QueueRootVolume", name="VolumeType", kind="text"),
    Key(section="QueueRootVolume", name="Iops", kind="whole"),
    Key(section="QueueRootVolume", name="Throughput", kind="whole"),
    Key(section="QueueEphemeralVolume", name="MountDir", kind="text", pattern=_FOLDER),
    Key(section="QueueCustomActions", name="OnNodeStart", kind="actions", child="CustomAction"),
    Key(section="QueueCustomActions", name="OnNodeConfigured", kind="actions", child="CustomAction"),
    Key(section="QueueIam", name="InstanceRole", kind="text", pattern=_ROLE),
    Key(section="QueueIam", name="AdditionalIamPolicies", kind="sections", child="AdditionalIamPolicy"),
    Key(section="QueueIam", name="S3Access", kind="sections", child="S3Access"),
    Key(section="QueueIam", name="InstanceProfile", kind="text", pattern=_PROFILE),
    Key(section="QueueImage", name="CustomAmi", kind="text", pattern=_AMI),
    Key(section="CapacityReservationTarget", name="CapacityReservationId", kind="text"),
    Key(section="CapacityReservationTarget", name="CapacityReservationResourceGroupArn", kind="text"),
    Key(section="SlurmComputeResource", name="Name", kind="text", required=True),
    Key(section="SlurmComputeResource", name="InstanceType", kind="text"),
    Key(section="SlurmComputeResource", name="Instances", kind="sections", child="InstanceType"),
    Key(section="SlurmComputeResource", name="MaxCount", kind="whole", least=1),
    Key(section="SlurmComputeResource", name="MinCount", kind="whole", least=0),
    Key(section="SlurmComputeResource", name="SpotPrice", kind="number", least=0),
    Key(section="SlurmComputeResource", name="Efa", kind="section", child="Efa"),
    Key(section="SlurmComputeResource", name="DisableSimultaneousMultithreading", kind="flag"),
    Key(section="SlurmComputeResource", name="SchedulableMemory", kind="whole"),
    Key(
        section="SlurmComputeResource",
        name="CapacityReservationTarget",
        kind="section",
        child="CapacityReservationTarget",
    ),
    Key(section="SlurmComputeResource", name="Networking", kind="section", child="SlurmComputeResourceNetworking"),
    Key(section="SlurmComputeResource", name="HealthChecks", kind="section", child="HealthChecks"),
    Key(section="SlurmComputeResource", name="CustomSlurmSettings", kind="mapping"),
    Key(section="SlurmComputeResource", name="Tags", kind="sections", child="QueueTag"),
    Key(section="SlurmComputeResource", name="StaticNodePriority", kind="whole", least=1, most=4294967295),
    Key(section="SlurmComputeResource", name="DynamicNodePriority", kind="whole", least=1, most=4294967295),
    Key(
        section="SlurmComputeResource",
        name="LaunchTemplateOverrides",
        kind="section",
        child="LaunchTemplateOverrides",
        since="3.15.0",
    ),
    Key(section="InstanceType", name="InstanceType", kind="text", required=True),
    Key(section="Efa", name="Enabled", kind="flag"),
    Key(section="Efa", name="GdrSupport", kind="flag"),
    Key(section="SlurmComputeResourceNetworking", name="PlacementGroup", kind="section", child="PlacementGroup"),
    Key(section="PlacementGroup", name="Enabled", kind="flag"),
    Key(section="PlacementGroup", name="Id", kind="text"),
    Key(section="PlacementGroup", name="Name", kind="text"),
    Key(section="HealthChecks", name="Gpu", kind="section", child="GpuHealthCheck"),
    Key(section="GpuHealthCheck", name="Enabled", kind="flag"),
    Key(section="QueueTag", name="Key", kind="text", required=True, most=128),
    Key(section="QueueTag", name="Value", kind="text", required=True, most=256),
    Key(section="LaunchTemplateOverrides", name="LaunchTemplateId", kind="text", required=True),
    Key(section="LaunchTemplateOverrides", name="Version", kind="whole", required=True, least=1),
    Key(section="SlurmQueueNetworking", name="AdditionalSecurityGroups", kind="texts", pattern=_SECURITY_GROUP),
    Key(section="SlurmQueueNetworking", name="SecurityGroups", kind="texts", pattern=_SECURITY_GROUP),
    Key(section="SlurmQueueNetworking", name="AssignPublicIp", kind="flag"),
    Key(section="SlurmQueueNetworking", name="SubnetIds", kind="texts", required=True, least=1, pattern=_SUBNET),
    Key(section="SlurmQueueNetworking", name="PlacementGroup", kind="section", child="PlacementGroup"),
    Key(section="SlurmQueueNetworking", name="Proxy", kind="section", child="QueueProxy"),
    Key(section="QueueProxy", name="HttpProxyAddress", kind="text"),
    Key(section="SharedStorage", name="MountDir", kind="text", required=True, pattern=_FOLDER),
    Key(section="SharedStorage", name="Name", kind="text", required=True),
    Key(
        section="SharedStorage",
        name="StorageType",
        kind="text",
        required=True,
        choices=("Ebs", "FsxLustre", "FsxOpenZfs", "FsxOntap", "Efs", "FileCache"),
    ),
    Key(section="SharedStorage", name="EbsSettings", kind="section", child="EbsSettings"),
    Key(section="SharedStorage", name="EfsSettings", kind="section", child="EfsSettings"),
    Key(section="SharedStorage", name="FsxLustreSettings", kind="section", child="FsxLustreSettings"),
    Key(section="SharedStorage", name="FsxOpenZfsSettings", kind="section", child="FsxOpenZfsSettings"),
    Key(section="SharedStorage", name="FsxOntapSettings", kind="section", child="FsxOntapSettings"),
    Key(section="SharedStorage", name="FileCacheSettings", kind="section", child="FileCacheSettings"),
    Key(
        section="EbsSettings",
        name="VolumeType",
        kind="text",
        choices=("standard", "io1", "io2", "gp2", "st1", "sc1", "gp3"),
    ),
    Key(section="EbsSettings", name="Iops", kind="whole"),
    Key(section="EbsSettings", name="Size", kind="whole"),
    Key(section="EbsSettings", name="KmsKeyId", kind="text"),
    Key(section="EbsSettings", name="Throughput", kind="whole"),
    Key(section="EbsSettings", name="Encrypted", kind="flag"),
    Key(section="EbsSettings", name="SnapshotId", kind="text", pattern=r"^snap-[0-9a-z]{8}$|^snap-[0-9a-z]{17}$"),
    Key(section="EbsSettings", name="VolumeId", kind="text", pattern=r"^vol-[0-9a-z]{8}$|^vol-[0-9a-z]{17}$"),
    Key(section="EbsSettings", name="Raid", kind="section", child="Raid"),
    Key(section="EbsSettings", name="DeletionPolicy", kind="text", choices=("Delete", "Retain", "Snapshot")),
    Key(section="Raid", name="Type", kind="whole", required=True, choices=("0", "1")),
    Key(section="Raid", name="NumberOfVolumes", kind="whole", least=2, most=5),
    Key(section="EfsSettings", name="Encrypted", kind="flag"),
    Key(section="EfsSettings", name="KmsKeyId", kind="text"),
    Key(section="EfsSettings", name="PerformanceMode", kind="text", choices=("generalPurpose", "maxIO")),
    Key(section="EfsSettings", name="ThroughputMode", kind="text", choices=("provisioned", "bursting")),
    Key(section="EfsSettings", name="ProvisionedThroughput", kind="whole", least=1, most=1024),
    Key(section="EfsSettings", name="FileSystemId", kind="text", pattern=r"^fs-[0-9a-z]{8}$|^fs-[0-9a-z]{17}$"),
    Key(section="EfsSettings", name="DeletionPolicy", kind="text", choices=("Delete", "Retain")),
    Key(section="EfsSettings", name="AccessPointId", kind="text", pattern=r"^fsap-[0-9a-z]{17}$"),
    Key(section="EfsSettings", name="EncryptionInTransit", kind="flag"),
    Key(section="EfsSettings", name="IamAuthorization", kind="flag"),
    Key(section="FsxLustreSettings", name="StorageCapacity", kind="whole"),
    Key(
        section="FsxLustreSettings",
        name="DeploymentType",
        kind="text",
        choices=("SCRATCH_1", "SCRATCH_2", "PERSISTENT_1", "PERSISTENT_2"),
    ),
    Key(section="FsxLustreSettings", name="ImportedFileChunkSize", kind="whole", least=1, most=512000),
    Key(section="FsxLustreSettings", name="ExportPath", kind="text"),
    Key(section="FsxLustreSettings", name="ImportPath", kind="text"),
    Key(
        section="FsxLustreSettings",
        name="WeeklyMaintenanceStartTime",
        kind="text",
        pattern=r"^[1-7]:([01]\d|2[0-3]):([0-5]\d)$",
    ),
    Key(
        section="FsxLustreSettings", name="AutomaticBackupRetentionDays", kind="whole", least=0, most=35, until="3.16.0"
    ),
    Key(
        section="FsxLustreSettings", name="AutomaticBackupRetentionDays", kind="whole", least=0, most=90, since="3.16.0"
    ),
    Key(section="FsxLustreSettings", name="CopyTagsToBackups", kind="flag"),
    Key(
        section="FsxLustreSettings",
        name="DailyAutomaticBackupStartTime",
        kind="text",
        pattern=r"^([01]\d|2[0-3]):([0-5]\d)$",
    ),
    Key(section="FsxLustreSettings", name="PerUnitStorageThroughput", kind="whole"),
    Key(section="FsxLustreSettings", name="BackupId", kind="text", pattern=r"^(backup-[0-9a-f]{8,})$"),
    Key(section="FsxLustreSettings", name="KmsKeyId", kind="text"),
    Key(section="FsxLustreSettings", name="FileSystemId", kind="text", pattern=r"^fs-[0-9a-z]{17}$"),
    Key(
        section="FsxLustreSettings",
        name="AutoImportPolicy",
        kind="text",
        choices=("NEW", "NEW_CHANGED", "NEW_CHANGED_DELETED"),
    ),
    Key(section="FsxLustreSettings", name="DriveCacheType", kind="text", choices=("READ",)),
    Key(section="FsxLustreSettings", name="DataCompressionType", kind="text", choices=("LZ4",)),
    Key(section="FsxLustreSettings", name="StorageType", kind="text", choices=("HDD", "SSD")),
    Key(section="FsxLustreSettings", name="DeletionPolicy", kind="text", choices=("Delete", "Retain")),
    Key(
        section="FsxLustreSettings",
        name="DataRepositoryAssociations",
        kind="sections",
        child="DataRepositoryAssociation",
    ),
    Key(section="DataRepositoryAssociation", name="Name", kind="text", required=True),
    Key(section="DataRepositoryAssociation", name="BatchImportMetaDataOnCreate", kind="flag"),
    Key(section="DataRepositoryAssociation", name="DataRepositoryPath", kind="text", required=True),
    Key(
        section="DataRepositoryAssociation",
        name="FileSystemPath",
        kind="text",
        required=True,
        pattern=r"^[^\u0000\u0085\u2028\u2029\r\n]{1,4096}$",
    ),
    Key(section="DataRepositoryAssociation", name="ImportedFileChunkSize", kind="whole", least=1, most=512000),
    Key(
        section="DataRepositoryAssociation",
        name="AutoExportPolicy",
        kind="texts",
        most=3,
        choices=("NEW", "CHANGED", "DELETED"),
    ),
    Key(
        section="DataRepositoryAssociation",
        name="AutoImportPolicy",
        kind="texts",
        most=3,
        choices=("NEW", "CHANGED", "DELETED"),
    ),
    Key(section="FsxOpenZfsSettings", name="VolumeId", kind="text", required=True, pattern=_VOLUME),
    Key(section="FsxOntapSettings", name="VolumeId", kind="text", required=True, pattern=_VOLUME),
    Key(section="FileCacheSettings", name="FileCacheId", kind="text", required=True, pattern=r"^(fc-[0-9a-f]{8,18})$"),
    Key(section="Monitoring", name="DetailedMonitoring", kind="flag"),
    Key(section="Monitoring", name="Logs", kind="section", child="Logs"),
    Key(section="Monitoring", name="Dashboards", kind="section", child="Dashboards"),
    Key(section="Monitoring", name="Alarms", kind="section", child="Alarms"),
    Key(section="Logs", name="CloudWatch", kind="section", child="CloudWatchLogs"),
    Key(section="Logs", name="Rotation", kind="section", child="Rotation"),
    Key(section="CloudWatchLogs", name="Enabled", kind="flag"),
    Key(
        section="CloudWatchLogs",
        name="RetentionInDays",
        kind="whole",
        choices=(
            "0",
            "1",
            "3",
            "5",
            "7",
            "14",
            "30",
            "60",
            "90",
            "120",
            "150",
            "180",
            "365",
            "400",
            "545",
            "731",
            "1827",
            "3653",
        ),
    ),
    Key(section="CloudWatchLogs", name="DeletionPolicy", kind="text", choices=("Delete", "Retain")),
    Key(section="Rotation", name="Enabled", kind="flag"),
    Key(section="Dashboards", name="CloudWatch", kind="section", child="CloudWatchDashboards"),
    Key(section="CloudWatchDashboards", name="Enabled", kind="flag"),
    Key(section="Alarms", name="Enabled", kind="flag"),
    Key(section="AdditionalPackages", name="IntelSoftware", kind="section", child="IntelSoftware"),
    Key(section="IntelSoftware", name="IntelHpcPlatform", kind="flag"),
    Key(section="Tag", name="Key", kind="text", required=True, most=128),
    Key(section="Tag", name="Value", kind="text", required=True, most=256),
    Key(section="ClusterIam", name="Roles", kind="section", child="Roles"),
    Key(section="ClusterIam", name="PermissionsBoundary", kind="text", pattern=_POLICY),
    Key(section="ClusterIam", name="ResourcePrefix", kind="text"),
    Key(section="Roles", name="LambdaFunctionsRole", kind="text"),
    Key(section="DirectoryService", name="DomainName", kind="text", required=True),
    Key(section="DirectoryService", name="DomainAddr", kind="text", required=True),
    Key(
        section="DirectoryService",
        name="PasswordSecretArn",
        kind="text",
        required=True,
        pattern=r"^arn:.*:(secretsmanager:.*:.*:secret:|ssm:.*:.*:parameter\/).*$",
    ),
    Key(section="DirectoryService", name="DomainReadOnlyUser", kind="text", required=True),
    Key(section="DirectoryService", name="LdapTlsCaCert", kind="text"),
    Key(
        section="DirectoryService",
        name="LdapTlsReqCert",
        kind="text",
        choices=("never", "allow", "try", "demand", "hard"),
    ),
    Key(section="DirectoryService", name="LdapAccessFilter", kind="text"),
    Key(section="DirectoryService", name="GenerateSshKeysForUsers", kind="flag"),
    Key(section="DirectoryService", name="AdditionalSssdConfigs", kind="mapping"),
    Key(section="ClusterImds", name="ImdsSupport", kind="text", choices=("v1.0", "v2.0")),
    Key(section="ClusterDevSettings", name="Cookbook", kind="section", child="Cookbook"),
    Key(section="ClusterDevSettings", name="NodePackage", kind="text"),
    Key(section="ClusterDevSettings", name="ClusterTemplate", kind="text"),
    Key(section="ClusterDevSettings", name="AmiSearchFilters", kind="section", child="AmiSearchFilters"),
    Key(section="ClusterDevSettings", name="InstanceTypesData", kind="text"),
    Key(section="ClusterDevSettings", name="Timeouts", kind="section", child="Timeouts"),
    Key(section="ClusterDevSettings", name="ComputeStartupTimeMetricEnabled", kind="flag"),
    Key(section="ClusterDevSettings", name="EfaInterfaceType", kind="text", since="3.15.0"),
    Key(section="ClusterDevSettings", name="AwsBatchCliPackage", kind="any", until="3.16.0", instead="remove it"),
    Key(section="Cookbook", name="ChefCookbook", kind="text"),
    Key(section="Cookbook", name="ExtraChefAttributes", kind="text"),
    Key(section="AmiSearchFilters", name="Tags", kind="sections", child="Tag"),
    Key(section="AmiSearchFilters", name="Owner", kind="text"),
    Key(section="AmiSearchFilters", name="NamePrefix", kind="text", since="3.15.0"),
    Key(section="Timeouts", name="HeadNodeBootstrapTimeout", kind="whole", least=1),
    Key(section="Timeouts", name="ComputeNodeBootstrapTimeout", kind="whole", least=1),
    Key(section="Timeouts", name="ComputeInstanceInfoTimeout", kind="whole", least=1, since="3.16.0"),
    Key(
        section="ClusterDeploymentSettings",
        name="LambdaFunctionsVpcConfig",
        kind="section",
        child="LambdaFunctionsVpcConfig",
    ),
    Key(section="ClusterDeploymentSettings", name="DisableSudoAccessForDefaultUser", kind="flag"),
    Key(section="ClusterDeploymentSettings", name="DefaultUserHome", kind="text", choices=("Shared", "Local")),
    Key(
        section="LambdaFunctionsVpcConfig",
        name="SecurityGroupIds",
        kind="texts",
        required=True,
        least=1,
        most=5,
        pattern=_SECURITY_GROUP,
    ),
    Key(
        section="LambdaFunctionsVpcConfig",
        name="SubnetIds",
        kind="texts",
        required=True,
        least=1,
        most=16,
        pattern=_SUBNET,
    ),
)
