"""What a lab could leave behind on the machine, to be compared before and after."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .state import Process

NAMESPACE_KINDS = ("net", "mnt", "uts", "ipc", "pid")


@dataclass(frozen=True)
class Footprint:
    """One machine's state, as far as a lab might change it."""

    namespaces: str  # ip netns
    links: frozenset[str]
    mounts: frozenset[str]
    hosts_file: str
    hosts_inode: int
    processes: frozenset[str]  # command lines that name the work directory


def footprint(work_dir: Path) -> Footprint:
    hosts = Path("/etc/hosts")
    return Footprint(
        namespaces=_output("ip", "netns", "list"),
        links=frozenset(line.split(":")[1].strip() for line in _output("ip", "-o", "link").splitlines()),
        mounts=frozenset(line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()),
        hosts_file=hosts.read_text(),
        hosts_inode=hosts.stat().st_ino,
        processes=frozenset(command for command in _command_lines() if str(work_dir) in command),
    )


def lab_namespaces(work_dir: Path) -> set[str]:
    """The namespaces of all processes that name this work directory and are not in the machine's own."""
    found: set[str] = set()
    for process in _processes():
        if str(work_dir) in _command_line(process):
            found |= _namespaces(process)
    return found - _namespaces(Path("/proc/self"))


def processes_in(namespaces: set[str]) -> list[str]:
    """Command lines of the processes that live in any of these namespaces, whatever they are called.

    Without zombies: whoever inherits a lab's first process collects its exit status in its own time.
    """
    found = [process for process in _processes() if _namespaces(process) & namespaces]
    return [_command_line(process) for process in found if Process.find(int(process.name)) is not None]


def _output(*argv: str) -> str:
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


def _processes() -> list[Path]:
    return [path for path in Path("/proc").iterdir() if path.name.isdigit() and int(path.name) != os.getpid()]


def _command_line(process: Path) -> str:
    try:
        return (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def _command_lines() -> list[str]:
    return [_command_line(process) for process in _processes()]


def _namespaces(process: Path) -> set[str]:
    found = set()
    for kind in NAMESPACE_KINDS:
        try:
            found.add(str((process / "ns" / kind).readlink()))
        except OSError:
            continue
    return found
