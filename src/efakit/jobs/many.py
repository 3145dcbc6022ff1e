"""Reads many files on all processors: the files of a job of thousands of nodes take a second on one.

Where that cannot be done (few files, one processor, other threads, no process to be had), or a child ends early, they
are read here, one after the other, with the same result.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any

from efakit.jobs.json_file import Unusable

_LEAST_FILES = 512
_MOST_CHILDREN = 4
_AT_ONCE = 64
"""Files whose results a child sends together."""
_BLOCK_BYTES = 1 << 20
_LENGTH_BYTES = 8

Read = Callable[[str], Any]
Result = tuple[str, Any]
"""A name, and what was read, or the Unusable that says why it was not."""


def read_all(names: Sequence[str], read: Read) -> list[Result]:
    """Return what ``read`` gives for each name, or its Unusable, in the order of the names."""
    children = min(_processors(), _MOST_CHILDREN)
    if len(names) < _LEAST_FILES or children < 2 or threading.active_count() > 1 or not hasattr(os, "fork"):
        return [(name, _try(read, name)) for name in names]
    found = dict(_by_children(names, read, children))
    return [(name, found[name] if name in found else _try(read, name)) for name in names]


def _processors() -> int:
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def _try(read: Read, name: str) -> Any:
    try:
        return read(name)
    except Unusable as error:
        return error


def _by_children(names: Sequence[str], read: Read, count: int) -> Iterator[Result]:
    import selectors

    pids: list[int] = []
    with selectors.DefaultSelector() as pipes:
        for number in range(count):
            source, sink = os.pipe()
            try:
                pid = os.fork()
            except OSError:
                os.close(source)
                os.close(sink)
                break
            if pid == 0:
                _child(sink, names[number::count], read)
            os.close(sink)
            pids.append(pid)
            pipes.register(source, selectors.EVENT_READ, bytearray())
        while pipes.get_map():
            for key, _ in pipes.select():
                data = os.read(key.fd, _BLOCK_BYTES)
                if data:
                    key.data.extend(data)
                    yield from _whole_parts(key.data)
                else:
                    pipes.unregister(key.fd)
                    os.close(key.fd)
    for pid in pids:
        with suppress(ChildProcessError):
            os.waitpid(pid, 0)


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
