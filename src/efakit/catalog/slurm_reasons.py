"""Why a job waits, or why it ended as it did: Slurm's reason codes in plain words, and what to do.

Source of all rows: https://slurm.schedmd.com/job_reason_codes.html; the spelling of each code is that of
``src/common/slurm_protocol_defs.c`` (22.05) and ``src/common/job_state_reason.c`` (26.05).
"""

from __future__ import annotations

from typing import Literal, NamedTuple

SOURCE = "https://slurm.schedmd.com/job_reason_codes.html"


class SlurmReason(NamedTuple):
    """One code, or all codes of a form: ``*`` stands for any letters."""

    code: str
    words: str
    """What it says of the job: a sentence's rest, after "the job waits: " or "the job ended: "."""
    fix: str = ""
    """What to do; empty where the job starts without anybody's doing."""
    until: Literal["", "somebody", "never"] = ""
    """Who must act before the job starts: nobody, somebody (who may), or its owner, as it can never start as it is."""


_CANCEL = "cancel it and submit it again with other options"
_LIMIT = "wait, ask for less, or ask the administrator for a higher limit"

SLURM_REASONS = (
    SlurmReason("None", "Slurm has not looked at it yet"),
    SlurmReason("Priority", "jobs of higher priority are ahead of it"),
    SlurmReason("Resources", "the nodes that it needs are in use"),
    SlurmReason("Prolog", "the prolog still runs on its nodes"),
    SlurmReason("SchedDefer", "Slurm schedules it later, as its configuration says"),
    SlurmReason("Cleaning", "its earlier run is still being cleaned up"),
    SlurmReason("BeginTime", "its earliest start time has not come (after a requeue Slurm sets one)"),
    SlurmReason("Dependency", "a job that it depends on has not ended or started as the dependency says"),
    SlurmReason(
        "DependencyNeverSatisfied",
        "a job that it depends on did not end as the dependency says, so it can never start",
        "cancel it (scancel), and submit it again without the dependency",
        until="never",
    ),
    SlurmReason("JobArrayTaskLimit", "as many tasks of its array run as its % limit allows"),
    SlurmReason("Licenses", "the licenses that it needs are in use"),
    SlurmReason("Reservation", "its reservation has not begun, or has no free nodes"),
    SlurmReason("JobHeldUser", "it is held by its user", "release it: scontrol release JOBID", until="somebody"),
    SlurmReason(
        "JobHeldAdmin",
        "it is held by an administrator, or by Slurm after its prolog failed",
        "ask the administrator; after a failed prolog: scontrol release JOBID once the node is mended",
        until="somebody",
    ),
    SlurmReason(
        "JobHoldMaxRequeue",
        "it was requeued as often as Slurm allows, and is held now",
        "find out why it failed to start (slurmctld.log, the nodes' slurmd.log), then: scontrol release JOBID",
        until="somebody",
    ),
    SlurmReason(
        "PartitionDown", "its partition is down", "ask the administrator (scontrol show partition)", until="somebody"
    ),
    SlurmReason(
        "PartitionInactive",
        "its partition is inactive",
        "ask the administrator (scontrol show partition)",
        until="somebody",
    ),
    SlurmReason(
        "PartitionNodeLimit",
        "it asks for a number of nodes that its partition does not allow, or its nodes are down or drained",
        "compare --nodes with sinfo and scontrol show partition",
        until="somebody",
    ),
    SlurmReason(
        "PartitionTimeLimit",
        "its time limit is above the partition's",
        "scontrol update JobId=JOBID TimeLimit=..., or use another partition",
        until="never",
    ),
    SlurmReason(
        "PartitionConfig", "its partition does not allow it", "scontrol show partition says why", until="somebody"
    ),
    SlurmReason(
        "ReqNodeNotAvail",
        "nodes that it needs are down, drained, reserved or not answering",
        "sinfo --list-reasons shows why; choose other nodes, or wait until they are back",
    ),
    SlurmReason("NodeDown", "a node that it needs is down", "sinfo --list-reasons shows why", until="somebody"),
    SlurmReason("BadConstraints", "no node can ever have what it asks for", _CANCEL, until="never"),
    SlurmReason("Constraints", "no node has the features that it asks for now", "compare --constraint with sinfo"),
    SlurmReason("DeadLine", "it cannot end before its deadline", _CANCEL, until="never"),
    SlurmReason(
        "InvalidAccount", "its account is not valid", "sacctmgr show associations user=$USER", until="somebody"
    ),
    SlurmReason("InvalidQOS", "its QOS is not valid", "sacctmgr show qos", until="somebody"),
    SlurmReason(
        "AccountNotAllowed",
        "its account may not use the partition",
        "use another --account, or another --partition",
        until="somebody",
    ),
    SlurmReason(
        "QOSNotAllowed",
        "its QOS may not use the partition",
        "use another --qos, or another --partition",
        until="somebody",
    ),
    SlurmReason("QOSUsageThreshold", "its QOS's usage threshold is exceeded", _LIMIT),
    SlurmReason("QOSJobLimit", "its QOS has as many jobs as it may have", _LIMIT),
    SlurmReason("QOSResourceLimit", "its QOS is at one of its limits", _LIMIT),
    SlurmReason("QOSTimeLimit", "its QOS is at its time limit", _LIMIT),
    SlurmReason("QOSGrp*", "all jobs of its QOS together are at a limit", _LIMIT),
    SlurmReason(
        "QOSMaxJobsPerUserLimit", "its user runs as many jobs as the QOS allows", "wait until one of them ends"
    ),
    SlurmReason("QOSMax*", "it asks for more than its QOS allows a job or a user", _LIMIT),
    SlurmReason("QOSMin*", "it asks for less than its QOS wants", _CANCEL, until="never"),
    SlurmReason("Max*PerUser", "its user is at a limit of the QOS", _LIMIT),
    SlurmReason("Max*PerAccount", "its account is at a limit of the QOS", _LIMIT),
    SlurmReason("MaxMemPerLimit", "it asks for more memory than a CPU or node may give", _CANCEL, until="never"),
    SlurmReason("AssociationJobLimit", "its account has as many jobs as it may have", _LIMIT),
    SlurmReason("AssociationResourceLimit", "its account is at one of its limits", _LIMIT),
    SlurmReason("AssociationTimeLimit", "its account is at its time limit", _LIMIT),
    SlurmReason("AssocGrp*", "all jobs of its account together are at a limit", _LIMIT),
    SlurmReason("AssocMaxJobsLimit", "its user runs as many jobs as the account allows", "wait until one of them ends"),
    SlurmReason("AssocMax*", "it asks for more than its account allows a job or a user", _LIMIT),
    SlurmReason("AccountingPolicy", "a limit of the accounting forbids it", _LIMIT),
    SlurmReason("BurstBufferResources", "the burst buffer has too little room"),
    SlurmReason("BurstBufferStageIn", "its data are being staged into the burst buffer"),
    SlurmReason(
        "BurstBufferOperation", "an operation of the burst buffer failed", "ask the administrator", until="somebody"
    ),
    SlurmReason("NvidiaImexChannels", "all IMEX channels of NVIDIA's driver are in use"),
    SlurmReason("FedJobLock", "the clusters of the federation have not agreed on it yet"),
    # Why a job ended.
    SlurmReason("NonZeroExitCode", "its script ended with another exit code than 0"),
    SlurmReason("RaisedSignal*", "a signal ended its script"),
    SlurmReason("TimeLimit", "its time limit was over", "ask for more --time"),
    SlurmReason("OutOfMemory", "it used more memory than it had", "ask for more --mem"),
    SlurmReason(
        "JobLaunchFailure",
        "Slurm could not start its script, or a signal ended it at once",
        "look into slurmd.log of its first node",
    ),
    SlurmReason("SystemFailure", "Slurm itself failed", "look into slurmctld.log"),
    SlurmReason("InactiveLimit", "it did nothing for longer than Slurm's InactiveLimit allows"),
)


def slurm_reason(code: str) -> SlurmReason | None:
    """Return the row of a code as Slurm prints it, with or without words behind it; None where no row has it."""
    name = code.strip("()").partition(",")[0].partition(" ")[0]
    exact = {row.code: row for row in SLURM_REASONS if "*" not in row.code}
    if name in exact:
        return exact[name]
    for row in SLURM_REASONS:
        before, star, after = row.code.partition("*")
        if star and name.startswith(before) and name.endswith(after) and len(name) >= len(before) + len(after):
            return row
    return None


def in_words(code: str) -> str:
    """Return a code in words, with the code: jobs of higher priority are ahead of it (Priority)."""
    row = slurm_reason(code)
    if row is not None and row.code == "None":
        return row.words  # Slurm's word for no reason
    shown = code[1:-1] if code.startswith("(") and code.endswith(")") else code
    return f"{row.words} ({shown})" if row else shown
