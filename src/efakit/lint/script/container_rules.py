"""Rules for jobs in images: what the image overrides, what it may not have, and a plugin that is preloaded."""

from __future__ import annotations

import re
from collections.abc import Iterator

from efakit.lint.script.launchers import Launch
from efakit.lint.script.model import Command
from efakit.lint.script.rule import Context, Problem, rule
from efakit.lint.script.words import parts

_NETWORK = ("NCCL_", "FI_", "OFI_NCCL_", "NVSHMEM_")
_FILES = ("NCCL_NET_PLUGIN", "NCCL_TUNER_PLUGIN", "LD_PRELOAD")


@rule("container-env-missing")
def container_env_missing(context: Context) -> Iterator[Problem]:
    """Name the exported variables of the network that an image's own would override, once a script."""
    script = context.script
    exported = [
        item for item in script.assignments if item.kind in ("export", "sbatch-export") and not item.scope.outer
    ]
    for command, launch in _in_images(context):
        option = launch.option("container-env")
        listed = (
            {part.text.partition("=")[0] for part in parts(option.value, ",")}
            if option is not None and option.value
            else set()
        )
        known = option is None or option.value is None or option.value.literal is not None
        before = [item.name for item in exported if item.span.start < command.span.start]
        names = [name for name in dict.fromkeys(before) if name.startswith(_NETWORK) and name not in listed]
        if names and known and not launch.gaps:
            some = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
            message = f"if the image sets {some}, the image's value overrides the job's"
            image = launch.option("container-image", "container-name")
            span = image.span if image is not None else launch.word.span
            yield Problem(span, message, f"--container-env={','.join([*sorted(listed), *names])}")
            return


def _in_images(context: Context) -> Iterator[tuple[Command, Launch]]:
    for command, chain in context.jobs.launches:
        if chain[0].option("container-image", "container-name") is not None and not command.scope.outer:
            yield command, chain[0]


@rule("container-path-of-host")
def container_path_of_host(context: Context) -> Iterator[Problem]:
    """Point out files of the host that a job in an image names."""
    launches = list(_in_images(context))
    if not launches:
        return
    mounts = [option.value for _, launch in launches for option in launch.options if option.name == "container-mounts"]
    told = ",".join(word.text for word in mounts if word is not None)
    if any(launch.gaps for _, launch in launches) or any(word is not None and word.refs for word in mounts):
        return
    for item in context.script.assignments:
        if item.name not in _FILES or not item.reaches or not (item.value or "").startswith("/"):
            continue
        folders = ["/" + "/".join(part) for part in _parents(item.value or "")]
        inside = {part.split(":")[1 if part.count(":") else 0] for part in told.split(",")}
        if not inside & set(folders):
            message = f"{item.name} names {item.value}, which may not exist in the image: no mount provides it"
            yield Problem(item.span, message, "remove it, or mount its folder")


def _parents(path: str) -> Iterator[list[str]]:
    found = [part for part in path.split("/") if part]
    for size in range(1, len(found) + 1):
        yield found[:size]


@rule("preload-plugin")
def preload_plugin(context: Context) -> Iterator[Problem]:
    """Point out LD_PRELOAD=/.../libnccl-net.so."""
    for item in context.script.assignments:
        text = item.word.text if item.word is not None else item.value or ""
        if item.name == "LD_PRELOAD" and item.reaches and re.search(r"libnccl-(net|ofi|tuner)", text):
            message = "LD_PRELOAD loads the plugin into every program of the job: NCCL loads it itself"
            yield Problem(item.span, message, "add its folder to LD_LIBRARY_PATH, or set NCCL_NET_PLUGIN")
