"""Writes what the EFA installer leaves on a node, below a root folder: stand-ins with the names and texts of real ones.

The texts of `efa_installed_packages` are those of public samples: aws/aws-parallelcluster-cookbook #1882 (RHEL 8),
aws/aws-ofi-nccl #141 (Ubuntu), and the package names of installer 1.48 and 1.49. Libraries hold nothing but the text by
which they name themselves.
"""

from __future__ import annotations

from pathlib import Path

RPM = (
    "efa-config-1.18-1.amzn2023.noarch efa-profile-1.7-1.amzn2023.noarch libfabric-aws-{libfabric}-1.amzn2023.x86_64 "
    "libfabric-aws-devel-{libfabric}-1.amzn2023.x86_64 libnccl-ofi-{plugin}-1.amzn2023.x86_64 "
    "openmpi40-aws-4.1.7-3.x86_64 openmpi50-aws-5.0.9amzn1-11.x86_64 pmix-aws-4.2.8-13.x86_64 "
    "prrte-aws-3.0.6-13.x86_64 efa-3.1.0-1.amzn2023.x86_64 efa-nv-peermem-1.2.3-1.amzn2023.x86_64 "
    "ibacm-63.0-1.amzn2023.x86_64 libibverbs-63.0-1.amzn2023.x86_64 python3-pyverbs-63.0-1.amzn2023.x86_64 "
    "rdma-core-63.0-1.amzn2023.x86_64 rdma-core-devel-63.0-1.amzn2023.x86_64"
)
DEB = (
    "efa-config_1.18_all efa-profile_1.7_all libfabric-aws-bin_{libfabric}_amd64 libfabric-aws-dev_{libfabric}_amd64 "
    "libfabric1-aws_{libfabric}_amd64 libnccl-ofi_{plugin}-1_amd64 openmpi40-aws_4.1.7-3_amd64 "
    "openmpi50-aws_5.0.9amzn1-11_amd64 ibacm_63.0-1_amd64 ibverbs-providers_63.0-1_amd64 libibverbs1_63.0-1_amd64 "
    "librdmacm1_63.0-1_amd64 rdma-core_63.0-1_amd64 efa_3.1.0-1.amzn1_amd64"
)
UBUNTU_1_17_2 = (
    "efa-config_1.10_all efa-profile_1.5_all libfabric-aws-bin_1.16.0~amzn3.0_amd64 "
    "libfabric-aws-dev_1.16.0~amzn3.0_amd64 libfabric1-aws_1.16.0~amzn3.0_amd64 openmpi40-aws_4.1.4-1_amd64 "
    "ibacm_41.0-1_amd64 rdma-core_41.0-1_amd64 rdmacm-utils_41.0-1_amd64 efa_1.16.0-1.amzn1_amd64"
)
PLUGIN_FOLDER = "opt/amazon/ofi-nccl/lib"


def write_software(
    root: Path,
    *,
    installer: str = "1.49.0",
    libfabric: str = "2.4.0amzn5.0",
    plugin: str | None = "1.20.0",
    packages: str = RPM,
    loadable: bool = True,
) -> None:
    """Write the list of packages, libraries, loader files and os-release; without `plugin`, none of its own."""
    text = packages.format(libfabric=libfabric, plugin=plugin)
    if plugin is None:
        text = " ".join(name for name in text.split() if "nccl" not in name)
    write(
        root / "opt/amazon/efa_installed_packages",
        f"# EFA installer version: {installer}\n# Debug packages installed: no\n# Packages installed:\n{text}\n",
    )
    write(root / "etc/os-release", 'NAME="Amazon Linux"\nID="amzn"\nVERSION_ID="2023"\n')
    write(root / "proc/sys/kernel/osrelease", "6.12.46-66.121.amzn2023.x86_64\n")
    libraries = [f"/{PLUGIN_FOLDER}/libnccl-net.so", f"/{PLUGIN_FOLDER}/libnccl-net-ofi.so"]
    if plugin is not None:
        write(root / "etc/ld.so.conf.d/100_ofinccl.conf", f"/{PLUGIN_FOLDER}\n")
        for library in libraries:
            write_plugin(root / library.lstrip("/"), plugin)
    write_loader_cache(root, libraries if plugin is not None and loadable else [])


def write_plugin(path: Path, release: str) -> None:
    """A library that holds nothing but the text by which the plugin names its release."""
    write(path, "\x7fELF" + "\0" * 4096 + f"NET/OFI Initializing aws-ofi-nccl {release}\0more\0" + "\0" * 64)


def write_loader_cache(root: Path, libraries: list[str]) -> None:
    """The loader's cache, as far as its strings go: names and paths, each with a NUL at its end."""
    strings = [part for path in ["/lib64/libc.so.6", *libraries] for part in (path.rpartition("/")[2], path)]
    write(root / "etc/ld.so.cache", "glibc-ld.so.cache1.1" + "\0" * 64 + "\0".join([*strings, ""]))


def write_limits(root: Path, *, locked: str = "unlimited", huge_pages: int = 5128, ptrace_scope: int = 0) -> None:
    """What the kernel tells of slurmd's limits and of huge pages, and the installer's limits.d file (in KiB)."""
    line = f"Max locked memory         {locked:<20} {locked:<20} bytes     \n"
    write(
        root / "proc/self/limits", "Limit                     Soft Limit           Hard Limit           Units\n" + line
    )
    write(root / "proc/meminfo", "MemTotal:       2097152000 kB\nHugepagesize:       2048 kB\n")
    write(root / "sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", f"{huge_pages}\n")
    write(root / "sys/devices/system/cpu/online", "0-95\n")
    write(root / "proc/sys/kernel/yama/ptrace_scope", f"{ptrace_scope}\n")
    write(root / "etc/security/limits.d/01_efa.conf", "* soft memlock unlimited\n* hard memlock unlimited\n")


def write_fi_info(root: Path, devices: list[str], *, status: int = 0, sleep_seconds: float = 0) -> None:
    """An fi_info that answers as the real one of libfabric 2.x does: three blocks a device, or its error."""
    blocks = []
    for name in devices:
        for fabric, suffix, kind in (("efa-direct", "rdm", "RDM"), ("efa", "rdm", "RDM"), ("efa", "dgrm", "DGRAM")):
            blocks.append(
                f"provider: efa\n    fabric: {fabric}\n    domain: {name}-{suffix}\n    version: 204.0\n"
                f"    type: FI_EP_{kind}\n    protocol: FI_PROTO_EFA"
            )
    answer = "\n".join(blocks) if devices else "fi_getinfo: -61 (No data available)"
    nap = f"/bin/sleep {sleep_seconds}\n" if sleep_seconds else ""
    program = root / "opt/amazon/efa/bin/fi_info"
    write(program, f"#!/bin/sh\n{nap}/bin/cat <<'END'\n{answer}\nEND\nexit {status}\n")
    program.chmod(0o755)


def write(path: Path, text: str) -> None:
    """A file with its folders, in place of one that may be read-only."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_text(text)
