"""What the dynamic loader finds: libfabric, libibverbs, libefa and the plugin."""

from __future__ import annotations

from collections.abc import Iterator

from efakit.doctor.subject import Subject
from efakit.finding import Finding
from efakit.hook.installed import check_plugin

# What AWS's own check looks for in ldconfig's cache (efa-check.sh in awslabs/libfabric-ci-scripts).
_WANTED = ("libfabric.so", "libibverbs.so", "libefa.so")


def loader_findings(subject: Subject) -> Iterator[Finding]:
    """Give which of EFA's libraries are not in the loader's cache, where there is one."""
    loader, software = subject.document.part("loader"), subject.document.part("software")
    if not loader or not software:
        return
    cache = loader["cache"]
    if cache is None:
        return
    if subject.document.versions.get("installer"):
        missing = [name for name in _WANTED if not any(path.rpartition("/")[2].startswith(name) for path in cache)]
        if missing:
            message = f"{', '.join(missing)}: not in the loader's cache, though the EFA installer is installed"
            yield Finding("library-not-loadable", "warning", message)
    # An image is often built where there is no GPU: what it has of NVIDIA's tells what it is for.
    versions = subject.document.versions
    for_gpus = subject.document.in_image and bool(versions.get("cuda") or versions.get("nccl"))
    yield from check_plugin(software["plugins"], cache, has_gpu=software["has_gpu"] or for_gpus)
