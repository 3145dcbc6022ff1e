"""Runs the built hook and sends it a signal at a chosen moment.

    at_moment.py HOOK COMMAND CONFIG PROCESS MOMENT SIGNAL VICTIM

A moment is the number of Python's calls and returns, into C too, that a process of the hook has made: 0 is the hook
itself, 1 its first child and so on. So a moment is the same in each run, however busy the machine. VICTIM is ``hook``
(its process group, as Slurm does it) or ``all`` (the process that reached the moment too, as a machine short of memory
may). With MOMENT 0 nothing is sent, and each process adds lines to CONFIG.moments: its number, and its moments so far.

This program stands for slurmd: it ends when the hook and all that the hook left behind have ended.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from typing import Any

PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h


def be_slurmd() -> None:
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    python = [sys.executable, "-I", "-S", __file__, "--inside"]
    done = subprocess.run([*python, *sys.argv[1:]], start_new_session=True, stdin=subprocess.DEVNULL)
    while True:
        try:
            os.wait()
        except ChildProcessError:
            break
    sys.exit(0 if done.returncode <= 0 else done.returncode)


def be_the_hook(hook: str, command: str, config: str, process: str, moment: str, number: str, victim: str) -> None:
    import runpy

    hook_pid, own_pid, forks, count = os.getpid(), os.getpid(), 0, 0
    target, last, kind = int(process), int(moment), signal.Signals(int(number))

    def process_number() -> int:
        return 0 if own_pid == hook_pid else forks

    def say() -> None:
        if not last:
            with open(config + ".moments", "a") as file:  # noqa: PTH123 - a child's descriptors are closed
                file.write(f"{process_number()} {count}\n")

    def watch(_frame: Any, event: str, called: Any) -> None:
        nonlocal own_pid, count, forks
        if os.getpid() != own_pid:
            own_pid, count = os.getpid(), 0
        count += 1
        name = getattr(called, "__name__", "") if event == "c_call" else ""
        if name == "fork":
            forks += 1
        elif name in ("write", "_exit"):  # the hook kills a child that has said its last word
            say()
        if count == last and target == process_number():
            os.killpg(hook_pid, kind)
            if victim == "all":
                os.kill(os.getpid(), signal.SIGKILL)

    sys.argv = [hook, command, "--config", config]
    sys.setprofile(watch)
    try:
        runpy.run_path(hook, run_name="__main__")
    finally:
        sys.setprofile(None)
        say()


if __name__ == "__main__":
    if sys.argv[1] == "--inside":
        be_the_hook(*sys.argv[2:])
    else:
        be_slurmd()
