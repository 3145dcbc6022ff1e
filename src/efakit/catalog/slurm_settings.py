"""The parameters that slurm.conf knows, as rows, by Slurm release: 22.05 to 26.05.

Source of all rows: the tables that Slurm's own parser reads with, ``slurm_conf_options``, ``_nodename_options``,
``_partition_options``, ``_nodeset_options`` and ``_downnodes_options`` in ``src/common/read_config.c`` of the release
branches (https://github.com/SchedMD/slurm). What each means: https://slurm.schedmd.com/slurm.conf.html. Slurm compares
names without regard to case, and does not start with a name that it does not know.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Dict, NamedTuple, Tuple

from efakit.versions import release_line, within

SOURCE = "https://slurm.schedmd.com/slurm.conf.html"


class SlurmSetting(NamedTuple):
    """A parameter of one level: ``cluster``, ``partition`` or ``node``."""

    level: str
    name: str
    since: str = ""
    """The first Slurm release that has it; empty: 22.05 or before."""
    until: str = ""
    """The first Slurm release that does not have it any more; empty: none."""

    def in_release(self, version: str) -> bool:
        """Say whether a Slurm release, such as 24.05 or 24.05.8, has the parameter."""
        line = "%d.%d" % release_line(version)
        return within(line, self.since or None, self.until or None)


class DeniedSetting(NamedTuple):
    """A parameter that ParallelCluster refuses among custom Slurm settings, in lower case."""

    level: str
    name: str
    only: str = ""
    """``accounting``: refused where a Slurm database is configured."""
    until: str = ""
    """The first ParallelCluster release that allows it; empty: none."""


DENIED_SOURCE = (
    "https://github.com/aws/aws-parallelcluster/blob/develop/cli/src/pcluster/validators/slurm_settings_validator.py"
)

DENIED = (
    DeniedSetting(level="cluster", name="epilog"),
    DeniedSetting(level="cluster", name="grestypes"),
    DeniedSetting(level="cluster", name="launchparameters"),
    DeniedSetting(level="cluster", name="prolog"),
    DeniedSetting(level="cluster", name="reconfigflags"),
    DeniedSetting(level="cluster", name="resumefailprogram"),
    DeniedSetting(level="cluster", name="resumeprogram"),
    DeniedSetting(level="cluster", name="resumetimeout"),
    DeniedSetting(level="cluster", name="slurmctldhost"),
    DeniedSetting(level="cluster", name="slurmctldlogfile"),
    DeniedSetting(level="cluster", name="slurmctldparameters"),
    DeniedSetting(level="cluster", name="slurmdlogfile"),
    DeniedSetting(level="cluster", name="slurmuser"),
    DeniedSetting(level="cluster", name="suspendexcnodes"),
    DeniedSetting(level="cluster", name="suspendprogram"),
    DeniedSetting(level="cluster", name="suspendtime"),
    DeniedSetting(level="cluster", name="taskplugin"),
    DeniedSetting(level="cluster", name="treewidth"),
    DeniedSetting(level="cluster", name="accountingstoragetype", only="accounting"),
    DeniedSetting(level="cluster", name="accountingstoragehost", only="accounting"),
    DeniedSetting(level="cluster", name="accountingstorageport", only="accounting"),
    DeniedSetting(level="cluster", name="accountingstorageuser", only="accounting"),
    DeniedSetting(level="cluster", name="jobacctgathertype", only="accounting"),
    DeniedSetting(level="partition", name="nodes"),
    DeniedSetting(level="partition", name="partitionname"),
    DeniedSetting(level="partition", name="resumetimeout"),
    DeniedSetting(level="partition", name="state"),
    DeniedSetting(level="partition", name="suspendtime"),
    DeniedSetting(level="partition", name="oversubscribe"),
    DeniedSetting(level="node", name="cpus"),
    DeniedSetting(level="node", name="gres"),
    DeniedSetting(level="node", name="nodeaddr"),
    DeniedSetting(level="node", name="nodehostname"),
    DeniedSetting(level="node", name="nodename"),
    DeniedSetting(level="node", name="state"),
    DeniedSetting(level="node", name="weight"),
    DeniedSetting(level="node", name="features", until="3.14.1"),
)

# Items of these define nodes, node sets and partitions of one's own; each holds several parameters.
DEFINITIONS = ("NodeName", "NodeSet", "PartitionName", "DownNodes", "FrontendName")

# In every release from 22.05 to 26.05.
_CLUSTER = """
AccountingStorageBackupHost AccountingStorageEnforce AccountingStorageExternalHost AccountingStorageHost
AccountingStorageParameters AccountingStoragePass AccountingStoragePort AccountingStorageTRES AccountingStorageType
AccountingStorageUser AccountingStoreFlags AccountingStoreJobComment AcctGatherEnergyType AcctGatherFilesystemType
AcctGatherInfinibandType AcctGatherInterconnectType AcctGatherNodeFreq AcctGatherProfileType AllowSpecResourcesUsage
AuthAltParameters AuthAltTypes AuthInfo AuthType BackupAddr BackupController BatchStartTimeout BcastExclude
BcastParameters BurstBufferParameters BurstBufferType CliFilterPlugins ClusterName CommunicationParameters
CompleteWait ControlAddr ControlMachine CoreSpecPlugin CpuFreqDef CpuFreqGovernors CredType CryptoType DebugFlags
DefCPUPerGPU DefMemPerCPU DefMemPerGPU DefMemPerNode DependencyParameters DisableRootJobs DownNodes EioTimeout
EnforcePartLimits Epilog EpilogMsgTime EpilogSlurmctld ExtSensorsFreq ExtSensorsType FairShareDampeningFactor
FastSchedule FederationParameters FirstJobId GetEnvTimeout GpuFreqDef GresTypes GroupUpdateForce GroupUpdateTime
HealthCheckInterval HealthCheckNodeState HealthCheckProgram InactiveLimit InteractiveStepOptions
JobAcctGatherFrequency JobAcctGatherParams JobAcctGatherType JobCompHost JobCompLoc JobCompParams JobCompPass
JobCompPort JobCompType JobCompUser JobContainerType JobCredentialPrivateKey JobCredentialPublicCertificate
JobFileAppend JobRequeue JobSubmitPlugins KeepAliveTime KillOnBadExit KillWait LaunchParameters LaunchType Licenses
LogTimeFormat MailDomain MailProg MaxArraySize MaxDBDMsgs MaxJobCount MaxJobId MaxMemPerCPU MaxMemPerNode MaxNodeCount
MaxStepCount MaxTasksPerNode MCSParameters MCSPlugin MessageTimeout MinJobAge MpiDefault MpiParams NodeFeaturesPlugins
NodeName NodeSet OverTimeLimit PartitionName PluginDir PlugStackConfig PowerParameters PowerPlugin PreemptExemptTime
PreemptMode PreemptType PrEpParameters PrEpPlugins PriorityCalcPeriod PriorityDecayHalfLife PriorityFavorSmall
PriorityFlags PriorityMaxAge PriorityParameters PrioritySiteFactorParameters PrioritySiteFactorPlugin PriorityType
PriorityUsageResetPeriod PriorityWeightAge PriorityWeightAssoc PriorityWeightFairshare PriorityWeightJobSize
PriorityWeightPartition PriorityWeightQOS PriorityWeightTRES PrivateData ProctrackType Prolog PrologEpilogTimeout
PrologFlags PrologSlurmctld PropagatePrioProcess PropagateResourceLimits PropagateResourceLimitsExcept RebootProgram
ReconfigFlags RequeueExit RequeueExitHold ResumeFailProgram ResumeProgram ResumeRate ResumeTimeout ResvEpilog
ResvOverRun ResvProlog ReturnToService RoutePlugin SallocDefaultCommand SbcastParameters SchedulerParameters
SchedulerTimeSlice SchedulerType ScronParameters SelectType SelectTypeParameters SlurmctldAddr SlurmctldDebug
SlurmctldHost SlurmctldLogFile SlurmctldParameters SlurmctldPidFile SlurmctldPort SlurmctldPrimaryOffProg
SlurmctldPrimaryOnProg SlurmctldSyslogDebug SlurmctldTimeout SlurmdDebug SlurmdLogFile SlurmdParameters SlurmdPidFile
SlurmdPort SlurmdSpoolDir SlurmdSyslogDebug SlurmdTimeout SlurmdUser SlurmSchedLogFile SlurmSchedLogLevel SlurmUser
SrunEpilog SrunPortRange SrunProlog StateSaveLocation SuspendExcNodes SuspendExcParts SuspendProgram SuspendRate
SuspendTime SuspendTimeout SwitchParameters SwitchType TaskEpilog TaskPlugin TaskPluginParam TaskProlog TCPTimeout
TmpFS TopologyParam TopologyPlugin TrackWCKey TreeWidth UnkillableStepProgram UnkillableStepTimeout UsePAM VSizeFactor
WaitTime X11Parameters
"""

# In every release from 22.05 to 26.05.
_PARTITION = """
AllocNodes AllowAccounts AllowGroups AllowQos Alternate CpuBind Default DefaultTime DefCPUPerGPU DefMemPerCPU
DefMemPerGPU DefMemPerNode DenyAccounts DenyQos DisableRootJobs ExclusiveUser GraceTime Hidden LLN MaxCPUsPerNode
MaxMemPerCPU MaxMemPerNode MaxNodes MaxTime MinNodes Nodes OverSubscribe OverTimeLimit PreemptMode Priority
PriorityJobFactor PriorityTier QOS ReqResv ResumeTimeout RootOnly SelectTypeParameters Shared State SuspendTime
SuspendTimeout TRESBillingWeights
"""

# In every release from 22.05 to 26.05.
_NODE = """
BcastAddr Boards CoreSpecCount CoresPerSocket CpuBind CPUs CPUSpecList Feature Features Gres MemSpecLimit NodeAddr
NodeHostname Port Procs RealMemory Reason Sockets SocketsPerBoard State ThreadsPerCore TmpDisk TRESWeights Weight
"""

_SOME_RELEASES = (
    SlurmSetting(level="cluster", name="AccountingStorageLoc", until="25.11"),
    SlurmSetting(level="cluster", name="CertgenParameters", since="25.05"),
    SlurmSetting(level="cluster", name="CertgenType", since="25.05"),
    SlurmSetting(level="cluster", name="CertmgrParameters", since="24.11"),
    SlurmSetting(level="cluster", name="CertmgrType", since="24.11"),
    SlurmSetting(level="cluster", name="CliFilterParameters", since="25.11"),
    SlurmSetting(level="cluster", name="DataParserParameters", since="24.11"),
    SlurmSetting(level="cluster", name="EpilogTimeout", since="25.05"),
    SlurmSetting(level="cluster", name="FrontendName", until="25.05"),
    SlurmSetting(level="cluster", name="HashPlugin", since="24.05"),
    SlurmSetting(level="cluster", name="HealthCheckTimeout", since="26.05"),
    SlurmSetting(level="cluster", name="HttpParserType", since="25.11"),
    SlurmSetting(level="cluster", name="JobCompPassScript", since="25.11"),
    SlurmSetting(level="cluster", name="LicenseParameters", since="26.05"),
    SlurmSetting(level="cluster", name="MaxBatchRequeue", since="23.02"),
    SlurmSetting(level="cluster", name="MetricsAuthUsers", since="26.05"),
    SlurmSetting(level="cluster", name="MetricsParameters", since="26.05"),
    SlurmSetting(level="cluster", name="MetricsType", since="25.11"),
    SlurmSetting(level="cluster", name="NamespaceType", since="25.11"),
    SlurmSetting(level="cluster", name="PowerAction", since="26.05"),
    SlurmSetting(level="cluster", name="PreemptParameters", since="23.02"),
    SlurmSetting(level="cluster", name="PrologTimeout", since="25.05"),
    SlurmSetting(level="cluster", name="SchedulerAuth", until="24.05"),
    SlurmSetting(level="cluster", name="SlurmctldHttpAuthParameters", since="26.05"),
    SlurmSetting(level="cluster", name="SlurmctldPlugstack", until="23.02"),
    SlurmSetting(level="cluster", name="SlurmdHttpAuthParameters", since="26.05"),
    SlurmSetting(level="cluster", name="SuspendExcStates", since="23.02"),
    SlurmSetting(level="cluster", name="TLSParameters", since="24.05"),
    SlurmSetting(level="cluster", name="TLSType", since="24.05"),
    SlurmSetting(level="cluster", name="UrlParserType", since="25.11"),
    SlurmSetting(level="partition", name="Exclusive", since="26.05"),
    SlurmSetting(level="partition", name="ExclusiveTopo", since="24.05"),
    SlurmSetting(level="partition", name="MaxCPUsPerSocket", since="23.02"),
    SlurmSetting(level="partition", name="PowerDownOnIdle", since="23.02"),
    SlurmSetting(level="partition", name="Topology", since="25.05"),
    SlurmSetting(level="node", name="GresConf", since="25.11"),
    SlurmSetting(level="node", name="Parameters", since="25.11"),
    SlurmSetting(level="node", name="RestrictedCoresPerGPU", since="24.05"),
    SlurmSetting(level="node", name="SuspendTime", since="26.05"),
    SlurmSetting(level="node", name="Topology", since="25.05"),
)


@lru_cache(maxsize=None)
def settings(level: str) -> Dict[str, SlurmSetting]:
    """Give the parameters of a level by their names in lower case, those of all releases."""
    text = {"cluster": _CLUSTER, "partition": _PARTITION, "node": _NODE}[level]
    rows: Tuple[SlurmSetting, ...] = tuple(SlurmSetting(level=level, name=name) for name in text.split())
    rows += tuple(row for row in _SOME_RELEASES if row.level == level)
    return {row.name.lower(): row for row in rows}


def denied(level: str, parallelcluster: str, *, accounting: bool) -> Tuple[str, ...]:
    """Give the parameters, in lower case, that a ParallelCluster release refuses at a level."""
    return tuple(
        row.name
        for row in DENIED
        if row.level == level
        and (accounting or row.only != "accounting")
        and within(parallelcluster, None, row.until or None)
    )
