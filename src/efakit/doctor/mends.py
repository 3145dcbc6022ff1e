"""What mends a finding: for people in words, and the commands for ``--fix-script``. Nothing is ever run from here."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from typing import Any

from efakit.catalog.plugin_nccl import PLUGIN_NCCL
from efakit.catalog.stacks import EFA_INSTALLERS
from efakit.doctor.document import Document
from efakit.finding import Finding
from efakit.node.limits import enough_to_lock
from efakit.versions import COMPONENTS, version_key, within

Commands = tuple[str, ...]
_INSTALLER_PARTS = ("installer", "plugin", "libfabric", "driver", "rdma_core", "open_mpi")
_IMAGE = "where nodes come and go, do it in their image"


def mended(finding: Finding, document: Document) -> tuple[Finding, Commands]:
    """Return the finding with what to do, and the commands that do it; none where a person must decide."""
    make = _MENDS.get(finding.rule)
    if make is None:
        return finding, _of_versions(finding, document)
    fix, commands = make(document)
    return finding.replaced(fix=finding.fix or fix), commands


def installer_commands(release: str, *, in_image: bool = False) -> Commands:
    """Return the commands that install a release of the EFA installer (EC2 User Guide, page efa-start)."""
    archive = f"aws-efa-installer-{release}.tar.gz"
    run, options = ("", " --skip-kmod --skip-limit-conf --no-verify") if in_image else ("sudo ", "")
    return (
        f"curl -fsSLO https://efa-installer.amazonaws.com/{archive}",
        f"tar -xf {archive}",
        f"(cd aws-efa-installer && {run}./efa_installer.sh -y{options})",
    )


def _of_versions(finding: Finding, document: Document) -> Commands:
    """Return the commands that install what a finding about versions asks for, where the EFA installer brings it."""
    named = finding.fix.partition(",")[0]
    wanted = _version_in(named)
    if wanted is None:
        return ()
    if COMPONENTS["nccl"] in named:
        return _nccl_commands(wanted, document)
    components = [name for name in _INSTALLER_PARTS if COMPONENTS[name] in named]
    if not components:
        return ()
    release = _least_release(components, wanted, document)
    return installer_commands(release, in_image=document.in_image) if release else ()


def _nccl_commands(wanted: str, document: Document) -> Commands:
    """Return the commands that build and install a release of NCCL (README.md and Makefile of NVIDIA/nccl).

    Its tags have three numbers: of a line, the earliest release that aws-ofi-nccl was tested with is taken.
    """
    release = wanted
    if wanted.count(".") < 2:
        tested = [version for line in PLUGIN_NCCL for version in line.tested_nccl if not within(version, None, wanted)]
        if not tested:
            return ()
        release = min(tested, key=version_key)
    as_root = "" if document.in_image else "sudo "
    return (
        f"git clone --depth 1 --branch v{release}-1 https://github.com/NVIDIA/nccl.git",
        f"(cd nccl && make -j src.build && {as_root}make install)",
        f"{as_root}ldconfig",
    )


def _version_in(fix: str) -> str | None:
    """Return the first version that a fix names: ``use aws-ofi-nccl 1.16.2 or later``."""
    words = (word.rstrip(",;") for word in fix.split())
    return next((word for word in words if word[:1].isdigit() and "." in word), None)


def _least_release(components: list[str], wanted: str, document: Document) -> str | None:
    """Return the earliest release of the EFA installer, not before the node's own, that brings the wanted version."""
    own = document.versions.get("installer")
    for row in sorted(EFA_INSTALLERS, key=lambda row: version_key(row.version)):
        brought = row.version if components[0] == "installer" else getattr(row, components[0], None)
        if not isinstance(brought, str) or brought == "none" or within(brought, None, wanted):
            continue
        if own is None or not within(row.version, None, own):
            return row.version
    return None


def _newest(document: Document) -> str:
    own = document.versions.get("installer")
    known = [row.version for row in EFA_INSTALLERS]
    return own if own in known else max(known, key=version_key)


def _reinstall(why: str) -> Callable[[Document], tuple[str, Commands]]:
    def make(document: Document) -> tuple[str, Commands]:
        commands = installer_commands(_newest(document), in_image=document.in_image)
        return f"{why}: install EFA with the EFA installer; {_IMAGE}", commands

    return make


def _file(path: str, text: str, *after: str) -> Commands:
    return (f"printf '%s\\n' {shlex.quote(text)} | sudo tee {shlex.quote(path)} >/dev/null", *after)


def _replace(document: Document) -> tuple[str, Commands]:
    node = shlex.quote(document.node)
    fix = "drain the node and replace it, or reboot it (ParallelCluster replaces drained nodes)"
    return fix, (f"sudo scontrol update NodeName={node} State=DRAIN Reason='efakit doctor: EFA devices'",)


def _attach(document: Document) -> tuple[str, Commands]:
    fix = (
        "see that EFA is enabled for the node's compute resource or launch template; if it is, drain the node and "
        "replace it"
    )
    return fix, _replace(document)[1]


def _enable(document: Document) -> tuple[str, Commands]:
    fix = (
        "see that EFA is enabled on all network cards of the node's compute resource or launch template; if fewer are "
        "wanted, say how many in compute_resources of hook.json"
    )
    return fix, ()


def _bind(document: Document) -> tuple[str, Commands]:
    fix = "load the driver; if it is not built for the running kernel, build it, or run the EFA installer again"
    return fix, ("sudo modprobe efa || { sudo dkms autoinstall && sudo modprobe efa; }",)


def _verbs(document: Document) -> tuple[str, Commands]:
    return "load the kernel module ib_uverbs", ("sudo modprobe ib_uverbs",)


def _huge_pages(document: Document) -> tuple[str, Commands]:
    pages: Any = (document.part("limits") or {}).get("huge_pages")
    if not pages:
        return "raise vm.nr_hugepages", ()
    setting = f"vm.nr_hugepages = {pages['wanted']}"
    return f"set {setting}", _file("/etc/sysctl.d/90-efa-hugepages.conf", setting, "sudo sysctl --system >/dev/null")


def _memlock(document: Document) -> tuple[str, Commands]:
    limits: Any = document.part("limits") or {"login_limits": [], "slurm": {"memlock_bytes": None}}
    slurmd_is_well = limits["slurm"]["memlock_bytes"] is not None and enough_to_lock(limits["slurm"]["memlock_bytes"])
    login_is_well = any(row[1] == "*" and enough_to_lock(row[3]) for row in limits["login_limits"])
    if slurmd_is_well and not login_is_well:
        return _login_memlock(document)
    folder = "/etc/systemd/system/slurmd.service.d"
    # Drop-in files are read in the order of their names, and the last one holds (systemd.unit(5)).
    commands = (
        f"sudo mkdir -p {folder}",
        f"printf '[Service]\\nLimitMEMLOCK=infinity\\n' | sudo tee {folder}/zz-efakit-memlock.conf >/dev/null",
        "sudo systemctl daemon-reload",
        "sudo systemctl restart slurmd",
    )
    return "set LimitMEMLOCK=infinity in slurmd's service, and log in again where a shell has an old limit", commands


def _login_memlock(document: Document) -> tuple[str, Commands]:
    path = "/etc/security/limits.d/01_efa.conf"
    text = "* soft memlock unlimited\\n* hard memlock unlimited\\n"
    limits: Any = document.part("limits") or {"login_limits": []}
    # A later file and the line of a group or user win over what is for all (limits.conf(5)).
    lower = [row for row in limits["login_limits"] if row[0] != path and not enough_to_lock(row[3])]
    fix = f"set memlock to unlimited in {path}"
    if lower:
        fix += f", and take the lower limits out of {', '.join(dict.fromkeys(row[0] for row in lower))}"
    commands = [_without_limit(*row[:3]) for row in lower]
    return fix, (*commands, f"printf '{text}' | sudo tee {path} >/dev/null")


def _without_limit(file: str, domain: str, kind: str) -> str:
    """Return the command that makes a comment of a limit of locked memory."""
    space = "[[:space:]]"
    words = (re.sub(r"[][\\.*^$/]", r"\\\g<0>", word) for word in (domain, kind, "memlock"))
    pattern = f"{space}\\{{1,\\}}".join(words)
    return f"sudo sed -i {shlex.quote(f's/^{space}*{pattern}{space}/# &/')} {shlex.quote(file)}"


def _ptrace(document: Document) -> tuple[str, Commands]:
    setting = "kernel.yama.ptrace_scope = 0"
    return f"set {setting}", _file("/etc/sysctl.d/10-ptrace.conf", setting, "sudo sysctl --system >/dev/null")


def _plugin_path(document: Document) -> tuple[str, Commands]:
    software: Any = document.part("software") or {"plugins": []}
    if not software["plugins"]:
        return "run ldconfig", ("sudo ldconfig",)
    folder = software["plugins"][0].rpartition("/")[0]
    return f"name {folder} for the loader", _loadable("/etc/ld.so.conf.d/100_ofinccl.conf", folder, document)


def _library_path(document: Document) -> tuple[str, Commands]:
    # The installer's own folder: lib64 on RPM systems, lib on Debian's (EFA installer, efa-config).
    system = document.versions.get("os") or ""
    folder = "/opt/amazon/efa/lib" if system.startswith(("ubuntu", "debian")) else "/opt/amazon/efa/lib64"
    return f"name {folder} for the loader", _loadable("/etc/ld.so.conf.d/000_efa.conf", folder, document)


def _loadable(file: str, folder: str, document: Document) -> Commands:
    commands = _file(file, folder, "sudo ldconfig")
    return tuple(command.replace("sudo ", "") for command in commands) if document.in_image else commands


def _enroot(document: Document) -> tuple[str, Commands]:
    fix = "set ENROOT_RESTRICT_DEV no in /etc/enroot/enroot.conf, or mount /dev/infiniband by a file in mounts.d"
    line = "/dev/infiniband /dev/infiniband none x-create=dir,rbind,rw,nosuid,noexec,rslave,nofail"
    return fix, _file("/etc/enroot/mounts.d/90-efa.fstab", line)


def _driver(document: Document) -> tuple[str, Commands]:
    return "install a driver of NVIDIA's that fits, or an older CUDA", ()


def _kernel(document: Document) -> tuple[str, Commands]:
    return (
        "use an image with a newer kernel, or install the EFA driver with the EFA installer after NVIDIA's driver",
        (),
    )


def _catalog(document: Document) -> tuple[str, Commands]:
    return "renew the catalog, or set expected_devices in hook.json", ("efakit catalog update",)


def _as_root(document: Document) -> tuple[str, Commands]:
    return "" if document.data["is_root"] else 'run as root: sudo "$(command -v efakit)" doctor', ()


def _spool(document: Document) -> tuple[str, Commands]:
    keeping: Any = document.part("keeping") or {"spool": "/var/spool/efakit"}
    folder = shlex.quote(keeping["spool"])
    return f"make root the owner of {keeping['spool']}, with mode 0700, and see that its disk has room", (
        f"df -h {folder}",
        f"sudo install -d -m 0700 -o root -g root {folder}",
    )


def _records(document: Document) -> tuple[str, Commands]:
    keeping: Any = document.part("keeping") or {"records": None}
    folder = keeping["records"] or "records_dir"
    fix = f"mount the file system of {folder} on the node; root must own the folder, and nobody else may write there"
    return fix, (f"findmnt --target {shlex.quote(folder)}",)


def _flush(document: Document) -> tuple[str, Commands]:
    settings: Any = document.part("settings") or {"path": None}
    home = (settings["path"] or "/opt/slurm/etc/efakit/hook.json").rpartition("/")[0]
    return "publish them now", (f"sudo sh {shlex.quote(home)}/run-hook flush",)


def _settings(document: Document) -> tuple[str, Commands]:
    return "fix hook.json, or run 'efakit hooks install' on the head node, as root", ()


def _nothing(document: Document) -> tuple[str, Commands]:
    return "", ()


_MENDS: dict[str, Callable[[Document], tuple[str, Commands]]] = {
    "devices-missing": _attach,
    "devices-fewer": _enable,
    "devices-extra": lambda document: ("set expected_devices or compute_resources in hook.json", ()),
    "devices-unknown": _catalog,
    "devices-late": _nothing,
    "driver-unbound": _bind,
    "verbs-missing": _verbs,
    "verbs-unusable": _replace,
    "counters-unreadable": _replace,
    "commands-unanswered": _replace,
    "commands-refused": _nothing,
    "fi-info-missing": _reinstall("libfabric's tools are missing"),
    "fi-info-untrusted": lambda document: (
        "make root its owner, and let nobody else write it",
        (
            "sudo chown root:root /opt/amazon/efa/bin/fi_info",
            "sudo chmod 0755 /opt/amazon/efa/bin/fi_info",
        ),
    ),
    "fi-info-hangs": _replace,
    "fi-info-failed": _reinstall("libfabric does not start"),
    "provider-missing": _reinstall("libfabric has no EFA provider"),
    "domains-missing": _replace,
    "plugin-missing": _reinstall("aws-ofi-nccl is missing"),
    "image-without-efa": _reinstall("libfabric is missing"),
    "plugin-not-loadable": _plugin_path,
    "library-not-loadable": _library_path,
    "memlock-low": _memlock,
    "login-memlock-low": _login_memlock,
    "login-memlock-unset": _login_memlock,
    "ptrace-restricted": _ptrace,
    "huge-pages-few": _huge_pages,
    "enroot-restricted": _enroot,
    "nvidia-driver-low": _driver,
    "peer-memory-missing": _kernel,
    "spool-unusable": _spool,
    "spool-damaged": lambda document: ("look at the files, then remove them", ()),
    "records": _records,
    "records-wait": _flush,
    "exporter-stopped": lambda document: ("start it", ("sudo systemctl enable --now efakit-exporter.service",)),
    "exporter-version": lambda document: ("run install-exporter.sh of the newly rendered bundle on the node", ()),
    "not-read": _as_root,
    "settings": _settings,
    "version-differs": lambda document: (
        "name the release under cluster.stack of the spec and render again, or install the one it was rendered for",
        (),
    ),
}
