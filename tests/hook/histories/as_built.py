"""Runs the built hook at a simulated time: as_built.py HOOK COMMAND CONFIG WALL_SECONDS BOOT_SECONDS KILL_AT

The file and its children are the real ones. Only the clock is moved, and at the KILL_AT-th change of a file (-1: never)
the hook's processes are killed.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import time
from typing import Any


def main(hook: str, command: str, config: str, wall: str, boot: str, kill_at: str) -> None:
    real_time, real_clock, main_pid, limit = time.time, time.clock_gettime, os.getpid(), int(kill_at)
    ahead, since_boot = float(wall) - real_time(), float(boot) - real_clock(time.CLOCK_BOOTTIME)
    time.time = lambda: real_time() + ahead
    time.clock_gettime = lambda clock: real_clock(clock) + (since_boot if clock == time.CLOCK_BOOTTIME else 0.0)
    sys.path.insert(0, hook)
    from efakit.hook import folder, path, remembered

    remembered.remember = lambda *_: None
    real_call, calls = path.call, 0

    def call(where: str, function: Any, *arguments: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if 0 <= limit < calls:
            os.kill(main_pid, signal.SIGKILL)
            os.kill(os.getpid(), signal.SIGKILL)
        return real_call(where, function, *arguments, **options)

    path.call = folder.call = call
    sys.argv = [hook, command, "--config", config]
    runpy.run_path(hook, run_name="__main__")


main(*sys.argv[1:])
