"""Shared storage: FSx for Lustre's sizes and throughputs, EBS's bounds, mount points."""

from __future__ import annotations

from collections.abc import Iterator

from efakit.lint.config.node import Node, shown
from efakit.lint.config.rule import Problem, rule
from efakit.lint.config.view import ClusterView

_PERSISTENT = ("PERSISTENT_1", "PERSISTENT_2")
# constants.py FSX_SSD_THROUGHPUT, FSX_HDD_THROUGHPUT, in MB/s for each TiB.
_SSD_THROUGHPUT = {"PERSISTENT_1": (50, 100, 200), "PERSISTENT_2": (125, 250, 500, 1000)}
_HDD_THROUGHPUT = (12, 40)
# validators/ebs_validators.py, in GiB.
_EBS_SIZES = {
    "standard": (1, 1024),
    "io1": (4, 16 * 1024),
    "io2": (4, 64 * 1024),
    "gp2": (1, 16 * 1024),
    "gp3": (1, 16 * 1024),
    "st1": (500, 16 * 1024),
    "sc1": (500, 16 * 1024),
}
_SETTINGS = {
    "Ebs": "EbsSettings",
    "Efs": "EfsSettings",
    "FsxLustre": "FsxLustreSettings",
    "FsxOpenZfs": "FsxOpenZfsSettings",
    "FsxOntap": "FsxOntapSettings",
    "FileCache": "FileCacheSettings",
}
# SharedStorageMountDirValidator.
_RESERVED_NAMES = """bin boot dev etc lib lib64 media mnt opt opt/parallelcluster opt/parallelcluster/shared
opt/parallelcluster/shared_login_nodes opt/slurm opt/intel proc root run sbin srv sys tmp usr var"""
_RESERVED = frozenset(f"/{name}" for name in _RESERVED_NAMES.split())


def _storages(view: ClusterView) -> list[Node]:
    return view.root.at("SharedStorage").items


def _new_lustre(view: ClusterView) -> Iterator[Node]:
    """Give the settings of Lustre file systems that the cluster makes from nothing."""
    for item in _storages(view):
        settings = item.at("FsxLustreSettings")
        if item.at("StorageType").text == "FsxLustre" and settings.at("FileSystemId").text is None:
            yield settings


@rule("lustre-capacity")
def lustre_capacity(view: ClusterView) -> Iterator[Problem]:
    """Refuse sizes outside the steps of the deployment type."""
    for settings in _new_lustre(view):
        node, kind = settings.at("StorageCapacity"), settings.at("DeploymentType").text
        size = node.whole
        if settings.at("BackupId").text is not None or (node.present and size is None):
            continue
        if not size:
            yield Problem(node.path, "a new Lustre file system has no size", "add StorageCapacity: 1200 (GiB)")
        elif not _is_size(size, kind, settings):
            steps = _steps(kind, settings)
            yield Problem(node.path, f"FSx for Lustre has no {kind} file system of {size} GiB", f"write {steps}")


def _is_size(size: int, kind: str | None, settings: Node) -> bool:
    if kind == "SCRATCH_1":
        return size in (1200, 2400) or size % 3600 == 0
    if kind == "PERSISTENT_1" and settings.at("StorageType").text == "HDD":
        step = {12: 6000, 40: 1800}.get(settings.at("PerUnitStorageThroughput").whole or 0, 1)
        return size % step == 0
    if kind in ("SCRATCH_2", *_PERSISTENT):
        return size == 1200 or size % 2400 == 0
    return True


def _steps(kind: str | None, settings: Node) -> str:
    if kind == "SCRATCH_1":
        return "1200, 2400 or a multiple of 3600"
    if settings.at("StorageType").text == "HDD":
        return "a multiple of 6000 (12 MB/s/TiB) or of 1800 (40 MB/s/TiB)"
    return "1200 or a multiple of 2400"


@rule("lustre-throughput")
def lustre_throughput(view: ClusterView) -> Iterator[Problem]:
    """Refuse persistent file systems without a throughput, others with one, and values outside the steps."""
    for settings in _new_lustre(view):
        node, kind = settings.at("PerUnitStorageThroughput"), settings.at("DeploymentType").text
        hdd = settings.at("StorageType").text == "HDD"
        allowed = _HDD_THROUGHPUT if hdd else _SSD_THROUGHPUT.get(str(kind), ())
        steps = ", ".join(map(str, allowed))
        if kind in _PERSISTENT and not node.value:
            yield Problem(
                node.path,
                f"PerUnitStorageThroughput is missing: a {kind} file system needs it",
                f"add PerUnitStorageThroughput: {steps}",
            )
        elif kind not in _PERSISTENT and node.whole:
            yield Problem(
                node.path, "only persistent file systems have a throughput", "remove PerUnitStorageThroughput"
            )
        elif node.whole and node.whole not in allowed:
            yield Problem(node.path, f"{kind} has no throughput of {node.whole} MB/s/TiB", f"write one of {steps}")
        if hdd and kind != "PERSISTENT_1":
            yield Problem(settings.at("StorageType").path, "HDD works with PERSISTENT_1 only", "write SSD")


@rule("new-lustre-several-subnets")
def new_lustre_several_subnets(view: ClusterView) -> Iterator[Problem]:
    """Refuse a file system that the cluster makes where its compute nodes lie in several subnets."""
    subnets = {subnet for queue in view.queues for subnet in queue.subnet_ids.texts}
    for settings in _new_lustre(view):
        if len(subnets) > 1:
            message = f"a file system that the cluster creates is in one subnet, but the nodes are in {len(subnets)}"
            yield Problem(settings.path, message, "name an existing file system with FileSystemId, or one subnet")


@rule("storage-settings")
def storage_settings(view: ClusterView) -> Iterator[Problem]:
    """Refuse settings that do not belong to the storage's type."""
    for item in _storages(view):
        kind = item.at("StorageType").text
        for name, key in _SETTINGS.items():
            if kind in _SETTINGS and name != kind and item.at(key).value:
                yield Problem(
                    item.at(key).path, f"{key} does not work with StorageType {kind}", f"write {_SETTINGS[kind]}"
                )


@rule("mount-twice")
def mount_twice(view: ClusterView) -> Iterator[Problem]:
    """Refuse one mount point for two storages."""
    seen: set[str] = set()
    for node in (item.at("MountDir") for item in _storages(view)):
        mount = (node.text or "").rstrip("/")
        if mount in seen:
            message = f"{node.text} is the mount point of another storage"
            yield Problem(node.path, message, "give each storage its own mount point")
        seen.update([mount] if mount else [])


@rule("mount-nested")
def mount_nested(view: ClusterView) -> Iterator[Problem]:
    """Point out a mount point below another.

    pcluster 3.16 means to refuse it (OverlappingMountDirValidator), and compares the storages' names instead.
    """
    mounts = [node for node in (item.at("MountDir") for item in _storages(view)) if node.text is not None]
    paths = ["/" + str(node.text).strip("/") for node in mounts]
    for node, path in zip(mounts, paths, strict=True):
        above = next((other for other in paths if path.startswith(other + "/")), None)
        if above is not None:
            yield Problem(
                node.path,
                f"{path} is below {above}, and the order of mounts is not defined",
                "mount it outside of that folder",
            )


@rule("mount-reserved")
def mount_reserved(view: ClusterView) -> Iterator[Problem]:
    """Refuse mount points such as /opt/slurm and /tmp."""
    for node in (item.at("MountDir") for item in _storages(view)):
        if node.text is not None and "/" + node.text.lstrip("/") in _RESERVED:
            yield Problem(node.path, f"{shown(node.text)} is a system directory", "mount it elsewhere, such as /fsx")


@rule("ebs-size")
def ebs_size(view: ClusterView) -> Iterator[Problem]:
    """Refuse volumes outside the bounds of their type."""
    for settings in (item.at("EbsSettings") for item in _storages(view)):
        size, kind = settings.at("Size"), settings.at("VolumeType").text or "gp3"
        least, most = _EBS_SIZES.get(kind, (0, 0))
        if size.whole is not None and most and not least <= size.whole <= most:
            message = f"a {kind} volume must have {least} to {most} GiB, not {size.whole}"
            yield Problem(size.path, message, f"write {least} to {most}, or another VolumeType")


@rule("efs-throughput")
def efs_throughput(view: ClusterView) -> Iterator[Problem]:
    """Refuse provisioned throughput without its mode and the reverse."""
    for settings in (item.at("EfsSettings") for item in _storages(view)):
        mode, throughput = settings.at("ThroughputMode"), settings.at("ProvisionedThroughput")
        if throughput.whole and mode.text != "provisioned":
            yield Problem(
                throughput.path,
                "ProvisionedThroughput needs ThroughputMode: provisioned",
                "add ThroughputMode: provisioned",
            )
        elif mode.text == "provisioned" and not throughput.value:
            yield Problem(
                mode.path, "ThroughputMode provisioned needs ProvisionedThroughput", "add ProvisionedThroughput"
            )
