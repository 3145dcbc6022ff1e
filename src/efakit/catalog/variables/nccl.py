"""Rows of variables that NCCL and its plugin aws-ofi-nccl read."""

from __future__ import annotations

from efakit.catalog.variables.row import VariableRule

_PLUGIN = "https://github.com/aws/aws-ofi-nccl/blob/master/"
_ENV_DOC = _PLUGIN + "doc/efa-env-var.md"
_PLATFORM = _PLUGIN + "src/platform-aws.cpp"
_PARAMETERS = _PLUGIN + "include/nccl_ofi_param.h"
_NOTES = _PLUGIN + "RELEASENOTES.md"
_NCCL = "https://github.com/NVIDIA/nccl/blob/master/"
_SOCKET = _NCCL + "src/misc/socket.cc"
_NCCL_ENV = "https://docs.nvidia.com/deeplearning/nccl/user-guide/docs/env.html"
_CHEATSHEET = "https://github.com/awslabs/awsome-distributed-ai/blob/main/1.architectures/efa-cheatsheet.md"
_TORCH = "https://docs.pytorch.org/docs/stable/torch_nccl_environment_variables.html"
_GIN = _PLUGIN + "doc/gin-getting-started.md"
_NET_COMMIT = "https://github.com/aws/aws-ofi-nccl/commit/7c014f0d"
_TUNER_COMMIT = "https://github.com/aws/aws-ofi-nccl/commit/d2040033"
_TUNER_FAILS = "https://github.com/aws/aws-ofi-nccl/issues/982"

# The types for which the plugin itself sets tuned variables (platform-aws.cpp): the first two of them, or all five.
_HOPPER_AND_LATER = "p5.48xlarge p5e.* p5en.* p6*"
_TUNED = "p4d.* p4de.* " + _HOPPER_AND_LATER
_TUNER_TYPES = "p5.48xlarge p5e.48xlarge p5en.48xlarge p6-b200.48xlarge p6-b300.48xlarge"

_LOUD = "a plugin that is missing or fails ends the job at once; without this NCCL goes on over TCP"
_SETS_BY_ITSELF = "the plugin sets it by itself only from 1.16.0 on; "
_FREEZES = "the plugin sets it for each instance type; an export freezes an old tuning over the vendor's newer one"
_TAKES_PROTOCOLS = (
    "it disables protocols that NCCL or the plugin's tuner would choose; p5 and later gain from LL and LL128"
)
_NOT_OURS = "it steers transports that a job on EFA does not use"

ROWS = (
    # The network itself.
    VariableRule(
        id="nccl-net",
        name="NCCL_NET",
        effect="needed",
        reason=_LOUD,
        source=_NET_COMMIT,
        value="Libfabric",
        workload="nccl",
        since={"plugin": "1.13.0"},
    ),
    VariableRule(
        id="nccl-net-old-name",
        name="NCCL_NET",
        effect="needed",
        reason=_LOUD,
        source=_NET_COMMIT,
        value="AWS Libfabric",
        workload="nccl",
        until={"plugin": "1.13.0"},
    ),
    # From 1.13.0 on the plugin takes all three names.
    VariableRule(
        id="nccl-net-name",
        name="NCCL_NET",
        effect="harmful",
        reason="before plugin 1.13.0 the network is called AWS Libfabric: NCCL finds no network of this name and the "
        "job ends",
        source=_NET_COMMIT,
        value="Libfabric|libfabric|OFI|ofi",
        workload="nccl",
        severity="error",
        fix="NCCL_NET='AWS Libfabric'",
        until={"plugin": "1.13.0"},
    ),
    VariableRule(
        id="nccl-net-socket",
        name="NCCL_NET",
        effect="harmful",
        reason="NCCL then uses TCP, whatever EFA the node has",
        source=_NCCL_ENV,
        value="Socket",
        severity="error",
        fix="NCCL_NET=Libfabric",
    ),
    VariableRule(
        id="nccl-net-ib",
        name="NCCL_NET",
        effect="harmful",
        reason="NCCL's own IB transport finds no device: EFA is not InfiniBand",
        source=_NCCL_ENV,
        value="IB",
        severity="error",
        fix="NCCL_NET=Libfabric",
    ),
    VariableRule(
        id="nccl-net-plugin-ofi",
        name="NCCL_NET_PLUGIN",
        effect="harmful",
        reason="libnccl-net-ofi.so is the plugin's name from 1.15.0 on: before, NCCL finds no such file and goes on "
        "over TCP",
        source=_NOTES,
        value="ofi|libnccl-net-ofi.so",
        severity="error",
        fix="remove it",
        until={"plugin": "1.15.0"},
    ),
    VariableRule(
        id="nccl-net-plugin",
        name="NCCL_NET_PLUGIN",
        effect="option",
        reason="ofi names aws-ofi-nccl where an image has several plugins",
        source=_NOTES,
        value="ofi|libnccl-net-ofi.so",
        workload="nccl",
        since={"plugin": "1.15.0"},
    ),
    # The plugin's library is libnccl-net.so, libnccl-net-ofi.so or both; a path may lead to either.
    VariableRule(
        id="nccl-net-plugin-other",
        name="NCCL_NET_PLUGIN",
        effect="harmful",
        reason="NCCL loads this plugin alone, and it is not aws-ofi-nccl: NCCL goes on without EFA",
        source=_NCCL + "src/plugin/plugin_open.cc",
        value="!*ofi*|*aws*|*efa*|*libnccl-net.so*|*/*|none|",
        fix="remove it; where an image sets it, NCCL_NET_PLUGIN=ofi (aws-ofi-nccl 1.15.0 and later)",
    ),
    VariableRule(
        id="nccl-net-plugin-none",
        name="NCCL_NET_PLUGIN",
        effect="harmful",
        reason="without a plugin NCCL knows no EFA and uses TCP",
        source=_NCCL_ENV,
        value="none",
        severity="error",
        fix="remove it",
    ),
    # Tuning that the plugin does by itself.
    VariableRule(
        id="nccl-buffsize",
        name="NCCL_BUFFSIZE",
        effect="needed",
        reason=_SETS_BY_ITSELF + "NCCL's own 4 MiB are slower on EFA",
        source=_PLATFORM,
        value="8388608",
        workload="nccl",
        until={"plugin": "1.16.0"},
        instances=_TUNED,
    ),
    VariableRule(
        id="nccl-p2p-net-chunksize",
        name="NCCL_P2P_NET_CHUNKSIZE",
        effect="needed",
        reason=_SETS_BY_ITSELF + "NCCL's own 128 KiB are slower on EFA",
        source=_PLATFORM,
        value="524288",
        workload="nccl",
        until={"plugin": "1.16.0"},
        instances=_TUNED,
    ),
    VariableRule(
        id="nccl-buffsize-set-by-plugin",
        name="NCCL_BUFFSIZE",
        effect="set-by-plugin",
        reason=_FREEZES,
        source=_PLATFORM,
        value="8388608",
        since={"plugin": "1.16.0"},
        instances=_TUNED,
    ),
    VariableRule(
        id="nccl-buffsize-set-by-plugin",
        name="NCCL_BUFFSIZE",
        effect="set-by-plugin",
        reason=_FREEZES,
        source=_PLATFORM,
        value="8388608",
        since={"plugin": "1.17.2"},
        instances="g7e.*",
    ),
    VariableRule(
        id="nccl-p2p-net-chunksize-set-by-plugin",
        name="NCCL_P2P_NET_CHUNKSIZE",
        effect="set-by-plugin",
        reason=_FREEZES,
        source=_PLATFORM,
        value="524288",
        since={"plugin": "1.16.0"},
        instances=_TUNED,
    ),
    VariableRule(
        id="nccl-p2p-net-chunksize-set-by-plugin",
        name="NCCL_P2P_NET_CHUNKSIZE",
        effect="set-by-plugin",
        reason=_FREEZES,
        source=_PLATFORM,
        value="524288",
        since={"plugin": "1.17.2"},
        instances="g7e.*",
    ),
    VariableRule(
        id="nccl-buffsize-value",
        name="NCCL_BUFFSIZE",
        effect="harmful",
        reason="the vendor's value for every type that it has tuned is 8388608",
        source=_PLATFORM,
        value="!8388608",
        fix="remove it; with a plugin before 1.16.0: 8388608",
    ),
    VariableRule(
        id="nccl-p2p-net-chunksize-value",
        name="NCCL_P2P_NET_CHUNKSIZE",
        effect="harmful",
        reason="the vendor's value for every type that it has tuned is 524288; 1 and 2 MiB come from old samples",
        source=_PLATFORM,
        value="!524288",
        fix="remove it; with a plugin before 1.16.0: 524288",
    ),
    VariableRule(
        id="nccl-nvlstree-max-chunksize",
        name="NCCL_NVLSTREE_MAX_CHUNKSIZE",
        effect="needed",
        reason="the plugin sets it only from 1.8.0 on; since NCCL 2.19.3 jobs of more than four nodes are slower "
        "without",
        source="https://github.com/NVIDIA/nccl/pull/1112",
        value="524288",
        workload="nccl",
        since={"nccl": "2.20.3"},
        until={"plugin": "1.8.0"},
        instances=_HOPPER_AND_LATER,
    ),
    VariableRule(
        id="nccl-nvlstree-max-chunksize-set-by-plugin",
        name="NCCL_NVLSTREE_MAX_CHUNKSIZE",
        effect="set-by-plugin",
        reason=_FREEZES,
        source=_PLATFORM,
        value="524288",
        since={"plugin": "1.8.0"},
        instances=_HOPPER_AND_LATER,
    ),
    VariableRule(
        id="nccl-nvls-chunksize",
        name="NCCL_NVLS_CHUNKSIZE",
        effect="needed",
        reason="the plugin sets it by itself only from 1.9.0 on; NCCL's NVLSTree chunks cannot be larger than these",
        source=_PLATFORM,
        value="524288",
        workload="nccl",
        since={"nccl": "2.21.5"},
        until={"plugin": "1.9.0"},
        instances=_HOPPER_AND_LATER,
    ),
    VariableRule(
        id="nccl-nvls-chunksize-set-by-plugin",
        name="NCCL_NVLS_CHUNKSIZE",
        effect="set-by-plugin",
        reason=_FREEZES,
        source=_PLATFORM,
        value="524288",
        since={"plugin": "1.9.0"},
        instances=_HOPPER_AND_LATER,
    ),
    VariableRule(
        id="nccl-netdevs-policy",
        name="NCCL_NETDEVS_POLICY",
        effect="needed",
        reason="the plugin sets it by itself only from 1.17.0 on; all-to-all traffic is spread badly over the devices "
        "without",
        source=_PLATFORM,
        value="max:1",
        workload="nccl",
        since={"nccl": "2.28.3"},
        until={"plugin": "1.17.0"},
        instances="p5en.* p6-b200.*",
    ),
    VariableRule(
        id="nccl-netdevs-policy-set-by-plugin",
        name="NCCL_NETDEVS_POLICY",
        effect="set-by-plugin",
        reason=_FREEZES,
        source=_PLATFORM,
        value="max:1",
        since={"plugin": "1.17.0"},
        instances="p5en.* p6-b200.*",
    ),
    VariableRule(
        id="nccl-netdevs-policy-unknown",
        name="NCCL_NETDEVS_POLICY",
        effect="no-effect",
        reason="NCCL reads it only from 2.28.3 on",
        source=_PLATFORM,
        until={"nccl": "2.28.3"},
    ),
    VariableRule(
        id="nccl-net-force-flush",
        name="NCCL_NET_FORCE_FLUSH",
        effect="needed",
        reason="NCCL before 2.19.1 flushes needlessly on Hopper and later, and the plugin says so only from 1.8.0 on",
        source=_PLATFORM,
        value="0",
        workload="nccl",
        since={"nccl": "2.15.1"},
        until={"nccl": "2.19.1", "plugin": "1.8.0"},
        instances=_HOPPER_AND_LATER,
    ),
    VariableRule(
        id="nccl-net-force-flush-set-by-plugin",
        name="NCCL_NET_FORCE_FLUSH",
        effect="set-by-plugin",
        reason=_FREEZES,
        source=_PLATFORM,
        value="0",
        since={"plugin": "1.8.0"},
        instances=_HOPPER_AND_LATER,
    ),
    VariableRule(
        id="nccl-tuner-plugin",
        name="NCCL_TUNER_PLUGIN",
        effect="needed",
        reason="plugins from 1.8.0 to 1.15 do not load their tuner by themselves, and NCCL knows the variable since "
        "2.19.1",
        source=_PLATFORM,
        value="libnccl-ofi-tuner.so",
        workload="nccl",
        since={"plugin": "1.8.0", "nccl": "2.19.1"},
        until={"plugin": "1.16.0"},
        instances=_TUNER_TYPES,
    ),
    VariableRule(
        id="nccl-tuner-plugin-set-by-plugin",
        name="NCCL_TUNER_PLUGIN",
        effect="set-by-plugin",
        reason="the plugin names the file that it was loaded from; a fixed path names one of another release",
        source=_PLATFORM,
        value="*",
        since={"plugin": "1.16.0"},
    ),
    VariableRule(
        id="nccl-tuner-plugin-path",
        name="NCCL_TUNER_PLUGIN",
        effect="harmful",
        reason="NCCL 2.27.3 takes a name that begins with lib for a file and everything else, a path too, for a part "
        "of a name: it finds no tuner at a path",
        source=_NCCL + "src/plugin/plugin_open.cc",
        value="*/*",
        fix="remove it; with a plugin before 1.16.0: libnccl-ofi-tuner.so",
        since={"nccl": "2.27.3"},
        until={"nccl": "2.27.5"},
    ),
    VariableRule(
        id="nccl-tuner-plugin-fixed-path",
        name="NCCL_TUNER_PLUGIN",
        effect="workaround",
        reason="a fixed path is one image's: three different ones stand in public samples",
        source=_PLATFORM,
        value="*/*",
        severity="info",
        fix="remove it; with a plugin before 1.16.0: libnccl-ofi-tuner.so",
    ),
    VariableRule(
        id="nccl-tuner-plugin-unknown",
        name="NCCL_TUNER_PLUGIN",
        effect="no-effect",
        reason="NCCL reads it only from 2.19.1 on",
        source=_NCCL_ENV,
        until={"nccl": "2.19.1"},
    ),
    VariableRule(
        id="nccl-topo-file",
        name="NCCL_TOPO_FILE",
        effect="harmful",
        reason="the plugin brings or makes the topology of each instance type; a file named here is stale or missing "
        "(p5's was a file until plugin 1.10 and is made since)",
        source=_PLATFORM,
        fix="remove it",
    ),
    # Algorithms and protocols.
    VariableRule(
        id="nccl-proto-old-plugin",
        name="NCCL_PROTO",
        effect="needed",
        reason="plugins before 1.6.0 do not switch LL and LL128 off where EFA does not keep the byte order that they "
        "rely on",
        source=_ENV_DOC,
        value="simple",
        workload="nccl",
        until={"plugin": "1.6.0"},
    ),
    # The tuner's interfaces v1 (NCCL 2.19 and 2.20) and v2 (NCCL 2.21) refuse to start beside the two variables.
    *(
        VariableRule(
            id=f"{name.lower().replace('_', '-')}-start-fails",
            name=name,
            effect="harmful",
            reason="NCCL 2.19 and 2.20 load the plugin's tuner, which refuses to start beside it, and NCCL's start "
            "fails (invalid argument)",
            source=_TUNER_FAILS,
            severity="error",
            fix="remove it, or aws-ofi-nccl 1.17.0",
            since={"plugin": "1.16.0", "nccl": "2.19.1"},
            until={"plugin": "1.17.0", "nccl": "2.21.5"},
        )
        for name in ("NCCL_PROTO", "NCCL_ALGO")
    ),
    *(
        VariableRule(
            id=f"{name.lower().replace('_', '-')}-segfault",
            name=name,
            effect="harmful",
            reason="where NCCL_TUNER_PLUGIN loads the plugin's tuner as a library of its own, NCCL's start fails or "
            "ends with a segmentation fault",
            source=_TUNER_COMMIT,
            fix="remove it",
            since={"nccl": "2.19.1", "plugin": since},
            until={"nccl": until_nccl, "plugin": until},
            instances=_TUNER_TYPES,
        )
        for name in ("NCCL_PROTO", "NCCL_ALGO")
        for since, until, until_nccl in (("1.8.0", "1.16.0", "2.21.5"), ("1.17.0", "1.20.0", "2.22.3"))
    ),
    VariableRule(
        id="nccl-proto",
        name="NCCL_PROTO",
        effect="harmful",
        reason=_TAKES_PROTOCOLS,
        source=_NOTES,
        value="simple|Simple|SIMPLE",
        fix="remove it",
        since={"plugin": "1.6.0"},
        # On types before these the plugin asks the device for the byte order, and sets the same value without it.
        instances=_HOPPER_AND_LATER,
    ),
    VariableRule(
        id="nccl-proto",
        name="NCCL_PROTO",
        effect="harmful",
        reason=_TAKES_PROTOCOLS,
        source=_NOTES,
        value="!simple|Simple|SIMPLE",
        fix="remove it",
        since={"plugin": "1.6.0"},
    ),
    VariableRule(
        id="nccl-proto-set-by-plugin",
        name="NCCL_PROTO",
        effect="set-by-plugin",
        reason="EFA does not keep the byte order there that LL and LL128 rely on",
        source=_PLATFORM,
        value="simple",
        since={"plugin": "1.6.0"},
        instances="p4d.* p4de.*",
    ),
    VariableRule(
        id="nccl-algo",
        name="NCCL_ALGO",
        effect="harmful",
        reason="it takes the choice of the algorithm from NCCL and from the plugin's tuner",
        source=_ENV_DOC,
        fix="remove it",
    ),
    VariableRule(
        id="nccl-nvls-enable",
        name="NCCL_NVLS_ENABLE",
        effect="needed",
        reason="NCCL before 2.18.5 crashes or is slow with NVLink SHARP over EFA; the plugin switches it off only from "
        "1.7.0 on",
        source=_NOTES,
        value="0",
        workload="nccl",
        since={"nccl": "2.17.1"},
        until={"nccl": "2.18.5", "plugin": "1.7.0"},
        instances=_HOPPER_AND_LATER,
    ),
    VariableRule(
        id="nccl-nvls-enable-set-by-plugin",
        name="NCCL_NVLS_ENABLE",
        effect="set-by-plugin",
        reason="NCCL before 2.18.5 crashes or is slow with NVLink SHARP over EFA",
        source=_PLATFORM,
        value="0",
        since={"nccl": "2.17.1", "plugin": "1.7.0"},
        until={"nccl": "2.18.5"},
        instances=_HOPPER_AND_LATER,
    ),
    VariableRule(
        id="nccl-nvls-disabled",
        name="NCCL_NVLS_ENABLE",
        effect="harmful",
        reason="only NCCL before 2.18.5 needed it: it takes NVLink SHARP from collectives within a node",
        source=_NOTES,
        value="0",
        fix="remove it",
        since={"nccl": "2.18.5"},
    ),
    VariableRule(
        id="nccl-p2p-disabled",
        name="NCCL_P2P_DISABLE",
        effect="harmful",
        reason="it takes NVLink from the ranks of a node, which is many times faster than what is left to them",
        source=_NCCL_ENV,
        value="1",
        workload="nccl",
        fix="remove it",
        instances="p3dn.* p4d.* p4de.* p5.48xlarge p5e.* p5en.* p6*",
    ),
    VariableRule(
        id="nccl-min-channels",
        name="NCCL_MIN_CHANNELS",
        effect="no-effect",
        reason="no NCCL reads it: the name is NCCL_MIN_NCHANNELS, or NCCL_MIN_CTAS",
        source=_NCCL_ENV,
        fix="remove it",
    ),
    VariableRule(
        id="nccl-nchannels",
        name="NCCL_MIN_NCHANNELS",
        effect="workaround",
        reason="NCCL and the tuner choose the number of channels; a number from another cluster is a left-over",
        source=_NCCL_ENV,
        severity="info",
    ),
    VariableRule(
        id="nccl-nchannels",
        name="NCCL_MAX_NCHANNELS",
        effect="workaround",
        reason="NCCL and the tuner choose the number of channels; a number from another cluster is a left-over",
        source=_NCCL_ENV,
        severity="info",
    ),
    VariableRule(
        id="nccl-ctas",
        name="NCCL_MIN_CTAS",
        effect="workaround",
        reason="NCCL and the tuner choose the number of blocks; a number from another cluster is a left-over",
        source=_NCCL_ENV,
        severity="info",
    ),
    VariableRule(
        id="nccl-ignore-cpu-affinity",
        name="NCCL_IGNORE_CPU_AFFINITY",
        effect="no-effect",
        reason="0 is the default",
        source=_NCCL_ENV,
        value="0",
    ),
    VariableRule(
        id="nccl-cross-nic",
        name="NCCL_CROSS_NIC",
        effect="no-effect",
        reason="2 is the default",
        source=_NCCL_ENV,
        value="2",
    ),
    VariableRule(
        id="nccl-cross-nic",
        name="NCCL_CROSS_NIC",
        effect="workaround",
        reason="2, the default, lets NCCL choose; EFA has no rails to keep to",
        source=_NCCL_ENV,
        value="!2",
        severity="info",
    ),
    VariableRule(
        id="nccl-shm-use-cuda-memcpy",
        name="NCCL_SHM_USE_CUDA_MEMCPY",
        effect="option",
        reason="1 about doubles the speed between GPUs that share host memory (g5, g6)",
        source=_CHEATSHEET,
        value="1",
        workload="nccl",
        instances="g5.* g6.* g6e.*",
    ),
    VariableRule(
        id="nccl-graph-register",
        name="NCCL_GRAPH_REGISTER",
        effect="workaround",
        reason="0 stands in samples for p6-b200 alone, unexplained; it keeps NCCL from registering buffers of CUDA "
        "graphs",
        source=_NCCL_ENV,
        value="0",
        severity="info",
    ),
    # Addresses for the bootstrap, and what is not for EFA.
    *(
        VariableRule(
            id="nccl-socket-ifname-excludes-eth",
            name="NCCL_SOCKET_IFNAME",
            effect="harmful",
            reason="it leaves no interface where the node's own is called eth0, as on Amazon Linux 2 and in "
            "containers: NCCL finds no socket interface",
            source="https://github.com/aws-samples/awsome-distributed-training/issues/519",
            value="^*,eth|^*,eth0|^*,eth,*|^*,eth0,*|^eth|^eth0|^eth,*|^eth0,*",
            severity=severity,
            fix="remove it, or ^docker,lo,veth",
            os=os,
        )
        for severity, os in (("warning", "*"), ("error", "alinux2"))
    ),
    VariableRule(
        id="nccl-socket-ifname-excludes-en",
        name="NCCL_SOCKET_IFNAME",
        effect="harmful",
        reason="it leaves no interface where the node's own is called ens*, as on Amazon Linux 2023, Ubuntu and RHEL: "
        "NCCL finds no socket interface",
        source=_SOCKET,
        value="^en|^ens*|^enp*|^en,*|^*,en|^*,ens*|^*,enp*|^*,en,*",
        fix="remove it, or ^docker,lo,veth",
    ),
    VariableRule(
        id="nccl-socket-ifname-fixed",
        name="NCCL_SOCKET_IFNAME",
        effect="harmful",
        reason="Ubuntu and RHEL call the interface ens*, Amazon Linux 2023 too: NCCL finds none that begins so",
        source=_SOCKET,
        value="eth*|=eth*",
        fix="remove it, or ^docker,lo,veth",
    ),
    VariableRule(
        id="nccl-socket-ifname-lo",
        name="NCCL_SOCKET_IFNAME",
        effect="harmful",
        reason="ranks of other nodes cannot be reached over the loopback interface",
        source=_SOCKET,
        value="lo|=lo",
        severity="error",
        fix="remove it",
    ),
    VariableRule(
        id="nccl-socket-ifname",
        name="NCCL_SOCKET_IFNAME",
        effect="option",
        reason="chooses the interface of the bootstrap (and of TCP); NCCL leaves out lo, docker and virtual ones by "
        "itself",
        source=_SOCKET,
        value="^docker*|^lo*|^veth*|en*",
        workload="nccl",
    ),
    VariableRule(
        id="gloo-socket-ifname-fixed",
        name="GLOO_SOCKET_IFNAME",
        effect="harmful",
        reason="Ubuntu and RHEL call the interface ens*, Amazon Linux 2023 too: gloo finds none of this name",
        source="https://docs.pytorch.org/docs/stable/distributed.html",
        value="eth*",
        fix="remove it",
    ),
    VariableRule(
        id="gloo-socket-ifname-lo",
        name="GLOO_SOCKET_IFNAME",
        effect="harmful",
        reason="ranks of other nodes cannot be reached over the loopback interface",
        source="https://docs.pytorch.org/docs/stable/distributed.html",
        value="lo",
        severity="error",
        fix="remove it",
    ),
    VariableRule(
        id="nccl-not-for-efa", name="NCCL_NSOCKS_PERTHREAD", effect="no-effect", reason=_NOT_OURS, source=_ENV_DOC
    ),
    VariableRule(
        id="nccl-not-for-efa", name="NCCL_SOCKET_NTHREADS", effect="no-effect", reason=_NOT_OURS, source=_ENV_DOC
    ),
    VariableRule(id="nccl-not-for-efa", name="NCCL_IB_*", effect="no-effect", reason=_NOT_OURS, source=_NCCL_ENV),
    VariableRule(
        id="nccl-not-for-efa", name="NCCL_IBEXT_DISABLE", effect="no-effect", reason=_NOT_OURS, source=_NCCL_ENV
    ),
    VariableRule(
        id="nccl-net-gdr-level",
        name="NCCL_NET_GDR_LEVEL",
        effect="workaround",
        reason="how near a GPU and a device must be for GPUDirect RDMA, EFA's devices too: NCCL decides that by the "
        "topology, and a level by hand can switch GPUDirect RDMA off",
        source=_NCCL + "src/graph/paths.cc",
        severity="info",
    ),
    VariableRule(
        id="nccl-async-error-handling",
        name="NCCL_ASYNC_ERROR_HANDLING",
        effect="workaround",
        reason="the old name, which PyTorch still reads, of TORCH_NCCL_ASYNC_ERROR_HANDLING; it is on by default",
        source="https://github.com/pytorch/pytorch/blob/main/torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp",
        severity="info",
        fix="remove it, or TORCH_NCCL_ASYNC_ERROR_HANDLING",
    ),
    VariableRule(
        id="nccl-timeout",
        name="NCCL_TIMEOUT",
        effect="no-effect",
        reason="no NCCL reads it; PyTorch takes the timeout as an argument of init_process_group",
        source=_NCCL_ENV,
    ),
    VariableRule(
        id="nccl-socket-timeout",
        name="NCCL_SOCKET_TIMEOUT",
        effect="no-effect",
        reason="no NCCL reads it",
        source=_NCCL_ENV,
    ),
    VariableRule(
        id="nccl-buffersize",
        name="NCCL_BUFFERSIZE",
        effect="no-effect",
        reason="no NCCL reads it: NCCL_BUFFSIZE is misspelt",
        source=_NCCL_ENV,
        fix="remove it; with a plugin before 1.16.0: NCCL_BUFFSIZE=8388608",
    ),
    VariableRule(
        id="nccl-conf-file",
        name="NCCL_CONF_FILE",
        effect="option",
        reason="names a file of settings; a node-wide /etc/nccl.conf can override a job silently",
        source=_NCCL_ENV,
        workload="nccl",
        since={"nccl": "2.23.4"},
    ),
    VariableRule(
        id="nccl-debug",
        name="NCCL_DEBUG",
        effect="option",
        reason="INFO logs the path: 'Selected provider is efa', 'Using transport protocol RDMA'; 'Using network "
        "Socket' means TCP",
        source="https://github.com/aws/aws-ofi-nccl/issues/803",
        value="INFO|info|WARN|warn|VERSION|version|TRACE|trace|ABORT|abort",
        workload="nccl",
    ),
    VariableRule(
        id="nccl-debug-value",
        name="NCCL_DEBUG",
        effect="harmful",
        reason="NCCL knows VERSION, WARN, INFO, ABORT and TRACE only",
        source=_NCCL_ENV,
        value="!VERSION|WARN|INFO|ABORT|TRACE|version|warn|info|abort|trace|Version|Warn|Info|Abort|Trace",
        fix="NCCL_DEBUG=INFO",
    ),
    VariableRule(
        id="nccl-gin-type-too-early",
        name="NCCL_GIN_TYPE",
        effect="harmful",
        reason="NCCL reads it, but GPU-initiated networking over EFA needs NCCL 2.31.2 and aws-ofi-nccl 1.21.0: a "
        "program that uses it fails",
        source="https://github.com/NVIDIA/nccl/issues/1913",
        fix="remove it",
        since={"nccl": "2.28.7"},
        until={"nccl": "2.31.2"},
    ),
    VariableRule(
        id="nccl-gin-type",
        name="NCCL_GIN_TYPE",
        effect="option",
        reason="the kind of GPU-initiated networking: 5 is EFA's own, from NCCL 2.31.2, aws-ofi-nccl 1.21.0 and "
        "libfabric 2.6.0 on; without it a host proxy takes part",
        source=_GIN,
        workload="nccl",
        since={"nccl": "2.28.7"},
    ),
    VariableRule(
        id="nccl-gin-type-elsewhere",
        name="NCCL_GIN_TYPE",
        effect="harmful",
        reason="EFA's own GPU-initiated networking exists on p5en, p6-b200 and p6-b300 only; the plugin refuses it "
        "elsewhere",
        source=_GIN,
        value="5",
        fix="remove it: a host proxy takes part then",
        instances="p3dn.* p4d.* p4de.* p5.* p5e.* p6e* g*",
    ),
    VariableRule(
        id="nccl-sym-gin-kernels-enable",
        name="NCCL_SYM_GIN_KERNELS_ENABLE",
        effect="option",
        reason="0 goes with NCCL_GIN_TYPE=5 over EFA",
        source=_GIN,
        value="0",
        workload="nccl",
        since={"nccl": "2.29.7"},
    ),
    # What stands above NCCL, or in its place.
    VariableRule(
        id="torch-nccl-async-error-handling",
        name="TORCH_NCCL_ASYNC_ERROR_HANDLING",
        effect="option",
        reason="what PyTorch does with a collective that fails or hangs; it ends the process by default",
        source=_TORCH,
    ),
    VariableRule(
        id="uccl-socket-ifname",
        name="UCCL_SOCKET_IFNAME",
        effect="option",
        reason="UCCL's NCCL_SOCKET_IFNAME: the interface of its bootstrap",
        source="https://github.com/uccl-project/uccl",
    ),
    *(
        VariableRule(
            id="nixl-libfabric",
            name=name,
            effect="option",
            reason=reason,
            source="https://github.com/NVIDIA/TensorRT-LLM/pull/17208",
            value=value,
        )
        for name, value, reason in (
            ("TRTLLM_NIXL_KVCACHE_BACKEND", "LIBFABRIC", "TensorRT-LLM's way to EFA: NIXL's UCX does no RDMA over it"),
            ("NIXL_PLUGINS_DIR", "*", "where NIXL finds its backend for libfabric"),
        )
    ),
    # The plugin's own.
    VariableRule(
        id="ofi-nccl-prefix",
        name="NCCL_OFI_*",
        effect="no-effect",
        reason="nothing reads it: the plugin's variables begin with OFI_NCCL_",
        source=_PARAMETERS,
        fix="OFI_NCCL_...",
    ),
    VariableRule(
        id="ofi-nccl-disable-gdr-required-check",
        name="OFI_NCCL_DISABLE_GDR_REQUIRED_CHECK",
        effect="workaround",
        reason="1 lets a job go on without GPUDirect RDMA where the type has it: slow instead of a clear failure",
        source=_PLATFORM,
        value="1|true",
        severity="warning",
        fix="remove it, and mend why GPUDirect RDMA is missing",
    ),
    VariableRule(
        id="ofi-nccl-disable-dmabuf",
        name="OFI_NCCL_DISABLE_DMABUF",
        effect="workaround",
        reason="1 is a workaround where registration of GPU memory fails with an odd mix of drivers",
        source=_NOTES,
        value="1|true",
        severity="info",
    ),
    *(
        VariableRule(
            id="ofi-nccl-removed",
            name="OFI_NCCL_" + name,
            effect="no-effect",
            reason="the plugin reads it no more",
            source=_PARAMETERS,
            since={"plugin": removed},
        )
        for name, removed in (
            ("ROUND_ROBIN_THRESHOLD", "1.13.0"),
            ("TOPO_FILE_TEMPLATE", "1.11.0"),
            ("TOPO_FILE_WRITE_ENABLE", "1.11.0"),
            ("DOMAIN_PER_THREAD", "1.18.0"),
            ("ENDPOINT_PER_COMM", "1.19.0"),
            ("GIN_TYPE", "1.21.0"),
            ("GIN_STRONG_SIGNAL", "1.21.0"),
        )
    ),
    *(
        VariableRule(
            id="ofi-nccl-refused",
            name="OFI_NCCL_" + name,
            effect="harmful",
            reason="the plugin does not start where it is set: two variables took its place, for control and for eager "
            "messages",
            source=_PARAMETERS,
            severity="error",
            fix="remove it",
            since=since,
            until=until,
            instances=instances,
        )
        for name in ("RDMA_MIN_POSTED_BOUNCE_BUFFERS", "RDMA_MAX_POSTED_BOUNCE_BUFFERS")
        # At first only with the RDMA protocol.
        for since, until, instances in (
            ({"plugin": "1.15.0"}, {"plugin": "1.19.0"}, _HOPPER_AND_LATER),
            ({"plugin": "1.19.0"}, {}, "*"),
        )
    ),
    # Which releases read them: catalog.variable_names.
    *(
        VariableRule(
            id="ofi-nccl-option",
            name="OFI_NCCL_" + name,
            effect="option",
            reason=reason,
            source=_PARAMETERS,
            workload="nccl",
        )
        for name, reason in (
            ("PROTOCOL", "SENDRECV or RDMA; the plugin knows which for each instance type"),
            ("DISABLE_NATIVE_RDMA_CHECK", "goes on where the provider has no RDMA write of its own"),
            ("EAGER_MAX_SIZE", "bytes up to which a message goes with its first packet; -1 is never"),
            (
                "GDR_FLUSH_DISABLE",
                "leaves out the flush after a write to GPU memory, which the plugin decides by itself",
            ),
            ("NET_LATENCY", "latency in microseconds that NCCL is told"),
            ("TUNER_TYPE", "Region, Model or Internal"),
            ("MIN_STRIPE_SIZE", "bytes from which a message is spread over devices"),
            ("ABORT_ON_ERROR", "ends the process on a network error"),
            ("USE_LOW_LATENCY_TC", "control messages in EFA's low-latency traffic class"),
            ("FORCE_NUM_RAILS", "devices of a group"),
            ("EARLY_COMPLETION", "completes a send before the receiver has answered"),
            ("CQ_SIZE", "entries of a completion queue"),
            ("RR_CTRL_MSG", "control messages over all devices in turn"),
            ("CM_NUM_RX_BUFFERS", "receive buffers of the connection manager"),
            ("SKIP_NICS_WITHOUT_ACCEL_AT_SAME_PCI_LEVEL", "leaves out devices that have no GPU beside them"),
            ("PROGRESS_MODEL", "libfabric's progress model"),
            ("PLATFORM", "AWS or Default"),
            ("NVTX_TRACE_DIMENSION", "what a trace is grouped by"),
            ("GIN_CQ_PROCESS_MAX_ITER", "rounds of the GPU-initiated queue"),
            ("GDAKI_EFA_HW_COUNTER", "auto, on or off"),
        )
    ),
)
