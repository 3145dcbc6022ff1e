"""Software stacks as rows: ParallelCluster releases and the EFA installers they bring.

A None is "not known", never "not there". Versions are compared by ``version_key``.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_PC = "https://github.com/aws/aws-parallelcluster/"
_COOKBOOK = "https://github.com/aws/aws-parallelcluster-cookbook/"
_EFA_CHANGELOG = "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/efa-changelog.html"

_BEFORE_313 = ("alinux2", "alinux2023", "ubuntu2004", "ubuntu2204", "rhel8", "rocky8", "rhel9", "rocky9")
_OS_313 = (*_BEFORE_313, "ubuntu2404")
_OS_314 = tuple(name for name in _OS_313 if name != "ubuntu2004")
_OS_316 = tuple(name for name in _OS_314 if name != "alinux2")


class ParallelClusterRelease(NamedTuple):
    """One release of AWS ParallelCluster and what its images hold."""

    version: str
    slurm: str | None
    efa_installer: str
    operating_systems: tuple[str, ...]
    source: str


class EfaInstaller(NamedTuple):
    """One release of the EFA installer and what it installs; ``plugin`` "none": it brings no aws-ofi-nccl."""

    version: str
    libfabric: str | None
    driver: str | None
    plugin: str | None
    source: str


PARALLELCLUSTER_RELEASES = (
    ParallelClusterRelease("3.11.0", "23.11.10", "1.34.0", _BEFORE_313, _PC + "blob/develop/CHANGELOG.md"),
    ParallelClusterRelease("3.12.0", None, "1.36.0", _BEFORE_313, _COOKBOOK + "pull/2842"),
    ParallelClusterRelease("3.13.0", None, "1.38.1", _OS_313, _COOKBOOK + "pull/2906"),
    ParallelClusterRelease("3.13.1", "24.05.8", "1.41.0", _OS_313, _COOKBOOK + "pull/2953"),
    ParallelClusterRelease("3.14.0", "24.11.6", "1.43.2", _OS_314, _COOKBOOK + "pull/3012"),
    ParallelClusterRelease("3.15.0", "25.11.4", "1.47.0", _OS_314, _PC + "pull/7262"),
    ParallelClusterRelease("3.16.1", "25.11.8", "1.49.0", _OS_316, _PC + "blob/develop/CHANGELOG.md"),
    ParallelClusterRelease("3.16.3", None, "1.51.0", _OS_316, _PC + "releases/tag/v3.16.3"),
)

EFA_INSTALLERS = (
    EfaInstaller("1.34.0", "1.22.0", "2.10.0", "none", _PC + "blob/develop/CHANGELOG.md"),
    EfaInstaller("1.36.0", "1.22.0", "2.13.0", "none", _COOKBOOK + "pull/2842"),
    # The first to bring the plugin; which release of it is not published.
    EfaInstaller("1.38.1", "1.22.0", "2.13.0", None, _COOKBOOK + "pull/2906"),
    EfaInstaller("1.41.0", "2.1.0", "2.15.0", "1.14.2", _COOKBOOK + "pull/2953"),
    EfaInstaller("1.42.0", "2.1.0", "2.15.3", "1.15.0", _EFA_CHANGELOG),
    EfaInstaller("1.43.2", "2.1.0", "2.17.2", "1.16.3", _COOKBOOK + "pull/3012"),
    EfaInstaller("1.47.0", "2.4.0", "3.0.0", "1.18.0", _EFA_CHANGELOG),
    EfaInstaller("1.49.0", "2.4.0", None, "1.20.0", _EFA_CHANGELOG),
    EfaInstaller("1.50.0", "2.6.0", "3.3.0", "1.21.1", _EFA_CHANGELOG),
    EfaInstaller("1.51.0", "2.7.0", "3.3.1", "1.22.0", _EFA_CHANGELOG),
)


class Stack(NamedTuple):
    """What is installed where a job runs. None: not known; ``has_plugin`` False: there is no aws-ofi-nccl."""

    parallelcluster: str | None
    efa_installer: str | None
    libfabric: str | None
    driver: str | None
    plugin: str | None
    has_plugin: bool

    def summary(self) -> str:
        """Return the stack in words."""
        plugin = self.plugin or ("of an unknown release" if self.has_plugin else "not installed")
        return (
            f"ParallelCluster {self.parallelcluster}: EFA installer {self.efa_installer}, libfabric "
            f"{self.libfabric or 'unknown'}, EFA driver {self.driver or 'unknown'}, aws-ofi-nccl {plugin}"
        )


def newest_parallelcluster() -> str:
    """Return the newest ParallelCluster release that has a row."""
    return PARALLELCLUSTER_RELEASES[-1].version


def parallelcluster_release(version: str) -> ParallelClusterRelease:
    """Return the row of a ParallelCluster release: its own, or the nearest older one of the same minor release.

    Raises KeyError where no row covers it.
    """
    same_minor = [
        row
        for row in PARALLELCLUSTER_RELEASES
        if version_key(row.version)[:2] == version_key(version)[:2] and version_key(row.version) <= version_key(version)
    ]
    if not same_minor:
        raise KeyError(version)
    return same_minor[-1]


def stack_of(parallelcluster: str, plugin: str | None = None) -> Stack:
    """Return the stack of a ParallelCluster release; ``plugin`` names an aws-ofi-nccl of the user's own."""
    release = parallelcluster_release(parallelcluster)
    installer = next(row for row in EFA_INSTALLERS if row.version == release.efa_installer)
    return Stack(
        parallelcluster=parallelcluster,
        efa_installer=installer.version,
        libfabric=installer.libfabric,
        driver=installer.driver,
        plugin=plugin or (None if installer.plugin == "none" else installer.plugin),
        has_plugin=plugin is not None or installer.plugin != "none",
    )


def version_key(version: str) -> tuple[int, ...]:
    """Return a version's leading numbers, for comparison: ``2.4.0amzn5.0`` -> (2, 4, 0)."""
    match = re.match(r"\d+(\.\d+)*", version)
    return tuple(int(part) for part in match.group().split(".")) if match else ()
