"""One name for each component, and one order of versions, for every room. Python 3.9, standard library.

The forms that the components really have: 3.14 (ParallelCluster), 1.22.0amzn1.0 and 1.16.0~amzn3.0 (AWS's builds of
libfabric), 57.amzn0 (its builds of rdma-core), 2.27.7-1 and 4.1.7-2 (NCCL's and Open MPI's packages), 1.18.0-aws
(aws-ofi-nccl), 3.1.0g (EFA driver), 6.12.46-66.121.amzn2023.x86_64 (kernel), 5.0.0rc3 and 25.05.0-0rc1 (before a
release).
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    Key = tuple[tuple[int, ...], int, int, tuple[int, ...]]

COMPONENTS = {
    "parallelcluster": "ParallelCluster",
    "slurm": "Slurm",
    "installer": "EFA installer",
    "libfabric": "libfabric",
    "driver": "EFA driver",
    "plugin": "aws-ofi-nccl",
    "nccl": "NCCL",
    "cuda": "CUDA",
    "rdma_core": "rdma-core",
    "kernel": "Linux kernel",
    "open_mpi": "Open MPI",
    "open_mpi_5": "Open MPI 5",
    "nvshmem": "NVSHMEM",
}
"""The components whose versions matter, and what people call them.

``open_mpi`` is the one that AWS's environment module ``openmpi`` gives, of the 4 line; ``open_mpi_5`` is the other one
that the EFA installer brings.
"""

_LONGEST = 64
_DIGITS = "0123456789"
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
# Words behind the numbers that make a version earlier than the release; all others name a build of the release.
_BEFORE_RELEASE = {"dev": -4, "a": -3, "alpha": -3, "b": -2, "beta": -2, "c": -1, "rc": -1, "pre": -1, "preview": -1}
_BUILD = "amzn"
# Rows name the same few hundred versions, and are asked of each again and again.
_MOST_KEPT = 4096
_kept: dict[str, Key] = {}


def version_key(version: str) -> Key:
    """Return a key that orders versions; versions that mean the same have the same key.

    3.14 is 3.14.0. A pre-release comes before its release. AWS's builds of one release follow it in their order
    (2.1.0, 2.1.0amzn2.0, 2.1.0amzn5.0). A package's own revision (2.27.7-1) and other additions (1.18.0-aws, 3.1.0g)
    say nothing about the order. A text without a number comes before every version: ask ``is_version`` first.
    """
    key = _kept.get(version)
    if key is None:
        key = _key(version)
        if len(_kept) < _MOST_KEPT:
            _kept[version] = key
    return key


def _key(version: str) -> Key:
    numbers, rest = _numbers(version)
    if not numbers:
        return (), 0, 0, ()
    word, count = _word(rest)
    phase = _BEFORE_RELEASE.get(word, 0)
    if phase:
        return _without_zeros(numbers), phase, count[0] if count else 0, ()
    return _without_zeros(numbers), 0, 0, _without_zeros(count) if word == _BUILD else ()


def is_version(text: str) -> bool:
    """Return whether a text begins with a number, so that it can be compared."""
    return bool(version_key(text)[0] or _numbers(text)[0])


def is_release(text: str) -> bool:
    """Return whether a text is a release as users name one: 1.16.3, 2.4.0amzn5.0; not ``latest``, 3 or ``1.x``."""
    numbers, rest = _numbers(text)
    if len(numbers) < 2 or text[0] not in _DIGITS or text != text.strip() or len(text) > _LONGEST:
        return False
    return not rest or (rest[0] in "-+~" + _LETTERS and not rest.lower().strip("-+~._" + _LETTERS + _DIGITS))


def same_version(one: str, other: str) -> bool:
    """Return whether two texts name the same version; a text that is no version is the same as none."""
    return is_version(one) and is_version(other) and version_key(one) == version_key(other)


def release_line(version: str) -> tuple[int, int]:
    """Return the first two numbers: 3.16.3 and 3.16 are of the line (3, 16), Slurm 24.05.8 of (24, 5)."""
    first, second = (*_numbers(version)[0], 0, 0)[:2]
    return first, second


def within(version: str | None, since: str | None, until: str | None) -> bool:
    """Return whether ``since`` <= version < ``until``; without bounds always, with an unknown version never."""
    if since is None and until is None:
        return True
    if version is None or not is_version(version):
        return False
    key = version_key(version)
    return (since is None or version_key(since) <= key) and (until is None or key < version_key(until))


def newest(versions: Iterable[str]) -> str | None:
    """Return the newest of some versions, None of none."""
    return max(versions, key=version_key, default=None)


def _numbers(version: str) -> tuple[tuple[int, ...], str]:
    """Return the numbers at the beginning of a version, and what follows them."""
    text = version[:_LONGEST].strip()
    rest = text[1:] if text[:1] in ("v", "V") else text
    found = []
    while rest[:1] and rest[0] in _DIGITS:
        after = rest.lstrip(_DIGITS)
        found.append(int(rest[: len(rest) - len(after)]))
        rest = after
        if len(rest) > 1 and rest[0] == "." and rest[1] in _DIGITS:
            rest = rest[1:]
    return tuple(found), rest


def _word(rest: str) -> tuple[str, tuple[int, ...]]:
    """Return the word behind a version's numbers, in lower case, and the numbers behind it: ~amzn3.0, -0rc1."""
    text = rest.lstrip("-._~+").lower()
    if text.startswith("0rc"):  # as Slurm's packages have it
        text = text[1:]
    after = text.lstrip(_LETTERS)
    word = text[: len(text) - len(after)]
    return word, _numbers(after.lstrip("-._"))[0]


def _without_zeros(numbers: tuple[int, ...]) -> tuple[int, ...]:
    end = len(numbers)
    while end and numbers[end - 1] == 0:
        end -= 1
    return numbers[:end]
