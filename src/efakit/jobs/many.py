"""Reads many files on all processors: the files of a job of thousands of nodes take a second on one.

Where that cannot be done (few files, one processor, other threads, no process to be had), or a child ends early, they
are read here, one after the other, with the same result.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from efakit.jobs.json_file import Unusable

if TYPE_CHECKING:
    import selectors

_LEAST_FILES = 512
_MOST_WORKERS = 4
_AT_ONCE = 64
"""Files whose results a child sends together."""
_BLOCK_BYTES = 1 << 20
_LENGTH_BYTES = 8

Read = Callable[[str], Any]
Result = tuple[str, Any]
"""A name, and what was read, or the Unusable that says why it was not."""


def read_all(names: Sequence[str], read: Read) -> list[Result]:
    """Return what ``read`` gives for each name, or its Unusable, in the order of the names."""
    workers = min(_processors(), _MOST_WORKERS)
    if len(names) < _LEAST_FILES or workers < 2 or threading.active_count() > 1 or not hasattr(os, "fork"):
        return [(name, _try(read, name)) for name in names]
    found = _by_children(names, read, workers)
    return [(name, found[name] if name in found else _try(read, name)) for name in names]


def _processors() -> int:
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def _try(read: Read, name: str) -> Any:
    try:
        return read(name)
    except Unusable as error:
        return error


def _by_children(names: Sequence[str], read: Read, workers: int) -> dict[str, Any]:
    """Return what this process and ``workers - 1`` children read, each a part of the names."""
    import selectors

    found: dict[str, Any] = {}
    pids: list[int] = []
    with selectors.DefaultSelector() as pipes:
        for number in range(1, workers):
            source, sink = os.pipe()
            try:
                pid = os.fork()
            except OSError:
                os.close(source)
                os.close(sink)
                break
            if pid == 0:
                _child(sink, names[number::workers], read)
            os.close(sink)
            pids.append(pid)
            _widen(source)
            pipes.register(source, selectors.EVENT_READ, bytearray())
        own = names[::workers]
        for place in range(0, len(own), _AT_ONCE):
            for name in own[place : place + _AT_ONCE]:
                found[name] = _try(read, name)
            # So that no child waits for room in its pipe.
            _take(pipes, found, wait=False)
        while pipes.get_map():
            _take(pipes, found, wait=True)
    for pid in pids:
        with suppress(ChildProcessError):
            os.waitpid(pid, 0)
    return found


def _widen(pipe: int) -> None:
    """Give a pipe room for all that a child sends until it is looked at next; a smaller one makes the child wait."""
    import fcntl

    with suppress(OSError, AttributeError):  # it would be more than a user may have; before Python 3.10 it has no name
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _BLOCK_BYTES)


def _take(pipes: selectors.BaseSelector, found: dict[str, Any], *, wait: bool) -> None:
    """Take what children have sent, and see which have ended."""
    for key, _ in pipes.select(None if wait else 0):
        data = os.read(key.fd, _BLOCK_BYTES)
        if data:
            key.data.extend(data)
            found.update(_whole_parts(key.data))
        else:
            pipes.unregister(key.fd)
            os.close(key.fd)


def _whole_parts(data: bytearray) -> Iterator[Result]:
    """Give the results of which all is there, and take them from ``data``."""
    import pickle

    while len(data) >= _LENGTH_BYTES:
        end = _LENGTH_BYTES + int.from_bytes(data[:_LENGTH_BYTES], "little")
        if len(data) < end:
            return
        # Our own child wrote it, and nobody else has the pipe.
        yield from pickle.loads(memoryview(data)[_LENGTH_BYTES:end].tobytes())  # noqa: S301
        del data[:end]


def _child(sink: int, names: Sequence[str], read: Read) -> None:
    """Write the results into the pipe and end, whatever happens: what is not there the parent reads itself."""
    shared: dict[str, str] = {}
    try:
        import pickle

        for place in range(0, len(names), _AT_ONCE):
            results = [(name, _with_shared_texts(_try(read, name), shared)) for name in names[place : place + _AT_ONCE]]
            shared.clear()
            data = pickle.dumps(results, pickle.HIGHEST_PROTOCOL)
            left = memoryview(len(data).to_bytes(_LENGTH_BYTES, "little") + data)
            while left:
                left = left[os.write(sink, left) :]
    finally:
        os._exit(0)


def _with_shared_texts(found: Any, shared: dict[str, str]) -> Any:
    """Return what was read with one text for all that are equal: it is written into the pipe once."""
    if isinstance(found, dict):
        for name, value in found.items():
            if type(value) is str:
                found[name] = shared.setdefault(value, value)
    return found
