"""Steps that mount: full and read-only file systems, dead ones, and requests that are never answered."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count, repeat
from pathlib import Path

import pytest

from tests.hook.faults.faulty_mount import HANG, FaultyMount
from tests.hook.faults.story import Step, Story

_faulty: dict[Path, FaultyMount] = {}
_plain: list[Path] = []


@contextmanager
def clean_mounts() -> Iterator[None]:
    """Unmount at the end whatever the steps mounted."""
    try:
        yield
    finally:
        for mount in _faulty.values():
            mount.stop()
        for path in reversed(_plain):
            subprocess.run(["umount", "-l", str(path)], check=False, capture_output=True)
        _faulty.clear()
        _plain.clear()


def _mount(path: Path, *arguments: str) -> None:
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    subprocess.run(["mount", *arguments, str(path)], check=True)
    _plain.append(path)


Place = Callable[[Story], Path]
SPOOL: Place = lambda story: story.node.spool  # noqa: E731
RECORDS: Place = lambda story: story.node.records  # noqa: E731
DEVICE_TREE: Place = lambda story: story.node.root  # noqa: E731


def tmpfs(place: Place, size: str = "1m", inodes: int = 1000, mode: str = "0700") -> Step:
    """Mount a small file system."""
    options = f"size={size},nr_inodes={inodes},mode={mode}"
    return lambda story: _mount(place(story), "-t", "tmpfs", "-o", options, "tmpfs")


def read_only(place: Place) -> Step:
    """Mount the file system again, read-only, as the kernel does after an error."""
    return lambda story: subprocess.run(["mount", "-o", "remount,ro", str(place(story))], check=True) and None


def writable(place: Place) -> Step:
    return lambda story: subprocess.run(["mount", "-o", "remount,rw", str(place(story))], check=True) and None


def filled(place: Place, leaving: int = 0) -> Step:
    """Let somebody fill the file system but for some bytes."""

    def step(story: Story) -> None:
        with (place(story) / "of-a-job").open("wb", buffering=0) as file:
            with pytest.raises(OSError, match="No space left"):
                file.writelines(repeat(bytes(4096)))
            file.truncate(file.tell() - leaving)

    return step


def without_inodes(place: Place) -> Step:
    def step(story: Story) -> None:
        with pytest.raises(OSError, match="No space left"):
            any((place(story) / f"of-a-job-{number}").touch() for number in count())

    return step


def emptied(place: Place) -> Step:
    return lambda story: [path.unlink() for path in place(story).glob("of-a-job*")] and None


def faulty(place: Place, *rules: tuple[str, str, int]) -> Step:
    """Put a FUSE file system over a folder, which shows the folder and has these faults."""

    def step(story: Story) -> None:
        path = place(story)
        path.mkdir(mode=0o700, exist_ok=True)
        backing = path.with_name(path.name + ".backing")
        if not backing.exists():
            path.rename(backing)
        mount = FaultyMount(path, backing)
        for rule in rules:
            mount.fail(*rule)
        mount.start()
        _faulty[path] = mount

    return step


def then(place: Place, *rules: tuple[str, str, int]) -> Step:
    """Let faults begin on a FUSE file system that was sound until now."""

    def step(story: Story) -> None:
        for rule in rules:
            _faulty[place(story)].fail(*rule)

    return step


def healed(place: Place) -> Step:
    return lambda story: _faulty[place(story)].heal()


def dead(place: Place) -> Step:
    """Let the server of a FUSE file system end: each request then fails."""
    return lambda story: _faulty[place(story)].die()


def unmounted(place: Place) -> Step:
    """Take a FUSE file system away; the folder below is shown again."""

    def step(story: Story) -> None:
        path = place(story)
        _faulty.pop(path).stop()
        path.rmdir()
        path.with_name(path.name + ".backing").rename(path)

    return step


def hangs(operation: str, pattern: str = "*") -> tuple[str, str, int]:
    return operation, pattern, HANG
