"""Known faults of ParallelCluster releases, as rows: from which release to which, on what, with which setting.

A row says no more than its source. ``since`` is the first release that has the fault and ``until`` the first without
it. What proves the boundaries stands in ``evidence.json``: wheels for what the code shows, else a report or a document.
"""

from __future__ import annotations

from typing import NamedTuple, Optional, Tuple

_PC = "https://github.com/aws/aws-parallelcluster/"
_COOKBOOK = "https://github.com/aws/aws-parallelcluster-cookbook/"
_CHANGELOG = _PC + "blob/develop/CHANGELOG.md"

CLUSTER = "cluster"
RESOURCE = "resource"


class Setting(NamedTuple):
    """A setting that a config must have for a fault: keys from the config's root, "*" for each item of a list.

    Of a resource the keys begin at the compute resource, and at its queue where the compute resource has none. Without
    ``value`` it is enough that the setting is there and is not false.
    """

    keys: Tuple[str, ...]
    of: str = CLUSTER
    value: str = ""
    absent: bool = False
    """Whether the setting must not be there."""
    other_than: Tuple[str, ...] = ()
    """Keys of a setting that must have another value."""


class ReleaseFault(NamedTuple):
    """One row. ``effect`` and ``fix`` are parts of a message; the fix names first what must change."""

    id: str
    effect: str
    fix: str
    severity: str
    source: str
    since: Optional[str] = None
    until: Optional[str] = None
    instances: str = "*"
    """Patterns of the compute nodes' types, by blanks; "*": whatever they are."""
    efa: bool = False
    """Whether it is a fault of nodes with EFA alone."""
    several_nodes: bool = False
    """Whether it takes more than one node of a compute resource."""
    systems: Tuple[str, ...] = ()
    """Operating systems; none named: all."""
    head: str = ""
    """What the head node must be: an architecture, or ``no-gpu``."""
    settings: Tuple[Setting, ...] = ()
    official_image: bool = False
    """Whether only AWS's images have it, so that an image of the user's own may not."""
    creation_only: bool = False
    """Whether it forbids the making of a new cluster and leaves clusters alone that are up."""
    vendor: str = ""
    """The validator of pcluster that says the same."""


_LOGIN = Setting(("LoginNodes", "Pools", "*"))
_DATABASE = Setting(("Scheduling", "SlurmSettings", "Database"))
_STORAGE = Setting(("SharedStorage", "*"))
_DCV = Setting(("HeadNode", "Dcv", "Enabled"))
_HOME_ON_EFS = Setting(("HeadNode", "SharedStorageType"), value="Efs")
_GPUS = "p[3-9]* g[4-9]* gr*"
_AMD = "hpc6a.* hpc7a.* c6a.* m6a.* r6a.* c7a.* m7a.* r7a.*"
_P4_P5 = "p4d.* p4de.* p5.48xlarge p5e.* p5en.*"

FAULTS = (
    # A cluster cannot be made, or its nodes do not start.
    ReleaseFault(
        "release-lambda-runtime",
        effect="it cannot create clusters or images: since 31 August 2026 AWS Lambda does not create functions with "
        "Python 3.9, and the release's functions use Python 3.9",
        fix="use ParallelCluster 3.14.0 or later, or the mitigation in aws-parallelcluster #7287; existing clusters "
        "continue to run",
        severity="error",
        source=_PC + "issues/7287",
        until="3.14.0",
        creation_only=True,
    ),
    ReleaseFault(
        "release-p6-b300",
        effect="its nodes do not start with EFA: the release puts EFA on network card 0, which does not support it",
        fix="use ParallelCluster 3.15.0 or later; another plugin, driver or image does not help",
        severity="error",
        source=_PC + "issues/7143",
        until="3.15.0",
        instances="p6-b300.*",
        efa=True,
    ),
    ReleaseFault(
        "release-p6-b200",
        effect="its images do not have the drivers for p6-b200; 3.14.0 is the first release with them",
        fix="use ParallelCluster 3.14.0 or later, or a custom AMI with the drivers",
        severity="warning",
        source=_COOKBOOK + "pull/3027",
        until="3.14.0",
        instances="p6-b200.*",
        official_image=True,
    ),
    ReleaseFault(
        "release-p6e-gb200",
        effect="it does not set up drivers and Slurm's topology for p6e-gb200; 3.14.0 is the first release that does",
        fix="use ParallelCluster 3.14.0 or later",
        severity="warning",
        source=_COOKBOOK + "pull/3027",
        until="3.14.0",
        instances="p6e-gb200.*",
    ),
    ReleaseFault(
        "release-p6e-gb200-system",
        effect="p6e-gb200 was tested only on Amazon Linux 2023, Ubuntu 22.04 and Ubuntu 24.04",
        fix="use one of these systems",
        severity="info",
        source=_COOKBOOK + "pull/3017",
        since="3.14.0",
        instances="p6e-gb200.*",
        systems=("rocky9",),
    ),
    ReleaseFault(
        "release-p6e-gb200-imex",
        effect="IMEX on p6e-gb200 needs additional setup, which the release does not do",
        fix="follow ParallelCluster's guide for p6e-gb200 before jobs use memory across nodes",
        severity="info",
        source=_COOKBOOK + "pull/3017",
        since="3.14.0",
        instances="p6e-gb200.*",
    ),
    ReleaseFault(
        "release-p4d-alinux2023",
        effect="p4 nodes on Amazon Linux 2023 fail to start: nvidia-fabricmanager does not start within 900 seconds",
        fix="use ParallelCluster 3.12.0 or later, or another operating system",
        severity="error",
        source=_PC + "issues/6571",
        since="3.11.0",
        until="3.12.0",
        instances="p4d.* p4de.*",
        systems=("alinux2023",),
        official_image=True,
    ),
    ReleaseFault(
        "release-efs-arm",
        effect="arm64 nodes fail to start with SharedStorageType Efs: they have no /opt/intel to mount",
        fix="use ParallelCluster 3.9.2 or later, or SharedStorageType: Ebs",
        severity="error",
        source=_PC + "issues/6237",
        since="3.8.0",
        until="3.9.2",
        head="arm64",
        settings=(_HOME_ON_EFS,),
    ),
    ReleaseFault(
        "release-managed-lustre",
        effect="the creation of a cluster with a new FSx for Lustre file system sometimes fails",
        fix="use ParallelCluster 3.11.0 or later, or create the file system first and set FileSystemId",
        severity="warning",
        source=_CHANGELOG,
        until="3.11.0",
        settings=(Setting(("SharedStorage", "*", "FsxLustreSettings", "StorageCapacity")),),
        creation_only=True,
    ),
    ReleaseFault(
        "release-login-nodes-api",
        effect="ParallelCluster's API, UI, Terraform and CloudFormation may fail to create or update a cluster with "
        "login nodes: their policy allows only one tag. The pcluster command line is not affected",
        fix="use ParallelCluster 3.16.0 or later, or the mitigation in aws-parallelcluster #7491",
        severity="info",
        source=_PC + "issues/7491",
        since="3.7.0",
        until="3.16.0",
        settings=(_LOGIN,),
    ),
    ReleaseFault(
        "release-login-permissions",
        effect="ParallelCluster's API cannot create a cluster with login nodes: its policy lacks "
        "elasticloadbalancing:DescribeTags",
        fix="use ParallelCluster 3.11.1 or later, or add the permission",
        severity="info",
        source=_PC + "issues/6483",
        since="3.11.0",
        until="3.11.1",
        settings=(_LOGIN,),
        creation_only=True,
    ),
    ReleaseFault(
        "release-login-default-subnet",
        effect='login nodes in a subnet of the default VPC end with "No route tables found"',
        fix="use ParallelCluster 3.11.0 or later, or another subnet",
        severity="info",
        source=_CHANGELOG,
        since="3.7.0",
        until="3.11.0",
        settings=(_LOGIN,),
    ),
    ReleaseFault(
        "release-elastic-ip-custom-resource",
        effect="with ElasticIp: true the creation fails if CloudFormation's custom resource creates the cluster",
        fix="use ParallelCluster 3.6.1 or later, or the pcluster command line",
        severity="info",
        source=_CHANGELOG,
        since="3.6.0",
        until="3.6.1",
        settings=(Setting(("HeadNode", "Networking", "ElasticIp"), value="true"),),
        creation_only=True,
    ),
    ReleaseFault(
        "release-dashboard-without-alarms",
        effect="it refuses a dashboard without alarms",
        fix="use ParallelCluster 3.10.0 or later, or keep Alarms enabled",
        severity="warning",
        source=_CHANGELOG,
        since="3.8.0",
        until="3.10.0",
        settings=(
            Setting(("Monitoring", "Dashboards", "CloudWatch", "Enabled")),
            Setting(("Monitoring", "Alarms", "Enabled"), value="false"),
        ),
    ),
    # Jobs do not start, are slow or end.
    ReleaseFault(
        "release-gpu-health-check",
        effect="GPU health checks of p4d and p5 nodes may take longer than the prolog may run, and the job ends with "
        "Prolog hung",
        fix="set HealthChecks: {Gpu: {Enabled: false}}, or the mitigation in aws-parallelcluster #6777",
        severity="warning",
        source=_PC + "issues/6777",
        since="3.6.0",
        instances=_P4_P5,
        settings=(Setting(("HealthChecks", "Gpu", "Enabled"), of=RESOURCE),),
    ),
    ReleaseFault(
        "release-slow-mpi",
        effect="tightly coupled MPI jobs on many nodes are slower, 20 to 30 per cent in a job of 198 nodes: cfn-hup "
        "runs on the compute nodes",
        fix="use ParallelCluster 3.14.1 or later, or the mitigation in aws-parallelcluster #7095",
        severity="warning",
        source=_PC + "issues/7095",
        since="3.9.0",
        until="3.14.1",
        efa=True,
        several_nodes=True,
    ),
    ReleaseFault(
        "release-firmware-timer",
        effect="fwupd-refresh.timer runs on the nodes and slows tightly coupled jobs at scale",
        fix="use ParallelCluster 3.16.0 or later, or disable the timer in an OnNodeConfigured script",
        severity="info",
        source=_PC + "releases/tag/v3.16.0",
        until="3.16.0",
        efa=True,
        several_nodes=True,
    ),
    ReleaseFault(
        "release-amd-srso",
        effect="the kernel's mitigation of CVE-2023-20569 may slow some workloads on AMD processors",
        fix="measure your workload; if it is slower, see aws-parallelcluster #6496 for the kernel parameter and its "
        "risk",
        severity="info",
        source=_PC + "issues/6496",
        since="3.9.1",
        instances=_AMD,
    ),
    ReleaseFault(
        "release-pyxis-race",
        effect="nodes that start at the same time can leave Slurm's plugin folder in a state in which every job "
        "fails (spank: Failed to open ... plugstack.conf.d)",
        fix="use ParallelCluster 3.11.1 or later, or the mitigation in aws-parallelcluster #6459",
        severity="warning",
        source=_PC + "issues/6459",
        since="3.11.0",
        until="3.11.1",
    ),
    ReleaseFault(
        "release-cloud-dns",
        effect="Slurm may not give the nodes the address of a new node, which is then replaced again and again",
        fix="use ParallelCluster 3.9.3 or later",
        severity="warning",
        source="https://github.com/aws-samples/genai-video-super-resolution/issues/3",
        since="3.9.0",
        until="3.9.3",
    ),
    ReleaseFault(
        "release-node-addresses",
        effect="after scaling, Slurm may use the address of another node",
        fix="use ParallelCluster 3.4.1 or later",
        severity="warning",
        source=_PC + "issues/4781",
        since="3.3.0",
        until="3.4.1",
    ),
    ReleaseFault(
        "release-nodes-replaced",
        effect="when new jobs are scheduled, running nodes may be replaced and their jobs requeued",
        fix="use ParallelCluster 3.3.0 or later",
        severity="warning",
        source=_PC + "issues/4874",
        since="3.0.0",
        until="3.3.0",
    ),
    ReleaseFault(
        "release-srun-after-resize",
        effect="srun of an interactive job can fail after an update that adds nodes, since slurmd is not restarted",
        fix="use ParallelCluster 3.9.0 or later, or stop the fleet before the update",
        severity="info",
        source=_PC + "issues/5538",
        since="3.0.0",
        until="3.9.0",
    ),
    ReleaseFault(
        "release-gpu-reboot",
        effect="GPU nodes do not come back after scontrol reboot",
        fix="use ParallelCluster 3.6.0 or later",
        severity="info",
        source=_PC + "issues/5295",
        since="3.2.0",
        until="3.6.0",
        instances=_GPUS,
    ),
    ReleaseFault(
        "release-multi-nic-host-name",
        effect="the host name and the address of a node can belong to different interfaces, which can make MPI jobs "
        "fail",
        fix="use ParallelCluster 3.7.0 or later, or do not set DisableManagedDns",
        severity="warning",
        source=_PC + "issues/5682",
        since="3.6.0",
        until="3.7.0",
        instances="p4d.* p4de.* p5.48xlarge hpc6id.* trn1.32xlarge trn1n.32xlarge",
        settings=(
            Setting(("Scheduling", "SlurmSettings", "Dns", "DisableManagedDns")),
            Setting(("Scheduling", "SlurmSettings", "Dns", "UseEc2Hostnames")),
        ),
    ),
    ReleaseFault(
        "release-multi-nic-address",
        effect="the address of a node with several network interfaces can be wrong",
        fix="use ParallelCluster 3.6.0 or later",
        severity="warning",
        source=_CHANGELOG,
        until="3.6.0",
        instances="p4d.* p4de.* p5.48xlarge hpc6id.* trn1.32xlarge trn1n.32xlarge",
    ),
    ReleaseFault(
        "release-kernel-update",
        effect="EFA stops working on p4 and p5 nodes after a kernel update: the release uses the closed NVIDIA driver",
        fix="use ParallelCluster 3.8.0 or later, or keep the image's kernel",
        severity="warning",
        source=_PC + "issues/6015",
        since="3.0.0",
        until="3.8.0",
        instances="p4d.* p4de.* p5.*",
        efa=True,
    ),
    ReleaseFault(
        "release-p5-rdma-write",
        effect="its EFA installer has a fault in RDMA write with data on p5",
        fix="use ParallelCluster 3.7.1 or later, which has EFA installer 1.26.1",
        severity="warning",
        source=_CHANGELOG,
        since="3.7.0",
        until="3.7.1",
        instances="p5.*",
        efa=True,
        official_image=True,
    ),
    ReleaseFault(
        "release-ubuntu-ptrace",
        effect="ptrace protection stays on, so libfabric cannot copy between the processes on a node (CMA)",
        fix="use ParallelCluster 3.6.1 or later",
        severity="info",
        source=_CHANGELOG,
        until="3.6.1",
        efa=True,
        systems=("ubuntu1804", "ubuntu2004", "ubuntu2204"),
    ),
    ReleaseFault(
        "release-failover-of-lists",
        effect="fast insufficient capacity fail-over does not work for lists of instance types",
        fix="use ParallelCluster 3.6.1 or later",
        severity="info",
        source=_CHANGELOG,
        until="3.6.1",
        settings=(Setting(("Instances",), of=RESOURCE),),
    ),
    ReleaseFault(
        "release-idle-time-off",
        effect="ScaledownIdletime: -1 does not keep the nodes running: Slurm's power saving stays on",
        fix="use ParallelCluster 3.8.0 or later, or set MinCount",
        severity="warning",
        source=_CHANGELOG,
        until="3.8.0",
        settings=(Setting(("Scheduling", "SlurmSettings", "ScaledownIdletime"), value="-1"),),
    ),
    # Security.
    ReleaseFault(
        "release-slurm-cves",
        effect="its Slurm has the vulnerabilities CVE-2026-65107 to 65109, 65138 to 65140, 65165 and 65168",
        fix="use ParallelCluster 3.16.1 or later, or update Slurm in place to 25.11.8 as in aws-parallelcluster #7601",
        severity="warning",
        source=_PC + "issues/7601",
        until="3.16.1",
    ),
    ReleaseFault(
        "release-copy-fail",
        effect="its images have the vulnerability CVE-2026-31431 of the Linux kernel",
        fix="use ParallelCluster 3.15.1 or later",
        severity="warning",
        source="https://github.com/awslabs/awsome-distributed-ai/pull/1211",
        until="3.15.1",
        official_image=True,
    ),
    ReleaseFault(
        "release-munge-cve",
        effect="its MUNGE has CVE-2026-25506: a local user can become root",
        fix="use ParallelCluster 3.14.2 or later, or update MUNGE in place as in aws-parallelcluster #7233",
        severity="warning",
        source=_PC + "issues/7233",
        since="3.0.0",
        until="3.14.2",
    ),
    ReleaseFault(
        "release-accounting-cve",
        effect="with accounting, CVE-2025-43904 lets a coordinator make another user an administrator",
        fix="use ParallelCluster 3.13.1 or later, or the mitigation in aws-parallelcluster #6817",
        severity="warning",
        source=_PC + "issues/6817",
        since="3.9.0",
        until="3.13.1",
        settings=(_DATABASE,),
    ),
    # Log-in and desktops.
    ReleaseFault(
        "release-login-key",
        effect="users can log in to login nodes only with the head node's key: in the shared /home the head node's "
        "authorized_keys replaces theirs",
        fix="remove LoginNodes/Pools/Ssh/KeyName: the head node's key also works for the login nodes",
        severity="warning",
        source=_PC + "issues/6811",
        since="3.7.0",
        until="3.15.0",
        settings=(Setting(("LoginNodes", "Pools", "*", "Ssh", "KeyName"), other_than=("HeadNode", "Ssh", "KeyName")),),
    ),
    ReleaseFault(
        "release-login-allowed-addresses",
        effect="login nodes are reported as unhealthy where SSH access is restricted",
        fix="use ParallelCluster 3.11.0 or later",
        severity="info",
        source=_CHANGELOG,
        since="3.7.0",
        until="3.11.0",
        settings=(_LOGIN, Setting(("LoginNodes", "Pools", "*", "Networking", "SecurityGroups"))),
    ),
    ReleaseFault(
        "release-directory-keys",
        effect="SSH keys are not created for directory users when another user switches to them without root",
        fix="use ParallelCluster 3.8.0 or later",
        severity="info",
        source=_CHANGELOG,
        until="3.8.0",
        settings=(Setting(("DirectoryService",)),),
    ),
    ReleaseFault(
        "release-dcv-alinux2023",
        effect="it refuses DCV on Amazon Linux 2023",
        fix="use ParallelCluster 3.14.0 or later, or another operating system",
        severity="error",
        source=_PC + "issues/6933",
        until="3.14.0",
        systems=("alinux2023",),
        settings=(_DCV,),
        vendor="DcvValidator",
    ),
    ReleaseFault(
        "release-dcv-arm-ubuntu2204",
        effect="it refuses DCV on Ubuntu 22.04 with arm64",
        fix="use ParallelCluster 3.12.0 or later, or a head node with x86_64",
        severity="error",
        source=_PC + "issues/6158",
        until="3.12.0",
        systems=("ubuntu2204",),
        head="arm64",
        settings=(_DCV,),
        vendor="DcvValidator",
    ),
    ReleaseFault(
        "release-dcv-without-gpu",
        effect="DCV does not work without a GPU on RHEL 9 and Rocky Linux 9",
        fix="use a head node with a GPU, or another operating system",
        severity="warning",
        source=_PC + "pull/6943",
        systems=("rhel9", "rocky9"),
        head="no-gpu",
        settings=(_DCV,),
    ),
    # Updates and deletion.
    ReleaseFault(
        "release-reservation-type",
        effect="an update of the cluster or its fleet fails after the reservation has expired, since the instance "
        "type comes only from the reservation",
        fix="set InstanceType together with the reservation",
        severity="warning",
        source=_PC + "issues/6870",
        since="3.8.0",
        until="3.13.2",
        settings=(
            Setting(("CapacityReservationTarget", "CapacityReservationId"), of=RESOURCE),
            Setting(("InstanceType",), of=RESOURCE, absent=True),
            Setting(("Instances",), of=RESOURCE, absent=True),
        ),
    ),
    ReleaseFault(
        "release-update-readiness",
        effect="an update of the cluster sometimes fails, since some compute nodes do not take part in it",
        fix="use ParallelCluster 3.11.0 or later, or the mitigation in aws-parallelcluster #6412",
        severity="warning",
        source=_PC + "issues/6412",
        since="3.9.0",
        until="3.11.0",
    ),
    ReleaseFault(
        "release-storage-removal",
        effect="an update that removes a shared storage can delete the files in it",
        fix="use ParallelCluster 3.9.1 or later, and unmount a storage on all nodes before you remove it",
        severity="warning",
        source=_PC + "issues/6211",
        since="3.3.0",
        until="3.9.1",
        settings=(_STORAGE,),
    ),
    ReleaseFault(
        "release-ebs-removal",
        effect="after an update that removes a shared EBS volume nodes may not start",
        fix="use ParallelCluster 3.5.1 or later",
        severity="info",
        source=_PC + "releases/tag/v3.5.1",
        until="3.5.1",
        settings=(Setting(("SharedStorage", "*", "StorageType"), value="Ebs"),),
    ),
    ReleaseFault(
        "release-accounting-update",
        effect="an update of Scheduling breaks the configuration of accounting; the fault appears when slurmdbd "
        "restarts",
        fix="use ParallelCluster 3.6.0 or later, or the mitigation in aws-parallelcluster #5151",
        severity="warning",
        source=_PC + "issues/5151",
        since="3.3.0",
        until="3.6.0",
        settings=(_DATABASE,),
    ),
    ReleaseFault(
        "release-efs-encryption-update",
        effect="an update cannot add an EFS file system with encryption in transit",
        fix="use ParallelCluster 3.10.0 or later",
        severity="info",
        source=_CHANGELOG,
        until="3.10.0",
        settings=(Setting(("SharedStorage", "*", "EfsSettings", "EncryptionInTransit")),),
    ),
    ReleaseFault(
        "release-efs-reboot",
        effect="slurmctld and slurmdbd do not start when the head node reboots with SharedStorageType Efs",
        fix="use ParallelCluster 3.10.0 or later, or SharedStorageType: Ebs",
        severity="warning",
        source=_CHANGELOG,
        since="3.8.0",
        until="3.10.0",
        settings=(_HOME_ON_EFS,),
    ),
    ReleaseFault(
        "release-group-deletion",
        effect="a cluster with a placement group may fail to be deleted",
        fix="use ParallelCluster 3.11.0 or later",
        severity="info",
        source=_CHANGELOG,
        until="3.11.0",
        settings=(Setting(("Networking", "PlacementGroup", "Enabled"), of=RESOURCE),),
    ),
)
