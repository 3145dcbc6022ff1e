"""What the catalog's rows have against the variables of a container that uses EFA."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from efakit.lint.manifest.problem import Path, Problem, is_template, items
from efakit.rules.judgement import judge
from efakit.rules.target import any_supported

# Rows about the names of a node's interfaces: in a network of its own, a pod's interface is eth0.
_OF_NODES = re.compile(r".*-fixed|.*-excludes-en")
# Of programs that use libfabric or UCX without NCCL: what NCCL's plugin does not need, they may.
_OF_OTHERS = ("NVSHMEM_", "UCX_", "NIXL_", "VLLM_", "SGLANG_", "MOONCAKE_", "DYN_", "OMPI_", "I_MPI_")
_OF_NCCL = ("NCCL_", "OFI_NCCL_", "TORCH_NCCL_")


def variable_problems(
    container: Mapping[str, Any], path: Path, instance: str | None, several: bool, host_network: object
) -> Iterator[Problem]:
    """Give the worst of each variable: of any supported stack, on nodes of ``instance``.

    ``several``: the pod is one of several that work together; ``host_network``: the pod's own hostNetwork.
    """
    env = [(where, item) for where, item in items(container, "env") if isinstance(item.get("name"), str)]
    names = [item["name"] for _, item in env]
    others = any(name.startswith(_OF_OTHERS) for name in names)
    workloads = ("nccl",) if any(name.startswith(_OF_NCCL) for name in names) and not others else ()
    target = any_supported()._replace(instance=instance, nodes=None if several else 1)
    for where, item in env:
        value = item.get("value")
        if not isinstance(value, str) or is_template(value) or "$(" in value:
            continue
        told = judge(item["name"], value, target, workloads)
        told = [one for one in told if host_network is True or _OF_NODES.fullmatch(one.rule) is None]
        for found in told[:1]:
            yield Problem(found.rule, (*path, *where, "value"), found.message, found.fix, found.severity, found.source)
