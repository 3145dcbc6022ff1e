"""Rules of the hook: what a prolog, an epilog or a health check finds on a compute node."""

from __future__ import annotations

from efakit.catalog.enforceable import ENFORCEABLE, ENFORCED_BY_DEFAULT
from efakit.rules.registry.row import Rule

_EFA = "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/efa.html"
_EFA_START = "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/efa-start.html"
_DRIVER = "https://github.com/amzn/amzn-drivers/tree/master/kernel/linux/efa"
_ADMIN_QUEUE = "https://github.com/amzn/amzn-drivers/blob/master/kernel/linux/efa/src/efa_com.c"
_STATISTICS = "https://github.com/amzn/amzn-drivers/blob/master/kernel/linux/efa/src/efa_verbs.c"
_VERBS = "https://github.com/linux-rdma/rdma-core"
_FI_INFO = "https://github.com/ofiwg/libfabric/blob/main/util/info.c"
_PROVIDER = "https://ofiwg.github.io/libfabric/main/man/fi_efa.7.html"
_HUGE_PAGES = "https://github.com/awslabs/libfabric-ci-scripts/blob/main/efa-check.sh"
_MEMLOCK = "https://github.com/awslabs/awsome-distributed-ai/issues/647"
_PLUGIN = "https://github.com/aws/aws-ofi-nccl/blob/master/doc/efa-env-var.md"
_LATE = "https://github.com/awslabs/awsome-distributed-ai"
_PROLOG = "https://slurm.schedmd.com/prolog_epilog.html"
_OWN = "docs/architecture.md"

_RULES = (
    Rule(
        "devices-missing",
        room="hook",
        severity="error",
        what="The node has fewer EFA devices than hook.json expects for its compute resource.",
        why="Ranks on this node lose bandwidth. If no device is left, they fall back to TCP.",
        wrong="15 of 16 EFA devices found",
        right="16 of 16 EFA devices found",
        source=_EFA,
    ),
    Rule(
        "devices-extra",
        room="hook",
        severity="warning",
        what="The node has more EFA devices than expected.",
        why="The expected number in hook.json is wrong: expected_devices or compute_resources is for another "
        "instance type.",
        wrong="hook.json: expected_devices 16, on a node with 32 EFA devices",
        right='hook.json: expected_devices "auto"',
        source=_EFA,
    ),
    Rule(
        "devices-unknown",
        room="hook",
        severity="warning",
        what="The expected number of EFA devices is not known.",
        why="hook.json does not name the compute resource, and the instance type is not in the catalog. Missing "
        "devices cannot be found.",
        wrong="hook.json without the compute resource, on an instance type newer than the hook",
        right='hook.json: compute_resources {"gpu/new": 16}',
        source=_EFA,
    ),
    Rule(
        "devices-late",
        room="hook",
        severity="warning",
        what="Some EFA devices became ready only while the prolog was waiting for them.",
        why="A job that starts right after boot may find fewer devices. On p5en the devices come up late.",
        wrong="14 EFA devices when the prolog began, 16 after 8 s",
        right="16 EFA devices when the prolog began",
        source=_LATE,
    ),
    Rule(
        "driver-unbound",
        room="hook",
        severity="error",
        what="An EFA device has no efa driver bound.",
        why="The PCI function exists, but no program can use it: the kernel module is missing or does not fit the "
        "kernel.",
        wrong="lspci lists an EFA function; /sys/bus/pci/devices/ADDRESS/driver does not exist",
        right="/sys/bus/pci/devices/ADDRESS/driver -> efa",
        source=_DRIVER,
    ),
    Rule(
        "verbs-missing",
        room="hook",
        severity="error",
        what="An EFA device has no uverbs device.",
        why="libfabric opens EFA through /dev/infiniband/uverbsN. Without it the device cannot be used: the kernel "
        "module ib_uverbs is missing.",
        wrong="/sys/class/infiniband_verbs holds no device of rdmap0s6",
        right="/sys/class/infiniband_verbs/uverbs0/ibdev: rdmap0s6",
        source=_VERBS,
    ),
    Rule(
        "verbs-unusable",
        room="hook",
        severity="error",
        what="An EFA device's uverbs device cannot be opened.",
        why="libfabric cannot open it either. The message has the error.",
        wrong="/dev/infiniband/uverbs0: No such device or address",
        right="/dev/infiniband/uverbs0 can be opened",
        source=_VERBS,
    ),
    Rule(
        "counters-unreadable",
        room="hook",
        severity="error",
        what="Counters of an EFA device cannot be read.",
        why="The device or its driver has a fault. The job's bytes on this device are unknown.",
        wrong="/sys/class/infiniband/rdmap0s6/ports/1/hw_counters/tx_bytes: Input/output error",
        right="/sys/class/infiniband/rdmap0s6/ports/1/hw_counters/tx_bytes holds a number",
        source=_STATISTICS,
    ),
    Rule(
        "snapshot-incomplete",
        room="hook",
        severity="warning",
        what="The hook could not read all EFA devices and counters before its deadline.",
        why="Devices that were not read are unknown, not missing. The usual cause is a read that hangs in the kernel.",
        wrong="a counter whose read hangs, with deadline_seconds 5",
        right="all counters read within the deadline",
        source=_OWN,
    ),
    Rule(
        "commands-unanswered",
        room="hook",
        severity="error",
        what="An EFA device did not answer admin commands.",
        why="The driver closes the admin queue of such a device, and programs can no longer create queue pairs or "
        "other objects on it. Reboot or replace the node.",
        wrong="no_completion_cmds: 3",
        right="no_completion_cmds: 0",
        source=_ADMIN_QUEUE,
    ),
    Rule(
        "commands-refused",
        room="hook",
        severity="warning",
        what="An EFA device refused admin commands.",
        why="A program requested more than the device has, such as too many queue pairs. If it happened while the "
        "job ran it is a warning; if before, an info.",
        wrong="cmds_err grew by 12 while the job ran",
        right="cmds_err did not grow",
        source=_STATISTICS,
    ),
    Rule(
        "huge-pages-few",
        room="hook",
        severity="warning",
        what="The node has fewer huge pages than libfabric uses on a node with this many cores.",
        why="libfabric then uses normal memory for its buffers, which costs some performance. No job loses EFA "
        "because of it. If the node has some huge pages it is an info.",
        wrong="/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages: 0",
        right="/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages: 5128",
        source=_HUGE_PAGES,
    ),
    Rule(
        "enforce-suspended",
        room="hook",
        severity="warning",
        what="The prolog found a fault for which mode enforce would fail it, and let the job start.",
        why="The circuit breaker reached its limit, the settings may be wrong, or there is no records_dir in which "
        "failures are counted. Otherwise a wrong setting would drain one node after the other.",
        wrong="2 nodes failed within the hour already, and 2 may",
        right="no other node failed within the hour",
        source=_PROLOG,
    ),
    Rule(
        "node-unreadable",
        room="hook",
        severity="error",
        what="The health check could not read the node's own files in time.",
        why="A read of /proc, /sys or the spool hangs. The state of the node is unknown.",
        wrong="a read below /sys that hangs",
        right="/proc, /sys and the spool can be read",
        source=_OWN,
    ),
    Rule(
        "fi-info-missing",
        room="hook",
        severity="warning",
        what="The node has no fi_info.",
        why="Without fi_info the hook cannot check whether libfabric finds EFA. The EFA installer installs it.",
        wrong="/opt/amazon/efa/bin/fi_info does not exist",
        right="/opt/amazon/efa/bin/fi_info -p efa",
        source=_FI_INFO,
    ),
    Rule(
        "fi-info-untrusted",
        room="hook",
        severity="warning",
        what="A user other than root may have written fi_info.",
        why="The hook runs as root and does not start a program that other users may write.",
        wrong="-rwxrwxrwx root root /opt/amazon/efa/bin/fi_info",
        right="-rwxr-xr-x root root /opt/amazon/efa/bin/fi_info",
        source=_OWN,
    ),
    Rule(
        "fi-info-hangs",
        room="hook",
        severity="error",
        what="fi_info -p efa did not end in time.",
        why="Opening an EFA device hangs, so every job would hang at start.",
        wrong="fi_info -p efa does not end",
        right="fi_info -p efa lists the domains within a second or so",
        source=_FI_INFO,
    ),
    Rule(
        "fi-info-failed",
        room="hook",
        severity="warning",
        what="fi_info -p efa ended with an unexpected exit status.",
        why="It is not known whether libfabric finds EFA. The message has the exit status and the first line of the "
        "output.",
        wrong="fi_info: error while loading shared libraries: libfabric.so.1",
        right="fi_info -p efa ends with 0",
        source=_FI_INFO,
    ),
    Rule(
        "provider-missing",
        room="hook",
        severity="error",
        what="The node has EFA devices, but libfabric offers no EFA domain.",
        why="MPI and NCCL use TCP or fail. libfabric's efa provider or libefa is missing, or no uverbs device can be "
        "opened.",
        wrong="fi_info -p efa: No data available",
        right="fi_info -p efa: domain: rdmap0s6-rdm",
        source=_PROVIDER,
    ),
    Rule(
        "domains-missing",
        room="hook",
        severity="error",
        what="libfabric offers only some of the node's EFA devices.",
        why="Ranks use fewer devices than the node has.",
        wrong="fi_info -p efa lists 15 domains, and the node has 16 devices",
        right="fi_info -p efa lists a domain of each device",
        source=_PROVIDER,
    ),
    Rule(
        "version-low",
        room="hook",
        severity="warning",
        what="A version on the node is older than the minimum for its instance type.",
        why="The message has the version, the minimum and the source. For NCCL it is an info, since a job often has "
        "its own NCCL. The stack rules least-* find the same before a cluster is created.",
        wrong="EFA installer 1.28.0 on p5.48xlarge",
        right="EFA installer 1.29.0 on p5.48xlarge",
        source="https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/efa-changelog.html",
    ),
    Rule(
        "known-bad",
        room="hook",
        severity="error",
        what="Versions on the node do not work together, or have a known fault on its instance type.",
        why="The message has the versions, what goes wrong, what to install and the source. The stack rules find the "
        "same before a cluster is created.",
        wrong="aws-ofi-nccl 1.15.0 on p5.4xlarge",
        right="aws-ofi-nccl 1.16.2 on p5.4xlarge",
        source="https://github.com/aws/aws-ofi-nccl/blob/v1.21.1/RELEASENOTES.md",
    ),
    Rule(
        "version-differs",
        room="hook",
        severity="info",
        what="The node's EFA installer or aws-ofi-nccl is not the release for which the cluster's config was rendered.",
        why="The variables of jobs were decided for that release. A custom AMI often has another release.",
        wrong="rendered for aws-ofi-nccl 1.18.0, installed is 1.16.3",
        right='cluster.stack: {plugin: "1.16.3"} in the spec of a custom AMI',
        source=_PLUGIN,
    ),
    Rule(
        "plugin-missing",
        room="hook",
        severity="warning",
        what="A node with NVIDIA GPUs has no aws-ofi-nccl.",
        why="NCCL uses TCP, unless a job has its own plugin, for example in a container.",
        wrong="no libnccl-net.so below /opt/amazon/ofi-nccl",
        right="/opt/amazon/ofi-nccl/lib/libnccl-net.so",
        source=_PLUGIN,
    ),
    Rule(
        "plugin-not-loadable",
        room="hook",
        severity="warning",
        what="aws-ofi-nccl is installed, but the dynamic loader does not find it.",
        why="NCCL finds the plugin only through LD_LIBRARY_PATH, and otherwise uses TCP.",
        wrong="/etc/ld.so.cache has no entry of /opt/amazon/ofi-nccl/lib",
        right="/etc/ld.so.conf.d/100_ofinccl.conf: /opt/amazon/ofi-nccl/lib, and ldconfig was run",
        source="https://github.com/aws/aws-ofi-nccl/issues/803",
    ),
    Rule(
        "memlock-low",
        room="hook",
        severity="warning",
        what="The limit of locked memory of slurmd, or of a task, is too low.",
        why="EFA must lock the memory that it registers. A job fails at start with -12 (Cannot allocate memory).",
        wrong="Max locked memory of slurmd: 65536 bytes",
        right="[Service] LimitMEMLOCK=infinity in slurmd's unit",
        source=_MEMLOCK,
    ),
    Rule(
        "login-memlock-low",
        room="hook",
        severity="info",
        what="limits.conf sets a limit of locked memory for login shells.",
        why="sbatch passes the limits of the submitting shell on to the job.",
        wrong="* soft memlock 65536 in /etc/security/limits.d",
        right="* soft memlock unlimited",
        source=_EFA_START,
    ),
    Rule(
        "login-memlock-unset",
        room="hook",
        severity="info",
        what="No line in /etc/security/limits.d sets memlock.",
        why="Login shells have the small default of the system, and sbatch passes it on to jobs. The EFA installer "
        "writes such a line.",
        wrong="no memlock in /etc/security/limits.d",
        right="* soft memlock unlimited and * hard memlock unlimited in /etc/security/limits.d/01_efa.conf",
        source=_EFA_START,
    ),
    Rule(
        "ptrace-restricted",
        room="hook",
        severity="info",
        what="kernel.yama.ptrace_scope does not allow a process to copy memory from another process of the same user.",
        why="libfabric cannot copy directly between two ranks on a node and uses a slower way.",
        wrong="kernel.yama.ptrace_scope = 1",
        right="kernel.yama.ptrace_scope = 0",
        source=_EFA_START,
    ),
    Rule(
        "devices-fewer",
        room="hook",
        severity="warning",
        what="The node has fewer EFA devices than its instance type can have, and hook.json does not say how many to "
        "expect.",
        why="EFA may have been left out on some network cards on purpose, so it is not an error. Set the number in "
        "compute_resources, and the hook reports missing devices.",
        wrong="8 EFA devices on p5.48xlarge, and compute_resources does not name the node's",
        right='hook.json: compute_resources {"gpu/p5": 8}',
        source=_EFA,
    ),
    Rule(
        "device-unreadable",
        room="hook",
        severity="warning",
        what="The hook could not read a property of an EFA device: its driver, its uverbs device, its counters or "
        "its type.",
        why="The property is unknown, which does not mean that the device has a fault: the hook's own process may "
        "lack permission or memory. The prolog does not fail because of it.",
        wrong="/sys/class/infiniband/rdmap0s6/device/driver: Permission denied",
        right="all files of the device can be read",
        source=_OWN,
    ),
    Rule(
        "devices-unlisted",
        room="hook",
        severity="warning",
        what="The EFA devices were not listed both before and after the job.",
        why="The job's EFA bytes are unknown, and the verdict may be incomplete.",
        wrong="/sys/class/infiniband could not be listed when the prolog ran",
        right="the devices were listed by prolog and epilog",
        source=_OWN,
    ),
    Rule(
        "interfaces-unknown",
        room="hook",
        severity="warning",
        what="The hook found no TCP interface that was there both before and after the job.",
        why="The job's TCP bytes are unknown, so a fallback to TCP cannot be detected.",
        wrong='hook.json: tcp_interfaces ["eth0"], on a node whose interface is ens32',
        right='hook.json: tcp_interfaces "auto"',
        source=_OWN,
    ),
    Rule(
        "bytes-unknown",
        room="hook",
        severity="warning",
        what="Counters of a device or an interface were not read both before and after the job.",
        why="Their bytes are unknown. The report gives a verdict only if no possible value would change it.",
        wrong="rx_bytes of rdmap0s6 was read by the prolog and not by the epilog",
        right="all counters were read by prolog and epilog",
        source=_OWN,
    ),
    Rule(
        "counters-reset",
        room="hook",
        severity="warning",
        what="Counters were reset while the job ran.",
        why="The driver was reloaded, a device was reattached or the node was rebooted. The job's bytes are unknown.",
        wrong="tx_bytes is smaller after the job than before it",
        right="counters only grow while the job runs",
        source=_OWN,
    ),
    Rule(
        "clock-jumped",
        room="hook",
        severity="warning",
        what="The node's clock was set while the job ran.",
        why="The times in the record do not show how long the job ran.",
        wrong="the clock was set back by 3600 s",
        right="the clock was only slewed",
        source=_OWN,
    ),
    Rule(
        "baseline-missing",
        room="hook",
        severity="warning",
        what="The prolog left no baseline of this run.",
        why="The record has no counter differences, so the job's bytes on this node are unknown. The prolog did not "
        "run, was killed, or its spool was lost. Slurm 22.05 runs no prolog on a node whose slurmd is down at the "
        "moment when the job begins, and starts the job's tasks there all the same.",
        wrong="no file of the job in /var/spool/efakit/active when the epilog runs",
        right="the prolog's baseline in /var/spool/efakit/active",
        source=_OWN,
    ),
    Rule(
        "baseline-unreadable",
        room="hook",
        severity="warning",
        what="This version of the hook cannot read the baseline.",
        why="Another version wrote it, for example because the hooks were upgraded while the job ran. The job's "
        "bytes on this node are unknown.",
        wrong="a baseline of a newer hook, and an older hook as epilog",
        right="prolog and epilog of the same version",
        source=_OWN,
    ),
    Rule(
        "baseline-foreign",
        room="hook",
        severity="warning",
        what="A baseline with this job id belongs to another run.",
        why="The hook does not use it for this run. The SLUID, start time, user or cluster differ, for example after "
        "a requeue or on a cluster that was created again.",
        wrong="the baseline's start time is 10:00, and Slurm says 12:00",
        right="the baseline has the SLUID and the start time of the run",
        source=_OWN,
    ),
    Rule(
        "baseline-given-up",
        room="hook",
        severity="info",
        what="The baseline of an earlier job was removed without a record.",
        why="No epilog ran for that job, and the job no longer runs: the node was rebooted, or the baseline is too "
        "old.",
        wrong="a baseline from before the last boot",
        right="an epilog for each prolog",
        source=_OWN,
    ),
    Rule(
        "run-in-doubt",
        room="hook",
        severity="warning",
        what="The baseline may belong to another run than the one that the epilog ends.",
        why="Slurm before 23.02 gives only a restart count, which a requeue increases. The report says incomplete "
        "where that matters.",
        wrong="the prolog was told restart 0 and the epilog restart 1",
        right="SLUID or start time agree",
        source="https://github.com/SchedMD/slurm/blob/master/src/slurmctld/job_mgr.c",
    ),
    Rule(
        "spool-damaged",
        room="hook",
        severity="warning",
        what="Files in the node's spool could not be read and were set aside.",
        why="A record or a baseline is lost. Usual causes are a full disk and a crash during a write.",
        wrong="a file of 0 bytes in /var/spool/efakit",
        right="only whole files in /var/spool/efakit",
        source=_OWN,
    ),
    Rule(
        "spool-dropped",
        room="hook",
        severity="error",
        what="The hook dropped records that were waiting on the node, since the spool reached its limit.",
        why="The records could not be published for a long time: records_dir is not mounted or is not writable.",
        wrong="spool_limit_mib 256 reached while records_dir is not mounted",
        right="records_dir is mounted and writable, and the spool empties",
        source=_OWN,
    ),
    Rule(
        "hook-without-child",
        room="hook",
        severity="warning",
        what="The hook could not start a child process and worked in its own process.",
        why="A read that hangs in the kernel then blocks the hook itself. The node has no free process or memory.",
        wrong="fork: Resource temporarily unavailable",
        right="the hook reads devices in a child",
        source=_OWN,
    ),
    Rule(
        "spool-unusable",
        room="hook",
        severity="error",
        what="The node's spool cannot be used.",
        why="The hook cannot keep a baseline, so the record has no counter differences. Usual causes are a full disk "
        "and a folder that other users may write.",
        wrong="/var/spool/efakit: No space left on device",
        right="drwx------ root root /var/spool/efakit",
        source=_OWN,
    ),
)


def _enforced(rule: str) -> str:
    if rule in ENFORCED_BY_DEFAULT:
        return "default"
    return "allowed" if rule in ENFORCEABLE else ""


RULES = tuple(row._replace(enforce=_enforced(row.id)) for row in _RULES)
