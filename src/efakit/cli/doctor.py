"""``efakit doctor``."""

from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from efakit.cli import complete
from efakit.cli.command import Command
from efakit.errors import UsageError

if TYPE_CHECKING:
    from efakit.doctor.archive import Collected
    from efakit.doctor.judge import Told


@click.command(
    cls=Command,
    exit_1="Findings of severity error.",
    fine="No errors; what could not be read is said to be unread.",
    short_help="Find what is wrong with EFA on a node, on several nodes, on a head node or in an image.",
)
@click.option("--node", "nodes", metavar="NODES", help="Ask these nodes through srun, such as gpu-st-p5-[1-64].")
@click.option("--srun-option", "options", multiple=True, metavar="OPTION", help="With --node: for srun, repeatable.")
@click.option(
    "--start-seconds",
    type=click.IntRange(1, 3600),
    default=30,
    show_default=True,
    help="With --node: how long a busy node may take to start the job that asks it.",
)
@click.option("--container", is_flag=True, help="Judge an image: no device and no driver is wanted.")
@click.option(
    "--root",
    type=click.Path(path_type=Path),
    metavar="DIR|FILE",
    help="Judge a saved tree, or what --collect wrote, instead of this machine.",
)
@click.option(
    "--instance",
    metavar="TYPE",
    shell_complete=complete.instances,
    help="EC2 instance type, if the machine's own name is not the one.",
)
@click.option("--collect", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write a tar.gz.")
@click.option(
    "--fix-script",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the commands that mend the findings as a script to read.",
)
@click.option("--verbose", is_flag=True, help="Also print what was looked at.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def doctor(
    nodes: str | None,
    options: tuple[str, ...],
    start_seconds: int,
    container: bool,
    root: Path | None,
    instance: str | None,
    collect: Path | None,
    fix_script: Path | None,
    verbose: bool,
    form: str,
) -> None:
    """Find what is wrong with EFA on this machine: what, why it matters, the command that mends it, the source.

    On a compute node it looks at devices, driver, libraries, versions, limits, Enroot and fi_info. Where Slurm answers
    it also makes the checks of 'efakit hooks status'. With --node it asks other nodes and says which one differs.
    Nothing is changed. Run it as root to read everything.

    --collect writes a tar.gz to attach to a ticket; it has no secrets, and its README.txt says what it holds.
    """
    from efakit import __version__
    from efakit.doctor.archive import write_archive
    from efakit.doctor.examine import examine

    if instance is not None:
        from efakit.catalog.instances import get

        get(instance)
    if nodes is not None and (container or root is not None):
        raise UsageError("--node asks other nodes: give it without --container and --root")
    if nodes is None and options:
        raise UsageError("--srun-option is for --node")
    collected = _collected(nodes, options, start_seconds, container, root)
    where = str(root) if root is not None else "this machine"
    examined = examine(collected, __version__, where, instance)
    if collect is not None:
        write_archive(collect, collected)
        click.echo(f"wrote {collect}; its README.txt says what it holds", err=True)
    if fix_script is not None:
        _write_script(fix_script, examined.told)
    if form == "json":
        click.echo(json.dumps(examined.as_data(), indent=2))
    else:
        from efakit.cli.doctor_text import print_examined

        print_examined(examined, verbose=verbose)
    sys.exit(1 if examined.has_errors else 0)


def _collected(
    nodes: str | None, options: tuple[str, ...], start_seconds: int, container: bool, root: Path | None
) -> Collected:
    from efakit.doctor.local import collect_here, collect_tree

    if nodes is not None:
        return _asked(nodes, options, start_seconds)
    if root is None:
        return collect_here(in_image=container)
    from efakit.doctor.archive import read_collected

    found = read_collected(root)
    if found is not None and container and not all(document.in_image for document in found.documents):
        raise UsageError(f"{root}: was collected on a node, not in an image; leave --container out")
    return collect_tree(root, in_image=container) if found is None else found


def _asked(nodes: str, options: tuple[str, ...], start_seconds: int) -> Collected:
    """Ask nodes through srun, by this release's hooks where the cluster has them; and look at its installation."""
    from efakit.cli.ask_nodes import ask
    from efakit.doctor.archive import Collected
    from efakit.doctor.local import collect_cluster
    from efakit.jobs.node_list import expand

    names = expand(nodes)
    cluster, unread = collect_cluster()
    if cluster is None:
        raise UsageError(f"--node: {unread or 'Slurm is not on this machine'}; run this where Slurm's commands work")
    documents, silent = ask(names, cluster["home"], options, start_seconds)
    return Collected(tuple(documents), tuple(silent), cluster, unread)


def _begins(path: Path, text: bytes) -> bool:
    """Return whether this is a file, and no link, pipe or device, that begins so."""
    if not stat.S_ISREG(path.lstat().st_mode):
        return False
    with path.open("rb") as file:
        return file.read(len(text)) == text


def _write_script(path: Path, told: list[Told]) -> None:
    from efakit.cli.files import replace_file
    from efakit.doctor.fix_script import HEAD, fix_script

    try:
        # Not through a link: root may write this into a folder where others put links.
        if os.path.lexists(path) and not _begins(path, HEAD.encode()):
            raise UsageError(f"{path}: exists already, and doctor did not write it; name another file")
        replace_file(path, fix_script(told).encode("utf-8", "replace"))
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    click.echo(f"wrote {path}; read it before you run anything of it", err=True)
