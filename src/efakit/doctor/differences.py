"""What differs between nodes of one instance type: the odd one out first. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from efakit.doctor.document import Document
from efakit.finding import Finding
from efakit.versions import COMPONENTS

_MOST_SHOWN = 6
_MOST_NODES_SHOWN = 8


def _software(name: str) -> Callable[[Document], Any]:
    return lambda document: document.versions.get(name)


def _part(*keys: str) -> Callable[[Document], Any]:
    def get(document: Document) -> Any:
        value: Any = document.data
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        return tuple(map(str, value)) if isinstance(value, list) else value

    return get


def _devices(document: Document) -> Any:
    found = document.part("devices")
    return len(found["devices_present"]) if found and found["devices_listed"] else None


def _domains(document: Document) -> Any:
    fabric = document.part("fabric")
    domains = fabric["answers"][-1]["domains"] if fabric and fabric["answers"] else None
    return None if domains is None else len(domains)


def _huge_pages(document: Document) -> Any:
    limits = document.part("limits")
    pages = limits["huge_pages"] if limits else None
    return pages["count"] if pages else None


# A name for people, what is compared, and whether it is software: there what is missing on a node is a difference too.
_FEATURES: tuple[tuple[str, Callable[[Document], Any], bool], ...] = (
    ("EFA devices", _devices, False),
    ("domains of fi_info", _domains, False),
    *((COMPONENTS.get(name, name), _software(name), True) for name in ("installer", "libfabric", "driver", "plugin")),
    *((COMPONENTS.get(name, name), _software(name), True) for name in ("rdma_core", "open_mpi", "open_mpi_5", "nccl")),
    ("CUDA", _software("cuda"), True),
    ("NVIDIA driver", _software("nvidia_driver"), True),
    ("Linux kernel", _software("kernel"), True),
    ("operating system", _software("os"), True),
    ("kernel modules", _part("kernel", "modules"), False),
    ("loader paths", _part("loader", "paths"), False),
    ("EFA's libraries in the loader's cache", _part("loader", "cache"), False),
    ("locked memory of slurmd", _part("limits", "slurm", "memlock_bytes"), False),
    ("locked memory", _part("limits", "locked_memory"), False),
    ("huge pages", _huge_pages, False),
    ("ptrace_scope", _part("limits", "ptrace_scope"), False),
    ("ParallelCluster image", _part("machine", "parallelcluster"), True),
    ("Enroot's devices", _part("enroot", "settings", "restrict_dev"), False),
)


def differences(documents: Sequence[Document]) -> Iterator[tuple[str, Finding]]:
    """Give node and finding for each node that differs from most of its instance type, the oddest first.

    A value that is not known differs from none. Where no value is that of more than half of the nodes, the groups are
    told instead.
    """
    by_type: dict[str, list[Document]] = {}
    for document in documents:
        by_type.setdefault(document.instance_type or "unknown instance type", []).append(document)
    for kind, group in by_type.items():
        yield from _in_group(kind, group)


def _in_group(kind: str, group: Sequence[Document]) -> Iterator[tuple[str, Finding]]:
    odd: dict[str, list[str]] = {}
    split: list[Finding] = []
    for label, get, is_software in _FEATURES:
        values = {document.node: get(document) for document in group}
        if is_software:
            # Not installed is a value, where the software of the node was read at all.
            values = {
                node: "none" if value is None and document.part("software") else value
                for document, (node, value) in zip(group, values.items(), strict=False)
            }
        known = {node: value for node, value in values.items() if value is not None}
        counts = Counter(known.values())
        if len(counts) < 2:
            continue
        (most, count), *_ = counts.most_common(1)
        if count * 2 <= len(known):
            split.append(_groups(kind, label, known))
            continue
        for node, value in known.items():
            if value != most:
                odd.setdefault(node, []).append(_told(label, value, most, count))
    for node, told in sorted(odd.items(), key=lambda item: -len(item[1])):
        more = f"; {len(told) - _MOST_SHOWN} more" if len(told) > _MOST_SHOWN else ""
        message = f"{node} differs from other nodes of {kind}: {'; '.join(told[:_MOST_SHOWN])}{more}"
        fix = "use the same image on all nodes: replace the node, or install what the others have"
        yield node, Finding("node-differs", "warning", message, fix=fix)
    for finding in split:
        yield "", finding


def _told(label: str, value: Any, most: Any, count: int) -> str:
    if isinstance(value, tuple) and isinstance(most, tuple):
        lacks, has = [item for item in most if item not in value], [item for item in value if item not in most]
        parts = [f"without {', '.join(lacks[:3])}"] if lacks else []
        parts += [f"also {', '.join(has[:3])}"] if has else []
        return f"{label}: {' and '.join(parts) or 'in another order'} ({count} nodes are alike)"
    return f"{label} {_shown(value)} ({_shown(most)} on {count} nodes)"


def _shown(value: Any) -> str:
    return "unlimited" if value == -1 else str(value)


def _groups(kind: str, label: str, known: dict[str, Any]) -> Finding:
    by_value: dict[Any, list[str]] = {}
    for node, value in known.items():
        by_value.setdefault(value, []).append(node)
    parts = []
    for value, nodes in sorted(by_value.items(), key=lambda item: -len(item[1]))[:_MOST_SHOWN]:
        named = ", ".join(nodes[:_MOST_NODES_SHOWN]) + (", ..." if len(nodes) > _MOST_NODES_SHOWN else "")
        shown = ", ".join(value) if isinstance(value, tuple) else _shown(value)
        parts.append(f"{shown or 'none'} on {len(nodes)} ({named})")
    return Finding("nodes-in-groups", "info", f"{kind}: {label}: {'; '.join(parts)}")
