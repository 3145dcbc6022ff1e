"""Rows of variables for Neuron, on Trainium and Inferentia."""

from __future__ import annotations

from efakit.catalog.variables import VariableRule

_DOCS = "https://awsdocs-neuron.readthedocs-hosted.com/en/latest/"
_SETUP = _DOCS + "setup/setup-trn1-multi-node-execution.html"
_TROUBLE = _DOCS + "neuron-runtime/nrt-troubleshoot.html"
_GUIDE = _DOCS + "neuron-runtime/nrt-developer-guide.html"
_TRAIN_SETUP = "https://github.com/aws-neuron/neuronx-distributed-training/blob/main/examples/train_setup.sh"

ROWS = (
    VariableRule(
        "neuron-fi-provider",
        "FI_PROVIDER",
        "needed",
        "a missing EFA is an error then, and no quiet tcp",
        _SETUP,
        "efa",
        "neuron",
    ),
    VariableRule(
        "neuron-device-rdma",
        "FI_EFA_USE_DEVICE_RDMA",
        "needed",
        "Neuron's collectives want RDMA asked for",
        _SETUP,
        "1",
        "neuron",
        # Its EFA has no RDMA read, and libfabric would call abort().
        except_instances="inf1.*",
    ),
    VariableRule(
        "neuron-fork-safe",
        "FI_EFA_FORK_SAFE",
        "needed",
        "on Amazon Linux 2, whose kernel is older than 5.15, Neuron gives up several nodes without it",
        _TROUBLE,
        "1",
        "neuron",
        os="alinux2",
    ),
    VariableRule(
        "neuron-fork-safe-redundant",
        "FI_EFA_FORK_SAFE",
        "no-effect",
        "only Amazon Linux 2 needs it for Neuron",
        _SETUP,
        workload="neuron",
        os="alinux2023 ubuntu* rhel* rocky*",
    ),
    VariableRule(
        "neuron-root-comm-id",
        "NEURON_RT_ROOT_COMM_ID",
        "option",
        "IP:PORT of the first rank, without which there are no collectives; at most 63 characters, which "
        "ParallelCluster's full host names exceed",
        _GUIDE,
        workload="neuron",
    ),
    VariableRule(
        "neuron-root-comm-id-long",
        "NEURON_RT_ROOT_COMM_ID",
        "harmful",
        "Neuron takes at most 63 characters, and ParallelCluster's full host names are longer",
        _TROUBLE,
        "?" * 64 + "*",
        severity="error",
        fix="the head node's IP address instead of its name",
    ),
    VariableRule(
        "neuron-ccom-socket-ifname",
        "CCOM_SOCKET_IFNAME",
        "option",
        "the interface of the bootstrap; eth0 in Neuron's sample",
        _TRAIN_SETUP,
        workload="neuron",
    ),
    VariableRule(
        "neuron-malloc-arena-max",
        "MALLOC_ARENA_MAX",
        "option",
        "64 to 128 keep the host's memory from growing",
        _TRAIN_SETUP,
        workload="neuron",
    ),
)
