"""What else a node has that EFA meets: kernel modules, loader paths, CUDA, containers' settings, slurmd's own limits.

Each function gives values of JSON's types, and notes in ``unread`` what could not be read, and why. What is not there
gives None or an empty list; only the two together say which of both it is.
"""

from __future__ import annotations

import os

from efakit.node.files import below, link_name, names_in, read_text, told
from efakit.node.limits import read_limit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypedDict

    class Unread(TypedDict):
        """Something that could not be read: what, as a path or in words, and why."""

        what: str
        why: str


_MODULES = ("efa", "ib_uverbs", "ib_core", "efa_nv_peermem", "nvidia", "nvidia_peermem", "gdrdrv", "neuron")
_LIBRARIES = ("libfabric.so", "libefa.so", "libibverbs.so", "libnccl-net", "libnccl.so", "libmpi.so")
_MOST_BYTES = 1 << 24
_CUDA = "usr/local/cuda"
_ENROOT = "etc/enroot"
_ENROOT_PROGRAMS = ("usr/bin/enroot", "usr/local/bin/enroot")
_UNITS = ("etc/systemd/system", "usr/lib/systemd/system", "lib/systemd/system")
_DAEMON, _CONTROLLER = "slurmd", "slurmctld"
_LOCKED = "Max locked memory"
_MOST_LINES = 64


def text_of(root: str, path: str, unread: list[Unread]) -> str | None:
    """Return a small file's text, None where there is none, or where it could not be read: then ``unread`` says so."""
    text, why = told(read_text, below(root, path))
    if why is not None:
        unread.append({"what": "/" + path, "why": why})
    return text


def names_of(root: str, path: str, unread: list[Unread]) -> list[str]:
    """Return the names in a folder, none where there is no such folder or where it could not be listed."""
    names, why = told(names_in, below(root, path))
    if why is not None:
        unread.append({"what": "/" + path, "why": why})
    return names or []


def all_of(root: str, path: str, unread: list[Unread]) -> bytes:
    """Return a file's whole content, at most 16 MiB; empty where there is none or it could not be read."""

    def read(name: str) -> bytes:
        descriptor = os.open(name, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            parts, left = [], _MOST_BYTES
            while left > 0:
                part = os.read(descriptor, min(left, 1 << 20))
                if not part:
                    break
                parts.append(part)
                left -= len(part)
            return b"".join(parts)
        finally:
            os.close(descriptor)

    content, why = told(read, below(root, path))
    if why is not None:
        unread.append({"what": "/" + path, "why": why})
    return content or b""


def kernel_modules(root: str, unread: list[Unread]) -> list[str] | None:
    """Return which of the modules that EFA and GPUDirect RDMA use are loaded; None where the kernel did not tell."""
    text = all_of(root, "proc/modules", unread).decode("utf-8", "replace")
    if not text:
        return None
    loaded = {line.split(" ", 1)[0] for line in text.splitlines()}
    return [name for name in _MODULES if name in loaded]


def peer_memory(root: str, devices: list[str], unread: list[Unread]) -> dict[str, str | None]:
    """Return for each EFA device who gives it GPU memory: file ``p2p``, with older drivers ``gdr``; None: no such file.

    An empty text is the driver's own word for nobody (``efa_p2p_provider_string`` in amzn/amzn-drivers).
    """
    found: dict[str, str | None] = {}
    for name in devices:
        folder = "sys/class/infiniband/%s/device" % name
        text = text_of(root, folder + "/p2p", unread)
        if text is None:
            gdr = text_of(root, folder + "/gdr", unread)
            text = None if gdr is None else "gdr" if gdr == "1" else ""
        found[name] = text
    return found


def nvidia_driver(root: str, unread: list[Unread]) -> str | None:
    """Return the release of the NVIDIA driver whose kernel module is loaded, such as 580.95.05."""
    return text_of(root, "sys/module/nvidia/version", unread) or None


def cuda_toolkit(root: str, unread: list[Unread]) -> str | None:
    """Return the release of the CUDA toolkit in /usr/local/cuda, by its version.json, else by its folder's name."""
    text = text_of(root, _CUDA + "/version.json", unread) or ""
    _, found, rest = text.partition('"cuda"')
    if found:
        value = rest.partition('"version"')[2].partition('"')[2].partition('"')[0]
        if value[:1].isdigit():
            return value
    target = link_name(below(root, _CUDA)) or ""
    release = target[len("cuda-") :] if target.startswith("cuda-") else ""
    return release if release[:1].isdigit() and "." in release else None


def loader_paths(root: str, unread: list[Unread]) -> list[str]:
    """Return the folders that /etc/ld.so.conf.d names, in the order of its files."""
    folder = "etc/ld.so.conf.d"
    found: dict[str, None] = {}
    for name in names_of(root, folder, unread):
        if name.endswith(".conf"):
            for line in (text_of(root, folder + "/" + name, unread) or "").splitlines():
                path = line.partition("#")[0].strip()
                if path.startswith("/"):
                    found[path] = None
    return list(found)[:_MOST_LINES]


def loader_cache(root: str, unread: list[Unread]) -> list[str] | None:
    """Return the paths of EFA's libraries in the dynamic loader's cache; None where there is no cache to be read.

    The cache's strings, library names and paths, end with a NUL each (glibc, sysdeps/generic/dl-cache.h).
    """
    data = all_of(root, "etc/ld.so.cache", unread)
    if not data:
        return None
    texts = (text.decode("utf-8", "replace") for text in data.split(b"\0") if text[:1] == b"/")
    return sorted({text for text in texts if text.rpartition("/")[2].startswith(_LIBRARIES)})


def enroot_settings(root: str, unread: list[Unread]) -> dict[str, object] | None:
    """Return what Enroot's configuration says of devices; None where Enroot is not installed here.

    ``restrict_dev``: containers get a minimal /dev (``conf/hooks/10-devices.sh`` in NVIDIA/enroot). ``infiniband_in``:
    its hooks and mounts of this site that name /dev/infiniband.
    """
    files = (_ENROOT + "/enroot.conf", *_ENROOT_PROGRAMS)
    if all(told(os.stat, below(root, name))[0] is None for name in files):
        return None
    restrict = False
    for line in all_of(root, _ENROOT + "/enroot.conf", unread).decode("utf-8", "replace").splitlines():
        words = line.split()
        if words[:1] == ["ENROOT_RESTRICT_DEV"] and len(words) > 1:
            restrict = words[1].strip("\"'").lower() in ("yes", "y", "true", "1")
    naming = []
    for folder in (_ENROOT + "/hooks.d", _ENROOT + "/mounts.d"):
        for name in names_of(root, folder, unread):
            # Enroot's own hook for Mellanox names the folder too, and passes over every other driver's devices.
            if not name.endswith("mellanox.sh") and b"/dev/infiniband" in all_of(root, folder + "/" + name, unread):
                naming.append("/%s/%s" % (folder, name))
    return {"restrict_dev": restrict, "infiniband_in": naming}


def slurm_daemons(root: str, unread: list[Unread]) -> dict[str, object]:
    """Return which of Slurm's daemons run here, and the limit of locked memory of slurmd, in bytes; -1: no limit.

    ``memlock_bytes`` is that of the slurmd that runs, ``memlock_unit`` LimitMEMLOCK of its unit; None: no such line.
    """
    found: dict[str, object] = {"slurmd": False, "slurmctld": False, "memlock_bytes": None}
    for name in names_of(root, "proc", unread):
        daemon = told(read_text, below(root, "proc", name, "comm"))[0] if name.isdigit() else None
        if daemon not in (_DAEMON, _CONTROLLER):
            continue
        found[daemon] = True
        if daemon == _DAEMON:
            for line in (text_of(root, "proc/%s/limits" % name, unread) or "").splitlines():
                words = line[len(_LOCKED) :].split() if line.startswith(_LOCKED) else []
                if words:
                    found["memlock_bytes"] = read_limit(words[0])
    found["memlock_unit"] = _unit_limit(root, unread)
    return found


def _unit_limit(root: str, unread: list[Unread]) -> str | None:
    """Return the last LimitMEMLOCK of slurmd's unit and its drop-ins, as it stands there."""
    files = [folder + "/slurmd.service" for folder in _UNITS][::-1]
    # systemd.unit(5): drop-in files in the order of their names; of one name, that in /etc alone.
    drop_ins = {}
    for folder in _UNITS[::-1]:
        own = folder + "/slurmd.service.d"
        drop_ins.update({name: own + "/" + name for name in names_of(root, own, unread) if name.endswith(".conf")})
    files += [drop_ins[name] for name in sorted(drop_ins)]
    value = None
    for file in files:
        for line in all_of(root, file, unread).decode("utf-8", "replace").splitlines():
            name, is_setting, text = line.partition("=")
            if is_setting and name.strip() == "LimitMEMLOCK":
                value = text.strip()
    return value
