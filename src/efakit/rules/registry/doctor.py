"""Rules of ``efakit doctor``: what it finds on a node or between nodes, beside what the hook finds there."""

from __future__ import annotations

from efakit.rules.registry.row import Rule

_OWN = "docs/doctor.md"
_CHECK = "https://github.com/awslabs/libfabric-ci-scripts/blob/main/efa-check.sh"
_CUDA = "https://docs.nvidia.com/deploy/cuda-compatibility/minor-version-compatibility.html"
_DMABUF = "https://github.com/aws/aws-ofi-nccl/blob/v1.21.1/src/nccl_ofi_dmabuf.cpp"
_EFA_DRIVER = "https://github.com/amzn/amzn-drivers/blob/master/kernel/linux/efa/RELEASENOTES.md"
_ENROOT = "https://github.com/NVIDIA/enroot/blob/main/conf/hooks/10-devices.sh"
_PYXIS = "https://github.com/NVIDIA/pyxis#prerequisites"
_PROVIDER = "https://ofiwg.github.io/libfabric/main/man/fi_efa.7.html"

RULES = (
    Rule(
        "not-read",
        room="doctor",
        severity="info",
        what="Doctor could not read something.",
        why="It is unknown, neither right nor wrong. The usual causes: doctor does not run as root, or slurmctld does "
        "not answer.",
        wrong="/etc/enroot/enroot.conf: Permission denied",
        right='sudo "$(command -v efakit)" doctor',
        source=_OWN,
    ),
    Rule(
        "node-not-asked",
        room="doctor",
        severity="warning",
        what="A node did not answer.",
        why="Its state is unknown. The node may be down, or busy until the time for an answer was over.",
        wrong="efakit doctor --node gpu-st-p5-7, and the node is down",
        right="efakit doctor --node gpu-st-p5-7, and the node is idle",
        source=_OWN,
    ),
    Rule(
        "node-differs",
        room="doctor",
        severity="warning",
        what="A node is not like the other nodes of its instance type.",
        why="A job runs at the pace of its slowest node, and one node with other software often fails alone. The "
        "message names what differs, and what most of the others have.",
        wrong="EFA driver 2.8.0g on gpu-st-p5-7, 3.1.0g on 63 other nodes",
        right="EFA driver 3.1.0g on 64 nodes",
        source=_OWN,
    ),
    Rule(
        "nodes-in-groups",
        room="doctor",
        severity="info",
        what="The nodes of an instance type fall into groups, and no group has more than half of the nodes.",
        why="It is not known which group is right. A job over both may behave otherwise than on one of them.",
        wrong="EFA driver 2.8.0g on 2 nodes, 3.1.0g on 2 nodes",
        right="EFA driver 3.1.0g on 4 nodes",
        source=_OWN,
    ),
    Rule(
        "exporter-stopped",
        room="doctor",
        severity="warning",
        what="The exporter is installed on the node and does not serve.",
        why="Prometheus gets no metrics of the node, and alerts that rest on them are silent.",
        wrong="exporter: version 0.1.0, enabled, not active",
        right="exporter: version 0.1.0, enabled, active, at 127.0.0.1:9764",
        source="docs/metrics.md",
    ),
    Rule(
        "exporter-version",
        room="doctor",
        severity="info",
        what="The exporter on the node is of another efakit.",
        why="Its metrics may lack what the rules and the dashboard of this efakit ask for.",
        wrong="exporter: version 0.0.9, and efakit is 0.1.0",
        right="exporter: version 0.1.0, and efakit is 0.1.0",
        source="docs/metrics.md",
    ),
    Rule(
        "library-not-loadable",
        room="doctor",
        severity="warning",
        what="The EFA installer is there, but the dynamic loader does not find libfabric, libibverbs or libefa.",
        why="A program without its own search path does not find the library, and uses TCP or fails. AWS's own check "
        "looks for the three in the loader's cache.",
        wrong="ldconfig -p lists no libfabric.so.1",
        right="/etc/ld.so.conf.d/000_efa.conf: /opt/amazon/efa/lib, and ldconfig was run",
        source=_CHECK,
    ),
    Rule(
        "nvidia-driver-low",
        room="doctor",
        severity="error",
        what="The NVIDIA driver is older than the CUDA toolkit on the node needs.",
        why="Programs of that CUDA release do not start with the driver: CUDA 13 needs 580, CUDA 12 needs 525, CUDA "
        "11 needs 450.",
        wrong="CUDA 12.8 with NVIDIA driver 470.82.01",
        right="CUDA 12.8 with NVIDIA driver 570.124.06",
        source=_CUDA,
    ),
    Rule(
        "driver-nvidia",
        room="doctor",
        severity="info",
        what="The EFA driver does not support peer memory with the NVIDIA driver.",
        why="GPUDirect RDMA then works through dma-buf only. EFA driver 2.17.3 is the first that supports NVIDIA's "
        "drivers 580 and later.",
        wrong="EFA driver 2.17.2 with NVIDIA driver 580.95.05",
        right="EFA driver 2.17.3 with NVIDIA driver 580.95.05",
        source=_EFA_DRIVER,
    ),
    Rule(
        "peer-memory-missing",
        room="doctor",
        severity="error",
        what="Neither dma-buf nor a peer memory provider can give EFA the memory of the GPUs.",
        why="GPUDirect RDMA does not work, and aws-ofi-nccl ends jobs on types for which it is required. dma-buf "
        "needs Linux 5.12; the EFA driver names no peer memory provider.",
        wrong="Linux 5.10, and /sys/class/infiniband/rdmap16s27/device/p2p is empty",
        right="Linux 6.1, or the NVIDIA driver with efa_nv_peermem",
        source=_DMABUF,
    ),
    Rule(
        "records-wait",
        room="doctor",
        severity="warning",
        what="Ten or more records wait in the node's spool to be published.",
        why="Each run of a hook publishes what waits. Many that wait mean that the shared folder could not be written "
        "for a while. They are lost if the node is terminated.",
        wrong="40 files in /var/spool/efakit/outbox",
        right="an empty /var/spool/efakit/outbox",
        source="docs/architecture.md",
    ),
    Rule(
        "enroot-restricted",
        room="doctor",
        severity="error",
        what="Enroot gives containers a minimal /dev, and no hook or mount of this node adds /dev/infiniband.",
        why="A container has no EFA device, and its ranks use TCP or fail.",
        wrong="ENROOT_RESTRICT_DEV yes in /etc/enroot/enroot.conf",
        right="ENROOT_RESTRICT_DEV no in /etc/enroot/enroot.conf",
        source=_ENROOT,
    ),
    Rule(
        "enroot-missing",
        room="doctor",
        severity="error",
        what="Slurm loads Pyxis, and a node does not have Enroot.",
        why="Pyxis starts containers with Enroot: jobs with --container-image fail on the node.",
        wrong="plugstack.conf loads spank_pyxis.so, and the node has no /usr/bin/enroot",
        right="/usr/bin/enroot on each node",
        source=_PYXIS,
    ),
    Rule(
        "image-without-efa",
        room="doctor",
        severity="error",
        what="A container's image has no libfabric of the EFA installer.",
        why="Its programs have no EFA provider, unless they bring their own libfabric.",
        wrong="no /opt/amazon/efa in the image",
        right="RUN ./efa_installer.sh -y --skip-kmod --skip-limit-conf --no-verify",
        source=_PROVIDER,
    ),
)
