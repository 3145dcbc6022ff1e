"""What the catalog's rows have against the variables of a container that uses EFA."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from efakit.lint.manifest.problem import Path, Problem, is_template, items, texts
from efakit.rules.judgement import judge
from efakit.rules.target import any_supported

# Rows about the names of a node's interfaces: in a network of its own, a pod's interface is eth0.
_OF_NODES = re.compile(r".*-fixed|.*-excludes-en")
# Of programs that use libfabric or UCX without NCCL: what NCCL's plugin does not need, they may.
_OF_OTHERS = ("NVSHMEM_", "UCX_", "NIXL_", "VLLM_", "SGLANG_", "MOONCAKE_", "DYN_", "OMPI_", "I_MPI_")
_FORWARDED = re.compile(r"(?<!\S)-x[ \t]+([A-Za-z_]\w*=\S+)")
_OF_NCCL = ("NCCL_", "OFI_NCCL_", "TORCH_NCCL_")


class Set(NamedTuple):
    """A variable that a manifest sets, and the path of its value."""

    path: Path
    name: str
    value: object


def set_by(container: Mapping[str, Any], path: Path) -> list[Set]:
    """Return the variables of a container's ``env``."""
    env = [(where, item) for where, item in items(container, "env") if isinstance(item.get("name"), str)]
    return [Set((*path, *where, "value"), item["name"], item.get("value")) for where, item in env]


def forwarded_by(container: Mapping[str, Any], path: Path) -> list[Set]:
    """Return the variables that mpirun in a container's command gives to its ranks: those behind -x with a value."""
    found = []
    for key in ("command", "args"):
        before = ""
        for number, item in enumerate(texts(container, key)):
            pairs = [item] if before == "-x" else _FORWARDED.findall(item)
            for name, equals, value in (pair.partition("=") for pair in pairs):
                if equals and "$" not in value and re.fullmatch(r"[A-Za-z_]\w*", name):
                    found.append(Set((*path, key, number), name, value.strip("\"'")))
            before = item
    return found


def variable_problems(
    variables: list[Set], instance: str | None, several: bool, host_network: object
) -> Iterator[Problem]:
    """Give the worst of each variable: of any supported stack, on nodes of ``instance``.

    ``several``: the pod is one of several that work together; ``host_network``: the pod's own hostNetwork.
    """
    names = [item.name for item in variables]
    others = any(name.startswith(_OF_OTHERS) for name in names)
    workloads = ("nccl",) if any(name.startswith(_OF_NCCL) for name in names) and not others else ()
    target = any_supported()._replace(instance=instance, nodes=None if several else 1)
    for path, name, value in variables:
        if not isinstance(value, str) or is_template(value) or "$(" in value:
            continue
        told = judge(name, value, target, workloads)
        told = [one for one in told if host_network is True or _OF_NODES.fullmatch(one.rule) is None]
        for found in told[:1]:
            yield Problem(found.rule, path, found.message, found.fix, found.severity, found.source)
