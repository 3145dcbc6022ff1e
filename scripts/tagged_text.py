"""The text of a project's files at its releases: from git tags, or from wheels."""

from __future__ import annotations

import re
import subprocess
import zipfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple, Protocol

from efakit.versions import version_key


class Release(NamedTuple):
    """One release and the tag that has it."""

    version: str
    tag: str


class Releases(Protocol):
    """A project's releases, the oldest first, and the text of their files."""

    def releases(self) -> Sequence[Release]:
        """Return the releases in the order of versions."""

    def files(self, tag: str) -> Mapping[str, str]:
        """Return a release's files by path; equal values are the same content."""

    def text(self, tag: str, path: str) -> str:
        """Return the text of a file."""


class Repository:
    """A git directory with tags. ``tag`` is their pattern; its first group is the version, with dots or hyphens."""

    def __init__(self, directory: Path, tag: str, oldest: str) -> None:
        self._directory, self._tag, self._oldest = directory, tag, oldest

    @cache  # noqa: B019 - lives as long as the program
    def releases(self) -> Sequence[Release]:
        """Return the releases from the oldest one that is looked at on; of several tags of one, the last."""
        found: dict[tuple[int, ...], Release] = {}
        for tag in sorted(self._git("tag").split()):
            match = re.fullmatch(self._tag, tag)
            version = re.sub(r"[.-]0*(?=\d)", ".", match.group(1)) if match else ""
            if version and version_key(version) >= version_key(self._oldest):
                found[version_key(version)] = Release(version, tag)
        return [found[key] for key in sorted(found)]

    @cache  # noqa: B019
    def files(self, tag: str) -> Mapping[str, str]:
        """Return the names of the files' contents by path."""
        lines = self._git("ls-tree", "-r", "-z", "--full-tree", tag).split("\0")
        rows = (line.split("\t", 1) for line in lines if line)
        return {path: entry.split()[2] for entry, path in rows}

    def text(self, tag: str, path: str) -> str:
        """Return the text of a file at a tag."""
        return self._blob(self.files(tag)[path])

    @cache  # noqa: B019
    def _blob(self, name: str) -> str:
        return self._git("cat-file", "blob", name)

    def _git(self, *arguments: str) -> str:
        command = ["git", "--git-dir", str(self._directory), *arguments]
        return subprocess.run(command, check=True, capture_output=True).stdout.decode("utf-8", "replace")


class Wheels:
    """A folder with the wheels of one project; a version is its own tag."""

    def __init__(self, directory: Path, name: str) -> None:
        found = {file.name.split("-")[1]: file for file in directory.glob(f"{name}-*.whl")}
        self._wheels = {version: found[version] for version in sorted(found, key=version_key)}

    def releases(self) -> Sequence[Release]:
        """Return the releases whose wheels are there."""
        return [Release(version, version) for version in self._wheels]

    @cache  # noqa: B019
    def files(self, tag: str) -> Mapping[str, str]:
        """Return the checksums of the files by path."""
        with zipfile.ZipFile(self._wheels[tag]) as archive:
            return {item.filename: str(item.CRC) for item in archive.infolist()}

    @cache  # noqa: B019
    def text(self, tag: str, path: str) -> str:
        """Return the text of a file of a wheel."""
        with zipfile.ZipFile(self._wheels[tag]) as archive:
            return archive.read(path).decode("utf-8")


class Source(NamedTuple):
    """Where a component's text is. Without a pattern of tags it is a project of this name on PyPI."""

    repository: str
    tag: str = ""
    oldest: str = "0"

    def open(self, directory: Path) -> Releases:
        """Return the releases that a folder has."""
        return Repository(directory, self.tag, self.oldest) if self.tag else Wheels(directory, self.repository)


SOURCES = {
    "plugin": Source("aws/aws-ofi-nccl", r"v(\d+\.\d+\.\d+)(?:-aws)?", "1.2.0"),
    "libfabric": Source("ofiwg/libfabric", r"v(\d+\.\d+\.\d+)", "1.8.0"),
    "nccl": Source("NVIDIA/nccl", r"v(\d+\.\d+\.\d+)-\d+", "2.4.2"),
    "nvshmem": Source("NVIDIA/nvshmem", r"v(\d+\.\d+\.\d+)-\d+"),
    "nixl": Source("ai-dynamo/nixl", r"v?(\d+\.\d+\.\d+)"),
    "slurm": Source("SchedMD/slurm", r"slurm-(\d+-\d+-\d+)-\d+", "21.8.0"),
    "driver": Source("amzn/amzn-drivers", r"efa_linux_(\d+\.\d+\.\d+)", "0.9.0"),
    "ompi": Source("open-mpi/ompi", r"v(\d+\.\d+\.\d+)", "3.0.0"),
    "pyxis": Source("NVIDIA/pyxis", r"v(\d+\.\d+\.\d+)"),
    "enroot": Source("NVIDIA/enroot", r"v(\d+\.\d+\.\d+)"),
    "parallelcluster": Source("aws_parallelcluster"),
}
