"""Software stacks as rows: ParallelCluster releases and the EFA installers they bring.

A None is "not known", never "not there". Versions are compared by ``efakit.versions``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from efakit.versions import is_version, release_line, version_key

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeVar

    Release = TypeVar("Release", "ParallelClusterRelease", "EfaInstaller")

_PC = "https://github.com/aws/aws-parallelcluster/"
_PC_CHANGELOG = _PC + "blob/develop/CHANGELOG.md"
_COOKBOOK = "https://github.com/aws/aws-parallelcluster-cookbook/"
_DLAMI = "https://docs.aws.amazon.com/dlami/latest/devguide/appendix-ami-release-notes.html"
_AWSOME = "https://github.com/awslabs/awsome-distributed-ai"
_EFA_CHANGELOG = "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/efa-changelog.html"

_BEFORE_313 = ("alinux2", "alinux2023", "ubuntu2004", "ubuntu2204", "rhel8", "rocky8", "rhel9", "rocky9")
_OS_313 = (*_BEFORE_313, "ubuntu2404")
_OS_314 = tuple(name for name in _OS_313 if name != "ubuntu2004")
_OS_316 = tuple(name for name in _OS_314 if name != "alinux2")
OPERATING_SYSTEMS = _OS_313
# The least kernel of ParallelCluster's image of a system, as its distribution ships it; others are not known.
LEAST_KERNELS = {
    "alinux2023": "6.1",  # https://docs.aws.amazon.com/linux/al2023/ug/kernel.html
    "ubuntu2204": "5.15",  # https://ubuntu.com/kernel/lifecycle
    "ubuntu2404": "6.8",
    "rhel9": "5.14",  # https://access.redhat.com/articles/3078
    "rocky9": "5.14",
}


class ParallelClusterRelease(NamedTuple):
    """One release of AWS ParallelCluster and what its images hold."""

    version: str
    slurm: str | None
    installer: str
    operating_systems: tuple[str, ...]
    source: str


class EfaInstaller(NamedTuple):
    """One release of the EFA installer and what it installs.

    ``plugin`` "none": it brings no aws-ofi-nccl. ``open_mpi`` holds its builds, the 4 line first; ``date`` is as much
    of the ISO date as is known.
    """

    version: str
    libfabric: str | None
    driver: str | None
    plugin: str | None
    source: str
    rdma_core: str | None = None
    open_mpi: tuple[str, ...] | None = None
    date: str | None = None


PARALLELCLUSTER_RELEASES = (
    ParallelClusterRelease(
        version="3.11.0", slurm="23.11.10", installer="1.34.0", operating_systems=_BEFORE_313, source=_PC_CHANGELOG
    ),
    ParallelClusterRelease(
        version="3.12.0",
        slurm=None,
        installer="1.36.0",
        operating_systems=_BEFORE_313,
        source=_COOKBOOK + "pull/2842",
    ),
    ParallelClusterRelease(
        version="3.13.0", slurm=None, installer="1.38.1", operating_systems=_OS_313, source=_COOKBOOK + "pull/2906"
    ),
    ParallelClusterRelease(
        version="3.13.1",
        slurm="24.05.8",
        installer="1.41.0",
        operating_systems=_OS_313,
        source=_COOKBOOK + "pull/2953",
    ),
    ParallelClusterRelease(
        version="3.14.0",
        slurm="24.11.6",
        installer="1.43.2",
        operating_systems=_OS_314,
        source=_COOKBOOK + "pull/3012",
    ),
    ParallelClusterRelease(
        version="3.15.0", slurm="25.11.4", installer="1.47.0", operating_systems=_OS_314, source=_PC + "pull/7262"
    ),
    ParallelClusterRelease(
        version="3.16.0",
        slurm="25.11.6",
        installer="1.49.0",
        operating_systems=_OS_316,
        source=_PC + "releases/tag/v3.16.1",
    ),
    ParallelClusterRelease(
        version="3.16.1", slurm="25.11.8", installer="1.49.0", operating_systems=_OS_316, source=_PC_CHANGELOG
    ),
    ParallelClusterRelease(
        version="3.16.3",
        slurm=None,
        installer="1.51.0",
        operating_systems=_OS_316,
        source=_PC + "releases/tag/v3.16.3",
    ),
)

# Releases before those that efakit writes configs for: their installers, to judge what runs there.
OLDER_PARALLELCLUSTER_RELEASES = tuple(
    ParallelClusterRelease(
        version=version, slurm=slurm, installer=installer, operating_systems=(), source=_PC_CHANGELOG
    )
    for version, slurm, installer in (
        ("3.3.0", "22.05.5", "1.18.0"),
        ("3.4.0", "22.05.7", "1.20.0"),
        ("3.5.0", "22.05.8", "1.21.0"),
        ("3.5.1", "22.05.8", "1.22.0"),
        ("3.6.0", "23.02.2", "1.22.1"),
        ("3.7.0", "23.02.4", "1.25.1"),
        ("3.7.1", "23.02.5", "1.26.1"),
        ("3.7.2", "23.02.6", "1.26.1"),
        ("3.8.0", "23.02.7", "1.29.1"),
        ("3.9.0", "23.11.4", "1.30.0"),
        ("3.9.2", "23.11.7", "1.30.0"),
        ("3.10.0", None, "1.32.0"),
    )
)

EFA_INSTALLERS = (
    EfaInstaller(
        version="1.18.0",
        libfabric="1.16.0~amzn4",
        driver="1.16.0",
        plugin="none",
        source=_PC_CHANGELOG,
        rdma_core="41",
        open_mpi=("4.1.4",),
        date=None,
    ),
    EfaInstaller(
        version="1.20.0",
        libfabric="1.16.1",
        driver="2.1",
        plugin="none",
        source=_PC_CHANGELOG,
        rdma_core="43",
        open_mpi=("4.1.4",),
        date=None,
    ),
    EfaInstaller(
        version="1.21.0",
        libfabric="1.16.1amzn3",
        driver="2.1.1",
        plugin="none",
        source=_PC_CHANGELOG,
        rdma_core="43",
        open_mpi=("4.1.4",),
        date=None,
    ),
    EfaInstaller(
        version="1.22.0",
        libfabric="1.17.0",
        driver="2.1.1g",
        plugin="none",
        source=_PC_CHANGELOG,
        rdma_core="43.0",
        open_mpi=("4.1.5-1",),
        date=None,
    ),
    EfaInstaller(
        version="1.22.1",
        libfabric="1.17.1",
        driver="2.1.1g",
        plugin="none",
        source=_PC_CHANGELOG,
        rdma_core="43.0",
        open_mpi=("4.1.5-1",),
        date=None,
    ),
    EfaInstaller(
        version="1.25.1",
        libfabric="1.18.1-1",
        driver="2.5.0",
        plugin="none",
        source=_PC_CHANGELOG,
        rdma_core="46.0",
        open_mpi=("4.1.5-4",),
        date=None,
    ),
    EfaInstaller(
        version="1.26.1",
        libfabric="1.18.2-1",
        driver="2.5.0",
        plugin="none",
        source=_PC_CHANGELOG,
        rdma_core="46.0",
        open_mpi=("4.1.5-4",),
        date=None,
    ),
    EfaInstaller(
        version="1.29.1",
        libfabric="1.19.0-1",
        driver="2.6.0",
        plugin="none",
        source=_PC_CHANGELOG,
        rdma_core="46.0",
        open_mpi=("4.1.6-1",),
        date=None,
    ),
    EfaInstaller(
        version="1.30.0",
        libfabric="1.19.0",
        driver="2.6.0",
        plugin="none",
        source=_PC_CHANGELOG,
        rdma_core="46.0",
        open_mpi=("4.1.6-2", "5.0.0-11"),
        date=None,
    ),
    # Of this one, and of 1.33.0, 1.35.0 and 1.37.0, no more is published than that they are there.
    EfaInstaller(version="1.31.0", libfabric=None, driver=None, plugin="none", source=_EFA_CHANGELOG),
    EfaInstaller(
        version="1.32.0",
        libfabric="1.21.0",
        driver="2.8.0",
        plugin="none",
        source=_PC_CHANGELOG,
        rdma_core="50.0",
        open_mpi=("4.1.6-3", "5.0.2-12"),
        date=None,
    ),
    EfaInstaller(version="1.33.0", libfabric=None, driver=None, plugin="none", source=_AWSOME + "/issues/371"),
    EfaInstaller(
        version="1.34.0",
        libfabric="1.22.0",
        driver="2.10.0",
        plugin="none",
        source=_PC_CHANGELOG,
        rdma_core="52.0",
        open_mpi=("4.1.6-3", "5.0.3-11"),
        date="2024",
    ),
    EfaInstaller(version="1.35.0", libfabric=None, driver=None, plugin="none", source=_AWSOME + "/pull/454"),
    EfaInstaller(
        version="1.36.0",
        libfabric="1.22.0",
        driver="2.13.0",
        plugin="none",
        source=_COOKBOOK + "pull/2842",
        rdma_core="54.0",
        open_mpi=("4.1.7-1", "5.0.5"),
        date="2024-11",
    ),
    EfaInstaller(version="1.37.0", libfabric=None, driver=None, plugin="none", source=_EFA_CHANGELOG),
    # The first to bring the plugin; which release of it is not published.
    EfaInstaller(
        version="1.38.0",
        libfabric="1.22.0",
        driver="2.13.0",
        plugin=None,
        source=_COOKBOOK + "pull/2892",
        rdma_core="54.0",
        open_mpi=("4.1.7-1", "5.0.5"),
        date="2025",
    ),
    EfaInstaller(
        version="1.38.1",
        libfabric="1.22.0",
        driver="2.13.0",
        plugin=None,
        source=_COOKBOOK + "pull/2906",
        rdma_core="54.0",
        open_mpi=("4.1.7-1", "5.0.5"),
        date="2025",
    ),
    EfaInstaller(
        version="1.39.0",
        libfabric=None,
        driver=None,
        plugin="1.14.2",
        source="https://github.com/mosaicml/composer/pull/3844",
        date="2025",
    ),
    EfaInstaller(
        version="1.40.0",
        libfabric="2.1.0amzn2.0",
        driver=None,
        plugin="1.14.2",
        source=_EFA_CHANGELOG,
        rdma_core="56.0",
        open_mpi=None,
        date="2025-05-02",
    ),
    EfaInstaller(
        version="1.41.0",
        libfabric="2.1.0-1",
        driver="2.15.0",
        plugin="1.14.2",
        source=_COOKBOOK + "pull/2953",
        rdma_core="57.amzn0",
        open_mpi=("4.1.7-2", "5.0.6"),
        date="2025-05-16",
    ),
    EfaInstaller(
        version="1.42.0",
        libfabric="2.1.0amzn3.0",
        driver="2.15.3",
        plugin="1.15.0",
        source=_EFA_CHANGELOG,
        rdma_core="57.amzn1",
        open_mpi=None,
        date="2025-06-06",
    ),
    EfaInstaller(
        version="1.43.0",
        libfabric="2.1.0amzn4.0",
        driver="2.17.2",
        plugin="1.16.1",
        source=_EFA_CHANGELOG,
        rdma_core="58.amzn0",
        open_mpi=None,
        date="2025-07-25",
    ),
    EfaInstaller(
        version="1.43.1",
        libfabric="2.1.0amzn5.0",
        driver=None,
        plugin="1.16.2",
        source=_EFA_CHANGELOG,
        rdma_core=None,
        open_mpi=None,
        date="2025-07-31",
    ),
    EfaInstaller(
        version="1.43.2",
        libfabric="2.1.0amzn5.0",
        driver="2.17.2",
        plugin="1.16.3",
        source=_COOKBOOK + "pull/3012",
        rdma_core="58.0",
        open_mpi=("4.1.7-2", "5.0.6-11"),
        date="2025-08-15",
    ),
    EfaInstaller(
        version="1.43.3",
        libfabric=None,
        driver=None,
        plugin="1.16.3",
        source=_DLAMI,
        rdma_core=None,
        open_mpi=None,
        date="2025-10-01",
    ),
    EfaInstaller(
        version="1.44.0",
        libfabric=None,
        driver=None,
        plugin=None,
        source=_EFA_CHANGELOG,
        rdma_core=None,
        open_mpi=None,
        date="2025-10-29",
    ),
    EfaInstaller(
        version="1.45.0",
        libfabric="2.3.1amzn",
        driver=None,
        plugin="1.17.2",
        source=_DLAMI,
        rdma_core=None,
        open_mpi=None,
        date="2025-11-17",
    ),
    EfaInstaller(
        version="1.45.1",
        libfabric="2.3.1amzn",
        driver=None,
        plugin="1.17.2",
        source=_DLAMI,
        rdma_core=None,
        open_mpi=None,
        date="2025-11-26",
    ),
    # Its plugin is of the 1.17 line; which one is not known.
    EfaInstaller(
        version="1.46.0",
        libfabric=None,
        driver=None,
        plugin=None,
        source=_EFA_CHANGELOG,
        rdma_core=None,
        open_mpi=None,
        date="2025-12-12",
    ),
    EfaInstaller(
        version="1.47.0",
        libfabric="2.4.0",
        driver="3.0.0",
        plugin="1.18.0",
        source=_DLAMI,
        rdma_core="61.0",
        open_mpi=None,
        date="2026-01-29",
    ),
    EfaInstaller(
        version="1.48.0",
        libfabric="2.4.0",
        driver=None,
        plugin="1.19.0",
        source=_AWSOME,
        rdma_core="61.0",
        open_mpi=None,
        date="2026-04-14",
    ),
    EfaInstaller(
        version="1.49.0",
        libfabric="2.4.0amzn5.0",
        driver=None,
        plugin="1.20.0",
        source=_EFA_CHANGELOG,
        rdma_core=None,
        open_mpi=None,
        date="2026",
    ),
    EfaInstaller(
        version="1.50.0",
        libfabric="2.6.0amzn1.0",
        driver="3.3.0",
        plugin="1.21.1",
        source=_EFA_CHANGELOG,
        rdma_core="64.0",
        open_mpi=None,
        date="2026-08-21",
    ),
    EfaInstaller(
        version="1.51.0",
        libfabric="2.7.0amzn2.0",
        driver="3.3.1",
        plugin="1.22.0",
        source=_EFA_CHANGELOG,
        rdma_core="65.0",
        open_mpi=("4.1.8-1", "5.0.9-11"),
        date="2026-10-22",
    ),
)


class Stack(NamedTuple):
    """What is installed where a job runs. None: not known; ``has_plugin`` False: there is no aws-ofi-nccl.

    ``open_mpi`` is the one that the environment module ``openmpi`` gives, of the 4 line.
    """

    parallelcluster: str | None
    installer: str | None
    libfabric: str | None
    driver: str | None
    plugin: str | None
    has_plugin: bool
    rdma_core: str | None = None
    nccl: str | None = None
    cuda: str | None = None
    kernel: str | None = None
    open_mpi: str | None = None

    def summary(self) -> str:
        """Return the stack in words."""
        if self.has_plugin and not any(value for name, value in self._asdict().items() if name != "has_plugin"):
            return "software whose releases are unknown: cluster.stack can name them"
        plugin = self.plugin or ("of an unknown release" if self.has_plugin else "not installed")
        release = f"ParallelCluster {self.parallelcluster}: " if self.parallelcluster else ""
        rest = (("NCCL", self.nccl), ("CUDA", self.cuda), ("kernel", self.kernel))
        return (
            f"{release}EFA installer {self.installer or 'unknown'}, libfabric {self.libfabric or 'unknown'}, "
            f"EFA driver {self.driver or 'unknown'}, aws-ofi-nccl {plugin}"
            + "".join(f", {name} {version}" for name, version in rest if version)
        )

    def versions(self) -> dict[str, str | None]:
        """Return the version of each component, by the names that rows use in their bounds; None: not known."""
        return {
            "parallelcluster": self.parallelcluster,
            "installer": self.installer,
            "libfabric": self.libfabric,
            "driver": self.driver,
            "plugin": self.plugin,
            "rdma_core": self.rdma_core,
            "nccl": self.nccl,
            "cuda": self.cuda,
            "kernel": self.kernel,
            "open_mpi": self.open_mpi,
        }


def newest_parallelcluster() -> str:
    """Return the newest ParallelCluster release that has a row."""
    return PARALLELCLUSTER_RELEASES[-1].version


def parallelcluster_release(version: str) -> ParallelClusterRelease:
    """Return the row of a ParallelCluster release: its own, or the nearest earlier one.

    Raises KeyError where the release is older than every row, or of a later minor release than all of them.
    """
    row = _nearest_earlier(PARALLELCLUSTER_RELEASES, version)
    newest = PARALLELCLUSTER_RELEASES[-1].version
    if row is None or release_line(version) > release_line(newest):
        raise KeyError(version)
    return row


def image_is_published(os_name: str) -> bool:
    """Say whether AWS publishes images of ParallelCluster for an operating system."""
    return not os_name.startswith("rocky")


def efa_installer(version: str) -> EfaInstaller:
    """Return the row of a release of the EFA installer: its own, or between two rows the nearest earlier one.

    Raises KeyError where the release is older, or newer, than every row.
    """
    row = _nearest_earlier(EFA_INSTALLERS, version)
    if row is None or version_key(version) > version_key(EFA_INSTALLERS[-1].version):
        raise KeyError(version)
    return row


def nearest_installers(version: str) -> tuple[str, ...]:
    """Return the known releases of the EFA installer next to a version: the nearest older and newer ones."""
    known = [row.version for row in EFA_INSTALLERS]
    older = [name for name in known if version_key(name) <= version_key(version)]
    newer = [name for name in known if version_key(name) > version_key(version)]
    return (*older[-1:], *newer[:1])


def stack_of(
    parallelcluster: str | None = None,
    plugin: str | None = None,
    *,
    installer: str | None = None,
    libfabric: str | None = None,
    driver: str | None = None,
    rdma_core: str | None = None,
    nccl: str | None = None,
    cuda: str | None = None,
    kernel: str | None = None,
    open_mpi: str | None = None,
) -> Stack:
    """Return the stack of a ParallelCluster release, of an EFA installer, or of the single versions that are named.

    What is named counts for more than what a release brings; ``plugin`` "none" says that there is no aws-ofi-nccl.
    Raises KeyError where no row covers the release or the installer.
    """
    if parallelcluster is not None:
        installer = installer or _any_release(parallelcluster).installer
    brings = (
        efa_installer(installer)
        if installer
        else EfaInstaller(version="", libfabric=None, driver=None, plugin=None, source="")
    )
    plugin = plugin or brings.plugin
    return Stack(
        parallelcluster=parallelcluster,
        installer=installer,
        libfabric=libfabric or brings.libfabric,
        driver=driver or brings.driver,
        plugin=None if plugin == "none" else plugin,
        has_plugin=plugin != "none",
        rdma_core=rdma_core or brings.rdma_core,
        nccl=nccl,
        cuda=cuda,
        kernel=kernel,
        open_mpi=open_mpi or (brings.open_mpi[0] if brings.open_mpi else None),
    )


def _any_release(version: str) -> ParallelClusterRelease:
    try:
        return parallelcluster_release(version)
    except KeyError:
        older = _nearest_earlier(OLDER_PARALLELCLUSTER_RELEASES, version)
        if older is None or version_key(version) > version_key(PARALLELCLUSTER_RELEASES[0].version):
            raise
        return older


def _nearest_earlier(rows: Sequence[Release], version: str) -> Release | None:
    """Return the last row whose release is not later than a version, None where all are."""
    earlier = [row for row in rows if version_key(row.version) <= version_key(version)]
    return earlier[-1] if earlier and is_version(version) else None
