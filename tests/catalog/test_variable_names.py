"""The names that exist: life spans read off the tags, the slips of the pen that must not be among them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from efakit.catalog.variable_names import covers, known, open_ended, open_prefixes
from efakit.versions import version_key
from scripts.harvest_names import (
    REPOSITORIES,
    Repository,
    as_text,
    harvest,
    libfabric_names,
    life_spans,
    nccl_names,
    plugin_names,
)

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "src/efakit/catalog/variable_names.json"


@pytest.mark.parametrize(
    ("name", "component", "since", "until"),
    [
        # removed, libfabric
        ("FI_EFA_MTU_SIZE", "libfabric", None, "1.18.0"),
        ("FI_EFA_TX_IOV_LIMIT", "libfabric", None, "1.19.0"),
        ("FI_EFA_RX_IOV_LIMIT", "libfabric", None, "1.19.0"),
        ("FI_EFA_SHM_MAX_MEDIUM_SIZE", "libfabric", None, "1.14.0"),
        ("FI_EFA_SET_CUDA_SYNC_MEMOPS", "libfabric", "1.16.0", "1.19.1"),
        ("FI_EFA_ZCPY_RX_SEED", "libfabric", None, "2.6.0"),
        # added, libfabric
        ("FI_EFA_FORK_SAFE", "libfabric", "1.13.0", None),
        ("FI_EFA_USE_HUGE_PAGE", "libfabric", "1.19.0", None),
        ("FI_EFA_IFACE", "libfabric", "2.0.0", None),
        ("FI_EFA_USE_UNSOLICITED_WRITE_RECV", "libfabric", "2.0.0", None),
        ("FI_EFA_INTERNAL_RX_REFILL_THRESHOLD", "libfabric", "2.0.0", None),
        ("FI_EFA_USE_DATA_PATH_DIRECT", "libfabric", "2.3.0", None),
        ("FI_EFA_IMPLICIT_AV_SIZE", "libfabric", "2.3.0", None),
        ("FI_EFA_TRACK_MR", "libfabric", "2.5.1", None),
        ("FI_EFA_USE_HW_CNTR", "libfabric", "2.6.0", None),
        ("FI_EFA_USE_DEVICE_RDMA", "libfabric", None, None),
        ("FI_EFA_SHM_AV_SIZE", "libfabric", None, None),
        ("FI_PROVIDER", "libfabric", None, None),
        ("FI_LOG_LEVEL", "libfabric", None, None),
        # the plugin
        ("OFI_NCCL_ROUND_ROBIN_THRESHOLD", "plugin", "1.7.0", "1.13.0"),
        ("OFI_NCCL_TOPO_FILE_TEMPLATE", "plugin", "1.7.0", "1.11.0"),
        ("OFI_NCCL_TOPO_FILE_WRITE_ENABLE", "plugin", "1.7.0", "1.11.0"),
        ("OFI_NCCL_DOMAIN_PER_THREAD", "plugin", "1.10.0", "1.18.0"),
        ("OFI_NCCL_GIN_TYPE", "plugin", "1.20.0", "1.21.0"),
        ("OFI_NCCL_GIN_STRONG_SIGNAL", "plugin", "1.20.0", "1.21.0"),
        ("OFI_NCCL_RDMA_MIN_POSTED_BOUNCE_BUFFERS", "plugin", "1.7.0", "1.19.0"),
        ("OFI_NCCL_ENDPOINT_PER_COMM", "plugin", "1.10.0", None),
        ("OFI_NCCL_PROTOCOL", "plugin", "1.7.0", None),
        ("OFI_NCCL_DISABLE_GDR_REQUIRED_CHECK", "plugin", "1.7.4", None),
        ("OFI_NCCL_TUNER_NET_LATENCY", "plugin", "1.8.0", None),
        ("OFI_NCCL_TUNER_TYPE", "plugin", "1.13.0", None),
        ("OFI_NCCL_MIN_STRIPE_SIZE", "plugin", "1.13.0", None),
        ("OFI_NCCL_DISABLE_DMABUF", "plugin", "1.13.0", None),
        ("OFI_NCCL_FORCE_NUM_RAILS", "plugin", "1.14.0", None),
        ("OFI_NCCL_CQ_SIZE", "plugin", "1.15.0", None),
        ("OFI_NCCL_CM_NUM_RX_BUFFERS", "plugin", "1.16.0", None),
        ("OFI_NCCL_SKIP_NICS_WITHOUT_ACCEL_AT_SAME_PCI_LEVEL", "plugin", "1.16.1", None),
        ("OFI_NCCL_PROGRESS_MODEL", "plugin", "1.17.0", None),
        ("OFI_NCCL_PLATFORM", "plugin", "1.18.0", None),
        ("OFI_NCCL_GIN_CQ_PROCESS_MAX_ITER", "plugin", "1.19.0", None),
        ("OFI_NCCL_GDAKI_EFA_HW_COUNTER", "plugin", "1.21.0", None),
        ("OFI_NCCL_GDR_FLUSH_DISABLE", "plugin", None, None),
        # NCCL
        ("NCCL_TUNER_PLUGIN", "nccl", "2.19.1", None),
        ("NCCL_NVLSTREE_MAX_CHUNKSIZE", "nccl", "2.20.3", None),
        ("NCCL_NVLS_CHUNKSIZE", "nccl", "2.21.5", None),
        ("NCCL_CONF_FILE", "nccl", "2.23.4", None),
        ("NCCL_NETDEVS_POLICY", "nccl", "2.28.3", None),
        ("NCCL_SHM_USE_CUDA_MEMCPY", "nccl", None, "2.30.7"),
        ("NCCL_NET", "nccl", None, None),
        ("NCCL_BUFFSIZE", "nccl", None, None),
        ("NCCL_P2P_NET_CHUNKSIZE", "nccl", None, None),
        ("NCCL_SOCKET_IFNAME", "nccl", None, None),
        ("NCCL_P2P_DISABLE", "nccl", None, None),
        ("NCCL_DEBUG", "nccl", None, None),
        # not in any of these repositories
        ("NCCL_ASYNC_ERROR_HANDLING", "pytorch", None, None),
        ("I_MPI_OFI_LIBRARY_INTERNAL", "intelmpi", None, None),
        ("NEURON_RT_ROOT_COMM_ID", "neuron", None, None),
        ("NVSHMEM_REMOTE_TRANSPORT", "nvshmem", None, None),
        ("RDMAV_FORK_SAFE", "rdma-core", None, None),
    ],
)
def test_a_name_lives_from_its_first_tag_to_its_last(name, component, since, until):
    row = known()[name]
    assert (row.component, row.since, row.until) == (component, since, until)


@pytest.mark.parametrize(
    "name",
    [
        "NCCL_BUFFERSIZE",
        "NCCL_MIN_CHANNELS",
        "NCCL_TIMEOUT",
        "NCCL_SOCKET_TIMEOUT",
        "NCCL_IBEXT_DISABLE",
        "NCCL_OFI_EAGER_MAX_SIZE",
        "FI_EFA_USE_DEVICE_RDMAS",
        "OFI_NCCL_",
    ],
)
def test_what_nothing_reads_has_no_row(name):
    assert name not in known()
    assert open_ended(name) is None


def test_known_by_prefix():
    names = known("OFI_NCCL_")
    assert {"OFI_NCCL_PROTOCOL", "OFI_NCCL_NIC_DUP_CONNS"} <= set(names)
    assert all(name.startswith("OFI_NCCL_") and row.component == "plugin" for name, row in names.items())
    assert known("NO_SUCH_") == {}


def test_open_ended_prefixes():
    found = open_ended("OMPI_MCA_btl_tcp_if_include")
    assert found is not None
    assert (found.prefix, found.component) == ("OMPI_MCA_", "openmpi")
    assert open_ended("PMIX_MCA_gds") is not None
    assert open_ended("NCCL_DEBUG") is None


def test_every_row_has_a_public_source_and_bounds_within_what_was_looked_at():
    for row in known().values():
        assert row.source.startswith("https://")
        bounds = covers(row.component)
        for version in filter(None, (row.since, row.until)):
            assert bounds is not None, row
            if row.since is None and version_key(version) < version_key(bounds[0]):
                continue  # it ended before the oldest that was looked at: scripts/names_by_hand.json says where
            assert version_key(bounds[0]) < version_key(version) <= version_key(bounds[1]), row
    assert all(item.source.startswith("https://") for item in open_prefixes())


def test_the_file_has_one_row_a_line_in_order():
    data = json.loads(DATA.read_text())
    rows = [tuple(row) for row in data["names"]]
    assert DATA.read_text() == as_text(data["components"], data["open_ended"], rows)
    assert len(rows) == len({row[:2] for row in rows})


def test_nccls_parameters_are_found():
    code = """
    NCCL_PARAM(Shm, "SHM_DISABLE", 0);
    DEFINE_NCCL_PARAM(level, ncclDebugLogLevel, NCCL_DEBUG, NCCL_LOG_NONE,
    ncclTopoGetLevel(&x, "NCCL_P2P_DISABLE", "NCCL_P2P_LEVEL"); WARN("set NCCL_X"); f("NCCL_Y_INITIALIZER");
    """
    assert nccl_names(code) == {"NCCL_SHM_DISABLE", "NCCL_DEBUG", "NCCL_P2P_DISABLE", "NCCL_P2P_LEVEL"}


def test_the_plugins_parameters_are_found_but_not_removed_ones():
    code = """
    OFI_NCCL_PARAM_INT(cq, "CQ_READ_COUNT", 4);
    OFI_NCCL_PARAM(std::string, tcp, "EXCLUDE_TCP_IF", "lo");
    OFI_NCCL_PARAM_DEPRECATED(bool, ep, "ENDPOINT_PER_COMM", false, "gone");
    OFI_NCCL_PARAM_REMOVED(size_t, min,
        "RDMA_MIN_POSTED_BOUNCE_BUFFERS", 64, "use another");
    class impl ofi_nccl_##name("OFI_NCCL_" env, value); getenv("OFI_NCCL_" env);
    """
    assert plugin_names(code) == {
        "OFI_NCCL_CQ_READ_COUNT",
        "OFI_NCCL_EXCLUDE_TCP_IF",
        "OFI_NCCL_ENDPOINT_PER_COMM",
    }


def test_libfabrics_parameters_are_found_but_not_those_that_it_only_refuses():
    code = """
    fi_param_define(NULL, "provider", FI_PARAM_STRING,
    fi_param_define(&efa_prov, "use_huge_page",
    fi_param_define(&opx_prov, "other",
    tmp = getenv("FI_EFA_USE_HW_CNTR");
    if (getenv("FI_EFA_MTU_SIZE")) {
        fprintf(stderr, "FI_EFA_MTU_SIZE has been deprecated");
    """
    assert libfabric_names(code) == {"FI_PROVIDER", "FI_EFA_USE_HUGE_PAGE", "FI_EFA_USE_HW_CNTR"}


@pytest.fixture
def repository(tmp_path):
    """A git repository with three releases; the second lacks a name that the third has again."""

    def git(*arguments: str) -> None:
        user = ("-c", "user.name=x", "-c", "user.email=x@example.com", "-c", "commit.gpgsign=false")
        subprocess.run(["git", "-C", str(tmp_path), *user, *arguments], check=True, capture_output=True)

    git("init", "-q")
    (tmp_path / "src").mkdir()
    for release, names in (("v1.9.0", "A B"), ("v1.10.0-aws", "A"), ("v1.11.0", "A B C")):
        (tmp_path / "src/x.h").write_text("".join(f'OFI_NCCL_PARAM(int, x, "{name}", 1);' for name in names.split()))
        git("add", ".")
        git("commit", "-q", "-m", release)
        git("tag", release)
    return str(tmp_path)


def test_life_spans_are_read_off_the_tags(repository, capsys):
    described = REPOSITORIES["plugin"]
    releases = list(harvest(repository, described))
    assert [release for release, _ in releases] == ["1.9.0", "1.10.0", "1.11.0"]
    assert life_spans("plugin", releases) == [
        ("OFI_NCCL_A", "plugin", None, None),
        ("OFI_NCCL_B", "plugin", None, None),
        ("OFI_NCCL_C", "plugin", "1.11.0", None),
    ]
    assert "OFI_NCCL_B has gaps" in capsys.readouterr().err
    later: Repository = described._replace(oldest="1.10.0")
    assert [release for release, _ in harvest(repository, later)] == ["1.10.0", "1.11.0"]


def test_the_names_load_quickly_and_without_anything_but_the_standard_library():
    code = "import sys; sys.path.insert(0, 'src'); from efakit.catalog.variable_names import known; known()\n"
    code += "print(sorted(m for m in sys.modules if m.split('.')[0] in ('yaml', 'click', 'jinja2', 'rich')))"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert done.stdout.strip() == "[]"
