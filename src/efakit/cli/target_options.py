"""The options that name what a job runs on: instance type and releases."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from efakit.catalog.instances import get
from efakit.catalog.stacks import OPERATING_SYSTEMS, nearest_installers, newest_parallelcluster
from efakit.cli import complete
from efakit.errors import UsageError
from efakit.rules.releases import target_of
from efakit.rules.target import Target, any_supported
from efakit.versions import is_release

Command = TypeVar("Command", bound=Callable[..., Any])
_EXAMPLES = {"plugin": "1.16.3", "nccl": "2.27.5", "libfabric": "2.4.0"}

_OPTIONS: tuple[Callable[[Any], Any], ...] = (
    click.option(
        "--instance",
        metavar="TYPE",
        shell_complete=complete.instances,
        help="EC2 instance type of the nodes, such as p5.48xlarge.",
    ),
    click.option("--installer", metavar="RELEASE", help="Release of the EFA installer, such as 1.49.0."),
    click.option(
        "--parallelcluster", metavar="RELEASE", help="Release of ParallelCluster; it determines the installer."
    ),
    click.option("--plugin", metavar="RELEASE", help="Release of aws-ofi-nccl, if you installed your own."),
    click.option("--nccl", metavar="RELEASE", help="Release of NCCL, such as 2.27.5."),
    click.option("--libfabric", metavar="RELEASE", help="Release of libfabric, if you installed your own."),
    click.option("--os", metavar="OS", help="Operating system, by ParallelCluster's name, such as alinux2023."),
)

# Further components: their releases lie in the context, where ``further`` finds them.
_FURTHER = {
    "open_mpi": ("Open MPI, if you installed your own", "4.1.7"),
    "slurm": ("Slurm", "24.05.8"),
    "driver": ("the EFA driver", "3.0.0"),
    "rdma_core": ("rdma-core", "61.0"),
    "cuda": ("CUDA", "12.8"),
    "kernel": ("the Linux kernel", "6.1.150"),
    "nvshmem": ("NVSHMEM", "3.3.24"),
}
_META = "efakit.further"


def _keep(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    if value is None:
        return
    name = str(parameter.name)
    if not is_release(value):
        raise UsageError(f"--{name.replace('_', '-')} {value}: not a release, such as {_FURTHER[name][1]}")
    context.meta.setdefault(_META, {})[name] = value


def further() -> dict[str, str]:
    """Return the releases of further components that the command line names, by component."""
    context = click.get_current_context(silent=True)
    return dict(context.meta.get(_META, {})) if context is not None else {}


_OPTIONS = (
    *_OPTIONS,
    *(
        click.option(
            f"--{name.replace('_', '-')}",
            metavar="RELEASE",
            expose_value=False,
            callback=_keep,
            help=f"Release of {what}, such as {example}.",
        )
        for name, (what, example) in _FURTHER.items()
    ),
)


def target_options(command: Command) -> Command:
    """Add the options that ``target_from`` reads to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def check_releases(given: Mapping[str, str | None]) -> None:
    """Raise UsageError where an option of a component whose releases have no rows names none."""
    for name in _EXAMPLES:
        text = given.get(name)
        if text is not None and not is_release(text):
            raise UsageError(f"--{name} {text}: not a release, such as {_EXAMPLES[name]}")


def target_from(
    instance: str | None,
    installer: str | None,
    parallelcluster: str | None,
    plugin: str | None,
    nccl: str | None,
    libfabric: str | None = None,
    os: str | None = None,
) -> Target:
    """Return what the options name; nothing named: any target that is supported.

    Raises UnknownInstanceType, and UsageError for a release that has no row.
    """
    check_releases({"plugin": plugin, "nccl": nccl, "libfabric": libfabric})
    if instance is not None:
        get(instance)
    if os is not None and os not in OPERATING_SYSTEMS:
        raise UsageError(f"--os {os}: not one of {', '.join(sorted(OPERATING_SYSTEMS))}")
    more = further()
    if not any((instance, installer, parallelcluster, plugin, nccl, libfabric, os, more)):
        return any_supported()
    try:
        return target_of(
            parallelcluster=parallelcluster,
            installer=installer,
            plugin=plugin,
            instance=instance,
            nccl=nccl,
            libfabric=libfabric,
            os=os,
            **more,
        )
    except KeyError as error:
        unknown = str(error.args[0])
        if unknown == parallelcluster:
            newest = newest_parallelcluster()
            raise UsageError(f"--parallelcluster {unknown}: unknown release; the newest known is {newest}") from None
        if not is_release(unknown):
            raise UsageError(f"--installer {unknown}: not a release, such as 1.49.0") from None
        near = nearest_installers(unknown)
        what = "nearest known are" if len(near) > 1 else "nearest known is"
        own = "; --libfabric and --plugin give its components' releases"
        raise UsageError(f"--installer {unknown}: unknown release; the {what} {' and '.join(near)}{own}") from None
