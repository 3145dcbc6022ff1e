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
        what="The node has fewer EFA devices than its instance type or compute resource has.",
        why="Ranks on this node lose bandwidth, or fall back to TCP where no device is left.",
        wrong="15 of 16 EFA devices found",
        right="16 of 16 EFA devices found",
        source=_EFA,
    ),
    Rule(
        "devices-extra",
        room="hook",
        severity="warning",
        what="The node has more EFA devices than expected.",
        why="The expectation in hook.json is wrong: expected_devices or compute_resources is of another instance type.",
        wrong="hook.json: expected_devices 16, on a node with 32 EFA devices",
        right='hook.json: expected_devices "auto"',
        source=_EFA,
    ),
    Rule(
        "devices-unknown",
        room="hook",
        severity="warning",
        what="Nothing says how many EFA devices the node should have.",
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
        what="Some EFA devices became ready only while the prolog waited for them.",
        why="A job that starts right after boot may find fewer devices. p5en brings its devices up late.",
        wrong="14 EFA devices when the prolog began, 16 after 8 s",
        right="16 EFA devices when the prolog began",
        source=_LATE,
    ),
    Rule(
        "driver-unbound",
        room="hook",
        severity="error",
        what="An EFA device has no efa driver bound.",
        why="The PCI function is there, and no program can use it: the kernel module is missing or does not fit the "
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
        why="The device or its driver is at fault, and nothing can be said of the job's bytes on it.",
        wrong="/sys/class/infiniband/rdmap0s6/ports/1/hw_counters/tx_bytes: Input/output error",
        right="/sys/class/infiniband/rdmap0s6/ports/1/hw_counters/tx_bytes holds a number",
        source=_STATISTICS,
    ),
    Rule(
        "snapshot-incomplete",
        room="hook",
        severity="warning",
        what="The EFA devices or their counters were not all read by the hook's deadline.",
        why="What was not looked at is unknown and not missing. A read that hangs in the kernel is the usual cause.",
        wrong="a counter whose read hangs, with deadline_seconds 5",
        right="all counters read within the deadline",
        source=_OWN,
    ),
    Rule(
        "commands-unanswered",
        room="hook",
        severity="error",
        what="An EFA device did not answer admin commands.",
        why="The driver closes the admin queue of such a device, and nothing can be created on it any more. The "
        "node needs a reboot or a replacement.",
        wrong="no_completion_cmds: 3",
        right="no_completion_cmds: 0",
        source=_ADMIN_QUEUE,
    ),
    Rule(
        "commands-refused",
        room="hook",
        severity="warning",
        what="An EFA device refused admin commands.",
        why="A program asked for something that the device does not have, such as too many queue pairs. Since the "
        "driver was loaded it is a note; while the job ran it is a warning.",
        wrong="cmds_err grew by 12 while the job ran",
        right="cmds_err did not grow",
        source=_STATISTICS,
    ),
    Rule(
        "hugepages",
        room="hook",
        severity="warning",
        what="The node has fewer huge pages than libfabric would use.",
        why="libfabric takes its buffers from ordinary memory then, which costs a little. No job loses EFA by it. "
        "With some huge pages it is a note.",
        wrong="/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages: 0",
        right="/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages: 5128",
        source=_HUGE_PAGES,
    ),
    Rule(
        "huge-pages-few",
        room="hook",
        severity="info",
        what="The health check found fewer huge pages than libfabric uses on a node with this many cores.",
        why="libfabric takes its buffers from ordinary memory then, which costs a little.",
        wrong="/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages: 128",
        right="/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages: 5128",
        source=_HUGE_PAGES,
    ),
    Rule(
        "settings",
        room="hook cluster",
        severity="error",
        what="hook.json cannot be read, is not to be trusted, or holds a value that is none.",
        why="The hook goes on with its defaults, and mode enforce only warns.",
        wrong='hook.json: {"mode": "enforced"}',
        right='hook.json: {"mode": "enforce"}',
        source=_OWN,
    ),
    Rule(
        "enforce-suspended",
        room="hook",
        severity="warning",
        what="The prolog found something for which mode enforce fails it, and let the job pass.",
        why="The circuit breaker's limit was reached, the settings are in doubt, or no records_dir counts the "
        "failures. A wrong expectation would else drain node after node.",
        wrong="2 nodes failed within the hour already, and 2 may",
        right="no other node failed within the hour",
        source=_PROLOG,
    ),
    Rule(
        "node-unreadable",
        room="hook",
        severity="error",
        what="The health check could not read the node's own files in time.",
        why="A read of /proc, /sys or the spool hangs. Nothing is known of the node.",
        wrong="a read below /sys that hangs",
        right="/proc, /sys and the spool can be read",
        source=_OWN,
    ),
    Rule(
        "fi-info-missing",
        room="hook",
        severity="warning",
        what="The node has no fi_info.",
        why="Whether libfabric finds EFA is not checked. The EFA installer brings fi_info.",
        wrong="/opt/amazon/efa/bin/fi_info does not exist",
        right="/opt/amazon/efa/bin/fi_info -p efa",
        source=_FI_INFO,
    ),
    Rule(
        "fi-info-untrusted",
        room="hook",
        severity="warning",
        what="fi_info may have been put there by somebody else than root.",
        why="The hook runs as root and starts no program that others may write.",
        wrong="-rwxrwxrwx root root /opt/amazon/efa/bin/fi_info",
        right="-rwxr-xr-x root root /opt/amazon/efa/bin/fi_info",
        source=_OWN,
    ),
    Rule(
        "fi-info-hangs",
        room="hook",
        severity="error",
        what="fi_info -p efa gave no answer in time.",
        why="Opening an EFA device hangs, and so would every job's start.",
        wrong="fi_info -p efa does not end",
        right="fi_info -p efa lists the domains within a second or so",
        source=_FI_INFO,
    ),
    Rule(
        "fi-info-failed",
        room="hook",
        severity="warning",
        what="fi_info -p efa ended with an unexpected status.",
        why="Whether libfabric finds EFA is not known. The message has the status and the first line of the output.",
        wrong="fi_info: error while loading shared libraries: libfabric.so.1",
        right="fi_info -p efa ends with 0",
        source=_FI_INFO,
    ),
    Rule(
        "provider-missing",
        room="hook",
        severity="error",
        what="libfabric offers no EFA domain though the node has EFA devices.",
        why="MPI and NCCL go over TCP or fail. libfabric's efa provider or libefa is missing, or no uverbs device "
        "can be opened.",
        wrong="fi_info -p efa: No data available",
        right="fi_info -p efa: domain: rdmap0s6-rdm",
        source=_PROVIDER,
    ),
    Rule(
        "domains-missing",
        room="hook",
        severity="error",
        what="libfabric offers some of the node's EFA devices and not the others.",
        why="Ranks use fewer devices than the node has.",
        wrong="fi_info -p efa lists 15 domains, and the node has 16 devices",
        right="fi_info -p efa lists a domain of each device",
        source=_PROVIDER,
    ),
    Rule(
        "version-low",
        room="hook",
        severity="error",
        what="A version on the node is older than the least for its instance type.",
        why="The message has the version, the least one and the source. What is about NCCL is a note, since a job "
        "often brings its own. The rules least-* of the stack say the same before a cluster is created.",
        wrong="EFA installer 1.28.0 on p5.48xlarge",
        right="EFA installer 1.29.0 on p5.48xlarge",
        source="https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/efa-changelog.html",
    ),
    Rule(
        "known-bad",
        room="hook",
        severity="error",
        what="Versions on the node do not go together, or have a known fault on its instance type.",
        why="The message has the versions, what goes wrong, what to install and the source. The rules of the stack "
        "say the same before a cluster is created.",
        wrong="aws-ofi-nccl 1.15.0 on p5.4xlarge",
        right="aws-ofi-nccl 1.16.2 on p5.4xlarge",
        source="https://github.com/aws/aws-ofi-nccl/blob/v1.21.1/RELEASENOTES.md",
    ),
    Rule(
        "version-differs",
        room="hook",
        severity="info",
        what="The node has another EFA installer or aws-ofi-nccl than the cluster's config was rendered for.",
        why="The jobs' variables were decided for that release. A custom AMI often has another.",
        wrong="rendered for aws-ofi-nccl 1.18.0, installed is 1.16.3",
        right='cluster.stack: {plugin: "1.16.3"} in the spec of a custom AMI',
        source=_PLUGIN,
    ),
    Rule(
        "plugin-missing",
        room="hook",
        severity="warning",
        what="A node with NVIDIA GPUs has no aws-ofi-nccl.",
        why="NCCL goes over TCP, unless a job brings the plugin itself, in a container for instance.",
        wrong="no libnccl-net.so below /opt/amazon/ofi-nccl",
        right="/opt/amazon/ofi-nccl/lib/libnccl-net.so",
        source=_PLUGIN,
    ),
    Rule(
        "plugin-not-loadable",
        room="hook",
        severity="warning",
        what="aws-ofi-nccl is installed, and the dynamic loader does not find it.",
        why="NCCL finds the plugin only with LD_LIBRARY_PATH, and goes over TCP without.",
        wrong="/etc/ld.so.cache has no entry of /opt/amazon/ofi-nccl/lib",
        right="/etc/ld.so.conf.d/100_ofinccl.conf: /opt/amazon/ofi-nccl/lib, and ldconfig was run",
        source="https://github.com/aws/aws-ofi-nccl/issues/803",
    ),
    Rule(
        "memlock-low",
        room="hook",
        severity="warning",
        what="slurmd, or a task, may lock too little memory.",
        why="EFA registers memory that it must lock, and a job's start fails with -12 (Cannot allocate memory).",
        wrong="Max locked memory of slurmd: 65536 bytes",
        right="[Service] LimitMEMLOCK=infinity in slurmd's unit",
        source=_MEMLOCK,
    ),
    Rule(
        "login-memlock-low",
        room="hook",
        severity="info",
        what="limits.conf limits the locked memory of login shells.",
        why="sbatch passes the submitting shell's limits on to the job.",
        wrong="* soft memlock 65536 in /etc/security/limits.d",
        right="* soft memlock unlimited",
        source=_EFA_START,
    ),
    Rule(
        "login-memlock-unset",
        room="hook",
        severity="info",
        what="No row in /etc/security/limits.d sets memlock.",
        why="Login shells have the system's small default, and sbatch passes it on to jobs. The EFA installer "
        "writes such a row.",
        wrong="no memlock in /etc/security/limits.d",
        right="* soft memlock unlimited and * hard memlock unlimited in /etc/security/limits.d/01_efa.conf",
        source=_EFA_START,
    ),
    Rule(
        "ptrace-restricted",
        room="hook",
        severity="info",
        what="kernel.yama.ptrace_scope forbids a process to copy from another of the same user.",
        why="libfabric cannot copy between two ranks of a node directly and takes a slower way.",
        wrong="kernel.yama.ptrace_scope = 1",
        right="kernel.yama.ptrace_scope = 0",
        source=_EFA_START,
    ),
    Rule(
        "spool-unusable",
        room="hook",
        severity="error",
        what="The node's spool cannot be used.",
        why="No baseline can be kept, so the record has no differences of counters. A full disk or a folder that "
        "others may write are usual causes.",
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
