"""Prepares a forked process of the hook (``forked``) for a history: its clock is moved, and it may be killed.

The file and its children are the real ones. At the change of a file whose number is ``kill_at`` (-1: never) the hook's
processes are killed.
"""

from __future__ import annotations

import os
import signal
import time
from typing import Any


def prepare(wall: str, boot: str, kill_at: str) -> None:
    from efakit.hook import folder, path, remembered

    real_time, real_clock, main_pid, limit = time.time, time.clock_gettime, os.getpid(), int(kill_at)
    ahead, since_boot = float(wall) - real_time(), float(boot) - real_clock(time.CLOCK_BOOTTIME)
    time.time = lambda: real_time() + ahead
    time.clock_gettime = lambda clock: real_clock(clock) + (since_boot if clock == time.CLOCK_BOOTTIME else 0.0)
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
