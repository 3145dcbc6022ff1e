"""Spreads work over processes whose end is this process's end: a child writes into a pipe, and dies with its reader."""

from __future__ import annotations

import gc
import os
import pickle
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any, BinaryIO, TypeVar

from efakit.errors import RecordError

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def spread(function: Callable[[_Item], _Result], items: Sequence[_Item], workers: int) -> Iterator[_Result]:
    """Give the results in the order of the items; with one worker in this process."""
    if workers < 2 or len(items) < 2:
        yield from map(function, items)
        return
    pipes: list[BinaryIO] = []
    children: list[int] = []
    try:
        for number in range(min(workers, len(items))):
            pipes.append(_start(function, items[number::workers], pipes, children))
        for at in range(len(items)):
            try:
                result = pickle.load(pipes[at % workers])  # noqa: S301 - of our own child
            except EOFError as error:
                raise RecordError("a process that read records was killed: run the command again") from error
            if isinstance(result, _Failure):
                raise result.error
            yield result
    finally:
        for pipe in pipes:
            pipe.close()
        for child in children:
            os.waitpid(child, 0)


class _Failure:
    def __init__(self, error: Exception) -> None:
        self.error = error


def _start(
    function: Callable[[Any], Any], items: Sequence[Any], others: list[BinaryIO], children: list[int]
) -> BinaryIO:
    reading, writing = os.pipe()
    sys.stdout.flush()
    child = os.fork()
    if child:
        os.close(writing)
        children.append(child)
        return os.fdopen(reading, "rb")
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    # Values of records make no circles, and there are a hundred objects in each.
    gc.disable()
    os.close(reading)
    for pipe in others:
        os.close(pipe.fileno())
    with os.fdopen(writing, "wb") as out:
        for item in items:
            try:
                result: Any = function(item)
            except Exception as error:
                result = _Failure(error)
            pickle.dump(result, out, protocol=5)
            out.flush()
    os._exit(0)
