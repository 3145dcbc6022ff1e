"""Stacks: from a release, an installer or single versions; what is named wins, what is not known stays unknown."""

from __future__ import annotations

import pytest

from efakit.catalog.plugin_nccl import PLUGIN_NCCL, plugin_line
from efakit.catalog.stacks import (
    EFA_INSTALLERS,
    OLDER_PARALLELCLUSTER_RELEASES,
    PARALLELCLUSTER_RELEASES,
    efa_installer,
    nearest_installers,
    parallelcluster_release,
    stack_of,
)
from efakit.versions import version_key


@pytest.mark.parametrize(
    ("installer", "libfabric", "driver", "plugin", "rdma_core", "open_mpi"),
    [
        ("1.51.0", "2.7.0amzn2.0", "3.3.1", "1.22.0", "65.0", "4.1.8-1"),
        ("1.47.0", "2.4.0", "3.0.0", "1.18.0", "61.0", None),
        ("1.46.0", None, None, None, None, None),
        ("1.43.2", "2.1.0amzn5.0", "2.17.2", "1.16.3", "58.0", "4.1.7-2"),
        ("1.39.0", None, None, "1.14.2", None, None),
        ("1.38.1", "1.22.0", "2.13.0", None, "54.0", "4.1.7-1"),
        ("1.18.0", "1.16.0~amzn4", "1.16.0", None, "41", "4.1.4"),
    ],
)
def test_a_stack_from_an_installer(installer, libfabric, driver, plugin, rdma_core, open_mpi):
    stack = stack_of(installer=installer)
    assert stack.parallelcluster is None
    assert (stack.libfabric, stack.driver, stack.plugin) == (libfabric, driver, plugin)
    assert (stack.rdma_core, stack.open_mpi) == (rdma_core, open_mpi)


@pytest.mark.parametrize(
    ("installer", "has_plugin"),
    [("1.36.0", False), ("1.37.0", False), ("1.38.0", True), ("1.39.0", True), ("1.44.0", True)],
)
def test_the_plugin_comes_with_the_installer_from_1_38_on(installer, has_plugin):
    assert stack_of(installer=installer).has_plugin is has_plugin


def test_what_is_named_counts_for_more_than_what_a_release_brings():
    stack = stack_of(
        "3.16.3", "1.21.1", installer="1.50.0", libfabric="2.6.0", nccl="2.31.2", cuda="13.0", kernel="6.1"
    )
    assert stack.parallelcluster == "3.16.3"
    assert stack.installer == "1.50.0"
    assert (stack.plugin, stack.libfabric, stack.driver) == ("1.21.1", "2.6.0", "3.3.0")
    assert "NCCL 2.31.2, CUDA 13.0, kernel 6.1" in stack.summary()


def test_of_single_versions_the_rest_is_not_known():
    stack = stack_of(libfabric="2.4.0", nccl="2.28.3")
    known = {name: version for name, version in stack.versions().items() if version}
    assert known == {"libfabric": "2.4.0", "nccl": "2.28.3"}
    assert stack.has_plugin
    assert stack.summary().startswith("EFA installer unknown, libfabric 2.4.0")


def test_a_stack_of_which_nothing_is_known_says_so_once():
    assert stack_of().summary() == "software whose releases are unknown: cluster.stack can name them"


def test_no_plugin_can_be_said():
    stack = stack_of(installer="1.47.0", plugin="none")
    assert (stack.plugin, stack.has_plugin) == (None, False)


def test_an_unknown_installer_is_a_key_error_and_its_neighbours_are_told():
    for version in ("1.17.0", "1.52.0"):
        with pytest.raises(KeyError):
            stack_of(installer=version)
    assert efa_installer("1.43").version == "1.43.0"
    assert nearest_installers("1.27.0") == ("1.26.1", "1.29.1")
    assert nearest_installers("1.2.0") == ("1.18.0",)
    assert nearest_installers("9.0.0") == ("1.51.0",)


def test_a_release_between_two_rows_is_taken_as_the_nearest_earlier_one():
    assert efa_installer("1.27.0").version == "1.26.1"
    assert efa_installer("1.43.4").version == "1.43.3"
    assert parallelcluster_release("3.16.2").version == "3.16.1"
    assert parallelcluster_release("3.16.9").version == "3.16.3"
    assert stack_of("3.9.3").installer == "1.30.0"
    for version in ("3.17.0", "4.0.0", "3.10.9"):
        with pytest.raises(KeyError):
            parallelcluster_release(version)


@pytest.mark.parametrize("version", ["1.31.0", "1.33.0", "1.35.0", "1.37.0", "1.39.0"])
def test_installers_of_which_little_is_published_have_rows(version: str):
    assert efa_installer(version).version == version
    assert efa_installer("1.39.0").plugin == "1.14.2"


def test_3_16_0_is_a_release():
    row = parallelcluster_release("3.16.0")
    assert (row.version, row.slurm, row.installer) == ("3.16.0", "25.11.6", "1.49.0")


def test_older_releases_are_known_as_stacks_only():
    assert stack_of("3.9.2").installer == "1.30.0"
    with pytest.raises(KeyError):
        parallelcluster_release("3.9.2")
    with pytest.raises(KeyError):
        stack_of("3.2.0")


def test_rows_are_in_order_and_have_public_sources():
    for rows in (EFA_INSTALLERS, PARALLELCLUSTER_RELEASES, OLDER_PARALLELCLUSTER_RELEASES):
        versions = [row.version for row in rows]
        assert versions == sorted(set(versions), key=version_key)
        assert all(row.source.startswith("https://") for row in rows)
    for release in (*OLDER_PARALLELCLUSTER_RELEASES, *PARALLELCLUSTER_RELEASES):
        assert efa_installer(release.installer)


def test_each_bundled_plugin_has_its_line_but_the_newest():
    plugins = {row.plugin for row in EFA_INSTALLERS} - {None, "none"}
    assert {plugin for plugin in plugins if plugin_line(str(plugin)) is None} == {"1.22.0"}
    line = plugin_line("1.16.3")
    assert line is not None
    assert line.least_nccl == "2.17.1"
    assert "2.27.7" in line.tested_nccl
    assert plugin_line("1.1.0") is None
    assert len({row.plugin for row in PLUGIN_NCCL}) == len(PLUGIN_NCCL)
