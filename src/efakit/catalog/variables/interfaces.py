"""Rows of variables that name network interfaces: for bootstraps, for gloo, and for TCP beside EFA."""

from __future__ import annotations

from efakit.catalog.variables.row import VariableRule

_NCCL = "https://github.com/NVIDIA/nccl/blob/master/"
_SOCKET = _NCCL + "src/misc/socket.cc"
_NCCL_ENV = "https://docs.nvidia.com/deeplearning/nccl/user-guide/docs/env.html"
_DISTRIBUTED = "https://docs.pytorch.org/docs/stable/distributed.html"
_GLOO_FAILS = "https://github.com/aws-samples/aws-do-eks/pull/51"
_NO_ADDRESS = "https://github.com/AMD-AGI/Primus/pull/1063"
_BTL_TCP = "https://github.com/open-mpi/ompi/blob/v4.1.x/opal/mca/btl/tcp/btl_tcp_component.c"
_OMPI_DOCKER = "https://github.com/open-mpi/ompi/issues/6377"
_NVSHMEM_SOCKET = (
    "https://github.com/NVIDIA/nvshmem/blob/main/src/modules/bootstrap/uid/ncclSocket/ncclsocket_socket.cpp"
)
_UCX = "https://openucx.readthedocs.io/en/master/faq.html"

_ENS = "Amazon Linux 2023, Ubuntu and RHEL name the interface ens*"
_LOOPBACK = "the loopback interface does not reach ranks on other nodes"
_DOCKER = "Docker's bridge has the same address on each node, and does not reach ranks on other nodes"
_NO_DEVICE = "RDMA devices, such as EFA's, are not network interfaces"
_BRIDGES = "docker*|virbr*|br-*"
_RDMA = "rdmap*|efa*|mlx5_*"
_ADDRESS = "[0-9]*"
# Amazon Linux 2 names the first interface eth0.
_ETH_NAMES = "alinux2"
_ENS_NAMES = "alinux2023 ubuntu* rhel* rocky*"
_NCCL_FIX = "remove it, or ^docker,lo,veth"
_NETWORK_FIX = "remove it, or name the network, such as 10.0.0.0/16"
_EACH = (("OMPI_MCA_btl_tcp_if_include", "some"), ("OMPI_MCA_oob_tcp_if_include", "each"))

ROWS = (
    # NCCL: a list of prefixes, of names with = before it, of what to leave out with ^ before it.
    *(
        VariableRule(
            id="nccl-socket-ifname-excludes-eth",
            name="NCCL_SOCKET_IFNAME",
            effect="harmful",
            reason="it excludes the only interface where that is eth0, as on Amazon Linux 2 and in containers: NCCL "
            "finds no socket interface",
            source="https://github.com/aws-samples/awsome-distributed-training/issues/519",
            value="^*,eth|^*,eth0|^*,eth,*|^*,eth0,*|^eth|^eth0|^eth,*|^eth0,*",
            severity=severity,
            fix=_NCCL_FIX,
            os=os,
            except_os=except_os,
        )
        for severity, os, except_os in (("warning", "*", _ENS_NAMES), ("error", "alinux2", ""))
    ),
    VariableRule(
        id="nccl-socket-ifname-excludes-en",
        name="NCCL_SOCKET_IFNAME",
        effect="harmful",
        reason="it excludes the only interface where that is ens*, as on Amazon Linux 2023, Ubuntu and RHEL: NCCL "
        "finds no socket interface",
        source=_SOCKET,
        value="^en|^ens*|^enp*|^en,*|^*,en|^*,ens*|^*,enp*|^*,en,*",
        fix=_NCCL_FIX,
        except_os=_ETH_NAMES,
    ),
    VariableRule(
        id="nccl-socket-ifname-lo",
        name="NCCL_SOCKET_IFNAME",
        effect="harmful",
        reason=_LOOPBACK + ", and NCCL's bootstrap takes the first interface that is named, which is lo",
        source=_SOCKET,
        value="lo",
        items="some",
        several_nodes=True,
        severity="error",
        fix="remove it",
    ),
    VariableRule(
        id="nccl-socket-ifname-device",
        name="NCCL_SOCKET_IFNAME",
        effect="harmful",
        reason=_NO_DEVICE + ": NCCL finds no socket interface, and the job ends",
        source=_NCCL + "src/bootstrap.cc",
        value=_RDMA,
        items="each",
        severity="error",
        fix=_NCCL_FIX,
    ),
    VariableRule(
        id="nccl-socket-ifname-address",
        name="NCCL_SOCKET_IFNAME",
        effect="harmful",
        reason="an address is not the name of an interface: NCCL finds no socket interface, and the job ends",
        source=_NCCL + "src/bootstrap.cc",
        value=_ADDRESS,
        items="each",
        severity="error",
        fix=_NCCL_FIX,
    ),
    VariableRule(
        id="nccl-socket-ifname-fixed",
        name="NCCL_SOCKET_IFNAME",
        effect="harmful",
        reason=_ENS + ": NCCL finds no interface with this prefix",
        source=_SOCKET,
        value="eth*",
        items="each",
        except_os=_ETH_NAMES,
        fix=_NCCL_FIX,
    ),
    VariableRule(
        id="nccl-socket-ifname-docker",
        name="NCCL_SOCKET_IFNAME",
        effect="harmful",
        reason=_DOCKER,
        source=_NCCL_ENV,
        value=_BRIDGES,
        items="each",
        several_nodes=True,
        fix=_NCCL_FIX,
    ),
    # What is left of a list that mixes them reaches no other node either.
    VariableRule(
        id="nccl-socket-ifname-fixed",
        name="NCCL_SOCKET_IFNAME",
        effect="harmful",
        reason=_ENS + ", and the other items of the list do not reach other nodes",
        source=_SOCKET,
        value=f"eth*|{_BRIDGES}|{_RDMA}",
        items="each",
        except_os=_ETH_NAMES,
        several_nodes=True,
        fix=_NCCL_FIX,
    ),
    VariableRule(
        id="nccl-socket-ifname",
        name="NCCL_SOCKET_IFNAME",
        effect="option",
        reason="chooses the interface for the bootstrap (and for TCP); by default NCCL does not use lo, docker and "
        "virtual interfaces",
        source=_SOCKET,
        value="^docker*|^lo*|^veth*|en*",
        workload="nccl",
    ),
    # NVSHMEM's bootstrap by a unique id has NCCL's sockets, and their rules.
    *(
        VariableRule(
            id=f"nvshmem-socket-ifname-{end}",
            name="NVSHMEM_BOOTSTRAP_UID_SOCK_IFNAME",
            effect="harmful",
            reason=reason,
            source=_NVSHMEM_SOCKET,
            value=value,
            items=items,
            except_os=except_os,
            several_nodes=end == "lo",
            fix="remove it",
        )
        for end, value, items, except_os, reason in (
            ("fixed", "eth*", "each", _ETH_NAMES, _ENS + ": NVSHMEM finds no interface with this prefix"),
            ("device", _RDMA, "each", "", _NO_DEVICE + ": NVSHMEM finds no socket interface"),
            ("lo", "lo", "some", "", _LOOPBACK),
        )
    ),
    # gloo: a list of whole names, and each of them has to be there.
    VariableRule(
        id="gloo-socket-ifname-fixed",
        name="GLOO_SOCKET_IFNAME",
        effect="harmful",
        reason=_ENS + ": gloo finds no interface with this name",
        source=_DISTRIBUTED,
        value="eth*",
        items="some",
        except_os=_ETH_NAMES,
        fix="remove it",
    ),
    VariableRule(
        id="gloo-socket-ifname-docker",
        name="GLOO_SOCKET_IFNAME",
        effect="harmful",
        reason=_DOCKER,
        source=_DISTRIBUTED,
        value=_BRIDGES,
        items="some",
        several_nodes=True,
        fix="remove it",
    ),
    VariableRule(
        id="gloo-socket-ifname-lo",
        name="GLOO_SOCKET_IFNAME",
        effect="harmful",
        reason=_LOOPBACK,
        source=_DISTRIBUTED,
        value="lo",
        items="some",
        several_nodes=True,
        severity="error",
        fix="remove it",
    ),
    VariableRule(
        id="gloo-socket-ifname-name",
        name="GLOO_SOCKET_IFNAME",
        effect="harmful",
        reason="gloo takes whole names of interfaces, and has neither NCCL's prefixes nor its ^: a group of processes "
        "over gloo fails (Unable to find address)",
        source=_GLOO_FAILS,
        value="^*|en|ens|enp|eth|docker|veth",
        items="some",
        fix="remove it, or the whole name, such as ens5",
    ),
    VariableRule(
        id="gloo-socket-ifname-device",
        name="GLOO_SOCKET_IFNAME",
        effect="harmful",
        reason=_NO_DEVICE + ": a group of processes over gloo fails (Unable to find address)",
        source=_GLOO_FAILS,
        value=_RDMA,
        items="some",
        fix="remove it, or the whole name of the interface, such as ens5",
    ),
    VariableRule(
        id="gloo-socket-ifname-address",
        name="GLOO_SOCKET_IFNAME",
        effect="harmful",
        reason="an address is not the name of an interface: a group of processes over gloo fails (Unable to find "
        "address)",
        source=_NO_ADDRESS,
        value=_ADDRESS,
        items="some",
        fix="remove it, or the name of the interface, such as ens5",
    ),
    # Open MPI: whole names and networks. TCP is off where one name of btl's is not there, mpirun's own where none is.
    *(
        row
        for name, items in _EACH
        for row in (
            VariableRule(
                id="openmpi-if-include-fixed",
                name=name,
                effect="harmful",
                reason=_ENS + ": Open MPI finds no interface with this name, and has no TCP between nodes",
                source=_BTL_TCP,
                value="eth*",
                items=items,
                except_os=_ETH_NAMES,
                several_nodes=True,
                fix=_NETWORK_FIX,
            ),
            VariableRule(
                id="openmpi-if-include-device",
                name=name,
                effect="harmful",
                reason=_NO_DEVICE + ": Open MPI has no TCP between nodes",
                source=_BTL_TCP,
                value=_RDMA,
                items=items,
                several_nodes=True,
                fix=_NETWORK_FIX,
            ),
            VariableRule(
                id="openmpi-if-include-name",
                name=name,
                effect="harmful",
                reason="Open MPI takes whole names of interfaces and networks, and has neither NCCL's prefixes nor its "
                "^ and =",
                source=_BTL_TCP,
                value="^*|en|ens|enp|eth",
                items="some",
                several_nodes=True,
                fix=_NETWORK_FIX,
            ),
            VariableRule(
                id="openmpi-if-include-docker",
                name=name,
                effect="harmful",
                reason="Open MPI tries to reach other nodes through Docker's bridge, which has the same address on "
                "each node",
                source=_OMPI_DOCKER,
                value=_BRIDGES,
                items="some",
                several_nodes=True,
                fix=_NETWORK_FIX,
            ),
            VariableRule(
                id="openmpi-if-include-lo",
                name=name,
                effect="harmful",
                reason=_LOOPBACK,
                source=_BTL_TCP,
                value="lo",
                items="each",
                several_nodes=True,
                fix="remove it",
            ),
        )
    ),
    # UCX: devices of which one is enough; EFA devices are among them since UCX 1.19.
    VariableRule(
        id="ucx-net-devices-fixed",
        name="UCX_NET_DEVICES",
        effect="harmful",
        reason=_ENS + ": UCX finds no device of this list",
        source=_UCX,
        value="eth*",
        items="each",
        except_os=_ETH_NAMES,
        fix="remove it",
    ),
    VariableRule(
        id="ucx-net-devices-mlx5",
        name="UCX_NET_DEVICES",
        effect="harmful",
        efa=True,
        reason="EFA devices have other names (rdmap*): UCX finds no device of this list, or none that reaches other "
        "nodes",
        source=_UCX,
        value="mlx*|ib*",
        items="each",
        fix="remove it",
    ),
    VariableRule(
        id="ucx-net-devices-lo",
        name="UCX_NET_DEVICES",
        effect="harmful",
        reason="the loopback interface and Docker's bridge do not reach ranks on other nodes",
        source=_UCX,
        value=f"lo|{_BRIDGES}",
        items="each",
        several_nodes=True,
        fix="remove it",
    ),
    VariableRule(
        id="uccl-socket-ifname",
        name="UCCL_SOCKET_IFNAME",
        effect="option",
        reason="the interface for UCCL's bootstrap, as NCCL_SOCKET_IFNAME is for NCCL",
        source="https://github.com/uccl-project/uccl",
    ),
)
