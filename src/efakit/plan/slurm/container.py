"""Decides how a job's ranks get into a container: options of srun for Pyxis, a command in front for Apptainer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from efakit.plan.decision import Decision
from efakit.spec.model import Container

_PYXIS_ENV = "https://github.com/NVIDIA/pyxis/issues/167"
_APPTAINER_ENV = "https://apptainer.org/docs/user/main/environment_and_metadata.html"


@dataclass(frozen=True)
class ContainerPlan:
    """``srun_options`` go to srun, ``command`` stands before what each task runs; every item is one literal word.

    ``handed_on`` are variables that must be exported under another name to get past the image's own.
    """

    srun_options: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    handed_on: tuple[str, ...] = ()


def decide_container(
    job_name: str, container: Container, names: Iterable[str], gpus: int, efa: bool
) -> tuple[ContainerPlan, Decision]:
    """Return the plan of a container and its decision; ``names`` are the variables that the script exports."""
    listed = tuple(dict.fromkeys(names))
    subject = f"container of job {job_name}"
    choice = f"{container.image} by {container.runtime}"
    if container.runtime == "pyxis":
        reason = "a variable of the image overrides the job's, unless --container-env names it"
        return ContainerPlan(srun_options=_pyxis(container, listed)), Decision(subject, choice, reason, _PYXIS_ENV)
    reason = "an image may set the same variable; with the prefix APPTAINERENV_ the job's value is used"
    plan = ContainerPlan(command=_apptainer(container, gpus, efa), handed_on=listed)
    return plan, Decision(subject, choice, reason, _APPTAINER_ENV)


def _pyxis(container: Container, names: tuple[str, ...]) -> tuple[str, ...]:
    options = [f"--container-image={container.image}"]
    if container.mounts:
        options.append(f"--container-mounts={','.join(container.mounts)}")
    if container.workdir:
        options.append(f"--container-workdir={container.workdir}")
    if names:
        options.append(f"--container-env={','.join(names)}")
    return (*options, *container.args)


def _apptainer(container: Container, gpus: int, efa: bool) -> tuple[str, ...]:
    words = ["apptainer", "exec"]
    if gpus:
        words.append("--nv")
    # Apptainer shows the host's /dev by default, but not where its configuration says "mount dev = minimal".
    mounts = (("/dev/infiniband",) if efa else ()) + container.mounts
    words += [f"--bind={mount}" for mount in mounts]
    if container.workdir:
        words.append(f"--pwd={container.workdir}")
    return (*words, *container.args, container.image)
