"""Linux namespaces of a lab: making them, their mounts, and entering them from outside."""

from __future__ import annotations

import ctypes
import os
import socket
import subprocess
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

# linux/sched.h
CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000
HOST_NAMESPACES = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID | CLONE_NEWNET

CGROUP_DIR = Path("/sys/fs/cgroup")


def unshare(flags: int) -> None:
    """unshare(2); os.unshare came with Python 3.12 only."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(flags) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"unshare: {os.strerror(number)} (a container needs CAP_SYS_ADMIN)")


def mount(*arguments: str | Path) -> None:
    """mount(8); its message, when it fails, is in the lab's log."""
    subprocess.run(["mount", *map(str, arguments)], check=True)


def spawn_init(body: Callable[[], None]) -> tuple[int, int]:
    """Start `body` as process 1 of new namespaces: its process id as seen from here, and the gate it waits at.

    It starts when `open_gate` is called, and ends at once when its starter dies before.
    A PID namespace because the kernel then kills every process of the host with its process 1, whatever they did to
    their parents, sessions or groups; and with the last process go the namespace's mounts and interfaces.
    """
    pid_read, pid_write = os.pipe()
    gate_read, gate_write = os.pipe()
    middle = os.fork()
    if middle == 0:
        try:
            os.close(gate_write)
            unshare(HOST_NAMESPACES)
            init = os.fork()
            if init == 0:
                os.close(pid_write)
                if os.read(gate_read, 1):
                    body()
            else:
                os.write(pid_write, str(init).encode())
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)
    os.close(pid_write)
    os.close(gate_read)
    with os.fdopen(pid_read) as pipe:
        answer = pipe.read()
    os.waitpid(middle, 0)
    if not answer:
        raise OSError("the namespaces could not be made; the reason is above")
    return int(answer), gate_write


def open_gate(gate: int) -> None:
    os.write(gate, b"1")
    os.close(gate)


def detach_mounts() -> None:
    """Before the first mount: what this namespace mounts must not appear on the machine."""
    mount("--make-rprivate", "/")
    mount("-t", "proc", "proc", "/proc")


def fresh_sysfs(aside: Path) -> None:
    """Show the own network namespace's interfaces in /sys, and keep the cgroup tree, which a new sysfs lacks.

    (`ip netns exec` does the former without the latter, and slurmd 22.05 then stops with "No filesystem mounted on
    /sys/fs/cgroup".) The tree is carried over as it is, so cgroup v1, v2 and hybrid machines are all the same here.
    """
    has_cgroups = CGROUP_DIR.is_mount()
    if has_cgroups:
        aside.mkdir(parents=True, exist_ok=True)
        mount("--rbind", CGROUP_DIR, aside)
    mount("-t", "sysfs", "sysfs", "/sys")
    if has_cgroups:
        mount("--move", aside, CGROUP_DIR)
        aside.rmdir()


def name_host(name: str) -> None:
    socket.sethostname(name)
    Path("/proc/self/comm").write_text(name[:15])


def enter_argv(pid: int) -> list[str]:
    """The command prefix which runs a command in a process's namespaces."""
    return ["nsenter", f"--target={pid}", "--mount", "--uts", "--ipc", "--net", "--pid", "--"]


def inside_argv(pids: Sequence[int], argv: Sequence[str], cwd: Path, timeout_seconds: float | None) -> list[str]:
    """Enter nested namespaces one after the other (each id as seen in the one before), then run `argv` in `cwd`.

    The time limit is kept inside: killing nsenter from outside would leave the command running.
    """
    command: list[str] = []
    for pid in pids:
        command += enter_argv(pid)
    if timeout_seconds is not None:
        command += ["timeout", "--kill-after=5", str(timeout_seconds)]
    return [*command, "sh", "-c", 'cd "$0" && exec "$@"', str(cwd), *argv]
