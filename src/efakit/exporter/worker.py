"""A child process that reads the node for scrape after scrape, and is replaced only where it hangs.

Forking an interpreter for each scrape would cost more than a tenth of it. Python 3.9.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterable
from typing import Any

from efakit.node.bounded import DONE, leave, take_values, write_value
from efakit.node.child import close, end_by_alarm, fork_with_pipe, read_in_time, set_apart

# A child outlives its time only where it cannot be killed.
_GRACE_SECONDS = 5
_MOST_BYTES = 1 << 24

Work = Callable[[Any], Iterable[Any]]


class Worker:
    """Does ``work`` in a child that lives on; ``left`` gets the ids of those that have not ended.

    ``work`` takes what it is asked and gives values of marshal's types; ``begin`` is called once in each child.
    """

    def __init__(self, work: Work, seconds: float, left: list[int], begin: Callable[[], None]) -> None:
        self._begin = begin
        self._work = work
        self._seconds = seconds
        self._left = left
        self._child = 0
        self._end = -1

    def ask(self, question: Any) -> list[Any]:
        """Return the values that the child gave within the time, all of them or those before it hung or died.

        Raises NoChild where none can be made. One that was killed since the last time is made again, once.
        """
        ends_at = time.monotonic() + self._seconds
        lived_before = bool(self._child)
        values = self._ask_once(question, ends_at)
        if not self._child and not values and lived_before and time.monotonic() < ends_at:
            values = self._ask_once(question, ends_at)
        return values

    def close(self) -> None:
        """Let the child end."""
        if self._child:
            self._give_up()

    def _ask_once(self, question: Any, ends_at: float) -> list[Any]:
        if not self._child:
            self._start()
        values: list[Any] = []
        rest = bytearray()
        taken = 0
        try:
            write_value(self._end, question)
        except OSError:
            self._give_up()
            return []
        while values[-1:] != [DONE] and taken < _MOST_BYTES:
            chunk = read_in_time(self._end, ends_at)
            if not chunk:
                break
            taken += len(chunk)
            rest += chunk
            if not take_values(rest, values):
                break
        if values[-1:] == [DONE]:
            return values[:-1]
        self._give_up()
        return values

    def _start(self) -> None:
        self._child, self._end = fork_with_pipe(self._seconds, _two_ends)
        if self._child == 0:
            self._be_the_child()

    def _give_up(self) -> None:
        child, self._child = self._child, 0
        close(self._end)
        self._end = -1
        if not leave(child):
            self._left.append(child)

    def _be_the_child(self) -> None:
        try:
            end = set_apart(self._end, prints=False)
            rest = bytearray()
            self._begin()
            while True:
                questions: list[Any] = []
                while not questions:
                    chunk = os.read(end, 1 << 16)
                    rest += chunk
                    if not chunk or not take_values(rest, questions):
                        return
                end_by_alarm(int(self._seconds) + _GRACE_SECONDS)
                for value in self._work(questions[-1]):
                    write_value(end, value)
                write_value(end, DONE)
                end_by_alarm(0)
        finally:
            # No clean-up of the parent's interpreter, whatever happened.
            os._exit(0)


def _two_ends() -> tuple[int, int]:
    ours, its = socket.socketpair()
    return ours.detach(), its.detach()
