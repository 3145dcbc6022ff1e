"""What ``doctor --collect`` writes, and how it is read: a tar.gz with one JSON file. It may come from anybody.

Nothing is unpacked: one member is read, by its name, up to a limit, and the archive itself up to another.
"""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from efakit.doctor.document import MOST_BYTES, Document, document_of, load_json
from efakit.errors import UsageError
from efakit.printable import printable

FOLDER, CONTENT, README = "efakit-doctor", "collected.json", "README.txt"
_SCHEMA_VERSION = 1
_MOST_IN_ALL = 4 * MOST_BYTES
_MOST_MEMBERS = 1000
_HOLDS = """\
Written by 'efakit doctor --collect'. Judge it on any machine: efakit doctor --root FILE.tar.gz

collected.json holds, of each node: its name and instance type; EFA devices, their drivers, PCI addresses and error
counters; versions of the EFA software, NCCL, CUDA, the NVIDIA driver and the kernel; folders of /etc/ld.so.conf.d, and
EFA's libraries in the loader's cache; limits of locked memory, huge pages, ptrace_scope; which kernel modules of EFA's
and NVIDIA's are loaded; whether Enroot restricts /dev; the answer of fi_info -p efa; what could not be read, and why.

Of the cluster: the settings of Slurm that the hooks depend on (prologs, flags, time limits, health check), the paths of
prologs and epilogs, and of the hooks: their files' digests and paths, and some of hook.json.

It does not hold: contents of scripts or of other files, environment variables, keys, passwords, users, jobs.
"""


class Collected(NamedTuple):
    """What was collected: documents, the nodes that did not answer and why, and the cluster's installation."""

    documents: tuple[Document, ...]
    not_asked: tuple[tuple[str, str], ...] = ()
    cluster: Any = None
    cluster_unread: str | None = None


def write_archive(path: Path, collected: Collected) -> None:
    """Write the archive; raise UsageError where that is not possible, or where the file is there already."""
    content = {
        "schema_version": _SCHEMA_VERSION,
        "documents": [document.data for document in collected.documents],
        "not_asked": [list(pair) for pair in collected.not_asked],
        "cluster": collected.cluster,
        "cluster_unread": collected.cluster_unread,
    }
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, text in ((README, _HOLDS), (CONTENT, json.dumps(content, indent=1) + "\n")):
            data = text.encode()
            info = tarfile.TarInfo(f"{FOLDER}/{name}")
            info.size, info.mode = len(data), 0o644
            archive.addfile(info, io.BytesIO(data))
    try:
        with path.open("xb") as file:
            try:
                file.write(buffer.getvalue())
                file.flush()
            except OSError:
                path.unlink()  # half an archive is none
                raise
    except FileExistsError:
        raise UsageError(f"{path}: exists already; name another file, or remove it") from None
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None


def read_collected(path: Path) -> Collected | None:
    """Return what a file or an unpacked folder holds; None where it is a folder of another kind.

    A file is an archive, its collected.json, or what the hook's ``collect`` printed. Raises UsageError.
    """
    try:
        if path.is_dir():
            inside = [path / CONTENT, path / FOLDER / CONTENT]
            found = next((file for file in inside if file.is_file()), None)
            return None if found is None else _content(_limited(found), str(found))
        if not path.is_file():
            raise UsageError(f"{path}: does not exist, or is neither a file nor a folder")
        with path.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        return _content(_from_archive(path) if packed else _limited(path), str(path))
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror or error}") from None


def _limited(path: Path) -> bytes:
    with path.open("rb") as file:
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise UsageError(f"{path}: larger than {MOST_BYTES >> 20} MiB; 'efakit doctor --collect' writes no such file")
    return data


class _Bounded(io.RawIOBase):
    """The unpacked bytes of a gzip file, up to a limit: a small archive can hold any number of zeros."""

    def __init__(self, packed: gzip.GzipFile, where: Path) -> None:
        self._packed, self._left, self._where = packed, _MOST_IN_ALL, where

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        data = self._packed.read(min(self._left + 1, size if size >= 0 else self._left + 1))
        self._left -= len(data)
        if self._left < 0:
            raise UsageError(f"{self._where}: unpacks to more than {_MOST_IN_ALL >> 20} MiB; not read")
        return data


def _from_archive(path: Path) -> bytes:
    """Return the one member that counts, by its exact name; links, devices and all other names are passed over."""
    try:
        with gzip.open(path) as packed, tarfile.open(fileobj=_Bounded(packed, path), mode="r|") as archive:
            for number, member in enumerate(archive):
                if number >= _MOST_MEMBERS:
                    break
                name = member.name.removeprefix("./")
                if name in (CONTENT, f"{FOLDER}/{CONTENT}") and member.isreg():
                    file = archive.extractfile(member)
                    if file is None or member.size > MOST_BYTES:
                        break
                    return file.read(MOST_BYTES)
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile, ValueError) as error:
        raise UsageError(f"{path}: no archive of 'efakit doctor --collect': {error}") from None
    raise UsageError(f"{path}: has no {FOLDER}/{CONTENT} of at most {MOST_BYTES >> 20} MiB")


def _content(data: bytes, where: str) -> Collected:
    try:
        content = load_json(data)
    except ValueError:
        raise UsageError(f"{where}: no JSON; it was changed, or another program wrote it") from None
    if isinstance(content, dict) and "documents" not in content:
        return Collected((document_of(content, where),))
    if not isinstance(content, dict) or not isinstance(content["documents"], list):
        raise UsageError(f"{where}: no document of 'efakit doctor --collect'")
    if content.get("schema_version") != _SCHEMA_VERSION:
        raise UsageError(f"{where}: of another release of efakit; use that release")
    documents = [document_of(item, f"{where}: document {index + 1}") for index, item in enumerate(content["documents"])]
    names = [document.node for document in documents]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise UsageError(f"{where}: duplicate node {printable(twice)}; it was changed")
    unread = content.get("cluster_unread")
    return Collected(
        tuple(documents),
        tuple(_pairs(content.get("not_asked"), where)),
        content.get("cluster"),
        unread if isinstance(unread, str) else None,
    )


def _pairs(values: object, where: str) -> Sequence[tuple[str, str]]:
    pairs = values if isinstance(values, list) else []
    if not all(isinstance(pair, list) and len(pair) == 2 and all(isinstance(t, str) for t in pair) for pair in pairs):
        raise UsageError(f"{where}: not_asked must be a list of pairs; it was changed")
    return [(pair[0], pair[1]) for pair in pairs]
