"""The table of environment variables as cases: where each line is found, and where it is none.

Each case has a target in which its rule speaks and one just outside; the words are those of the sources, not those of
the rows, so that a row that was typed wrong fails.
"""

from __future__ import annotations

from typing import Any, NamedTuple

P5, P5EN, B200, P4D, G5, G6E, HPC7A, TRN1, G5_XLARGE, C5 = (
    {"instance": name}
    for name in (
        "p5.48xlarge",
        "p5en.48xlarge",
        "p6-b200.48xlarge",
        "p4d.24xlarge",
        "g5.48xlarge",
        "g6e.48xlarge",
        "hpc7a.96xlarge",
        "trn1.32xlarge",
        "g5.xlarge",
        "c5.18xlarge",
    )
)
NCCL, MPI_LAUNCH, OPENMPI, INTELMPI, NEURON, NVSHMEM = (
    ("nccl",),
    ("nccl", "mpi-launch"),
    ("openmpi",),
    ("intelmpi",),
    ("neuron",),
    ("nvshmem",),
)
NEWEST = {"parallelcluster": "3.16.3"}


class Set(NamedTuple):
    """A value that a script sets: ``rule`` speaks inside, and not outside."""

    name: str
    value: str | None
    rule: str
    inside: dict[str, Any]
    outside: dict[str, Any] | None
    """None: the rule has no bounds; then ``other`` is a value of which it does not speak."""
    workloads: tuple[str, ...] = ()
    other: str | None = None
    severity: str = "warning"


class Missing(NamedTuple):
    """A variable that must be there inside, and need not be outside."""

    name: str
    value: str
    inside: dict[str, Any]
    outside: dict[str, Any]
    workloads: tuple[str, ...] = NCCL


def plugin(version: str) -> dict[str, Any]:
    """Return a target with this release of the plugin."""
    return {"plugin": version}


def libfabric(version: str) -> dict[str, Any]:
    """Return a target with this release of libfabric."""
    return {"libfabric": version}


def nccl(version: str) -> dict[str, Any]:
    """Return a target with this release of NCCL."""
    return {"nccl": version}


SET = (
    Set("FI_PROVIDER", "efa", "fi-provider-redundant", plugin("1.6.0"), plugin("1.5.0"), NCCL),
    Set("FI_PROVIDER", "tcp", "fi-provider-other", NEWEST, None, other="efa", severity="error"),
    Set("FI_EFA_USE_DEVICE_RDMA", "1", "fi-efa-use-device-rdma-aborts", G5, P5, severity="error"),
    Set(
        "FI_EFA_USE_DEVICE_RDMA",
        "1",
        "fi-efa-use-device-rdma-aborts",
        {"instance": "inf1.24xlarge"},
        TRN1,
        NEURON,
        severity="error",
    ),
    Set(
        "FI_EFA_USE_DEVICE_RDMA",
        "1",
        "fi-efa-use-device-rdma-aborts",
        {**libfabric("1.17.0"), **G5},
        {**libfabric("1.16.1"), **G5},
        severity="error",
    ),
    Set("FI_EFA_USE_DEVICE_RDMA", "1", "fi-efa-use-device-rdma-redundant", {**NEWEST, **P5}, plugin("1.6.0"), NCCL),
    Set("FI_EFA_USE_DEVICE_RDMA", "yess", "fi-efa-use-device-rdma-value", P5, None, other="0", severity="error"),
    Set(
        "FI_EFA_USE_DEVICE_RDMA",
        "7",
        "fi-efa-use-device-rdma-value",
        libfabric("1.18.0"),
        libfabric("1.17.1"),
        severity="error",
    ),
    Set("FI_EFA_USE_DEVICE_RDMA", "0", "fi-efa-use-device-rdma-off", P5, None, other="1"),
    Set("FI_EFA_FORK_SAFE", "1", "fi-efa-fork-safe-by-plugin", NEWEST, libfabric("1.12.0"), NCCL),
    Set("FI_EFA_FORK_SAFE", "1", "fi-efa-fork-safe-redundant", {**NEWEST, "kernel": "6.1.0"}, {"kernel": "5.10"}),
    Set(
        "FI_EFA_FORK_SAFE", "1", "fi-efa-fork-safe-redundant", {**NEWEST, "os": "alinux2023"}, {**NEWEST, "os": "rhel8"}
    ),
    Set("RDMAV_FORK_SAFE", "1", "rdmav-fork-safe", libfabric("1.13.0"), libfabric("1.12.1")),
    Set("IBV_FORK_SAFE", "1", "rdmav-fork-safe", libfabric("2.4.0"), libfabric("1.12.1")),
    Set(
        "FI_EFA_USE_HUGE_PAGE",
        "0",
        "fi-efa-use-huge-page-off",
        libfabric("1.19.0"),
        libfabric("1.18.0"),
        (),
        None,
        "info",
    ),
    Set("FI_EFA_USE_HUGE_PAGE", "0", "fi-efa-use-huge-page-unknown", libfabric("1.18.2"), libfabric("1.19.0")),
    Set(
        "FI_EFA_USE_HUGE_PAGE",
        "1",
        "fi-efa-use-huge-page-on",
        {"libfabric": "1.22.0", "kernel": "5.10.200"},
        {"libfabric": "1.22.0", "kernel": "5.15.0"},
        NCCL,
        severity="error",
    ),
    Set(
        "FI_EFA_SET_CUDA_SYNC_MEMOPS",
        "0",
        "fi-efa-set-cuda-sync-memops-removed",
        libfabric("1.19.1"),
        libfabric("1.19.0"),
    ),
    Set(
        "FI_EFA_ENABLE_SHM_TRANSFER", "1", "fi-efa-enable-shm-transfer-default", libfabric("1.9.0"), libfabric("1.8.0")
    ),
    Set("FI_EFA_ENABLE_SHM_TRANSFER", "0", "fi-efa-enable-shm-transfer-off", NEWEST, None, other="1", severity="info"),
    Set("FI_EFA_MTU_SIZE", "8000", "fi-efa-removed", libfabric("1.18.0"), libfabric("1.17.1"), severity="error"),
    Set("FI_EFA_TX_IOV_LIMIT", "2", "fi-efa-removed", libfabric("1.19.0"), libfabric("1.18.2"), severity="error"),
    Set("FI_EFA_RX_IOV_LIMIT", "2", "fi-efa-removed", libfabric("2.0.0"), libfabric("1.18.2"), severity="error"),
    Set(
        "FI_EFA_SHM_MAX_MEDIUM_SIZE", "1", "fi-efa-removed", libfabric("1.19.0"), libfabric("1.13.0"), severity="error"
    ),
    Set(
        "FI_EFA_SHM_MAX_MEDIUM_SIZE",
        "1",
        "fi-efa-shm-max-medium-size-removed",
        libfabric("1.19.1"),
        libfabric("1.13.0"),
    ),
    Set("FI_EFA_TX_MIN_CREDITS", "0", "fi-efa-tx-min-credits", NEWEST, None, other="32", severity="error"),
    Set("FI_EFA_TX_MIN_CREDITS", "-1", "fi-efa-tx-min-credits", {}, None, other="1", severity="error"),
    Set(
        "FI_EFA_TX_MIN_CREDITS",
        "0",
        "fi-efa-tx-min-credits",
        libfabric("1.18.0"),
        libfabric("1.17.1"),
        severity="error",
    ),
    Set("FI_EFA_SHM_AV_SIZE", "300", "fi-efa-shm-av-size-limit", {}, None, other="256", severity="error"),
    Set("FI_EFA_IFACE", "", "fi-efa-iface-empty", libfabric("2.0.0"), None, other="rdmap0s6", severity="error"),
    Set("FI_EFA_IFACE", "all", "fi-efa-iface", libfabric("1.22.0"), libfabric("2.0.0")),
    Set(
        "FI_EFA_USE_DATA_PATH_DIRECT",
        "0",
        "fi-efa-use-data-path-direct",
        libfabric("2.3.0"),
        None,
        other="1",
        severity="info",
    ),
    Set("FI_EFA_USE_DATA_PATH_DIRECT", "0", "fi-efa-option", libfabric("2.2.0"), libfabric("2.3.0")),
    Set("FI_EFA_USE_UNSOLICITED_WRITE_RECV", "0", "fi-efa-option", libfabric("1.22.0"), libfabric("2.0.0")),
    Set("FI_EFA_INTERNAL_RX_REFILL_THRESHOLD", "8", "fi-efa-option", libfabric("1.22.0"), libfabric("2.0.0")),
    Set("FI_EFA_IMPLICIT_AV_SIZE", "8", "fi-efa-option", libfabric("2.2.0"), libfabric("2.3.0")),
    Set("FI_EFA_TRACK_MR", "1", "fi-efa-option", libfabric("2.5.0"), libfabric("2.5.1")),
    Set("FI_EFA_USE_HW_CNTR", "1", "fi-efa-option", libfabric("2.5.1"), libfabric("2.6.0")),
    # 2.6.0 still looks at it, for peers of older releases.
    Set("FI_EFA_USE_ZCPY_RX", "0", "fi-efa-option", libfabric("1.10.1"), libfabric("2.6.0")),
    Set("FI_EFA_ZCPY_RX_SEED", "7", "fi-efa-zcpy-rx-seed-removed", libfabric("2.7.0"), libfabric("2.4.0")),
    *(
        Set("FI_PROVIDER", provider, "fi-provider-other", {}, None, other="efa", severity="error")
        for provider in ("tcp", "psm2", "psm3", "verbs;ofi_rxm", "ucx", "mlx", "opx", "^efa")
    ),
    Set("FI_OFI_RXR_RX_COPY_OOO", "1", "fi-ofi-rxr", {}, None),
    Set("FI_LOG_LEVEL", "1", "fi-log-level", {}, None, other="warn"),
    Set("NCCL_NET", "Libfabric", "nccl-net-name", plugin("1.12.1"), plugin("1.13.0"), NCCL, severity="error"),
    Set("NCCL_NET", "OFI", "nccl-net-name", plugin("1.12.1"), plugin("1.13.0"), NCCL, severity="error"),
    Set("NCCL_NET", "Socket", "nccl-net-socket", {}, None, other="Libfabric", severity="error"),
    Set("NCCL_PROTO", "simple", "nccl-proto", {**plugin("1.20.0"), **P5}, {**plugin("1.5.0"), **P5}, NCCL),
    Set("NCCL_PROTO", "simple", "nccl-proto", {**NEWEST, **P5}, {**NEWEST, **P4D}, NCCL),
    # The plugin sets it there by itself where the device keeps no byte order, as p3dn's and g5's may not.
    Set("NCCL_PROTO", "simple", "nccl-proto", {**NEWEST, **P5EN}, {**NEWEST, **G5}, NCCL),
    Set("NCCL_PROTO", "LL128", "nccl-proto", {**NEWEST, **G5}, {**plugin("1.5.0"), **G5}, NCCL),
    Set(
        "NCCL_PROTO",
        "simple",
        "nccl-proto-segfault",
        {**plugin("1.19.2"), **nccl("2.21.5"), **P5},
        {**plugin("1.19.2"), **nccl("2.22.3"), **P5},  # it takes the tuner's third interface, which has no such path
        NCCL,
    ),
    Set("NCCL_PROTO", "LL", "nccl-proto-segfault", {**plugin("1.15.0"), **nccl("2.20.5"), **P5}, P5, NCCL),
    Set(
        "NCCL_PROTO",
        "simple",
        "nccl-proto-start-fails",
        {**plugin("1.16.3"), **nccl("2.20.5"), **P5},
        {**plugin("1.17.0"), **nccl("2.20.5"), **P5},
        NCCL,
        severity="error",
    ),
    Set("NCCL_PROTO", "simple", "nccl-proto-set-by-plugin", {**NEWEST, **P4D}, {**NEWEST, **P5}, NCCL),
    Set(
        "NCCL_ALGO",
        "ring",
        "nccl-algo-segfault",
        {**plugin("1.19.2"), **nccl("2.21.5"), **P5},
        {**plugin("1.20.0"), **nccl("2.21.5"), **P5},
        NCCL,
    ),
    Set(
        "NCCL_ALGO",
        "ring",
        "nccl-algo-start-fails",
        {**plugin("1.16.0"), **nccl("2.19.3"), **P5},
        {**plugin("1.16.0"), **nccl("2.21.5"), **P5},
        NCCL,
        severity="error",
    ),
    Set("NCCL_P2P_DISABLE", "1", "nccl-p2p-disabled", {**NEWEST, **P4D}, {**NEWEST, **G5}, NCCL),
    Set("NCCL_ALGO", "ring", "nccl-algo", NEWEST, None, NCCL),
    Set(
        "NCCL_SOCKET_IFNAME",
        "^docker,lo,veth,eth",
        "nccl-socket-ifname-excludes-eth",
        {},
        None,
        other="^docker,lo,veth",
    ),
    Set(
        "NCCL_SOCKET_IFNAME",
        "^lo,eth0",
        "nccl-socket-ifname-excludes-eth",
        {"os": "alinux2"},
        None,
        other="^lo,docker0",
        severity="error",
    ),
    Set("NCCL_SOCKET_IFNAME", "^docker,ens,lo", "nccl-socket-ifname-excludes-en", {}, None, other="^docker,veth"),
    Set("NCCL_SOCKET_IFNAME", "^docker,ens,lo", "nccl-socket-ifname-excludes-en", {}, {"os": "alinux2"}),
    *(
        Set("NCCL_SOCKET_IFNAME", "^docker,lo,veth,eth", "nccl-socket-ifname-excludes-eth", {}, {"os": name})
        for name in ("alinux2023", "ubuntu2204", "rhel9", "rocky9")
    ),
    Set("GLOO_SOCKET_IFNAME", "lo", "gloo-socket-ifname-lo", {}, None, other="ens5", severity="error"),
    Set("OFI_NCCL_PROTOCOL", "SENDRECV", "ofi-nccl-protocol-sendrecv", P5, P4D, NCCL),
    Set("NCCL_SOCKET_IFNAME", "docker0", "nccl-socket-ifname-docker", {}, None, other="^docker0"),
    Set("NCCL_SOCKET_IFNAME", "docker0,virbr0", "nccl-socket-ifname-docker", {}, None, other="docker0,ens5"),
    Set("GLOO_SOCKET_IFNAME", "docker0", "gloo-socket-ifname-docker", {}, None, other="ens5"),
    # NCCL takes what it finds of a list, but the first of all for its bootstrap; gloo and Open MPI take all of it.
    *(
        Set("NCCL_SOCKET_IFNAME", value, "nccl-socket-ifname-lo", {}, None, other=other, severity="error")
        for value, other in (("lo,ens5", "^lo,docker0"), ("=eth0,lo", "=eth0,ens5"), ("lo:4000", "lofty0"))
    ),
    *(
        Set("NCCL_SOCKET_IFNAME", value, "nccl-socket-ifname-device", {}, None, other=other, severity="error")
        for value, other in (("rdmap0s6", "rdmap0s6,ens5"), ("=efa_0,efa_1", "^efa_0"), ("mlx5_0:1", "ens5"))
    ),
    Set("NCCL_SOCKET_IFNAME", "10.0.0.7", "nccl-socket-ifname-address", {}, None, other="ens5", severity="error"),
    Set("NCCL_SOCKET_IFNAME", "=eth0,eth1", "nccl-socket-ifname-fixed", {}, None, other="=eth0,ens5"),
    Set("NCCL_SOCKET_IFNAME", "eth0,docker0", "nccl-socket-ifname-fixed", {}, None, other="ens5,docker0"),
    Set("NCCL_SOCKET_IFNAME", "eth0", "nccl-socket-ifname-fixed", {"os": "ubuntu2204"}, {"os": "alinux2"}),
    Set("GLOO_SOCKET_IFNAME", "eth0,ens5", "gloo-socket-ifname-fixed", {}, {"os": "alinux2"}),
    Set("GLOO_SOCKET_IFNAME", "ens5,lo", "gloo-socket-ifname-lo", {}, None, other="ens5,ens6", severity="error"),
    Set("GLOO_SOCKET_IFNAME", "ens5,docker0", "gloo-socket-ifname-docker", {}, None, other="ens5,ens6"),
    *(
        Set("GLOO_SOCKET_IFNAME", value, "gloo-socket-ifname-name", {}, None, other="ens5")
        for value in ("^docker,lo", "^lo", "en", "ens", "ens5,en")
    ),
    Set("GLOO_SOCKET_IFNAME", "efa_0", "gloo-socket-ifname-device", {}, None, other="enp71s0"),
    Set("GLOO_SOCKET_IFNAME", "10.0.0.7", "gloo-socket-ifname-address", {}, None, other="ens5"),
    Set("OMPI_MCA_btl_tcp_if_include", "eth0,ens5", "openmpi-if-include-fixed", {}, {"os": "alinux2"}),
    Set("OMPI_MCA_oob_tcp_if_include", "eth0", "openmpi-if-include-fixed", {}, None, other="eth0,ens5"),
    Set("OMPI_MCA_btl_tcp_if_include", "rdmap0s6", "openmpi-if-include-device", {}, None, other="10.0.0.0/16"),
    *(
        Set("OMPI_MCA_btl_tcp_if_include", value, "openmpi-if-include-name", {}, None, other="ens5,10.0.0.0/16")
        for value in ("^docker0,lo", "ens", "en")
    ),
    Set("OMPI_MCA_btl_tcp_if_include", "ens5,docker0", "openmpi-if-include-docker", {}, None, other="ens5"),
    Set("OMPI_MCA_btl_tcp_if_include", "lo", "openmpi-if-include-lo", {}, None, other="lo,ens5"),
    *(
        Set("NVSHMEM_BOOTSTRAP_UID_SOCK_IFNAME", value, f"nvshmem-socket-ifname-{end}", {}, None, other=other)
        for value, end, other in (
            ("eth0", "fixed", "eth0,ens5"),
            ("rdmap0s6", "device", "ens5"),
            ("lo,ens5", "lo", "^lo"),
        )
    ),
    Set("UCX_NET_DEVICES", "eth0,eth1", "ucx-net-devices-fixed", {}, None, other="eth0,ens5"),
    Set("UCX_NET_DEVICES", "eth0", "ucx-net-devices-fixed", {}, {"os": "alinux2"}),
    Set("UCX_NET_DEVICES", "mlx5_0:1,mlx5_1:1", "ucx-net-devices-mlx5", {}, None, other="rdmap0s6:1"),
    Set("UCX_NET_DEVICES", "lo", "ucx-net-devices-lo", {}, None, other="all"),
    Set("NCCL_NET", "Libfabric", "nccl-net-without-efa", G5_XLARGE, G5, NCCL, severity="error"),
    Set("NCCL_NET", "Socket", "nccl-net-socket", G5, G5_XLARGE, severity="error"),
    *(
        Set(name, "efa", "provider-without-efa", C5, HPC7A)
        for name in ("FI_PROVIDER", "I_MPI_OFI_PROVIDER", "OMPI_MCA_mtl_ofi_provider_include")
    ),
    Set("FI_PROVIDER", "efa", "provider-without-efa", G5_XLARGE, G5, NCCL),
    Set("FI_PROVIDER", "tcp", "fi-provider-other", HPC7A, C5, severity="error"),
    Set("I_MPI_OFI_PROVIDER", "tcp", "intelmpi-provider-other", HPC7A, C5, INTELMPI),
    *(
        Set("FI_PROVIDER", value, "fi-provider-other", {}, None, other=other, severity="error")
        for value, other in (
            ("efa-direct", "efa"),
            ("psm3", "psm3,efa"),
            ("tcp;ofi_rxm", "^tcp"),
            ("^tcp,efa", "^efa;ofi_rxd"),
            ("ofi_rxd", "lnx"),
            ("verbs,tcp", "EFA"),
        )
    ),
    *(
        Set("FI_PROVIDER", value, "fi-provider-layered", libfabric("1.11.1"), libfabric("1.11.0"), (), None, "error")
        for value in ("efa;ofi_rxm", "efa;ofi_rxd", "efa;ofi_rxr")
    ),
    Set("FI_PROVIDER", "efa;ofi_rxm", "fi-provider-layered", {}, None, other="efa,efa;ofi_rxm", severity="error"),
    Set("NCCL_SOCKET_IFNAME", "eth0", "nccl-socket-ifname-fixed", {}, None, other="en"),
    *(
        Set("NCCL_NET_PLUGIN", other, "nccl-net-plugin-other", {}, None, other=ours)
        for other, ours in (
            ("spcx", "aws-ofi"),
            ("gib", "ofi,gib"),
            ("libnccl-net-ucx.so", "libnccl-net.so"),
            ("libnccl-net-spcx.so", "libnccl-net-ofi.so"),
            ("ucx", "/opt/my/libnccl-net-new.so"),
            ("aws-ofi-nccl", "ofi"),
            ("ofi-nccl", "gib,aws-ofi"),
            ("OFI", "none"),
            ("libnccl-net-ofi", "libnccl-net-aws-ofi.so"),
            ("libnccl-ofi.so", "libnccl-net.so.0"),
            ("efa", ""),
        )
    ),
    Set("NCCL_NET_PLUGIN", "spcx", "nccl-net-plugin-other", G5, G5_XLARGE),
    *(
        Set("NCCL_NET_PLUGIN", value, "nccl-net-plugin-file", nccl("2.20.5"), nccl("2.21.5"), severity="error")
        for value in ("libnccl-net-ofi.so", "libnccl-net.so", "/opt/amazon/ofi-nccl/lib/libnccl-net.so")
    ),
    Set("NCCL_NET_PLUGIN", "aws-ofi", "nccl-net-plugin-aws-ofi", plugin("1.19.2"), plugin("1.20.0")),
    Set("NCCL_NET_PLUGIN", "ofi", "nccl-net-plugin-ofi", plugin("1.14.2"), plugin("1.15.0"), severity="error"),
    Set(
        "NCCL_TUNER_PLUGIN",
        "libnccl-ofi-tuner.so",
        "nccl-tuner-plugin-set-by-plugin",
        plugin("1.16.0"),
        plugin("1.15.0"),
    ),
    Set(
        "NCCL_TUNER_PLUGIN",
        "/opt/amazon/ofi-nccl/lib/libnccl-ofi-tuner.so",
        "nccl-tuner-plugin-path",
        nccl("2.27.3"),
        nccl("2.26.6"),
    ),
    Set("NCCL_TUNER_PLUGIN", "/opt/x.so", "nccl-tuner-plugin-path", nccl("2.27.3"), nccl("2.27.5")),
    Set("NCCL_TUNER_PLUGIN", "libnccl-ofi-tuner.so", "nccl-tuner-plugin-unknown", nccl("2.18.5"), nccl("2.19.1")),
    Set(
        "NCCL_BUFFSIZE",
        "8388608",
        "nccl-buffsize-set-by-plugin",
        {**plugin("1.16.0"), **P5},
        {**plugin("1.15.0"), **P5},
        NCCL,
    ),
    Set("NCCL_BUFFSIZE", "2097152", "nccl-buffsize-value", {}, None, other="8388608"),
    Set(
        "NCCL_P2P_NET_CHUNKSIZE", "524288", "nccl-p2p-net-chunksize-set-by-plugin", {**NEWEST, **P4D}, {**NEWEST, **G6E}
    ),
    Set("NCCL_P2P_NET_CHUNKSIZE", "1048576", "nccl-p2p-net-chunksize-value", {}, None, other="524288"),
    Set(
        "NCCL_NVLSTREE_MAX_CHUNKSIZE",
        "1",
        "nccl-nvlstree-max-chunksize-set-by-plugin",
        {**NEWEST, **P5},
        {**NEWEST, **P4D},
    ),
    Set(
        "NCCL_NVLS_CHUNKSIZE",
        "524288",
        "nccl-nvls-chunksize-set-by-plugin",
        {**plugin("1.9.0"), **P5},
        {**plugin("1.8.1"), **P5},
    ),
    Set(
        "NCCL_NETDEVS_POLICY",
        "max:1",
        "nccl-netdevs-policy-set-by-plugin",
        {**plugin("1.17.0"), **P5EN},
        {**plugin("1.17.0"), **P5},
    ),
    Set("NCCL_NETDEVS_POLICY", "max:1", "nccl-netdevs-policy-unknown", nccl("2.27.5"), nccl("2.28.3")),
    Set("NCCL_NET_FORCE_FLUSH", "0", "nccl-net-force-flush-set-by-plugin", {**NEWEST, **P5}, {**NEWEST, **P4D}),
    Set(
        "NCCL_NET_FORCE_FLUSH",
        "0",
        "nccl-net-force-flush-set-by-plugin",
        {**plugin("1.8.0"), **P5},
        {**plugin("1.7.4"), **P5},
    ),
    Set(
        "NCCL_NVLS_ENABLE",
        "0",
        "nccl-nvls-enable-set-by-plugin",
        {**plugin("1.7.0"), **nccl("2.18.3"), **P5},
        {**plugin("1.7.0"), **nccl("2.18.5"), **P5},
    ),
    Set("NCCL_NVLS_ENABLE", "0", "nccl-nvls-disabled", nccl("2.18.5"), nccl("2.18.3")),
    Set("NCCL_TOPO_FILE", "/opt/p5.48xl-topo.xml", "nccl-topo-file", {}, None),
    Set("NCCL_MIN_CHANNELS", "8", "nccl-min-channels", {}, None),
    Set("NCCL_IGNORE_CPU_AFFINITY", "0", "nccl-ignore-cpu-affinity", {}, None, other="1"),
    Set("NCCL_CROSS_NIC", "2", "nccl-cross-nic", {}, None),
    Set("NCCL_NSOCKS_PERTHREAD", "8", "nccl-not-for-efa", {}, None),
    Set("NCCL_SOCKET_NTHREADS", "4", "nccl-not-for-efa", {}, None),
    Set("NCCL_IB_DISABLE", "1", "nccl-not-for-efa", {}, None),
    Set("NCCL_IBEXT_DISABLE", "1", "nccl-not-for-efa", {}, None),
    Set("NCCL_NET_GDR_LEVEL", "SYS", "nccl-net-gdr-level", {}, None, severity="info"),
    Set("NCCL_ASYNC_ERROR_HANDLING", "1", "nccl-async-error-handling", {}, None, severity="info"),
    Set("NCCL_TIMEOUT", "1800", "nccl-timeout", {}, None),
    Set("NCCL_SOCKET_TIMEOUT", "300", "nccl-socket-timeout", {}, None),
    Set("NCCL_BUFFERSIZE", "8388608", "nccl-buffersize", {}, None),
    Set("NCCL_SHM_USE_CUDA_MEMCPY", "1", "variable-not-read", nccl("2.30.7"), nccl("2.30.4")),
    Set(
        "NEURON_RT_ROOT_COMM_ID",
        "queue-1-st-trn1-1.a-cluster-of-a-long-name.pcluster.example.internal:44000",
        "neuron-root-comm-id-long",
        TRN1,
        None,
        NEURON,
        other="10.0.0.7:44000",
    ),
    Set("NCCL_CONF_FILE", "/etc/n.conf", "nccl-conf-file", nccl("2.22.3"), nccl("2.23.4")),
    Set("NCCL_DEBUG", "yes", "nccl-debug-value", {}, None, other="INFO"),
    Set("NCCL_DEBUG", "yes", "nccl-debug-value", {}, None, other=""),
    Set("NCCL_GIN_TYPE", "5", "nccl-gin-type-elsewhere", P5, P5EN),
    Set("NCCL_GIN_TYPE", "2", "nccl-gin-type-too-early", nccl("2.28.7"), nccl("2.31.2")),
    Set("NCCL_GIN_TYPE", "2", "nccl-gin-type", nccl("2.28.3"), nccl("2.28.7")),
    Set("NCCL_OFI_PROTOCOL", "RDMA", "ofi-nccl-prefix", {}, None),
    Set("NCCL_GRAPH_REGISTER", "0", "nccl-graph-register", {}, None, other="1", severity="info"),
    Set("NCCL_MIN_NCHANNELS", "8", "nccl-nchannels", {}, None, severity="info"),
    Set("NCCL_MIN_CTAS", "8", "nccl-ctas", {}, None, severity="info"),
    Set("OFI_NCCL_DISABLE_DMABUF", "1", "ofi-nccl-disable-dmabuf", {}, None, other="0", severity="info"),
    Set("OFI_NCCL_DISABLE_GDR_REQUIRED_CHECK", "1", "ofi-nccl-disable-gdr-required-check", {}, None, other="0"),
    Set("OFI_NCCL_ROUND_ROBIN_THRESHOLD", "1", "ofi-nccl-removed", plugin("1.13.0"), plugin("1.12.1")),
    Set("OFI_NCCL_TOPO_FILE_TEMPLATE", "x", "ofi-nccl-removed", plugin("1.11.0"), plugin("1.10.0")),
    Set("OFI_NCCL_TOPO_FILE_WRITE_ENABLE", "1", "ofi-nccl-removed", plugin("1.14.0"), plugin("1.9.0")),
    Set("OFI_NCCL_DOMAIN_PER_THREAD", "1", "ofi-nccl-removed", plugin("1.18.0"), plugin("1.17.3")),
    Set("OFI_NCCL_GIN_TYPE", "1", "ofi-nccl-removed", plugin("1.21.0"), plugin("1.20.0")),
    Set("OFI_NCCL_ENDPOINT_PER_COMM", "1", "ofi-nccl-removed", plugin("1.19.0"), plugin("1.18.0")),
    Set(
        "OFI_NCCL_RDMA_MIN_POSTED_BOUNCE_BUFFERS",
        "8",
        "ofi-nccl-refused",
        {**plugin("1.15.0"), **P5},
        {**plugin("1.14.2"), **P5},
        severity="error",
    ),
    Set(
        "OFI_NCCL_RDMA_MAX_POSTED_BOUNCE_BUFFERS",
        "8",
        "ofi-nccl-refused",
        {**plugin("1.19.0"), **G5},
        {**plugin("1.18.0"), **G5},  # only the RDMA protocol looked at it
        severity="error",
    ),
    Set("OFI_NCCL_PROTOCOL", "RDMA", "variable-not-read", plugin("1.6.0"), plugin("1.7.4")),
    Set("OFI_NCCL_TUNER_TYPE", "Region", "variable-not-read", plugin("1.12.1"), plugin("1.13.0")),
    Set("OFI_NCCL_FORCE_NUM_RAILS", "2", "variable-not-read", plugin("1.13.2"), plugin("1.14.0")),
    Set("OFI_NCCL_CQ_SIZE", "2", "variable-not-read", plugin("1.14.2"), plugin("1.15.0")),
    Set("OFI_NCCL_CM_NUM_RX_BUFFERS", "2", "variable-not-read", plugin("1.15.0"), plugin("1.16.0")),
    Set("OFI_NCCL_PROGRESS_MODEL", "2", "variable-not-read", plugin("1.16.3"), plugin("1.17.0")),
    Set("OFI_NCCL_PLATFORM", "AWS", "variable-not-read", plugin("1.17.2"), plugin("1.18.0")),
    Set("OFI_NCCL_NVTX_TRACE_DIMENSION", "x", "variable-not-read", plugin("1.17.3"), plugin("1.19.0")),
    Set("OFI_NCCL_GDAKI_EFA_HW_COUNTER", "on", "variable-not-read", plugin("1.20.0"), plugin("1.21.0")),
    Set("ulimit -l", "65536", "memlock", {}, None, other="unlimited", severity="error"),
    Set(
        "LD_LIBRARY_PATH",
        "/opt/amazon/aws-ofi-nccl/lib:/x",
        "ld-library-path-old-plugin",
        {"installer": "1.43.2"},
        {"installer": "1.36.0"},
    ),
    Set("OMPI_MCA_pml", "cm", "mpi-launch-pml-cm", P5, None, NCCL, other="^cm,ucx"),
    Set("OMPI_MCA_pml", "cm,ob1", "mpi-launch-pml-cm", P5, None, NCCL, other="ob1"),
    *(
        Set(
            "OMPI_MCA_mtl_ofi_provider_include",
            other,
            "openmpi-mtl-ofi-provider-other",
            HPC7A,
            None,
            OPENMPI,
            other=ours,
        )
        for other, ours in (("psm2", "efa"), ("tcp;ofi_rxm", "efa,shm"))
    ),
    Set(
        "OMPI_MCA_mtl_ofi_provider_exclude",
        "shm,efa",
        "openmpi-mtl-ofi-provider-excluded",
        HPC7A,
        None,
        OPENMPI,
        other="shm,sockets,tcp",
    ),
    Set("OMPI_MCA_pml", "ucx", "openmpi-pml-not-cm", HPC7A, None, OPENMPI, other="cm"),
    Set("I_MPI_FABRICS", "tmi", "intelmpi-fabrics-other", HPC7A, None, INTELMPI, other="shm:ofi"),
    Set("I_MPI_FABRICS", "shm", "intelmpi-fabrics-shm", HPC7A, None, INTELMPI, other="ofi"),
    *(
        Set(name, "1", "intelmpi-removed-fabric", HPC7A, None, INTELMPI)
        for name in ("I_MPI_DAPL_UD", "I_MPI_OFA_NUM_PORTS", "I_MPI_TMI_PROVIDER")
    ),
    *(
        Set("I_MPI_FABRICS", value, "intelmpi-fabrics-other", HPC7A, None, INTELMPI, other="ofi")
        for value in ("tcp", "shm:tcp", "shm:dapl", "ofa")
    ),
    *(
        Set("I_MPI_OFI_PROVIDER", value, "intelmpi-provider-other", HPC7A, None, INTELMPI, other="efa")
        for value in ("psm3", "verbs", "efa;ofi_rxm")
    ),
    Set("I_MPI_OFI_PROVIDER", "tcp", "intelmpi-provider-other", HPC7A, None, INTELMPI, other="efa"),
    Set("I_MPI_OFI_LIBRARY_INTERNAL", "1", "intelmpi-libfabric-own", HPC7A, None, INTELMPI, other="0"),
    Set(
        "NVSHMEM_REMOTE_TRANSPORT",
        "ibgda",
        "nvshmem-transport-other",
        P5,
        None,
        NVSHMEM,
        other="libfabric",
        severity="error",
    ),
    Set(
        "FI_EFA_FORK_SAFE",
        "1",
        "neuron-fork-safe-redundant",
        {**TRN1, "os": "ubuntu2204"},
        {**TRN1, "os": "alinux2"},
        NEURON,
    ),
)

MISSING = (
    Missing("NCCL_NET", "Libfabric", plugin("1.13.0"), plugin("1.12.1")),
    Missing("NCCL_NET", "AWS Libfabric", plugin("1.12.1"), plugin("1.13.0")),
    Missing("FI_PROVIDER", "efa", plugin("1.5.0"), plugin("1.6.0")),
    Missing("FI_EFA_USE_DEVICE_RDMA", "1", {**plugin("1.6.0"), **P4D}, {**plugin("1.7.0"), **P4D}),
    Missing("NCCL_BUFFSIZE", "8388608", {**plugin("1.15.0"), **P4D}, {**plugin("1.16.0"), **P4D}),
    Missing("NCCL_P2P_NET_CHUNKSIZE", "524288", {**plugin("1.15.0"), **B200}, {**plugin("1.15.0"), **G6E}),
    Missing(
        "NCCL_NVLSTREE_MAX_CHUNKSIZE",
        "524288",
        {**plugin("1.7.4"), **P5, **nccl("2.20.3")},
        {**plugin("1.8.0"), **P5, **nccl("2.20.3")},
    ),
    Missing(
        "NCCL_NVLS_CHUNKSIZE",
        "524288",
        {**plugin("1.8.1"), **P5, **nccl("2.21.5")},
        {**plugin("1.9.0"), **P5, **nccl("2.21.5")},
    ),
    Missing(
        "NCCL_NETDEVS_POLICY",
        "max:1",
        {**plugin("1.16.3"), **P5EN, **nccl("2.28.3")},
        {**plugin("1.17.0"), **P5EN, **nccl("2.28.3")},
    ),
    Missing(
        "NCCL_NET_FORCE_FLUSH",
        "0",
        {**plugin("1.7.4"), **P5, **nccl("2.18.5")},
        {**plugin("1.7.4"), **P5, **nccl("2.19.1")},
    ),
    Missing(
        "NCCL_NVLS_ENABLE",
        "0",
        {**plugin("1.6.0"), **P5, **nccl("2.18.1")},
        {**plugin("1.7.0"), **P5, **nccl("2.18.1")},
    ),
    Missing(
        "NCCL_TUNER_PLUGIN",
        "libnccl-ofi-tuner.so",
        {**plugin("1.14.2"), **P5, **nccl("2.23.4")},
        {**plugin("1.16.0"), **P5, **nccl("2.23.4")},
    ),
    Missing("NCCL_PROTO", "simple", plugin("1.5.0"), plugin("1.6.0")),
    Missing(
        "FI_EFA_SET_CUDA_SYNC_MEMOPS",
        "0",
        {"installer": "1.26.1", **nccl("2.19.3")},
        {"installer": "1.29.1", **nccl("2.19.3")},
    ),
    Missing(
        "FI_EFA_SHM_AV_SIZE",
        "192",
        {**libfabric("1.18.0"), "ranks_per_node": "192"},
        {**libfabric("1.18.1"), "ranks_per_node": "192"},
        OPENMPI,
    ),
    Missing(
        "FI_EFA_FORK_SAFE",
        "1",
        {**libfabric("1.18.0"), "kernel": "4.14"},
        {**libfabric("1.18.0"), "kernel": "5.15"},
        OPENMPI,
    ),
    Missing("FI_EFA_FORK_SAFE", "1", {**TRN1, "os": "alinux2"}, {**TRN1, "os": "alinux2023"}, NEURON),
    Missing("I_MPI_PIN_DOMAIN", "core", {**HPC7A, "cores_per_rank": "1"}, {**HPC7A, "cores_per_rank": "2"}, INTELMPI),
    Missing("I_MPI_MULTIRAIL", "1", {"instance": "hpc6id.32xlarge"}, {"instance": "hpc6a.48xlarge"}, INTELMPI),
    *(
        Missing(name, value, {**NEWEST, **place}, {}, workloads)
        for workloads, place, pairs in (
            (NEURON, TRN1, (("FI_PROVIDER", "efa"), ("FI_EFA_USE_DEVICE_RDMA", "1"))),
            (
                INTELMPI,
                HPC7A,
                (
                    ("I_MPI_OFI_LIBRARY_INTERNAL", "0"),
                    ("I_MPI_FABRICS", "shm:ofi"),
                    ("I_MPI_OFI_PROVIDER", "efa"),
                ),
            ),
            (
                OPENMPI,
                HPC7A,
                (
                    ("OMPI_MCA_pml", "cm"),
                    ("OMPI_MCA_mtl", "ofi"),
                    ("OMPI_MCA_mtl_ofi_provider_include", "efa"),
                    ("OMPI_MCA_btl", "^openib,tcp"),
                ),
            ),
            (
                MPI_LAUNCH,
                P5,
                (
                    ("OMPI_MCA_pml", "^cm,ucx"),
                    ("OMPI_MCA_btl", "tcp,self"),
                    ("OMPI_MCA_btl_tcp_if_exclude", "lo,docker0"),
                ),
            ),
            (
                NVSHMEM,
                P5,
                (
                    ("NVSHMEM_REMOTE_TRANSPORT", "libfabric"),
                    ("NVSHMEM_LIBFABRIC_PROVIDER", "efa"),
                    ("FI_EFA_ENABLE_SHM_TRANSFER", "0"),
                    ("FI_PROVIDER", "efa"),
                ),
            ),
        )
        for name, value in pairs
    ),
)
