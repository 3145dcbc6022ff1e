"""Rows of variables that NCCL and its plugin aws-ofi-nccl read."""

from __future__ import annotations

from efakit.catalog.variables.row import VariableRule

_PLUGIN = "https://github.com/aws/aws-ofi-nccl/blob/master/"
_ENV_DOC = _PLUGIN + "doc/efa-env-var.md"
_PLATFORM = _PLUGIN + "src/platform-aws.cpp"
_PARAMETERS = _PLUGIN + "include/nccl_ofi_param.h"
_NOTES = _PLUGIN + "RELEASENOTES.md"
_NCCL = "https://github.com/NVIDIA/nccl/blob/master/"
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

_LOUD = "if the plugin is missing or fails, the job ends at once; without this variable NCCL falls back to TCP"
_SETS_BY_ITSELF = "the plugin sets it only since 1.16.0; "
_FREEZES = "the plugin sets it for each instance type; an export keeps an old value when the vendor changes its tuning"
_TAKES_PROTOCOLS = (
    "it disables protocols that NCCL or the plugin's tuner would choose; p5 and later are faster with LL and LL128"
)
_NOT_OURS = "it configures transports that a job on EFA does not use"

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
        reason="before plugin 1.13.0 the network's name is AWS Libfabric: NCCL finds no network with this name, and "
        "the job ends",
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
        reason="NCCL uses TCP, even on nodes with EFA",
        source=_NCCL_ENV,
        value="Socket",
        severity="error",
        fix="NCCL_NET=Libfabric",
        efa=True,
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
        efa=True,
    ),
    VariableRule(
        id="nccl-net-without-efa",
        name="NCCL_NET",
        effect="harmful",
        reason="the nodes have no EFA, so the plugin finds no device: NCCL has no network with this name, and the job "
        "ends",
        source=_NCCL + "src/plugin/net.cc",
        value="Libfabric|libfabric|AWS Libfabric|aws libfabric|OFI|ofi",
        workload="nccl",
        severity="error",
        fix="remove it, or use an instance type with EFA",
        efa=False,
    ),
    VariableRule(
        id="nccl-net-plugin-ofi",
        name="NCCL_NET_PLUGIN",
        effect="harmful",
        reason="the plugin's file is libnccl-net-ofi.so only since 1.15.0: with an older plugin NCCL does not find the "
        "file and falls back to TCP",
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
        reason="ofi selects aws-ofi-nccl where an image has several plugins",
        source=_NOTES,
        value="ofi|libnccl-net-ofi.so",
        workload="nccl",
        since={"plugin": "1.15.0"},
    ),
    # The plugin's library is libnccl-net.so, libnccl-net-ofi.so or both, and libnccl-net-aws-ofi.so in NVIDIA's images;
    # a path may lead to any of them.
    VariableRule(
        id="nccl-net-plugin-other",
        name="NCCL_NET_PLUGIN",
        effect="harmful",
        reason="NCCL looks for the file libnccl-net-VALUE.so, and aws-ofi-nccl has none of this name: NCCL goes on "
        "without EFA",
        source=_NCCL + "src/plugin/plugin_open.cc",
        value="!ofi|aws-ofi|libnccl-net.so|libnccl-net.so.*|libnccl-net-ofi.so|libnccl-net-aws-ofi.so|*/*|none|",
        items="each",
        efa=True,
        fix="remove it; where an image sets it, NCCL_NET_PLUGIN=ofi (aws-ofi-nccl 1.15.0 and later)",
    ),
    VariableRule(
        id="nccl-net-plugin-aws-ofi",
        name="NCCL_NET_PLUGIN",
        effect="harmful",
        reason="NVIDIA's images have a file of this name; aws-ofi-nccl before 1.20.0 installs none, so on the node "
        "itself NCCL does not find it and falls back to TCP",
        source=_NOTES,
        value="aws-ofi|libnccl-net-aws-ofi.so",
        efa=True,
        fix="remove it",
        until={"plugin": "1.20.0"},
    ),
    VariableRule(
        id="nccl-net-plugin-file",
        name="NCCL_NET_PLUGIN",
        effect="harmful",
        reason="NCCL before 2.21.5 takes no file name: it looks for libnccl-net-VALUE.so, does not find it, and falls "
        "back to TCP",
        source=_NCCL + "src/net.cc",
        value="*.so|*.so.*|*/*",
        severity="error",
        efa=True,
        fix="remove it; with aws-ofi-nccl 1.15.0 and later also NCCL_NET_PLUGIN=ofi",
        since={"nccl": "2.12.7"},
        until={"nccl": "2.21.5"},
    ),
    VariableRule(
        id="nccl-net-plugin-none",
        name="NCCL_NET_PLUGIN",
        effect="harmful",
        reason="without a plugin NCCL cannot use EFA and uses TCP",
        source=_NCCL_ENV,
        value="none",
        severity="error",
        fix="remove it",
        efa=True,
    ),
    # Tuning that the plugin does by itself.
    VariableRule(
        id="nccl-buffsize",
        name="NCCL_BUFFSIZE",
        effect="needed",
        reason=_SETS_BY_ITSELF + "NCCL's default of 4 MiB is slower on EFA",
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
        reason=_SETS_BY_ITSELF + "NCCL's default of 128 KiB is slower on EFA",
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
        reason="the vendor uses 8388608 for every type that it has tuned",
        source=_PLATFORM,
        value="!8388608",
        fix="remove it; with a plugin before 1.16.0: 8388608",
    ),
    VariableRule(
        id="nccl-p2p-net-chunksize-value",
        name="NCCL_P2P_NET_CHUNKSIZE",
        effect="harmful",
        reason="the vendor uses 524288 for every type that it has tuned; 1 MiB and 2 MiB come from old samples",
        source=_PLATFORM,
        value="!524288",
        fix="remove it; with a plugin before 1.16.0: 524288",
    ),
    VariableRule(
        id="nccl-nvlstree-max-chunksize",
        name="NCCL_NVLSTREE_MAX_CHUNKSIZE",
        effect="needed",
        reason="the plugin sets it only since 1.8.0; since NCCL 2.19.3 jobs on more than four nodes are slower without "
        "it",
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
        reason="the plugin sets it only since 1.9.0; NCCL's NVLSTree chunks cannot be larger than this value",
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
        reason="the plugin sets it only since 1.17.0; without it all-to-all traffic is unevenly spread over devices",
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
        reason="NCCL reads it only since 2.28.3",
        source=_PLATFORM,
        until={"nccl": "2.28.3"},
    ),
    VariableRule(
        id="nccl-net-force-flush",
        name="NCCL_NET_FORCE_FLUSH",
        effect="needed",
        reason="NCCL before 2.19.1 flushes needlessly on Hopper and later; the plugin turns that off only "
        "since plugin 1.8.0",
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
        reason="plugins 1.8.0 to 1.15 do not load their tuner without it; NCCL reads the variable since 2.19.1",
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
        reason="the plugin sets it to the file that it was loaded from; a fixed path can point to another release",
        source=_PLATFORM,
        value="*",
        since={"plugin": "1.16.0"},
    ),
    VariableRule(
        id="nccl-tuner-plugin-path",
        name="NCCL_TUNER_PLUGIN",
        effect="harmful",
        reason="NCCL 2.27.3 takes a value that begins with lib as a file, and any other value, also a path, as part of "
        "a name: it finds no tuner at a path",
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
        reason="a fixed path is valid for one image only; public samples have three different paths",
        source=_PLATFORM,
        value="*/*",
        severity="info",
        fix="remove it; with a plugin before 1.16.0: libnccl-ofi-tuner.so",
    ),
    VariableRule(
        id="nccl-tuner-plugin-unknown",
        name="NCCL_TUNER_PLUGIN",
        effect="no-effect",
        reason="NCCL reads it only since 2.19.1",
        source=_NCCL_ENV,
        until={"nccl": "2.19.1"},
    ),
    VariableRule(
        id="nccl-topo-file",
        name="NCCL_TOPO_FILE",
        effect="harmful",
        reason="the plugin has or generates the topology of each instance type; a file set here is outdated or missing "
        "(p5's was a file until plugin 1.10 and is generated since)",
        source=_PLATFORM,
        fix="remove it",
    ),
    # Algorithms and protocols.
    VariableRule(
        id="nccl-proto-old-plugin",
        name="NCCL_PROTO",
        effect="needed",
        reason="plugins before 1.6.0 do not disable LL and LL128 where EFA does not keep the byte order that these "
        "protocols need",
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
            reason="NCCL 2.19 and 2.20 load the plugin's tuner; the tuner does not start when this variable is set, "
            "and NCCL fails at start (invalid argument)",
            source=_TUNER_FAILS,
            severity="error",
            fix="remove it, or use aws-ofi-nccl 1.17.0",
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
            reason="where NCCL_TUNER_PLUGIN loads the plugin's tuner as a separate library, NCCL fails at start or "
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
        reason="on this instance type EFA does not keep the byte order that LL and LL128 need",
        source=_PLATFORM,
        value="simple",
        since={"plugin": "1.6.0"},
        instances="p4d.* p4de.*",
    ),
    VariableRule(
        id="nccl-algo",
        name="NCCL_ALGO",
        effect="harmful",
        reason="it overrides the algorithm that NCCL or the plugin's tuner would choose",
        source=_ENV_DOC,
        fix="remove it",
    ),
    VariableRule(
        id="nccl-nvls-enable",
        name="NCCL_NVLS_ENABLE",
        effect="needed",
        reason="NCCL before 2.18.5 crashes or is slow with NVLink SHARP over EFA; the plugin disables it only since "
        "1.7.0",
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
        reason="only NCCL before 2.18.5 needed it: it disables NVLink SHARP for collectives within a node",
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
        reason="no release of NCCL reads it: the name is NCCL_MIN_NCHANNELS or NCCL_MIN_CTAS",
        source=_NCCL_ENV,
        fix="remove it",
    ),
    VariableRule(
        id="nccl-nchannels",
        name="NCCL_MIN_NCHANNELS",
        effect="workaround",
        reason="NCCL and the tuner choose the number of channels; a fixed number usually comes from another cluster",
        source=_NCCL_ENV,
        severity="info",
    ),
    VariableRule(
        id="nccl-nchannels",
        name="NCCL_MAX_NCHANNELS",
        effect="workaround",
        reason="NCCL and the tuner choose the number of channels; a fixed number usually comes from another cluster",
        source=_NCCL_ENV,
        severity="info",
    ),
    VariableRule(
        id="nccl-ctas",
        name="NCCL_MIN_CTAS",
        effect="workaround",
        reason="NCCL and the tuner choose the number of blocks; a fixed number usually comes from another cluster",
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
        reason="2, the default, lets NCCL choose; EFA has no rails that traffic must stay on",
        source=_NCCL_ENV,
        value="!2",
        severity="info",
    ),
    VariableRule(
        id="nccl-shm-use-cuda-memcpy",
        name="NCCL_SHM_USE_CUDA_MEMCPY",
        effect="option",
        reason="1 about doubles the speed between GPUs that communicate through host memory (g5, g6)",
        source=_CHEATSHEET,
        value="1",
        workload="nccl",
        instances="g5.* g6.* g6e.*",
    ),
    VariableRule(
        id="nccl-graph-register",
        name="NCCL_GRAPH_REGISTER",
        effect="workaround",
        reason="0 appears in samples for p6-b200 only, without a reason; NCCL then does not register buffers of CUDA "
        "graphs",
        source=_NCCL_ENV,
        value="0",
        severity="info",
    ),
    VariableRule(
        id="ofi-nccl-protocol-sendrecv",
        name="OFI_NCCL_PROTOCOL",
        effect="harmful",
        reason="the plugin's own choice for this type is RDMA: with SENDRECV a message travels over one NIC only",
        source=_PLATFORM,
        value="SENDRECV|sendrecv",
        fix="remove it",
        workload="nccl",
        instances="p5.48xlarge p5e.* p5en.*",
    ),
    # What is not for EFA.
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
        reason="it sets how near a GPU and a device must be for GPUDirect RDMA, also for EFA devices: NCCL decides "
        "that from the topology, and a fixed level can disable GPUDirect RDMA",
        source=_NCCL + "src/graph/paths.cc",
        severity="info",
    ),
    VariableRule(
        id="nccl-async-error-handling",
        name="NCCL_ASYNC_ERROR_HANDLING",
        effect="workaround",
        reason="it is the old name of TORCH_NCCL_ASYNC_ERROR_HANDLING; PyTorch still reads it, and it is on by default",
        source="https://github.com/pytorch/pytorch/blob/main/torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp",
        severity="info",
        fix="remove it, or TORCH_NCCL_ASYNC_ERROR_HANDLING",
    ),
    VariableRule(
        id="nccl-timeout",
        name="NCCL_TIMEOUT",
        effect="no-effect",
        reason="no release of NCCL reads it; PyTorch takes the timeout as an argument of init_process_group",
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
        reason="no release of NCCL reads it: it is a misspelling of NCCL_BUFFSIZE",
        source=_NCCL_ENV,
        fix="remove it; with a plugin before 1.16.0: NCCL_BUFFSIZE=8388608",
    ),
    VariableRule(
        id="nccl-conf-file",
        name="NCCL_CONF_FILE",
        effect="option",
        reason="names a file of settings; a node-wide /etc/nccl.conf can override a job without a message",
        source=_NCCL_ENV,
        workload="nccl",
        since={"nccl": "2.23.4"},
    ),
    VariableRule(
        id="nccl-debug",
        name="NCCL_DEBUG",
        effect="option",
        reason="with INFO the log shows the path: 'Selected provider is efa', 'Using transport protocol RDMA'; 'Using "
        "network Socket' means TCP",
        source="https://github.com/aws/aws-ofi-nccl/issues/803",
        value="INFO|info|WARN|warn|VERSION|version|TRACE|trace|ABORT|abort",
        workload="nccl",
    ),
    VariableRule(
        id="nccl-debug-value",
        name="NCCL_DEBUG",
        effect="harmful",
        reason="NCCL accepts only VERSION, WARN, INFO, ABORT and TRACE",
        source=_NCCL_ENV,
        value="!|VERSION|WARN|INFO|ABORT|TRACE|version|warn|info|abort|trace|Version|Warn|Info|Abort|Trace",
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
        reason="the type of GPU-initiated networking: 5 is EFA's own, since NCCL 2.31.2, aws-ofi-nccl 1.21.0 and "
        "libfabric 2.6.0; otherwise a proxy on the host is used",
        source=_GIN,
        workload="nccl",
        since={"nccl": "2.28.7"},
    ),
    VariableRule(
        id="nccl-gin-type-elsewhere",
        name="NCCL_GIN_TYPE",
        effect="harmful",
        reason="EFA's own GPU-initiated networking exists only on p5en, p6-b200 and p6-b300; on other types the plugin "
        "refuses it",
        source=_GIN,
        value="5",
        fix="remove it: a proxy on the host is then used",
        instances="p3dn.* p4d.* p4de.* p5.* p5e.* p6e* g*",
    ),
    VariableRule(
        id="nccl-sym-gin-kernels-enable",
        name="NCCL_SYM_GIN_KERNELS_ENABLE",
        effect="option",
        reason="set it to 0 together with NCCL_GIN_TYPE=5 over EFA",
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
        reason="what PyTorch does when a collective fails or hangs; by default it ends the process",
        source=_TORCH,
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
            (
                "TRTLLM_NIXL_KVCACHE_BACKEND",
                "LIBFABRIC",
                "TensorRT-LLM reaches EFA through it: NIXL's UCX has no RDMA over EFA",
            ),
            ("NIXL_PLUGINS_DIR", "*", "the folder in which NIXL finds its libfabric backend"),
        )
    ),
    # The plugin's own.
    VariableRule(
        id="ofi-nccl-prefix",
        name="NCCL_OFI_*",
        effect="no-effect",
        reason="no program reads it: the plugin's variables begin with OFI_NCCL_",
        source=_PARAMETERS,
        fix="OFI_NCCL_...",
    ),
    VariableRule(
        id="ofi-nccl-disable-gdr-required-check",
        name="OFI_NCCL_DISABLE_GDR_REQUIRED_CHECK",
        effect="workaround",
        reason="with 1 a job runs without GPUDirect RDMA on a type that has it: it is slow, where it would otherwise "
        "fail with a clear error",
        source=_PLATFORM,
        value="1|true",
        severity="warning",
        fix="remove it, and find out why GPUDirect RDMA is missing",
    ),
    VariableRule(
        id="ofi-nccl-disable-dmabuf",
        name="OFI_NCCL_DISABLE_DMABUF",
        effect="workaround",
        reason="1 is a workaround for drivers that do not fit together, where the registration of GPU memory fails",
        source=_NOTES,
        value="1|true",
        severity="info",
    ),
    *(
        VariableRule(
            id="ofi-nccl-removed",
            name="OFI_NCCL_" + name,
            effect="no-effect",
            reason="the plugin no longer reads it",
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
            reason="the plugin does not start when it is set: two variables replace it, one for control messages and "
            "one for eager messages",
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
            ("PROTOCOL", "SENDRECV or RDMA; the plugin chooses for each instance type"),
            ("DISABLE_NATIVE_RDMA_CHECK", "lets the plugin run where the provider has no native RDMA write"),
            (
                "EAGER_MAX_SIZE",
                "largest message in bytes that is sent eagerly, with its first packet; -1 turns that off",
            ),
            (
                "GDR_FLUSH_DISABLE",
                "skips the flush after a write to GPU memory; by default the plugin decides",
            ),
            ("NET_LATENCY", "the latency in microseconds that the plugin reports to NCCL"),
            ("TUNER_TYPE", "the kind of tuner: Region, Model or Internal"),
            ("MIN_STRIPE_SIZE", "smallest message in bytes that is striped over devices"),
            ("ABORT_ON_ERROR", "ends the process when a network error occurs"),
            ("USE_LOW_LATENCY_TC", "sends control messages in EFA's low-latency traffic class"),
            ("FORCE_NUM_RAILS", "number of devices in a group"),
            ("EARLY_COMPLETION", "completes a send before the receiver has answered"),
            ("CQ_SIZE", "number of entries in a completion queue"),
            ("RR_CTRL_MSG", "sends control messages over all devices in turn"),
            ("CM_NUM_RX_BUFFERS", "number of receive buffers of the connection manager"),
            (
                "SKIP_NICS_WITHOUT_ACCEL_AT_SAME_PCI_LEVEL",
                "does not use devices that have no GPU at the same PCI level",
            ),
            ("PROGRESS_MODEL", "libfabric's progress model"),
            ("PLATFORM", "AWS or Default"),
            ("NVTX_TRACE_DIMENSION", "what a trace is grouped by"),
            ("GIN_CQ_PROCESS_MAX_ITER", "most iterations when the queue of GPU-initiated networking is processed"),
            ("GDAKI_EFA_HW_COUNTER", "auto, on or off"),
        )
    ),
)
