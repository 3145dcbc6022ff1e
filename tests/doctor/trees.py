"""Trees of nodes for doctor: healthy ones of several types, and one fault each. Simulated devices, real names."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from efakit import __version__
from tests.lab import efa_software, efa_tree
from tests.lab.efa_devices import generic_devices

PLUGIN = [f"/{efa_software.PLUGIN_FOLDER}/libnccl-net.so", f"/{efa_software.PLUGIN_FOLDER}/libnccl-net-ofi.so"]
EFA_LIBRARIES = [
    "/opt/amazon/efa/lib64/libfabric.so.1",
    "/lib64/libibverbs.so.1",
    "/lib64/libefa.so.1",
]
TYPES = {
    "p4d.24xlarge": None,
    "p5.48xlarge": None,
    "p6-b200.48xlarge": None,
    "trn2.48xlarge": generic_devices(16),
    "hpc7a.96xlarge": generic_devices(2),
}


def healthy(root: Path, instance_type: str = "p5.48xlarge", *, port_counters: int = 22, nvidia: bool = True) -> Path:
    """Write a node with everything in its place, in a small form: what doctor does not read is not there."""
    devices = TYPES[instance_type]
    efa_tree.write_node(root, instance_type, devices, port_counters=port_counters)
    efa_software.write_software(root, installer="1.51.0", libfabric="2.7.0amzn2.0", plugin="1.22.0")
    efa_software.write_loader_cache(root, [*PLUGIN, *EFA_LIBRARIES])
    efa_software.write_limits(root, huge_pages=6000)
    write(root, "etc/hostname", "node-1\n")
    write(root, "proc/modules", "efa 200704 0 - Live 0x0\nib_uverbs 188416 1 efa, Live 0x0\nib_core 1 0 - Live 0x0\n")
    if nvidia and instance_type.startswith("p"):
        # NVIDIA's 580 wants an EFA driver that the older generations are not.
        write(root, "sys/module/nvidia/version", "580.95.05\n" if port_counters == 22 else "570.124.06\n")
        write(
            root,
            "usr/local/cuda/version.json",
            '{\n "cuda" : {\n  "name" : "CUDA SDK",\n  "version" : "12.8.1"\n }\n}\n',
        )
        (root / "proc/driver/nvidia").mkdir(parents=True)
    return root


def write(root: Path, path: str, text: str) -> None:
    efa_software.write(root / path, text)


def first_device(root: Path) -> str:
    return sorted(path.name for path in (root / "sys/class/infiniband").iterdir())[0]


def counters(root: Path) -> Path:
    return root / "sys/class/infiniband" / first_device(root)


def unreadable(path: Path) -> None:
    """Let a read fail as an I/O error does: a folder stands in the file's place."""
    path.unlink()
    path.mkdir()


def exporter(root: Path, version: str = __version__) -> None:
    """Write an exporter as its installer leaves it, enabled, on a node whose systemd does not run it."""
    write(root, "opt/efakit/efakit-exporter.pyz", f'efakit/exporter/main.py\n__version__ = "{version}"\n')
    command = "/usr/bin/python3.9 -I /opt/efakit/efakit-exporter.pyz --config /opt/efakit/hook.json"
    write(root, "etc/systemd/system/efakit-exporter.service", f"[Service]\nExecStart={command}\n")
    wants = root / "etc/systemd/system/multi-user.target.wants"
    wants.mkdir(parents=True, exist_ok=True)
    (wants / "efakit-exporter.service").symlink_to("../efakit-exporter.service")
    (root / "sys/fs/cgroup/system.slice").mkdir(parents=True, exist_ok=True)


def _old_exporter(root: Path) -> None:
    exporter(root, "0.0.1")
    write(root, "sys/fs/cgroup/system.slice/efakit-exporter.service/cgroup.procs", "1\n")


def _memory_of(root: Path, kernel: str) -> None:
    write(root, "proc/sys/kernel/osrelease", kernel)


def _two_numbers(root: Path) -> None:
    write(root, "sys/module/nvidia/version", "470.82.01\n")


def _restrict(root: Path) -> None:
    write(root, "etc/enroot/enroot.conf", "#ENROOT_DATA_PATH x\nENROOT_RESTRICT_DEV yes\n")


def _unusable(root: Path) -> None:
    (root / "dev/infiniband/uverbs0").unlink()


def _no_verbs(root: Path) -> None:
    verbs = root / "sys/class/infiniband_verbs/uverbs0"
    verbs.unlink()


def _unanswered(root: Path) -> None:
    efa_software.write(counters(root) / "hw_counters/no_completion_cmds", "3\n")


def _no_plugin(root: Path) -> None:
    shutil.rmtree(root / efa_software.PLUGIN_FOLDER)
    (root / "etc/ld.so.conf.d/100_ofinccl.conf").unlink()


def _old_software(root: Path) -> None:
    _no_plugin(root)
    efa_software.write_software(root, installer="1.28.0", libfabric="1.18.2", plugin=None, packages=OLD)
    efa_software.write_loader_cache(root, EFA_LIBRARIES)


OLD = "libfabric-aws-{libfabric}-1.amzn2.x86_64 openmpi40-aws-4.1.5-1.x86_64 efa-2.5.0-1.amzn2.x86_64"


def _no_limits(root: Path) -> None:
    efa_software.write_limits(root, locked="65536", huge_pages=6000)
    (root / "etc/security/limits.d/01_efa.conf").unlink()


def _bad_plugin(root: Path) -> None:
    efa_software.write_software(root, installer="1.36.0", libfabric="1.22.0", plugin="1.11.0")
    efa_software.write_loader_cache(root, [*PLUGIN, *EFA_LIBRARIES])


def _missing(root: Path) -> None:
    efa_tree.remove_device(root, first_device(root))
    kind = (root / "sys/class/dmi/id/product_name").read_text().strip()
    count = {"p4d.24xlarge": 4}.get(kind, 32)
    write(root, "opt/slurm/etc/efakit/hook.json", f'{{"expected_devices": {count}}}')


# A fault, the rule that must name it, its severity, and a word that its mend must have.
FAULTS: dict[str, tuple[Callable[[Path], None], str, str, str]] = {
    "a device is missing that hook.json expects": (_missing, "devices-missing", "error", "State=DRAIN"),
    "a device is missing by the type": (
        lambda root: efa_tree.remove_device(root, first_device(root)),
        "devices-fewer",
        "warning",
        "EFA is enabled",
    ),
    "a device has no driver": (
        lambda root: efa_tree.unbind_device(root, first_device(root)),
        "driver-unbound",
        "error",
        "modprobe efa",
    ),
    "a device has no verbs device": (_no_verbs, "verbs-missing", "error", "modprobe ib_uverbs"),
    "a verbs device cannot be opened": (_unusable, "verbs-unusable", "error", "drain"),
    "counters give an I/O error": (
        lambda root: unreadable(counters(root) / "ports/1/hw_counters/tx_bytes"),
        "counters-unreadable",
        "error",
        "drain",
    ),
    "admin commands were not answered": (_unanswered, "commands-unanswered", "error", "drain"),
    "no huge pages": (
        lambda root: efa_software.write_limits(root, huge_pages=0),
        "huge-pages-few",
        "warning",
        "vm.nr_hugepages",
    ),
    "locked memory is low": (
        lambda root: efa_software.write_limits(root, locked="65536", huge_pages=6000),
        "memlock-low",
        "warning",
        "LimitMEMLOCK=infinity",
    ),
    "slurmd's unit limits locked memory": (
        lambda root: write(root, "etc/systemd/system/slurmd.service.d/x.conf", "[Service]\nLimitMEMLOCK=64M\n"),
        "memlock-low",
        "warning",
        "LimitMEMLOCK=infinity",
    ),
    "the login limit is low": (
        lambda root: write(root, "etc/security/limits.d/01_efa.conf", "* soft memlock 64\n"),
        "login-memlock-low",
        "info",
        "01_efa.conf",
    ),
    "a group's login limit is low": (
        lambda root: write(root, "etc/security/limits.d/99_site.conf", "@users hard memlock 64\n"),
        "login-memlock-low",
        "info",
        "01_efa.conf",
    ),
    "ptrace is restricted": (
        lambda root: efa_software.write_limits(root, huge_pages=6000, ptrace_scope=1),
        "ptrace-restricted",
        "info",
        "kernel.yama.ptrace_scope = 0",
    ),
    "no plugin": (_no_plugin, "plugin-missing", "warning", "efa_installer.sh -y"),
    "the loader does not know the plugin": (
        lambda root: efa_software.write_loader_cache(root, EFA_LIBRARIES),
        "plugin-not-loadable",
        "warning",
        "ldconfig",
    ),
    "the loader does not know libfabric": (
        lambda root: efa_software.write_loader_cache(root, PLUGIN),
        "library-not-loadable",
        "warning",
        "000_efa.conf",
    ),
    "the installer is too old": (_old_software, "least-installer", "warning", "aws-efa-installer-1.29.1.tar.gz"),
    "the plugin does not go with the driver": (
        _bad_plugin,
        "plugin-1.11.0-driver",
        "error",
        "efa_installer.sh -y",
    ),
    "the NVIDIA driver is too old for CUDA": (_two_numbers, "nvidia-driver-low", "error", "driver"),
    "no login limit and a limit of this process": (
        _no_limits,
        "login-memlock-unset",
        "info",
        "01_efa.conf",
    ),
    "more devices than hook.json expects": (
        lambda root: write(root, "opt/slurm/etc/efakit/hook.json", '{"expected_devices": 16}'),
        "devices-extra",
        "warning",
        "hook.json",
    ),
    "a type that nobody knows": (
        lambda root: write(root, "sys/devices/virtual/dmi/id/product_name", "p9.48xlarge"),
        "devices-unknown",
        "warning",
        "efakit catalog update",
    ),
    "another installer than the cluster was rendered for": (
        lambda root: write(root, "opt/slurm/etc/efakit/hook.json", '{"stack": {"installer": "1.49.0"}}'),
        "version-differs",
        "info",
        "cluster.stack",
    ),
    "settings that are no JSON": (
        lambda root: write(root, "opt/slurm/etc/efakit/hook.json", "{"),
        "settings",
        "error",
        "hooks install",
    ),
    "neither dma-buf nor peer memory": (
        lambda root: _memory_of(root, "5.10.0-1.amzn2.x86_64"),
        "peer-memory-missing",
        "error",
        "newer kernel",
    ),
    "Enroot hides the devices": (_restrict, "enroot-restricted", "error", "/dev/infiniband"),
    "the exporter is stopped": (exporter, "exporter-stopped", "warning", "start it"),
    "an exporter of an older efakit": (_old_exporter, "exporter-version", "info", "install-exporter.sh"),
}
