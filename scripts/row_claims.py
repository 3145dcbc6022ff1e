"""What proves the catalog's rows, as rows: where the text stands, or which document or report says it.

``prove_rows.py`` looks for each text at the tags of its repository, and holds the boundary of the row to where the text
comes or goes. Of several claims about one boundary the first counts.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from efakit.catalog.counters import PORT_COUNTERS
from efakit.catalog.known_faults import FAULTS
from efakit.catalog.log_lines import facts, lines
from efakit.catalog.plugin_nccl import PLUGIN_NCCL
from efakit.catalog.slurm_settings import settings


class Text(NamedTuple):
    """Text that is in a file from a boundary on, or up to it.

    ``files`` are patterns of paths, by blanks; one of the files has to hold ``pattern``, a regular expression in
    which . is any character and ^ the beginning of a line. ``component`` names the repository where it is not the
    boundary's own: then it is enough that a release has the text. So it is with a ``document``, which people read and
    no program.
    """

    files: str
    pattern: str
    component: str = ""
    document: bool = False


class Document(NamedTuple):
    """A document says it; "": the row's own source does."""

    address: str = ""


class Report(NamedTuple):
    """Somebody met the failure and shows it; "": the row's own source does."""

    address: str = ""


class Own(NamedTuple):
    """Our own code says it, in this commit: ``file``, a path in this project, has to hold ``pattern``."""

    file: str
    pattern: str


class Rows(NamedTuple):
    """It follows from other rows: an installer is the first that brings a plugin of the release that is needed."""


Proof = Text | Document | Report | Own | Rows


class Claim(NamedTuple):
    """What proves one boundary, or all that the patterns cover."""

    row: str
    proof: Proof
    component: str = "*"
    side: str = "*"
    name: str = "*"
    version: str = "*"
    table: str = "*"


_PLATFORM = "src/platform-aws.c*"
_NET = "src/nccl_ofi_interface_nvidia.c*"
_MAKEFILE = "src/Makefile.am"
_PARAMETERS = "include/nccl_ofi_param.h"
_RDMA = "src/nccl_ofi_rdma.c* src/rdma/*"
_TUNER = "src/tuner/nccl_ofi_tuner.c*"
_ENV_DOC = "doc/efa-env-var.md"
_NOTES = "RELEASENOTES.md"
_EFA = "prov/efa/src/*"
_NCCL = "src/*"


def _entry(name: str, inside: str) -> str:
    """Return a pattern for something in an entry of the plugin's table of instance types."""
    return rf'\.name = "{name}"(?:(?!\.name =).)*{inside}'


def _aborts(name: str) -> str:
    """Return a pattern for what makes libfabric call abort() where a variable is set."""
    return (
        rf'getenv\("{name}"\)\) \{{(?:(?!\}};).)*abort\(\)'
        rf'|\*(?:abort_)?deprecated_env_vars\[\] = \{{(?:(?!\}};).)*"{name}"'
    )


def _reads(name: str) -> str:
    """Return a pattern for a parameter of the plugin that counts: it is declared, and not as deprecated or removed."""
    return rf'OFI_NCCL_PARAM(?:_(?!DEPRECATED|REMOVED|VALUE_SET)\w+)?\([^;"]*"{name}"'


# What the plugin puts into the process by itself.
_BUFFSIZE = r'"NCCL_BUFFSIZE", "8388608"'
_CHUNKSIZE = r'"NCCL_P2P_NET_CHUNKSIZE", "524288"'
_FORCES_SIMPLE = r'setenv\("NCCL_PROTO", "simple"|configure_nccl_proto_simple'
_TUNER_BY_ITSELF = r"configure_tuner\("
_TUNER_ALONE = r"libnccl-ofi-tuner\.la"
_NET_NAME = r'\.name = "Libfabric"'

_PLUGIN_VARIABLES = (
    Claim("nccl-net-name", Text("src/net.cc src/plugin/net.cc", r"strcasecmp\([^,]*netName,", "nccl"), side="fact"),
    Claim("nccl-net*", Text(_NET, _NET_NAME), "plugin", name="NCCL_NET"),
    Claim("nccl-net-socket", Text("src/transport/net_socket.cc", r'ncclNetSocket = \{\s*"Socket"', "nccl")),
    Claim(
        "nccl-net-ib",
        Text(
            "src/transport/net_ib*", r"link_layer != IBV_LINK_LAYER_INFINIBAND\s*&& \S* ?!= IBV_LINK_LAYER_ETH", "nccl"
        ),
    ),
    Claim(
        "nccl-net-without-efa",
        Text("src/net.cc src/plugin/net.cc", r"network %s not found|Failed to initialize any NET plugin", "nccl"),
    ),
    Claim("nccl-net-plugin-aws-ofi", Text(_MAKEFILE, r"libnccl-net-aws-ofi\.la"), "plugin"),
    Claim("nccl-net-plugin-file", Text("src/net.cc", r'"libnccl-net-%s\.so", envPluginName', "nccl"), side="fact"),
    Claim("nccl-net-plugin-file", Text("src/net.cc", r'"libnccl-net-%s\.so", envPluginName'), "nccl"),
    Claim("nccl-net-plugin-ofi", Text("src/plugin/plugin_open.cc", r'"%s-%s\.so"', "nccl"), side="fact"),
    Claim("nccl-net-plugin*", Text(_MAKEFILE, r"libnccl_net_ofi_la_SOURCES"), "plugin"),
    Claim("nccl-net-plugin-none", Text("src/plugin/net.cc", r'strcasecmp\(envNetPlugin, "none"\)', "nccl")),
    Claim("nccl-buffsize-set-by-plugin", Text(_PLATFORM, _entry("g7e", _BUFFSIZE)), version="1.17.2"),
    Claim("nccl-p2p-net-chunksize-set-by-plugin", Text(_PLATFORM, _entry("g7e", _CHUNKSIZE)), version="1.17.2"),
    Claim("nccl-buffsize*", Text(_PLATFORM, _BUFFSIZE)),
    Claim("nccl-p2p-net-chunksize*", Text(_PLATFORM, _CHUNKSIZE)),
    Claim("nccl-nvlstree-max-chunksize*", Text(_PLATFORM, r'"NCCL_NVLSTREE_MAX_CHUNKSIZE", "524288"'), "plugin"),
    Claim("nccl-nvlstree-max-chunksize", Text(_NCCL, r'"NVLSTREE_MAX_CHUNKSIZE"'), "nccl"),
    Claim("nccl-nvls-chunksize*", Text(_PLATFORM, r'"NCCL_NVLS_CHUNKSIZE", "524288"'), "plugin"),
    Claim("nccl-nvls-chunksize", Text(_NCCL, r'"NVLS_CHUNKSIZE"'), "nccl"),
    Claim("nccl-netdevs-policy*", Text(_PLATFORM, r'"NCCL_NETDEVS_POLICY", "max:1"'), "plugin"),
    Claim("nccl-netdevs-policy*", Text(_NCCL, r"NCCL_NETDEVS_POLICY"), "nccl"),
    Claim("nccl-net-force-flush*", Text(_PLATFORM, r'"NCCL_NET_FORCE_FLUSH", "0"'), "plugin"),
    Claim("nccl-net-force-flush", Text("src/graph/paths.cc", r'"NET_FORCE_FLUSH", 1\)'), "nccl"),
    Claim("nccl-tuner-plugin", Text(_MAKEFILE, _TUNER_ALONE), "plugin", "since"),
    Claim("nccl-tuner-plugin*", Text(_PLATFORM, _TUNER_BY_ITSELF), "plugin"),
    Claim(
        "nccl-tuner-plugin-path",
        Text("src/plugin/plugin_open.cc", r"match names that start with 'lib' and end"),
        "nccl",
    ),
    Claim("nccl-tuner-plugin*", Text(_NCCL, r"NCCL_TUNER_PLUGIN"), "nccl"),
    Claim("nccl-proto*", Text(_PLATFORM, _FORCES_SIMPLE), "plugin", version="1.6.0"),
    Claim("nccl-*-start-fails", Report("https://github.com/aws/aws-ofi-nccl/issues/982"), side="fact"),
    Claim("nccl-*-start-fails", Text(_PLATFORM, _TUNER_BY_ITSELF), "plugin", "since"),
    Claim("nccl-*-start-fails", Text(_TUNER, r"return ncclInvalidArgument;"), "plugin", "until"),
    Claim("nccl-*-segfault", Text(_MAKEFILE, _TUNER_ALONE), "plugin", version="1.1[!9].0"),
    Claim("nccl-*-segfault", Text(_MAKEFILE, _TUNER_ALONE), "plugin", version="1.8.0"),
    Claim(
        "nccl-*-segfault",
        Text(_TUNER, r"ofi_log_function = logFunction;\s*\}\s*NCCL_OFI_INFO\([^;]*can not be loaded"),
        "plugin",
        "until",
    ),
    *(
        claim
        for row in ("nccl-*-start-fails", "nccl-*-segfault")
        for claim in (
            Claim(row, Text(_NCCL, r"NCCL_TUNER_PLUGIN"), "nccl", "since"),
            Claim(row, Text(_NCCL, r'"ncclTunerPlugin_v1"'), "nccl", "until", version="2.21.5"),
        )
    ),
    Claim("nccl-*-segfault", Text(_NCCL, r'"ncclTunerPlugin_v3"'), "nccl", "until", version="2.22.3"),
    Claim("nccl-nvls-enable*", Text("src/transport/nvls.cc", r'"NVLS_ENABLE"'), "nccl", "since"),
    Claim("nccl-nvls-*", Text(_PLATFORM, r"version < 21805", "plugin"), "nccl"),
    Claim("nccl-nvls-enable*", Text(_PLATFORM, r'"NCCL_NVLS_ENABLE", "0"'), "plugin"),
    Claim("nccl-socket-ifname-excludes-eth", Report()),
    Claim("nccl-socket-ifname-device", Text("src/bootstrap.cc", r"no socket interface found", "nccl")),
    Claim("nccl-socket-ifname-address", Text("src/bootstrap.cc", r"no socket interface found", "nccl")),
    Claim("nccl-socket-ifname-lo", Report("https://github.com/NVIDIA/nccl/issues/286")),
    Claim("gloo-socket-ifname-lo", Report("https://github.com/pytorch/gloo/issues/223")),
    Claim("nccl-conf-file", Text(_NCCL, r"NCCL_CONF_FILE")),
    Claim("nccl-gin-type*", Text(_NCCL, r'"GIN_TYPE"'), "nccl", "since"),
    Claim("nccl-gin-type*", Text("doc/gin-getting-started.md", r"NCCL 2\.31\.2", "plugin", document=True), "nccl"),
    Claim("nccl-sym-gin-kernels-enable", Text(_NCCL, r'"SYM_GIN_KERNELS_ENABLE"')),
    *(
        Claim("ofi-nccl-removed", Text(_PARAMETERS, _reads(name)), name=f"OFI_NCCL_{name}")
        for name in (
            "ROUND_ROBIN_THRESHOLD",
            "TOPO_FILE_TEMPLATE",
            "TOPO_FILE_WRITE_ENABLE",
            "DOMAIN_PER_THREAD",
            "ENDPOINT_PER_COMM",
            "GIN_TYPE",
            "GIN_STRONG_SIGNAL",
        )
    ),
    *(
        claim
        for name in ("RDMA_MIN_POSTED_BOUNCE_BUFFERS", "RDMA_MAX_POSTED_BOUNCE_BUFFERS")
        for before, now in (
            (
                rf"Use of OFI_NCCL_{name} is deprecated[^;]*;\s*return -EINVAL",
                rf'OFI_NCCL_PARAM_REMOVED\([^;"]*"{name}"',
            ),
        )
        for claim in (
            Claim("ofi-nccl-refused", Text(_PARAMETERS, now, "plugin"), side="fact", name=f"OFI_NCCL_{name}"),
            Claim("ofi-nccl-refused", Text(_RDMA, before), "plugin", version="1.15.0", name=f"OFI_NCCL_{name}"),
            Claim("ofi-nccl-refused", Text(_PARAMETERS, now), "plugin", version="1.19.0", name=f"OFI_NCCL_{name}"),
        )
    ),
)

_LIBFABRIC_VARIABLES = (
    Claim("fi-provider-other", Text("src/fabric.c", r'fi_param_get_str\(NULL, "provider"', "libfabric")),
    Claim("fi-provider-layered", Text("src/fabric.c", r"ofi_apply_prov_post_filter\(", "libfabric"), side="fact"),
    Claim("fi-provider-layered", Text("src/fabric.c", r'strcasecmp\(provider->name, "efa"\)'), "libfabric"),
    Claim("fi-provider*", Text(_PLATFORM, r"Setting provider_filter to efa"), "plugin"),
    Claim("fi-efa-use-device-rdma", Text("src/nccl_ofi_net.c", r"FI_EFA_USE_DEVICE_RDMA"), "plugin"),
    Claim(
        "fi-efa-use-device-rdma-aborts",
        Text(_EFA, r"FI_EFA_USE_DEVICE_RDMA=1 was set by (?:(?!\n\t?\}).)*abort\(\)", "libfabric"),
        side="fact",
    ),
    Claim(
        "fi-efa-use-device-rdma-aborts", Text(_EFA, r"FI_EFA_USE_DEVICE_RDMA=1 was set by (?:(?!\n\t?\}).)*abort\(\)")
    ),
    Claim(
        "fi-efa-use-device-rdma-value",
        Text(_EFA, r"FI_EFA_USE_DEVICE_RDMA was set to an invalid value(?:(?!\n\t?\}).)*abort\(\)", "libfabric"),
        side="fact",
    ),
    Claim(
        "fi-efa-use-device-rdma-value",
        Text(_EFA, r"FI_EFA_USE_DEVICE_RDMA was set to an invalid value(?:(?!\n\t?\}).)*abort\(\)"),
    ),
    Claim(
        "fi-efa-use-device-rdma-redundant",
        Text(_EFA, r"FI_VERSION_GE\(fabric_api_version, FI_VERSION\(1, ?18\)\)"),
        "libfabric",
    ),
    Claim("fi-efa-use-device-rdma-redundant", Text(_ENV_DOC, r"aws-ofi-nccl>=1\.7\.0", document=True), "plugin"),
    Claim("*fork-safe*", Text(_EFA, r'"fork_safe"'), "libfabric"),
    Claim(
        "fi-efa-*", Document("https://github.com/ofiwg/libfabric/blob/main/prov/efa/src/efa_fork_support.c"), "kernel"
    ),
    Claim("fi-efa-*", Document(), "rdma_core"),
    Claim(
        "fi-efa-use-huge-page-on",
        Text(_EFA, r"huge_page_setting == EFA_ENV_HUGE_PAGE_ENABLED(?:(?!\n\t\t?\}).)*abort\(\)", "libfabric"),
        side="fact",
    ),
    Claim("fi-efa-use-huge-page*", Text(_EFA, r'"use_huge_page"'), "libfabric"),
    Claim("fi-efa-set-cuda-sync-memops*", Text(_EFA, r'"set_cuda_sync_memops"'), "libfabric"),
    Claim(
        "fi-efa-set-cuda-sync-memops",
        Text(_ENV_DOC, r"to avoid nccl>=2\.19\.0 raising libfabric errors", "plugin", document=True),
        "nccl",
    ),
    Claim(
        "fi-efa-set-cuda-sync-memops",
        Document("https://github.com/awslabs/awsome-distributed-ai/blob/main/1.architectures/efa-cheatsheet.md"),
        "installer",
    ),
    Claim("fi-efa-enable-shm-transfer-default", Text(_EFA, r"\.enable_shm_transfer = 1")),
    Claim("fi-efa-shm-av-size", Report(), side="fact"),
    Claim("fi-efa-shm-av-size", Text(_EFA, r"shm_av_size *= *128", "libfabric"), "ranks_per_node"),
    Claim("fi-efa-shm-av-size", Text(_EFA, r"shm_av_size *= *128"), "libfabric"),
    Claim("fi-efa-shm-av-size-limit", Text(_EFA, r"shm_av_size > EFA_SHM_MAX_AV_COUNT", "libfabric"), side="fact"),
    Claim("fi-efa-shm-av-size-limit", Text(_EFA, r"shm_av_size > EFA_SHM_MAX_AV_COUNT")),
    *(
        Claim("fi-efa-removed", Text(_EFA, _aborts(name), "libfabric" if side == "fact" else ""), side=side, name=name)
        for name in ("FI_EFA_MTU_SIZE", "FI_EFA_TX_IOV_LIMIT", "FI_EFA_RX_IOV_LIMIT", "FI_EFA_SHM_MAX_MEDIUM_SIZE")
        for side in ("fact", "*")
    ),
    Claim("fi-efa-shm-max-medium-size-removed", Text(_EFA, r'info_deprecated_env_vars\[\] = [^;]*"FI_EFA_SHM_MAX_MED')),
    Claim("fi-efa-tx-min-credits", Text(_EFA, r"tx_min_credits <= 0\) \{(?:(?!\n\t\}).)*abort\(\)"), "libfabric"),
    Claim("fi-efa-tx-min-credits", Text(_EFA, r"tx_min_credits <= 0\) \{(?:(?!\n\t\}).)*abort\(\)", "libfabric")),
    Claim("fi-efa-iface-empty", Text(_EFA, r"FI_EFA_IFACE is empty(?:(?!\n\t\}).)*abort\(\)"), "libfabric"),
    Claim("fi-efa-iface-empty", Text(_EFA, r"FI_EFA_IFACE is empty(?:(?!\n\t\}).)*abort\(\)", "libfabric")),
    Claim("fi-efa-zcpy-rx-seed-removed", Text(_EFA, r'"zcpy_rx_seed"')),
    *(
        Claim(
            "fi-efa-*", Text(_EFA, rf'"{name.lower()}"|getenv\("FI_EFA_{name}"\)'), "libfabric", name=f"FI_EFA_{name}"
        )
        for name in (
            "IFACE",
            "USE_DATA_PATH_DIRECT",
            "USE_UNSOLICITED_WRITE_RECV",
            "INTERNAL_RX_REFILL_THRESHOLD",
            "IMPLICIT_AV_SIZE",
            "TRACK_MR",
            "USE_HW_CNTR",
            "USE_ZCPY_RX",
            "ZCPY_RX_SEED",
        )
    ),
    Claim("memlock", Report()),
    Claim("ld-library-path-old-plugin", Document("https://github.com/awslabs/awsome-distributed-ai/issues/667")),
    Claim("intelmpi-multirail", Document()),
    Claim(
        "intelmpi-pin-domain",
        Document("https://www.drdobbs.com/parallel/intel-cluster-studio-xe-2012-and-hybrid/232600105"),
    ),
    Claim("nvshmem-transport-other", Text("src/modules/transport/ibrc/*", r"IBV_QPT_RC\b", "nvshmem")),
    Claim("nvshmem-*", Document(), "nvshmem"),
)

_BAD_PAIRS = (
    Claim(
        "plugin-1.1[12].0-driver", Text(_NOTES, r"EFA\s+Installer >= 1\.35\.0", "plugin", document=True), "installer"
    ),
    Claim(
        "plugin-1.1[12].0-driver", Text(_PLATFORM, r"get_rail_vf_idx\(struct fi_info \*info\)", "plugin"), side="fact"
    ),
    Claim("plugin-1.1[12].0-driver", Text(_PLATFORM, r"strlen\(guid\) != 19")),
    Claim("plugin-p5.4xlarge", Text(_PLATFORM, r"gdr_required && support_gdr != GDR_SUPPORTED", "plugin"), side="fact"),
    Claim("plugin-p5.4xlarge", Text(_PLATFORM, r'\.regex = "\^p\(\[5-9\]|\.regex = "\^p5\(e\?'), side="since"),
    Claim("plugin-p5.4xlarge", Text(_PLATFORM, r'\.name = "p5\.4xlarge"')),
    Claim("plugin-p5-topology-file", Text("src/platform-aws.c*", r'"p5\.48xl-topo\.xml"', "plugin")),
    Claim("plugin-nccl-2.28-crash", Text(_NOTES, r"crash with NCCL v2\.28\.x when", "plugin", document=True)),
    Claim(
        "plugin-memory-leak",
        Text(_RDMA, r"[ *\t]schedule = scheduler->get_schedule\((?:scheduler, )?ctrl_msg_len"),
        side="since",
    ),
    Claim("plugin-memory-leak", Text(_RDMA, r"if \(schedule\) \{\s*nccl_net_ofi_release_schedule"), side="until"),
    Claim(
        "plugin-sendrecv-leak",
        Text(
            "src/nccl_ofi_sendrecv.c*",
            r"flush_buff\.mr_handle;\s*if \(mr_handle\) \{\s*(?:ret = fi_close\(&mr_h|mr_handle->mr\.reset)",
        ),
    ),
    Claim("plugin-receive-buffer-leak", Text(_RDMA, r"rx_buff_regmr_ctx"), side="since"),
    Claim("plugin-receive-buffer-leak", Text(_RDMA, r"delete this->rx_buff_regmr_ctx")),
    Claim("plugin-multi-receive", Text(_RDMA, r"ncompls > total_expected_segms|total_expected_segms"), side="*"),
    Claim("plugin-topo-group", Text("src/nccl_ofi_topo.c*", r"skip_nics_without_accel"), side="since"),
    Claim("plugin-topo-group", Text("src/nccl_ofi_topo.c*", r"static int match_info_for_node\(")),
    Claim("tuner-nccl-2.19", Text(_TUNER, r"get_coll_info\(&nccl_ofi_tuner_ctx_internal,"), "plugin"),
    Claim("tuner-nccl-2.19", Text(_NCCL, r'"ncclTunerPlugin_v1"'), "nccl"),
    Claim("plugin-nccl-2.19-p4d", Report(), side="fact"),
    Claim("plugin-nccl-2.19-p4d", Text(_PLATFORM, _TUNER_BY_ITSELF), "plugin", "since"),
    Claim("plugin-nccl-2.19-p4d", Text(_TUNER, r"return ncclInvalidArgument;"), "plugin", "until"),
    Claim("plugin-nccl-2.19-p4d", Text(_NCCL, r'"ncclTunerPlugin_v1"'), "nccl"),
    Claim(
        "plugin-1.10.0-unknown-type",
        Text(_PLATFORM, r"domain_per_thread == -1\) \{\s*domain_per_thread = platform_data->", "plugin"),
        side="fact",
    ),
    Claim(
        "plugin-1.10.0-unknown-type",
        Text(_PLATFORM, r"domain_per_thread == -1\) \{\s*domain_per_thread = platform_data->"),
    ),
)


def _asks(text: str) -> Text:
    return Text(_ENV_DOC, text, "plugin", document=True)


_MINIMUMS = (
    Claim("least-nccl", Text(_NOTES, r"NCCL\s+v2\.4\.8", "plugin", document=True), name="p4d*"),
    Claim("least-plugin", Text("topology/* src/*", r"p4de"), name="p4de.*"),
    Claim("least-plugin", _asks(r"aws-ofi-nccl>=1\.7\.2 \(recommend at least 1\.7\.3\)"), name="p5.48xlarge"),
    Claim("least-nccl", _asks(r"nccl>=2\.18\.0 \(recommend at least 2\.18\.5\)"), name="p5.48xlarge"),
    Claim("least-installer", _asks(r"efa-installer>=1\.29\.0"), name="p5.48xlarge"),
    Claim("least-cuda", _asks(r"cuda>=12\.0")),
    Claim("least-plugin", Text(_PLATFORM, r'"p5e\.48xlarge"|"\^p5\(e\?|"\^p\(\[5-9\]'), name="p5e.*"),
    Claim("least-plugin", Text(_PLATFORM, r'p5en|"\^p\(\[5-9\]'), name="p5en.*", side="least"),
    Claim("least-plugin", Text(_PLATFORM, r"p5en.*\.latency = 35\.0"), name="p5en.*", side="better"),
    Claim("least-nccl", Text(_NOTES, r"NCCL v?2\.23\.4", "plugin", document=True), name="p5en.*"),
    Claim("least-installer", Document(), name="p5e*"),
    Claim("least-plugin", Text(_PLATFORM, r'\.name = "p5\.4xlarge"'), name="p5.4xlarge"),
    Claim("least-plugin", Text("src/*", r"p6-b200"), name="p6-b200.*", side="least"),
    Claim("least-plugin", Text(_PLATFORM, r'"NCCL_NETDEVS_POLICY", "max:1"'), name="p6-b200.*", side="better"),
    Claim("least-nccl", Text(_NOTES, r"NCCL v?2\.26", "plugin", document=True), name="p6-b200.*", side="least"),
    Claim("least-nccl", Text(_NCCL, r"NCCL_NETDEVS_POLICY"), name="p6-b200.*", side="better"),
    Claim("least-plugin", Text("src/* include/*", r"p6e-gb200"), name="p6e-gb200.*", side="least"),
    Claim(
        "least-plugin",
        Text(_NOTES, r"Fixed NCCL topology generation for GB200 in Docker", document=True),
        name="p6e-gb200.*",
        side="better",
    ),
    Claim("least-nccl", Text("makefiles/common.mk", r"compute_100"), name="p6e-gb200.*"),
    Claim("least-plugin", Text(_PLATFORM, r'\.name = "g7e"'), name="g7e*", side="least"),
    Claim("least-plugin", Text(_PLATFORM, _entry(r"g7e\.8xlarge", "SENDRECV")), name="g7e.8xlarge", side="better"),
    Claim("least-plugin", Text("src/* include/*", r"p6-b300"), name="p6-b300.*", side="least"),
    Claim("least-plugin", Text(_PLATFORM, r'\.name = "p6-b300"'), name="p6-b300.*", side="better"),
    Claim("least-nccl", Document(), name="p6-b300.*"),
    Claim("least-installer", Rows()),
)

_PLUGIN_LINES = tuple(
    Claim(
        f"plugin-{component}",
        Text(
            _NOTES,
            rf"^# v{re.escape(line.plugin[:-1])}(?:(?!^# v).)*{word}{re.escape(least)}",
            "plugin",
            document=True,
        ),
        name=line.plugin,
    )
    for line in PLUGIN_NCCL
    for component, word, least in (
        ("nccl", r"NCCL\s+v?", line.least_nccl),
        ("libfabric", r"[Ll]ibfabric (?:version )?v?", line.least_libfabric),
    )
)


_SCHEMA = "pcluster/schemas/cluster_schema.py"
_TABLES = {"cluster": "slurm_conf_options", "partition": "_partition_options", "node": "_nodename_options"}


def _attribute(schema: str, text: str) -> Text:
    """Return a text in the body of a class of ParallelCluster's schema."""
    return Text(_SCHEMA, rf"^class {schema}\((?:(?!^class ).)*{text}")


_CONFIGS = (
    Claim("LoginNodesSsh", _attribute("LoginNodesSshSchema", r"^    key_name = ")),
    Claim(
        "HeadNode",
        _attribute("HeadNodeSchema", r"^    shared_storage_efs_settings = "),
        name="SharedStorageEfsSettings",
    ),
    Claim("Scheduling", Text(_SCHEMA, r"^class AwsBatchQueueSchema")),
    Claim(
        "SlurmQueue",
        Text(
            "pcluster/config/*",
            r"CAPACITY_OPTIMIZED_PRIORITIZED|CapacityOptimizedPrioritized|capacity-optimized-prioritized",
        ),
        name="AllocationStrategy",
    ),
    Claim("SlurmComputeResource", Text(_SCHEMA, r"^    launch_template_overrides = "), name="LaunchTemplateOverrides"),
    Claim(
        "FsxLustreSettings", Text(_SCHEMA, r"automatic_backup_retention_days = (?:(?!^    \w).)*max=90"), side="since"
    ),
    Claim(
        "FsxLustreSettings", Text(_SCHEMA, r"automatic_backup_retention_days = (?:(?!^    \w).)*max=90"), side="until"
    ),
    Claim("ClusterDevSettings", Text(_SCHEMA, r"^    efa_interface_type = "), name="EfaInterfaceType"),
    Claim(
        "ClusterDevSettings", Text("pcluster/schemas/*", r"^    aws_batch_cli_package = "), name="AwsBatchCliPackage"
    ),
    Claim("AmiSearchFilters", Text("pcluster/schemas/*", r"^    name_prefix = ")),
    Claim("Timeouts", Text("pcluster/schemas/*", r"^    compute_instance_info_timeout = ")),
    *(
        Claim(
            level,
            Text(
                "src/common/read_config.c", rf's_p_options_t {_TABLES[level]}\[\] = \{{(?:(?!\}};).)*\{{ ?"{row.name}",'
            ),
            name=row.name,
            table="slurm_settings",
        )
        for level in _TABLES
        for row in settings(level).values()
        if row.since or row.until
    ),
    Claim("node", Text("pcluster/validators/slurm_settings_validator.py", r'"features"'), table="denied_settings"),
    *(
        Claim("port-counter", Text("kernel/linux/efa/*efa_verbs.c", rf'"{counter.name}"'), name=counter.name)
        for counter in PORT_COUNTERS
    ),
)

_FAULTS = (
    Claim(
        "release-lambda-runtime",
        Text("pcluster/templates/cdk_builder_utils.py", r'runtime="python3\.9"'),
        side="until",
    ),
    Claim("release-p6-b300", Text("pcluster/constants.py", r'^P6_B300 = "p6-b300"'), side="until"),
    Claim("release-p6e-gb200", Text("pcluster/constants.py", r'^P6E_GB200 = "p6e-gb200"'), side="until"),
    Claim("release-login-key", _attribute("LoginNodesSshSchema", r"^    key_name = "), side="until"),
    Claim(
        "release-dcv-alinux2023",
        Text(
            "pcluster/constants.py pcluster/cli/commands/dcv_util.py", r'^UNSUPPORTED_OSES_FOR_DCV = \["alinux2023"\]'
        ),
        side="until",
    ),
    Claim(
        "release-dcv-arm-ubuntu2204",
        Text("pcluster/cli/commands/dcv_util.py", r'"arm64": \["alinux2", "rhel8", "rocky8", "rhel9", "rocky9"\]'),
        side="until",
    ),
    # A thread of issues shows the failure; release notes and changes say that there was one.
    *(
        Claim(row.id, Report() if "/issues/" in row.source else Document(), table="known_faults")
        for row in FAULTS
        if row.since or row.until
    ),
)

_TRAITS = (
    Claim("efa-only-interfaces", Text(_SCHEMA, r"^    efa_interface_type = ")),
    Claim("awsbatch", Text(_SCHEMA, r"^class AwsBatchQueueSchema")),
    Claim("pyxis-off", Document()),
    Claim("open-nvidia-driver", Report()),
    Claim("srun-forgets-cpus", Text("src/srun/opt.c src/srun/libsrun/opt.c", r'"SRUN_CPUS_PER_TASK"')),
    # The notes of 23.02.2 call it a regression in 23.02.0rc1.
    Claim("tasks-per-node-lost", Document(), side="since"),
    Claim("tasks-per-node-lost", Text("NEWS", r"SLURM_TASKS_PER_NODE is used by mpirun, so this regression")),
    Claim("plugin-sets-tuning", Text(_PLATFORM, _BUFFSIZE)),
)

_ISSUES = ("/issues/", "/pull/")
_LOG_LINES = (
    Claim("log-watch-ended-job", Own("src/efakit/hook/watch_node.py", "is cancelled by its watch on %s,")),
    Claim("log-watch-fallback", Own("src/efakit/hook/watch_node.py", ": the ranks talk over TCP and not over EFA: ")),
    *(
        Claim(row.id, Text(row.files, row.text or re.escape(row.needles[0]), row.component), table="log_lines")
        for row in (*lines(), *facts())
        if row.component
    ),
    *(
        Claim(row.id, Report() if any(part in row.source for part in _ISSUES) else Document(), table="log_lines")
        for row in lines()
        if not row.component
    ),
)

CLAIMS = (
    *_PLUGIN_VARIABLES,
    *_LIBFABRIC_VARIABLES,
    *_BAD_PAIRS,
    *_MINIMUMS,
    *_PLUGIN_LINES,
    *_CONFIGS,
    *_FAULTS,
    *_TRAITS,
    *_LOG_LINES,
)
