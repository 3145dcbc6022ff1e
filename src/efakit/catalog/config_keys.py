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
    Key("Cluster", "LoginNodes", "section", child="LoginNodes"),
    Key("Cluster", "Image", "section", required=True, child="Image"),
    Key("Cluster", "HeadNode", "section", required=True, child="HeadNode"),
    Key("Cluster", "Scheduling", "section", required=True, child="Scheduling"),
    Key("Cluster", "SharedStorage", "sections", child="SharedStorage"),
    Key("Cluster", "Monitoring", "section", child="Monitoring"),
    Key("Cluster", "AdditionalPackages", "section", child="AdditionalPackages"),
    Key("Cluster", "Tags", "sections", child="Tag"),
    Key("Cluster", "Iam", "section", child="ClusterIam"),
    Key("Cluster", "DirectoryService", "section", child="DirectoryService"),
    Key("Cluster", "Region", "text"),
    Key("Cluster", "Imds", "section", child="ClusterImds"),
    Key("Cluster", "CustomS3Bucket", "text"),
    Key("Cluster", "AdditionalResources", "text"),
    Key("Cluster", "DevSettings", "section", child="ClusterDevSettings"),
    Key("Cluster", "DeploymentSettings", "section", child="ClusterDeploymentSettings"),
    Key("LoginNodes", "Pools", "sections", required=True, child="LoginNodesPool"),
    Key("LoginNodesPool", "Name", "text", required=True),
    Key("LoginNodesPool", "InstanceType", "text", required=True),
    Key("LoginNodesPool", "Image", "section", child="LoginNodesImage"),
    Key("LoginNodesPool", "Networking", "section", required=True, child="LoginNodesNetworking"),
    Key("LoginNodesPool", "Count", "whole", required=True, least=0),
    Key("LoginNodesPool", "Dcv", "section", child="Dcv"),
    Key("LoginNodesPool", "Ssh", "section", child="LoginNodesSsh"),
    Key("LoginNodesPool", "CustomActions", "section", child="LoginNodesCustomActions"),
    Key("LoginNodesPool", "Iam", "section", child="LoginNodesIam"),
    Key("LoginNodesPool", "GracetimePeriod", "whole", least=3, most=120),
    Key("LoginNodesImage", "CustomAmi", "text", pattern=_AMI),
    Key("LoginNodesNetworking", "AdditionalSecurityGroups", "texts", pattern=_SECURITY_GROUP),
    Key("LoginNodesNetworking", "SecurityGroups", "texts", pattern=_SECURITY_GROUP),
    Key("LoginNodesNetworking", "SubnetIds", "texts", required=True, least=1, most=1, pattern=_SUBNET),
    Key("LoginNodesNetworking", "Proxy", "section", child="LoginNodeProxy"),
    Key("LoginNodeProxy", "HttpProxyAddress", "text"),
    Key("Dcv", "Enabled", "flag"),
    Key("Dcv", "Port", "whole"),
    Key("Dcv", "AllowedIps", "text"),
    Key("LoginNodesSsh", "AllowedIps", "text"),
    Key("LoginNodesSsh", "KeyName", "text", until="3.15.0", instead="remove it: login nodes take the head node's key"),
    Key("LoginNodesCustomActions", "OnNodeStart", "actions", child="CustomAction"),
    Key("LoginNodesCustomActions", "OnNodeConfigured", "actions", child="CustomAction"),
    Key("LoginNodesCustomActions", "OnNodeUpdated", "actions", child="CustomAction"),
    Key("CustomAction", "Script", "text", required=True),
    Key("CustomAction", "Args", "texts"),
    Key("LoginNodesIam", "InstanceRole", "text", pattern=_ROLE),
    Key("LoginNodesIam", "AdditionalIamPolicies", "sections", child="AdditionalIamPolicy"),
    Key("LoginNodesIam", "InstanceProfile", "text", pattern=_PROFILE),
    Key("AdditionalIamPolicy", "Policy", "text", required=True, pattern=_POLICY),
    Key("Image", "Os", "text", required=True),
    Key("Image", "CustomAmi", "text", pattern=_AMI),
    Key("HeadNode", "InstanceType", "text", required=True),
    Key("HeadNode", "DisableSimultaneousMultithreading", "flag"),
    Key("HeadNode", "Networking", "section", required=True, child="HeadNodeNetworking"),
    Key("HeadNode", "Ssh", "section", child="HeadNodeSsh"),
    Key("HeadNode", "LocalStorage", "section", child="HeadNodeStorage"),
    Key("HeadNode", "SharedStorageType", "text", choices=("Ebs", "Efs")),
    Key("HeadNode", "SharedStorageEfsSettings", "section", child="SharedStorageEfsSettings", since="3.14.0"),
    Key("HeadNode", "Dcv", "section", child="Dcv"),
    Key("HeadNode", "CustomActions", "section", child="HeadNodeCustomActions"),
    Key("HeadNode", "Iam", "section", child="HeadNodeIam"),
    Key("HeadNode", "Imds", "section", child="HeadNodeImds"),
    Key("HeadNode", "Image", "section", child="HeadNodeImage"),
    Key("HeadNodeNetworking", "AdditionalSecurityGroups", "texts", pattern=_SECURITY_GROUP),
    Key("HeadNodeNetworking", "SecurityGroups", "texts", pattern=_SECURITY_GROUP),
    Key("HeadNodeNetworking", "SubnetId", "text", required=True, pattern=_SUBNET),
    Key("HeadNodeNetworking", "ElasticIp", "any"),
    Key("HeadNodeNetworking", "Proxy", "section", child="HeadNodeProxy"),
    Key("HeadNodeProxy", "HttpProxyAddress", "text"),
    Key("HeadNodeSsh", "KeyName", "text"),
    Key("HeadNodeSsh", "AllowedIps", "text"),
    Key("HeadNodeStorage", "RootVolume", "section", child="HeadNodeRootVolume"),
    Key("HeadNodeStorage", "EphemeralVolume", "section", child="HeadNodeEphemeralVolume"),
    Key("HeadNodeRootVolume", "VolumeType", "text", choices=("standard", "io1", "io2", "gp2", "st1", "sc1", "gp3")),
    Key("HeadNodeRootVolume", "Iops", "whole"),
    Key("HeadNodeRootVolume", "Size", "whole"),
    Key("HeadNodeRootVolume", "Throughput", "whole"),
    Key("HeadNodeRootVolume", "Encrypted", "flag"),
    Key("HeadNodeRootVolume", "DeleteOnTermination", "flag"),
    Key("HeadNodeEphemeralVolume", "MountDir", "text", pattern=_FOLDER),
    Key("SharedStorageEfsSettings", "Encrypted", "flag"),
    Key("HeadNodeCustomActions", "OnNodeStart", "actions", child="CustomAction"),
    Key("HeadNodeCustomActions", "OnNodeConfigured", "actions", child="CustomAction"),
    Key("HeadNodeCustomActions", "OnNodeUpdated", "actions", child="CustomAction"),
    Key("HeadNodeIam", "InstanceRole", "text", pattern=_ROLE),
    Key("HeadNodeIam", "AdditionalIamPolicies", "sections", child="AdditionalIamPolicy"),
    Key("HeadNodeIam", "S3Access", "sections", child="S3Access"),
    Key("HeadNodeIam", "InstanceProfile", "text", pattern=_PROFILE),
    Key("S3Access", "BucketName", "text", required=True, pattern=r"^[\*a-z0-9\-\.]+$"),
    Key("S3Access", "KeyName", "text"),
    Key("S3Access", "EnableWriteAccess", "flag"),
    Key("HeadNodeImds", "Secured", "flag"),
    Key("HeadNodeImage", "CustomAmi", "text", pattern=_AMI),
    Key("Scheduling", "Scheduler", "text", required=True),
    Key("Scheduling", "ScalingStrategy", "text", choices=("all-or-nothing", "best-effort", "greedy-all-or-nothing")),
    Key("Scheduling", "SlurmSettings", "section", child="SlurmSettings"),
    Key("Scheduling", "SlurmQueues", "sections", child="SlurmQueue", until="3.16.0"),  # not with AWS Batch
    Key("Scheduling", "SlurmQueues", "sections", required=True, child="SlurmQueue", since="3.16.0"),
    Key("Scheduling", "AwsBatchQueues", "any", until="3.16.0", instead="use Scheduler: slurm with SlurmQueues"),
    Key("Scheduling", "AwsBatchSettings", "any", until="3.16.0", instead="use Scheduler: slurm with SlurmSettings"),
    Key("SlurmSettings", "ScaledownIdletime", "whole", least=-1),
    Key("SlurmSettings", "Dns", "section", child="Dns"),
    Key("SlurmSettings", "QueueUpdateStrategy", "text", choices=("DRAIN", "COMPUTE_FLEET_STOP", "TERMINATE")),
    Key("SlurmSettings", "EnableMemoryBasedScheduling", "flag"),
    Key("SlurmSettings", "Database", "section", child="Database"),
    Key("SlurmSettings", "CustomSlurmSettings", "mappings"),
    Key("SlurmSettings", "CustomSlurmSettingsIncludeFile", "text"),
    Key("SlurmSettings", "MungeKeySecretArn", "text"),
    Key("SlurmSettings", "ExternalSlurmdbd", "section", child="ExternalSlurmdbd"),
    Key("Dns", "DisableManagedDns", "flag"),
    Key("Dns", "HostedZoneId", "text"),
    Key("Dns", "UseEc2Hostnames", "flag"),
    Key("Database", "Uri", "text", required=True),
    Key("Database", "UserName", "text", required=True),
    Key("Database", "PasswordSecretArn", "text", required=True, pattern=r"^arn:.*:secret"),
    Key("Database", "DatabaseName", "text", pattern=r"^[0-9a-z_]+$", least=1, most=64),
    Key("ExternalSlurmdbd", "Host", "text", required=True),
    Key("ExternalSlurmdbd", "Port", "whole"),
    Key("SlurmQueue", "Name", "text", required=True),
    Key("SlurmQueue", "CapacityType", "text", choices=("CAPACITY_BLOCK", "ONDEMAND", "SPOT")),
    Key("SlurmQueue", "ComputeSettings", "section", child="ComputeSettings"),
    Key("SlurmQueue", "CustomActions", "section", child="QueueCustomActions"),
    Key("SlurmQueue", "Iam", "section", child="QueueIam"),
    Key("SlurmQueue", "Image", "section", child="QueueImage"),
    Key("SlurmQueue", "CapacityReservationTarget", "section", child="CapacityReservationTarget"),
    Key(
        "SlurmQueue",
        "AllocationStrategy",
        "text",
        choices=("lowest-price", "capacity-optimized", "price-capacity-optimized"),
        until="3.14.0",
    ),
    Key(
        "SlurmQueue",
        "AllocationStrategy",
        "text",
        choices=(
            "lowest-price",
            "capacity-optimized",
            "price-capacity-optimized",
            "prioritized",
            "capacity-optimized-prioritized",
        ),
        since="3.14.0",
    ),
    Key("SlurmQueue", "ComputeResources", "sections", child="SlurmComputeResource"),
    Key("SlurmQueue", "Networking", "section", required=True, child="SlurmQueueNetworking"),
    Key("SlurmQueue", "HealthChecks", "section", child="HealthChecks"),
    Key("SlurmQueue", "CustomSlurmSettings", "mapping"),
    Key("SlurmQueue", "Tags", "sections", child="QueueTag"),
    Key("SlurmQueue", "JobExclusiveAllocation", "flag"),
    Key("ComputeSettings", "LocalStorage", "section", child="QueueStorage"),
    Key("QueueStorage", "RootVolume", "section", child="QueueRootVolume"),
    Key("QueueStorage", "EphemeralVolume", "section", child="QueueEphemeralVolume"),
    Key("QueueRootVolume", "Size", "whole"),
    Key("QueueRootVolume", "Encrypted", "flag"),
    Key("QueueRootVolume", "VolumeType", "text"),
    Key("QueueRootVolume", "Iops", "whole"),
    Key("QueueRootVolume", "Throughput", "whole"),
    Key("QueueEphemeralVolume", "MountDir", "text", pattern=_FOLDER),
    Key("QueueCustomActions", "OnNodeStart", "actions", child="CustomAction"),
    Key("QueueCustomActions", "OnNodeConfigured", "actions", child="CustomAction"),
    Key("QueueIam", "InstanceRole", "text", pattern=_ROLE),
    Key("QueueIam", "AdditionalIamPolicies", "sections", child="AdditionalIamPolicy"),
    Key("QueueIam", "S3Access", "sections", child="S3Access"),
    Key("QueueIam", "InstanceProfile", "text", pattern=_PROFILE),
    Key("QueueImage", "CustomAmi", "text", pattern=_AMI),
    Key("CapacityReservationTarget", "CapacityReservationId", "text"),
    Key("CapacityReservationTarget", "CapacityReservationResourceGroupArn", "text"),
    Key("SlurmComputeResource", "Name", "text", required=True),
    Key("SlurmComputeResource", "InstanceType", "text"),
    Key("SlurmComputeResource", "Instances", "sections", child="InstanceType"),
    Key("SlurmComputeResource", "MaxCount", "whole", least=1),
    Key("SlurmComputeResource", "MinCount", "whole", least=0),
    Key("SlurmComputeResource", "SpotPrice", "number", least=0),
    Key("SlurmComputeResource", "Efa", "section", child="Efa"),
    Key("SlurmComputeResource", "DisableSimultaneousMultithreading", "flag"),
    Key("SlurmComputeResource", "SchedulableMemory", "whole"),
    Key("SlurmComputeResource", "CapacityReservationTarget", "section", child="CapacityReservationTarget"),
    Key("SlurmComputeResource", "Networking", "section", child="SlurmComputeResourceNetworking"),
    Key("SlurmComputeResource", "HealthChecks", "section", child="HealthChecks"),
    Key("SlurmComputeResource", "CustomSlurmSettings", "mapping"),
    Key("SlurmComputeResource", "Tags", "sections", child="QueueTag"),
    Key("SlurmComputeResource", "StaticNodePriority", "whole", least=1, most=4294967295),
    Key("SlurmComputeResource", "DynamicNodePriority", "whole", least=1, most=4294967295),
    Key("SlurmComputeResource", "LaunchTemplateOverrides", "section", child="LaunchTemplateOverrides", since="3.15.0"),
    Key("InstanceType", "InstanceType", "text", required=True),
    Key("Efa", "Enabled", "flag"),
    Key("Efa", "GdrSupport", "flag"),
    Key("SlurmComputeResourceNetworking", "PlacementGroup", "section", child="PlacementGroup"),
    Key("PlacementGroup", "Enabled", "flag"),
    Key("PlacementGroup", "Id", "text"),
    Key("PlacementGroup", "Name", "text"),
    Key("HealthChecks", "Gpu", "section", child="GpuHealthCheck"),
    Key("GpuHealthCheck", "Enabled", "flag"),
    Key("QueueTag", "Key", "text", required=True, most=128),
    Key("QueueTag", "Value", "text", required=True, most=256),
    Key("LaunchTemplateOverrides", "LaunchTemplateId", "text", required=True),
    Key("LaunchTemplateOverrides", "Version", "whole", required=True, least=1),
    Key("SlurmQueueNetworking", "AdditionalSecurityGroups", "texts", pattern=_SECURITY_GROUP),
    Key("SlurmQueueNetworking", "SecurityGroups", "texts", pattern=_SECURITY_GROUP),
    Key("SlurmQueueNetworking", "AssignPublicIp", "flag"),
    Key("SlurmQueueNetworking", "SubnetIds", "texts", required=True, least=1, pattern=_SUBNET),
    Key("SlurmQueueNetworking", "PlacementGroup", "section", child="PlacementGroup"),
    Key("SlurmQueueNetworking", "Proxy", "section", child="QueueProxy"),
    Key("QueueProxy", "HttpProxyAddress", "text"),
    Key("SharedStorage", "MountDir", "text", required=True, pattern=_FOLDER),
    Key("SharedStorage", "Name", "text", required=True),
    Key(
        "SharedStorage",
        "StorageType",
        "text",
        required=True,
        choices=("Ebs", "FsxLustre", "FsxOpenZfs", "FsxOntap", "Efs", "FileCache"),
    ),
    Key("SharedStorage", "EbsSettings", "section", child="EbsSettings"),
    Key("SharedStorage", "EfsSettings", "section", child="EfsSettings"),
    Key("SharedStorage", "FsxLustreSettings", "section", child="FsxLustreSettings"),
    Key("SharedStorage", "FsxOpenZfsSettings", "section", child="FsxOpenZfsSettings"),
    Key("SharedStorage", "FsxOntapSettings", "section", child="FsxOntapSettings"),
    Key("SharedStorage", "FileCacheSettings", "section", child="FileCacheSettings"),
    Key("EbsSettings", "VolumeType", "text", choices=("standard", "io1", "io2", "gp2", "st1", "sc1", "gp3")),
    Key("EbsSettings", "Iops", "whole"),
    Key("EbsSettings", "Size", "whole"),
    Key("EbsSettings", "KmsKeyId", "text"),
    Key("EbsSettings", "Throughput", "whole"),
    Key("EbsSettings", "Encrypted", "flag"),
    Key("EbsSettings", "SnapshotId", "text", pattern=r"^snap-[0-9a-z]{8}$|^snap-[0-9a-z]{17}$"),
    Key("EbsSettings", "VolumeId", "text", pattern=r"^vol-[0-9a-z]{8}$|^vol-[0-9a-z]{17}$"),
    Key("EbsSettings", "Raid", "section", child="Raid"),
    Key("EbsSettings", "DeletionPolicy", "text", choices=("Delete", "Retain", "Snapshot")),
    Key("Raid", "Type", "whole", required=True, choices=("0", "1")),
    Key("Raid", "NumberOfVolumes", "whole", least=2, most=5),
    Key("EfsSettings", "Encrypted", "flag"),
    Key("EfsSettings", "KmsKeyId", "text"),
    Key("EfsSettings", "PerformanceMode", "text", choices=("generalPurpose", "maxIO")),
    Key("EfsSettings", "ThroughputMode", "text", choices=("provisioned", "bursting")),
    Key("EfsSettings", "ProvisionedThroughput", "whole", least=1, most=1024),
    Key("EfsSettings", "FileSystemId", "text", pattern=r"^fs-[0-9a-z]{8}$|^fs-[0-9a-z]{17}$"),
    Key("EfsSettings", "DeletionPolicy", "text", choices=("Delete", "Retain")),
    Key("EfsSettings", "AccessPointId", "text", pattern=r"^fsap-[0-9a-z]{17}$"),
    Key("EfsSettings", "EncryptionInTransit", "flag"),
    Key("EfsSettings", "IamAuthorization", "flag"),
    Key("FsxLustreSettings", "StorageCapacity", "whole"),
    Key(
        "FsxLustreSettings",
        "DeploymentType",
        "text",
        choices=("SCRATCH_1", "SCRATCH_2", "PERSISTENT_1", "PERSISTENT_2"),
    ),
    Key("FsxLustreSettings", "ImportedFileChunkSize", "whole", least=1, most=512000),
    Key("FsxLustreSettings", "ExportPath", "text"),
    Key("FsxLustreSettings", "ImportPath", "text"),
    Key("FsxLustreSettings", "WeeklyMaintenanceStartTime", "text", pattern=r"^[1-7]:([01]\d|2[0-3]):([0-5]\d)$"),
    Key("FsxLustreSettings", "AutomaticBackupRetentionDays", "whole", least=0, most=35, until="3.16.0"),
    Key("FsxLustreSettings", "AutomaticBackupRetentionDays", "whole", least=0, most=90, since="3.16.0"),
    Key("FsxLustreSettings", "CopyTagsToBackups", "flag"),
    Key("FsxLustreSettings", "DailyAutomaticBackupStartTime", "text", pattern=r"^([01]\d|2[0-3]):([0-5]\d)$"),
    Key("FsxLustreSettings", "PerUnitStorageThroughput", "whole"),
    Key("FsxLustreSettings", "BackupId", "text", pattern=r"^(backup-[0-9a-f]{8,})$"),
    Key("FsxLustreSettings", "KmsKeyId", "text"),
    Key("FsxLustreSettings", "FileSystemId", "text", pattern=r"^fs-[0-9a-z]{17}$"),
    Key("FsxLustreSettings", "AutoImportPolicy", "text", choices=("NEW", "NEW_CHANGED", "NEW_CHANGED_DELETED")),
    Key("FsxLustreSettings", "DriveCacheType", "text", choices=("READ",)),
    Key("FsxLustreSettings", "DataCompressionType", "text", choices=("LZ4",)),
    Key("FsxLustreSettings", "StorageType", "text", choices=("HDD", "SSD")),
    Key("FsxLustreSettings", "DeletionPolicy", "text", choices=("Delete", "Retain")),
    Key("FsxLustreSettings", "DataRepositoryAssociations", "sections", child="DataRepositoryAssociation"),
    Key("DataRepositoryAssociation", "Name", "text", required=True),
    Key("DataRepositoryAssociation", "BatchImportMetaDataOnCreate", "flag"),
    Key("DataRepositoryAssociation", "DataRepositoryPath", "text", required=True),
    Key(
        "DataRepositoryAssociation",
        "FileSystemPath",
        "text",
        required=True,
        pattern=r"^[^\u0000\u0085\u2028\u2029\r\n]{1,4096}$",
    ),
    Key("DataRepositoryAssociation", "ImportedFileChunkSize", "whole", least=1, most=512000),
    Key("DataRepositoryAssociation", "AutoExportPolicy", "texts", most=3, choices=("NEW", "CHANGED", "DELETED")),
    Key("DataRepositoryAssociation", "AutoImportPolicy", "texts", most=3, choices=("NEW", "CHANGED", "DELETED")),
    Key("FsxOpenZfsSettings", "VolumeId", "text", required=True, pattern=_VOLUME),
    Key("FsxOntapSettings", "VolumeId", "text", required=True, pattern=_VOLUME),
    Key("FileCacheSettings", "FileCacheId", "text", required=True, pattern=r"^(fc-[0-9a-f]{8,18})$"),
    Key("Monitoring", "DetailedMonitoring", "flag"),
    Key("Monitoring", "Logs", "section", child="Logs"),
    Key("Monitoring", "Dashboards", "section", child="Dashboards"),
    Key("Monitoring", "Alarms", "section", child="Alarms"),
    Key("Logs", "CloudWatch", "section", child="CloudWatchLogs"),
    Key("Logs", "Rotation", "section", child="Rotation"),
    Key("CloudWatchLogs", "Enabled", "flag"),
    Key(
        "CloudWatchLogs",
        "RetentionInDays",
        "whole",
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
    Key("CloudWatchLogs", "DeletionPolicy", "text", choices=("Delete", "Retain")),
    Key("Rotation", "Enabled", "flag"),
    Key("Dashboards", "CloudWatch", "section", child="CloudWatchDashboards"),
    Key("CloudWatchDashboards", "Enabled", "flag"),
    Key("Alarms", "Enabled", "flag"),
    Key("AdditionalPackages", "IntelSoftware", "section", child="IntelSoftware"),
    Key("IntelSoftware", "IntelHpcPlatform", "flag"),
    Key("Tag", "Key", "text", required=True, most=128),
    Key("Tag", "Value", "text", required=True, most=256),
    Key("ClusterIam", "Roles", "section", child="Roles"),
    Key("ClusterIam", "PermissionsBoundary", "text", pattern=_POLICY),
    Key("ClusterIam", "ResourcePrefix", "text"),
    Key("Roles", "LambdaFunctionsRole", "text"),
    Key("DirectoryService", "DomainName", "text", required=True),
    Key("DirectoryService", "DomainAddr", "text", required=True),
    Key(
        "DirectoryService",
        "PasswordSecretArn",
        "text",
        required=True,
        pattern=r"^arn:.*:(secretsmanager:.*:.*:secret:|ssm:.*:.*:parameter\/).*$",
    ),
    Key("DirectoryService", "DomainReadOnlyUser", "text", required=True),
    Key("DirectoryService", "LdapTlsCaCert", "text"),
    Key("DirectoryService", "LdapTlsReqCert", "text", choices=("never", "allow", "try", "demand", "hard")),
    Key("DirectoryService", "LdapAccessFilter", "text"),
    Key("DirectoryService", "GenerateSshKeysForUsers", "flag"),
    Key("DirectoryService", "AdditionalSssdConfigs", "mapping"),
    Key("ClusterImds", "ImdsSupport", "text", choices=("v1.0", "v2.0")),
    Key("ClusterDevSettings", "Cookbook", "section", child="Cookbook"),
    Key("ClusterDevSettings", "NodePackage", "text"),
    Key("ClusterDevSettings", "ClusterTemplate", "text"),
    Key("ClusterDevSettings", "AmiSearchFilters", "section", child="AmiSearchFilters"),
    Key("ClusterDevSettings", "InstanceTypesData", "text"),
    Key("ClusterDevSettings", "Timeouts", "section", child="Timeouts"),
    Key("ClusterDevSettings", "ComputeStartupTimeMetricEnabled", "flag"),
    Key("ClusterDevSettings", "EfaInterfaceType", "text", since="3.15.0"),
    Key("ClusterDevSettings", "AwsBatchCliPackage", "any", until="3.16.0", instead="remove it"),
    Key("Cookbook", "ChefCookbook", "text"),
    Key("Cookbook", "ExtraChefAttributes", "text"),
    Key("AmiSearchFilters", "Tags", "sections", child="Tag"),
    Key("AmiSearchFilters", "Owner", "text"),
    Key("AmiSearchFilters", "NamePrefix", "text", since="3.15.0"),
    Key("Timeouts", "HeadNodeBootstrapTimeout", "whole", least=1),
    Key("Timeouts", "ComputeNodeBootstrapTimeout", "whole", least=1),
    Key("Timeouts", "ComputeInstanceInfoTimeout", "whole", least=1, since="3.16.0"),
    Key("ClusterDeploymentSettings", "LambdaFunctionsVpcConfig", "section", child="LambdaFunctionsVpcConfig"),
    Key("ClusterDeploymentSettings", "DisableSudoAccessForDefaultUser", "flag"),
    Key("ClusterDeploymentSettings", "DefaultUserHome", "text", choices=("Shared", "Local")),
    Key(
        "LambdaFunctionsVpcConfig", "SecurityGroupIds", "texts", required=True, least=1, most=5, pattern=_SECURITY_GROUP
    ),
    Key("LambdaFunctionsVpcConfig", "SubnetIds", "texts", required=True, least=1, most=16, pattern=_SUBNET),
)
