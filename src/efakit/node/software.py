"""What of the EFA stack is really installed on a node, below ``root``. None always means: not known.

The EFA installer leaves ``/opt/amazon/efa_installed_packages``: three comment lines, the first of which names its
release, and one line with the packages that it installed, in the form of the distribution's packages::

    libfabric-aws-1.17.0-1.el8.x86_64 openmpi40-aws-4.1.5-1.x86_64     (aws/aws-parallelcluster-cookbook #1882, RHEL 8)
    libfabric1-aws_1.16.0~amzn3.0_amd64 rdma-core_41.0-1_amd64         (aws/aws-ofi-nccl #141, Ubuntu)
    libnccl-ofi-1.20.0-1.amzn2023.x86_64                               (installer 1.49.0, Amazon Linux 2023)
    libnccl-ofi_1.19.0-1_amd64                                         (installer 1.48.0, Ubuntu 22.04)

The installer never installs NCCL, and a job may bring another one, as wheel or in a container: what is told here of
NCCL is what lies in the node's own folders.
"""

from __future__ import annotations

import os

from efakit.node.files import below, link_name, read_text_or_none

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGES = "opt/amazon/efa_installed_packages"
_MOST_BYTES = 1 << 16
_INSTALLER_LABEL = "# EFA installer version:"

# Package -> component. ngc: the variants for NVIDIA's containers (contrib/debian-template in aws/aws-ofi-nccl).
_COMPONENT_OF = {
    "libfabric1": "libfabric",
    "libfabric1-aws": "libfabric",
    "libfabric-aws": "libfabric",
    "libnccl-ofi": "plugin",
    "libnccl-ofi-ngc-v1": "plugin",
    "libnccl-ofi-ngc-v2": "plugin",
    "libnccl-ofi-ngc-v3": "plugin",
    "aws-ofi-nccl": "plugin",
    "rdma-core": "rdma_core",
    "openmpi40-aws": "open_mpi",
    "openmpi50-aws": "open_mpi_5",
}
COMPONENTS = (
    "installer",
    "libfabric",
    "driver",
    "rdma_core",
    "plugin",
    "open_mpi",
    "open_mpi_5",
    "nccl",
    "kernel",
    "os",
)

_LIBFABRIC_FOLDERS = ("opt/amazon/efa/lib", "opt/amazon/efa/lib64")
# In this order: what the installer's packages use since 1.38 (the RPM's libdir is lib64), the variants for NVIDIA's
# containers, and what older guides built from source. awsome-distributed-ai efa-versions.py; NVIDIA-NeMo/RL #1973.
_PLUGIN_FOLDERS = (
    "opt/amazon/ofi-nccl/lib",
    "opt/amazon/ofi-nccl/lib64",
    "opt/amazon/ofi-nccl/lib/x86_64-linux-gnu",
    "opt/amazon/ofi-nccl/lib/aarch64-linux-gnu",
    "opt/amazon/aws-ofi-nccl/lib",
    "opt/aws-ofi-nccl/lib",
    "opt/aws-ofi-nccl/install/lib",
)
PLUGIN_FILES = ("libnccl-net.so", "libnccl-net-ofi.so", "libnccl-net-aws-ofi.so")
PLUGIN_LOADER_FILE = "etc/ld.so.conf.d/100_ofinccl.conf"
_PLUGIN_TEXT = b"Initializing aws-ofi-nccl "
_LONGEST_RELEASE = 32
_NCCL_FOLDERS = (
    "usr/lib/x86_64-linux-gnu",
    "usr/lib/aarch64-linux-gnu",
    "usr/lib64",
    "usr/local/lib",
    "opt/nccl/build/lib",
    "opt/nccl/lib",
    "usr/local/cuda/lib64",
    "usr/local/cuda/lib",
)


def find_software(root: str) -> dict[str, str | None]:
    """Return the version of each of COMPONENTS below ``root``, as its maker writes it: 2.4.0amzn5.0, 3.1.0g.

    Some thirty small reads, and no process: quick enough for a prolog. Only a plugin that no package tells of is read.
    """
    found: dict[str, str | None] = dict.fromkeys(COMPONENTS)
    found.update(_installed_packages(root))
    if found["plugin"] is None:  # built from source, beside the installer
        found["plugin"] = next(
            filter(None, (plugin_release(below(root, path[1:])) for path in find_plugins(root))), None
        )
    found["libfabric"] = found["libfabric"] or _libfabric_of_files(root)
    # The kernel's own efa driver has no version file, which is no fault.
    found["driver"] = read_text_or_none(below(root, "sys/module/efa/version")) or None
    found["nccl"] = _nccl(root)
    found["kernel"] = read_text_or_none(below(root, "proc/sys/kernel/osrelease")) or None
    found["os"] = _operating_system(root)
    return found


def find_plugins(root: str) -> list[str]:
    """Return the paths, as seen below ``root``, of the aws-ofi-nccl libraries that NCCL could load."""
    folders = list(_PLUGIN_FOLDERS)
    for line in _lines(below(root, PLUGIN_LOADER_FILE)):
        if line.startswith("/") and line.strip("/") not in folders:
            folders.append(line.strip("/"))
    paths = [os.path.join("/", folder, name) for folder in folders for name in PLUGIN_FILES]
    return [path for path in paths if os.path.isfile(below(root, path.lstrip("/")))]


def plugin_release(path: str) -> str | None:
    """Return the release that a plugin's library names in its own text, as ``1.18.0``; None where it names none.

    NCCL logs that text ("NET/OFI Initializing aws-ofi-nccl 1.18.0-aws"): PACKAGE_STRING in aws/aws-ofi-nccl's
    ``src/nccl_ofi_net.cpp``. Reads the whole library, some MiB.
    """
    rest = b""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            while True:
                chunk = os.read(descriptor, 1 << 20)
                _, found, after = (rest + chunk).partition(_PLUGIN_TEXT)
                if found and (len(after) >= _LONGEST_RELEASE or not chunk):
                    text = after[:_LONGEST_RELEASE].split(b"\0")[0].decode("ascii", "replace")
                    return text.partition("-")[0].strip() or None
                if not chunk:
                    return None
                rest = found + after if found else chunk[-len(_PLUGIN_TEXT) :]
        finally:
            os.close(descriptor)
    except OSError:
        return None


def _installed_packages(root: str) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for line in _lines(below(root, PACKAGES)):
        if line.startswith(_INSTALLER_LABEL):
            found["installer"] = line[len(_INSTALLER_LABEL) :].strip() or None
        elif not line.startswith("#"):
            for package in line.split():
                name, version = package_version(package)
                if name in _COMPONENT_OF and version:
                    found.setdefault(_COMPONENT_OF[name], version)
    return found


def package_version(package: str) -> tuple[str, str | None]:
    """Return name and version of a package file's name, without the packager's release; None where it has none."""
    parts = package.split("_")
    if len(parts) == 3:  # deb: name_version-release_architecture
        return parts[0], parts[1].partition("-")[0] or None
    for place, letter in enumerate(package[:-1]):  # rpm: name-version-release.distribution.architecture
        if letter == "-" and package[place + 1].isdigit():
            return package[:place], package[place + 1 :].partition("-")[0]
    return package, None


def _libfabric_of_files(root: str) -> str | None:
    """Return libfabric's version where no package tells it, as when it was built from source."""
    for folder in _LIBFABRIC_FOLDERS:
        for line in _lines(below(root, folder, "pkgconfig/libfabric.pc")):
            if line.startswith("Version:"):
                return line[len("Version:") :].strip() or None
        target = link_name(below(root, folder, "libfabric.so.1"))
        version = _libfabric_release(target[len("libfabric.so.") :]) if target else None
        if version:
            return version
    return None


def _libfabric_release(library: str) -> str | None:
    """Return the release whose library has this version: 1.30.0 -> 2.4.0.

    Each minor release raises the second number by one: 14 is 1.11, 25 is 1.22, 26 is 2.0, 32 is 2.6; the third is the
    patch level (``-version-info`` in ofiwg/libfabric's Makefile.am, by tag). Of later ones nothing is known.
    """
    numbers = library.split(".")
    if len(numbers) != 3 or not all(number.isdigit() for number in numbers):
        return None
    age, patch = int(numbers[1]), int(numbers[2])
    if not 14 <= age <= 32:
        return None
    return "%d.%d.%d" % (1 if age < 26 else 2, age - 3 if age < 26 else age - 26, patch)


def _nccl(root: str) -> str | None:
    for folder in _NCCL_FOLDERS:
        # libnccl.so.2 -> libnccl.so.2.27.7
        target = link_name(below(root, folder, "libnccl.so.2"))
        if target and target.startswith("libnccl.so.2."):
            return target[len("libnccl.so.") :]
    return None


def _operating_system(root: str) -> str | None:
    """Return ID and VERSION_ID of os-release(5), as in ``amzn-2023`` and ``ubuntu-24.04``."""
    values = dict(line.split("=", 1) for line in _lines(below(root, "etc/os-release")) if "=" in line)
    parts = [values.get(name, "").strip("\"'") for name in ("ID", "VERSION_ID")]
    return "-".join(part for part in parts if part) or None


def _lines(path: str) -> Iterator[str]:
    """Give the stripped lines of a text file of at most 64 KiB; none where it cannot be read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            text = os.read(descriptor, _MOST_BYTES).decode("utf-8", "replace")
        finally:
            os.close(descriptor)
    except OSError:
        return
    for line in text.splitlines():
        yield line.strip()
