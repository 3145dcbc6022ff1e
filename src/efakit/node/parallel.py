"""Does the same work for many items, one after the other while that is fast, several at once when it turns out slow.

Reading a device's counters takes five commands that the device answers one after the other. Nobody publishes how long
one takes, and devices are independent: where the first shows that it takes its time, the others need not wait for it.
"""

from __future__ import annotations

import _thread
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import TypeVar

    Item = TypeVar("Item")
    Result = TypeVar("Result")

# A device in a plain tree of files takes a tenth of this.
_SLOW_SECONDS = 0.004
# How often results are passed on when nothing is left to start.
_IDLE_SECONDS = 0.02
# Enough to hide the devices' answers behind each other, few enough that each one's files are read within ib_core's
# 10 ms although the interpreter runs one thread at a time.
_MORE_WORKERS = 7


def in_parallel_when_slow(work: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Result]:
    """Give ``work(item)`` of each item, as they come.

    One that never returns costs its own result: then this never ends, but has given all the others. Threads cannot be
    ended, so the caller must be a process that is left behind. ``work`` must not raise. Where no thread can be started,
    the caller's does it.
    """
    todo = list(reversed(items))
    results: list[Result] = []
    all_done = _thread.allocate_lock()
    all_done.acquire()

    def do_one() -> bool:
        try:
            item = todo.pop()
        except IndexError:
            return False
        results.append(work(item))
        if len(results) == len(items) and all_done.locked():
            try:
                all_done.release()
            except RuntimeError:
                pass  # two were the last
        return True

    def work_on() -> None:
        while do_one():
            pass

    if items:
        _start(work_on, do_one)
    given = 0
    while given < len(items):
        began = time.monotonic()
        all_done.acquire(timeout=_SLOW_SECONDS if todo else _IDLE_SECONDS)
        ready = results[given:]
        given += len(ready)
        yield from ready
        # A wait that a busy machine stretched says nothing about the device.
        if not ready and todo and time.monotonic() - began < 3 * _SLOW_SECONDS:
            for _ in range(min(_MORE_WORKERS, len(todo))):
                _start(work_on, do_one)


def _start(in_thread: Callable[[], object], else_here: Callable[[], object]) -> None:
    try:
        _thread.start_new_thread(in_thread, ())
    except RuntimeError:  # the node is short of processes
        else_here()
