"""Rules for jobs in images: what the image overrides, what it may not have, and a plugin that is preloaded."""

from __future__ import annotations

import re
from collections.abc import Iterator

from efakit.lint.script.launchers import Launch, launches
from efakit.lint.script.model import GAP, Command, Word
from efakit.lint.script.rule import Context, Problem, rule
from efakit.lint.script.steps import step_nodes
from efakit.lint.script.words import parts

_NETWORK = ("NCCL_", "FI_", "OFI_NCCL_", "NVSHMEM_")
_RUNTIMES = ("docker", "nvidia-docker", "podman", "nerdctl")
_GPUS = ("--gpus", "--runtime=nvidia", "nvidia-docker")
_DEVICES = re.compile(r"(^|[=,])/dev(/infiniband[^:]*)?/?:|/dev/infiniband")
_SPEAKS_OF_EFA = re.compile(r"\bfi_info\b|\bfi_pingpong\b|\bFI_PROVIDER=efa\b|\bFI_EFA_")
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


@rule("container-without-devices")
def container_without_devices(context: Context) -> Iterator[Problem]:
    """Point out docker run without /dev/infiniband, for GPUs of several nodes or for a program that uses EFA."""
    if not context.surroundings.efa:
        return
    for command in context.script.commands:
        chain = () if command.substituted else tuple(launches(command.words))
        run = _docker_run(command.words)
        if not run or any(_may_give_devices(word) for word in run):
            continue
        texts = [word.text for word in run]
        gpus = any(text.startswith(_GPUS) for text in (command.name, *texts))
        started = [launch for launch in chain if launch.kind in ("srun", "mpirun") and launch.word.span < run[0].span]
        several = bool(started) and (step_nodes(context, tuple(started)) or 0) > 1
        if (gpus and several) or any(_SPEAKS_OF_EFA.search(text) for text in texts):
            message = f"{run[0].program} gives the container no EFA device: NCCL uses TCP in it, or ends"
            yield Problem(run[0].span, message, "--device=/dev/infiniband --ulimit memlock=-1:-1")


def _docker_run(words: tuple[Word, ...]) -> tuple[Word, ...]:
    """Return the words from docker on where they run a container."""
    for place, word in enumerate(words[:-1]):
        if word.program in _RUNTIMES and words[place + 1].literal == "run":
            return words[place:]
    return ()


def _may_give_devices(word: Word) -> bool:
    """Return whether a word gives devices of the host, or is a variable that may hold such options."""
    return word.text.startswith(("--privileged", "--device", "--cdi", GAP)) or _DEVICES.search(word.text) is not None


@rule("preload-plugin")
def preload_plugin(context: Context) -> Iterator[Problem]:
    """Point out LD_PRELOAD=/.../libnccl-net.so."""
    for item in context.script.assignments:
        text = item.word.text if item.word is not None else item.value or ""
        if item.name == "LD_PRELOAD" and item.reaches and re.search(r"libnccl-(net|ofi|tuner)", text):
            message = "LD_PRELOAD loads the plugin into every program of the job: NCCL loads it itself"
            yield Problem(item.span, message, "add its folder to LD_LIBRARY_PATH, or set NCCL_NET_PLUGIN")
