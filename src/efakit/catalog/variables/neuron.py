"""Rows of variables for Neuron, on Trainium and Inferentia."""

from __future__ import annotations

from efakit.catalog.variables.row import VariableRule

_DOCS = "https://awsdocs-neuron.readthedocs-hosted.com/en/latest/"
_SETUP = _DOCS + "setup/setup-trn1-multi-node-execution.html"
_TROUBLE = _DOCS + "neuron-runtime/nrt-troubleshoot.html"
_GUIDE = _DOCS + "neuron-runtime/nrt-developer-guide.html"
_TRAIN_SETUP = "https://github.com/aws-neuron/neuronx-distributed-training/blob/main/examples/train_setup.sh"

ROWS = (
    VariableRule(
        id="neuron-fi-provider",
        name="FI_PROVIDER",
        effect="needed",
        reason="if EFA is missing, the program fails; it does not fall back to tcp without a message",
        source=_SETUP,
        value="efa",
        workload="neuron",
    ),
    VariableRule(
        id="neuron-device-rdma",
        name="FI_EFA_USE_DEVICE_RDMA",
        effect="needed",
        reason="Neuron's collectives need RDMA, which must be requested",
        source=_SETUP,
        value="1",
        workload="neuron",
        # Its EFA has no RDMA read, and libfabric would call abort().
        except_instances="inf1.*",
    ),
    VariableRule(
        id="neuron-fork-safe",
        name="FI_EFA_FORK_SAFE",
        effect="needed",
        reason="on Amazon Linux 2, whose kernel is older than 5.15, Neuron fails on several nodes without it",
        source=_TROUBLE,
        value="1",
        workload="neuron",
        os="alinux2",
    ),
    VariableRule(
        id="neuron-fork-safe-redundant",
        name="FI_EFA_FORK_SAFE",
        effect="no-effect",
        reason="only Amazon Linux 2 needs it for Neuron",
        source=_SETUP,
        workload="neuron",
        os="alinux2023 ubuntu* rhel* rocky*",
    ),
    VariableRule(
        id="neuron-root-comm-id",
        name="NEURON_RT_ROOT_COMM_ID",
        effect="option",
        reason="IP:PORT of the first rank; collectives need it. It has at most 63 characters, and ParallelCluster's "
        "full host names are longer",
        source=_GUIDE,
        workload="neuron",
    ),
    VariableRule(
        id="neuron-root-comm-id-long",
        name="NEURON_RT_ROOT_COMM_ID",
        effect="harmful",
        reason="Neuron accepts at most 63 characters, and ParallelCluster's full host names are longer",
        source=_TROUBLE,
        value="?" * 64 + "*",
        fix="use the IP address of the job's first node instead of its name",
    ),
    VariableRule(
        id="neuron-ccom-socket-ifname",
        name="CCOM_SOCKET_IFNAME",
        effect="option",
        reason="the interface of the bootstrap; eth0 in Neuron's sample",
        source=_TRAIN_SETUP,
        workload="neuron",
    ),
    VariableRule(
        id="neuron-malloc-arena-max",
        name="MALLOC_ARENA_MAX",
        effect="option",
        reason="64 to 128 limits the growth of the host's memory",
        source=_TRAIN_SETUP,
        workload="neuron",
    ),
)
