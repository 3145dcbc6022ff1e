"""What is installed on a node, from the files that installers leave."""

from __future__ import annotations

from pathlib import Path

import pytest

from efakit.node.limits import UNLIMITED, enough_to_lock, huge_pages, locked_memory_limit, login_limits, ptrace_scope
from efakit.node.software import COMPONENTS, find_plugins, find_software, package_version, plugin_release
from tests.lab.efa_software import (
    DEB,
    PLUGIN_FOLDER,
    RPM,
    UBUNTU_1_17_2,
    write,
    write_limits,
    write_plugin,
    write_software,
)


@pytest.mark.parametrize("packages", [RPM, DEB])
def test_the_installer_s_list_tells_the_versions_on_both_kinds_of_distribution(tmp_path, packages):
    write_software(tmp_path, packages=packages)
    write(tmp_path / "sys/module/efa/version", "3.1.0g\n")
    assert find_software(str(tmp_path)) == {
        "installer": "1.49.0",
        "libfabric": "2.4.0amzn5.0",
        "driver": "3.1.0g",
        "rdma_core": "63.0",
        "plugin": "1.20.0",
        "open_mpi": "4.1.7",
        "open_mpi_5": "5.0.9amzn1",
        "nccl": None,
        "kernel": "6.12.46-66.121.amzn2023.x86_64",
        "os": "amzn-2023",
    }


def test_an_installer_without_the_plugin_tells_of_none(tmp_path):
    """Installer 1.17.2 on Ubuntu, as pasted in aws/aws-ofi-nccl #141."""
    write_software(tmp_path, installer="1.17.2", plugin=None, packages=UBUNTU_1_17_2)
    software = find_software(str(tmp_path))
    assert (software["installer"], software["libfabric"]) == ("1.17.2", "1.16.0~amzn3.0")
    assert (software["plugin"], software["open_mpi"], software["open_mpi_5"]) == (None, "4.1.4", None)
    assert find_plugins(str(tmp_path)) == []


def test_nothing_is_known_of_a_node_without_anything(tmp_path):
    assert find_software(str(tmp_path)) == dict.fromkeys(COMPONENTS)
    assert find_plugins(str(tmp_path)) == []


@pytest.mark.parametrize("text", ["", "\0\0\0", "# EFA installer version:\nlibfabric\n__ - --1 a_b_c_d\n", "�" * 70000])
def test_a_list_that_makes_no_sense_tells_nothing(tmp_path, text):
    write(tmp_path / "opt/amazon/efa_installed_packages", text)
    assert find_software(str(tmp_path)) == dict.fromkeys(COMPONENTS)


def test_a_folder_in_the_list_s_place_tells_nothing(tmp_path):
    (tmp_path / "opt/amazon/efa_installed_packages").mkdir(parents=True)
    assert find_software(str(tmp_path))["installer"] is None


@pytest.mark.parametrize(
    ("package", "expected"),
    [
        ("libfabric-aws-1.17.0-1.el8.x86_64", ("libfabric-aws", "1.17.0")),
        ("python3-pyverbs-43.0-1.el8.x86_64", ("python3-pyverbs", "43.0")),
        ("libfabric1_1.8.0amzn1.0_amd64", ("libfabric1", "1.8.0amzn1.0")),
        ("libnccl-ofi-ngc-v3_1.20.0-1_amd64", ("libnccl-ofi-ngc-v3", "1.20.0")),
        ("efa_1.16.0-1.amzn1_amd64", ("efa", "1.16.0")),
        ("nothing", ("nothing", None)),
    ],
)
def test_a_package_s_name_tells_its_version(package, expected):
    assert package_version(package) == expected


def test_libfabric_from_source_is_told_by_its_own_files(tmp_path):
    folder = tmp_path / "opt/amazon/efa/lib64"
    folder.mkdir(parents=True)
    (folder / "libfabric.so.1").symlink_to("libfabric.so.1.30.0")
    assert find_software(str(tmp_path))["libfabric"] == "2.4.0"
    write(folder / "pkgconfig/libfabric.pc", "prefix=/opt/amazon/efa\nName: libfabric\nVersion: 2.4.0amzn5.0\n")
    assert find_software(str(tmp_path))["libfabric"] == "2.4.0amzn5.0"


@pytest.mark.parametrize(
    ("library", "release"),
    [
        ("1.20.1", "1.17.1"),
        ("1.25.0", "1.22.0"),
        ("1.26.0", "2.0.0"),
        ("1.32.0", "2.6.0"),
        ("1.99.0", None),
        ("1", None),
    ],
)
def test_libfabric_s_library_version_is_no_release(tmp_path, library, release):
    (tmp_path / "opt/amazon/efa/lib").mkdir(parents=True)
    (tmp_path / "opt/amazon/efa/lib/libfabric.so.1").symlink_to(f"libfabric.so.{library}")
    assert find_software(str(tmp_path))["libfabric"] == release


def test_nccl_is_told_where_the_node_has_it(tmp_path):
    (tmp_path / "usr/lib64").mkdir(parents=True)
    (tmp_path / "usr/lib64/libnccl.so.2").symlink_to("libnccl.so.2.27.7")
    assert find_software(str(tmp_path))["nccl"] == "2.27.7"


def test_the_plugin_is_found_in_known_folders_and_where_the_loader_is_sent(tmp_path):
    write_plugin(tmp_path / "opt/aws-ofi-nccl/lib/libnccl-net.so", "1.13.2-aws")
    write_plugin(tmp_path / "opt/mine/lib/libnccl-net-ofi.so", "1.21.1")
    write(tmp_path / "etc/ld.so.conf.d/100_ofinccl.conf", "# here\n/opt/mine/lib\n")
    assert find_plugins(str(tmp_path)) == ["/opt/aws-ofi-nccl/lib/libnccl-net.so", "/opt/mine/lib/libnccl-net-ofi.so"]


@pytest.mark.parametrize(("text", "release"), [("1.18.0-aws", "1.18.0"), ("1.21.1", "1.21.1"), ("", None)])
def test_a_plugin_s_library_names_its_release(tmp_path, text, release):
    write_plugin(tmp_path / "libnccl-net.so", text)
    assert plugin_release(str(tmp_path / "libnccl-net.so")) == release


@pytest.mark.parametrize("before", [0, 1, (1 << 20) - 30, (1 << 20) - 5, (1 << 20) + 3])
def test_a_plugin_s_release_is_found_wherever_it_stands(tmp_path, before):
    library = tmp_path / "libnccl-net.so"
    library.write_bytes(b"\0" * before + b"Initializing aws-ofi-nccl 1.20.0\0" + b"x" * 40)
    assert plugin_release(str(library)) == "1.20.0"


def test_another_library_names_no_release(tmp_path):
    write(tmp_path / "libother.so", "\x7fELF" + "no plugin" * 1000)
    assert plugin_release(str(tmp_path / "libother.so")) is None
    assert plugin_release(str(tmp_path / "missing.so")) is None


def test_limits_of_a_node_as_the_installer_leaves_it(tmp_path):
    write_software(tmp_path)
    write_limits(tmp_path)
    root = str(tmp_path)
    assert locked_memory_limit(root) == UNLIMITED
    assert login_limits(root) == [
        ("/etc/security/limits.d/01_efa.conf", "*", "soft", UNLIMITED),
        ("/etc/security/limits.d/01_efa.conf", "*", "hard", UNLIMITED),
    ]
    assert huge_pages(root) == {"size_kib": 2048, "count": 5128, "wanted": 96 * 110 // 2 + 1}
    assert ptrace_scope(root) == 0


def test_this_machine_s_own_limit_is_read_as_the_kernel_writes_it():
    import resource

    soft = resource.getrlimit(resource.RLIMIT_MEMLOCK)[0]
    assert locked_memory_limit("/") == (UNLIMITED if soft == resource.RLIM_INFINITY else soft)


@pytest.mark.parametrize(
    ("limit", "enough"), [(UNLIMITED, True), (None, True), (65536, False), (16 << 30, True), ((16 << 30) - 1, False)]
)
def test_how_much_is_enough_to_lock(limit, enough):
    assert enough_to_lock(limit) is enough


def test_limits_that_are_not_told_are_unknown(tmp_path):
    root = str(tmp_path)
    assert (locked_memory_limit(root), huge_pages(root), ptrace_scope(root), login_limits(root)) == (
        None,
        None,
        None,
        [],
    )


def test_huge_pages_that_libfabric_does_not_use_are_left_out(tmp_path: Path):
    """RHEL 8 on ARM has pages of 512 MiB."""
    write_limits(tmp_path)
    write(tmp_path / "proc/meminfo", "Hugepagesize:     524288 kB\n")
    assert huge_pages(str(tmp_path)) is None


def test_the_loader_s_folder_is_not_named_twice(tmp_path):
    write_software(tmp_path)
    assert find_plugins(str(tmp_path)) == [f"/{PLUGIN_FOLDER}/libnccl-net.so", f"/{PLUGIN_FOLDER}/libnccl-net-ofi.so"]
