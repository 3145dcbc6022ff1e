"""The limits of a node that EFA meets: locked memory, huge pages, cross-memory attach."""

from __future__ import annotations

from efakit.node.files import below, list_folder, read_text_or_none

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypedDict

    class HugePages(TypedDict):
        """The node's huge pages of the default size, and how many libfabric would like to have."""

        size_kib: int
        count: int
        wanted: int


UNLIMITED = -1

# AWS's own check warns below this: bounce buffers for 128 cores, and some more (efa-check.sh in
# awslabs/libfabric-ci-scripts). At 64 KiB nothing works at all: EFA 4112, -12 (awslabs/awsome-distributed-ai #647).
ENOUGH_LOCKED_BYTES = 16 << 30

# Packet pools of one endpoint, one endpoint a core; larger pages than 16 MiB are not used (efa-check.sh, as above).
_HUGE_KIB_PER_CORE = 110 * 1024
_LARGEST_HUGE_PAGE_KIB = 16 * 1024


def locked_memory_limit(root: str) -> int | None:
    """Return how many bytes this process, and so slurmd's jobs, may lock: UNLIMITED, or None where it is not told."""
    for line in (read_text_or_none(below(root, "proc/self/limits")) or "").splitlines():
        if line.startswith("Max locked memory"):
            soft = line[len("Max locked memory") :].split()[:1]
            return read_limit(soft[0]) if soft else None
    return None


def enough_to_lock(limit_bytes: int | None) -> bool:
    """Return whether a limit suffices for EFA; an unknown one does."""
    return limit_bytes is None or limit_bytes == UNLIMITED or limit_bytes >= ENOUGH_LOCKED_BYTES


def login_limits(root: str) -> list[tuple[str, str, str, int]]:
    """Return the rows about locked memory in limits.conf(5) and limits.d: file, domain, type, bytes (UNLIMITED)."""
    folder = "etc/security/limits.d"
    files = ["etc/security/limits.conf"]
    files += [folder + "/" + name for name in list_folder(below(root, folder)) if name.endswith(".conf")]
    rows = []
    for name in files:
        for line in (read_text_or_none(below(root, name)) or "").splitlines():
            words = line.partition("#")[0].split()
            if len(words) == 4 and words[2] == "memlock":
                value = read_limit(words[3])
                if value is not None:
                    # limits.conf(5) counts in KiB
                    rows.append(("/" + name, words[0], words[1], value if value == UNLIMITED else value * 1024))
    return rows


def huge_pages(root: str) -> HugePages | None:
    """Return the huge pages of the default size; None where they are unknown or too large for libfabric to use."""
    size = _default_huge_page_kib(root)
    if size is None or size > _LARGEST_HUGE_PAGE_KIB:
        return None
    count = read_text_or_none(below(root, "sys/kernel/mm/hugepages/hugepages-%dkB/nr_hugepages" % size))
    cores = _cores(root)
    if count is None or not count.isdigit() or cores is None:
        return None
    return {"size_kib": size, "count": int(count), "wanted": cores * _HUGE_KIB_PER_CORE // size + 1}


def ptrace_scope(root: str) -> int | None:
    """Return Yama's ptrace scope: above 0, libfabric's cross-memory attach between two processes of a user fails."""
    text = read_text_or_none(below(root, "proc/sys/kernel/yama/ptrace_scope"))
    return int(text) if text and text.isdigit() else None


def read_limit(text: str) -> int | None:
    """Return a limit as the kernel or limits.conf(5) writes it: a number, UNLIMITED, or None where it is neither."""
    if text in ("unlimited", "infinity", "-1"):
        return UNLIMITED
    return int(text) if text.isdigit() and len(text) <= 20 else None


def _default_huge_page_kib(root: str) -> int | None:
    for line in (read_text_or_none(below(root, "proc/meminfo")) or "").splitlines():
        words = line.split()
        if words[:1] == ["Hugepagesize:"] and len(words) > 1 and words[1].isdigit():
            return int(words[1])
    return None


def _cores(root: str) -> int | None:
    """Return how many processors are online: ``0-95,97`` are 97."""
    text = read_text_or_none(below(root, "sys/devices/system/cpu/online"))
    cores = 0
    for part in (text or "").split(","):
        first, _, last = part.partition("-")
        if not first.isdigit() or not (last or first).isdigit():
            return None
        cores += int(last or first) - int(first) + 1
    return cores or None
