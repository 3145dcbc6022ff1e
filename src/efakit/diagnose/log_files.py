"""Which files are logs, and the blocks of whole lines that one holds: plain, gzip, or standard input."""

from __future__ import annotations

import os
import shlex
import stat
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from io import BufferedReader, RawIOBase
from pathlib import Path
from typing import NamedTuple, cast

from efakit.diagnose.pipes import NoWriter, opened
from efakit.errors import UsageError
from efakit.finding import Place
from efakit.inputs import is_stdin, shown

BLOCK_BYTES = 1 << 17
"""Blocks that lie in the processor's cache: with 2 MiB a log of 1 GB took a sixth more time."""
_LONGEST_LINE = 1 << 16
_GZIP = b"\x1f\x8b"
_GZIP_HEADER = 31
"""Tells zlib to expect gzip."""
_PACKED_BYTES = 1 << 18
# What a folder is searched for: checkpoints and data lie beside logs, and are of any size.
_ENDS = (".out", ".err", ".log", ".txt", ".stdout", ".stderr")
_BEGINS = ("slurm-", "stdout", "stderr", "dmesg", "messages", "syslog")

# What begins so is packed by a program that is not asked here, or is no UTF-8: nothing of it would be found.
_NOT_TEXT = {
    b"\xfd7zXZ\0": "packed by xz: read it as 'xz -dc {0} | efakit diagnose -'",
    b"\x28\xb5\x2f\xfd": "packed by zstd: read it as 'zstd -dc {0} | efakit diagnose -'",
    b"BZh91AY&SY": "packed by bzip2: read it as 'bzip2 -dc {0} | efakit diagnose -'",
    b"\x04\x22\x4d\x18": "packed by lz4: read it as 'lz4 -dc {0} | efakit diagnose -'",
    b"PK\x03\x04": "a zip archive: unpack it first",
    b"\xff\xfe": "UTF-16: read it as 'iconv -f UTF-16 -t UTF-8 {0} | efakit diagnose -'",
    b"\xfe\xff": "UTF-16: read it as 'iconv -f UTF-16 -t UTF-8 {0} | efakit diagnose -'",
}
_LONGEST_MARK = max(map(len, _NOT_TEXT))

Progress = Callable[[str, int, int], None]
"""Told while a file is read: its name, the bytes read, and all of its bytes (0: unknown)."""


class Block(NamedTuple):
    """Some lines of a log, and the number of the first one; a line that is longer than a block is in several."""

    data: bytes
    line: int


def logs_in(paths: Sequence[Path], unusable: list[UsageError]) -> list[Path]:
    """Return the logs that are named: files as they are, folders searched; raise UsageError for what is none.

    Folders that cannot be searched are added to ``unusable``.
    """
    found: list[Path] = []
    for path in paths:
        if is_stdin(path) or not os.path.isdir(path):  # noqa: PTH112 - Path raises where a folder above is closed
            found.append(path)
            continue
        closed: list[UsageError] = []
        inside = sorted(_in_folder(path, closed))
        unusable += closed
        if not inside and not closed:
            raise UsageError(f"{path}: no log in this folder: files named {', '.join('*' + end for end in _ENDS)}")
        found += inside
    return list(dict.fromkeys(found))


def _in_folder(folder: Path, closed: list[UsageError]) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        place = Place(shown(Path(error.filename or folder)))
        closed.append(UsageError(f"the folder cannot be searched: {error.strerror}", place))

    for parent, _, names in os.walk(folder, onerror=refuse):
        for path in (Path(parent, name) for name in names if _is_log(name)):
            try:
                usable = stat.S_ISREG(path.stat().st_mode)  # a pipe would have to be waited for
            except FileNotFoundError:
                continue  # a link that leads nowhere
            except OSError:
                usable = True  # whoever reads it says why not
            if usable:
                yield path


def _is_log(name: str) -> bool:
    name = name.lower().removesuffix(".gz")
    last = name.rpartition(".")
    stem = last[0] if last[2].isdigit() and last[0] else name  # log.1
    return stem.endswith(_ENDS) or stem.startswith(_BEGINS)


def _stdin() -> BufferedReader:
    stdin = sys.stdin.buffer
    return stdin if isinstance(stdin, BufferedReader) else BufferedReader(cast(RawIOBase, stdin))


class LogFile:
    """One log that is read once, from its beginning to its end."""

    def __init__(self, path: Path, progress: Progress | None = None) -> None:
        self.name = shown(path)
        self.lines = 0
        self.bytes = 0
        self.damage = ""
        """Why it could not be read to its end; "" where it was."""
        self._path = path
        self._progress = progress

    def blocks(self) -> Iterator[Block]:
        """Give the log's lines; raise UsageError where it cannot be opened, or is packed or encoded otherwise."""
        try:
            raw = _stdin() if is_stdin(self._path) else opened(self._path)
        except NoWriter:
            what = "is a pipe that nobody writes to: start its writer first, or name the log itself"
            raise UsageError(what, Place(self.name)) from None
        except OSError as error:
            raise UsageError(f"cannot be read: {error.strerror}", Place(self.name)) from error
        with raw:
            yield from self._lines(raw)

    def _lines(self, raw: BufferedReader) -> Iterator[Block]:
        rest, line = b"", 1
        for data in self._data(raw):
            self.bytes += len(data)
            block = rest + data if rest else data
            end = block.rfind(b"\n") + 1
            if not end and len(block) < _LONGEST_LINE:
                rest = block
                continue
            end = end or len(block)
            rest = block[end:] if end < len(block) else b""
            lines = block.count(b"\n", 0, end)
            yield Block(block if end == len(block) else block[:end], line)
            line += lines
        if rest:
            yield Block(rest, line)
        self.lines = line - 1 + bool(rest)

    def _data(self, raw: BufferedReader) -> Iterator[bytes]:
        """Give what the file holds, unpacked where it is gzip."""
        size, done = self._size(), 0
        try:
            begins = raw.peek(_LONGEST_MARK)
            for mark, what in _NOT_TEXT.items():
                if begins.startswith(mark):
                    raise UsageError(f"cannot be read: {what.format(shlex.quote(self.name))}", Place(self.name))
            if begins[:2] == _GZIP:
                yield from self._unpacked(raw, size)
                return
            while data := raw.read(BLOCK_BYTES):
                done += len(data)
                self._tell(done, size)
                yield data
        except OSError as error:
            self.damage = error.strerror or str(error)

    def _unpacked(self, raw: BufferedReader, size: int) -> Iterator[bytes]:
        unpack, packed = zlib.decompressobj(_GZIP_HEADER), b""
        begun = False
        try:
            while packed or (packed := raw.read(_PACKED_BYTES)):
                data, begun = unpack.decompress(packed, BLOCK_BYTES), True
                packed = unpack.unconsumed_tail
                if unpack.eof:
                    # Another part may follow, as where logs were packed one by one.
                    packed, begun = unpack.unused_data.lstrip(b"\0"), False
                    unpack = zlib.decompressobj(_GZIP_HEADER)
                self._tell(raw.tell() if raw.seekable() else 0, size)
                if data:
                    yield data
        except zlib.error as error:
            self.damage = f"gzip is damaged: {error}"
        if begun and not self.damage:
            self.damage = "gzip breaks off"

    def _size(self) -> int:
        try:
            return 0 if is_stdin(self._path) else self._path.stat().st_size
        except OSError:
            return 0

    def _tell(self, done: int, size: int) -> None:
        if self._progress is not None:
            self._progress(self.name, done, size)
