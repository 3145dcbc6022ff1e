"""``efakit hooks install``, ``uninstall`` and ``flush``: on a head node or a node, as root."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from efakit.catalog.layouts import LAYOUTS
from efakit.cli.command import Command
from efakit.errors import UsageError
from efakit.finding import Place
from efakit.plan.slurm.programs import HOME
from efakit.plan.slurm.site import EXPORTER_SCRIPT, INSTALLER

_Command = TypeVar("_Command", bound=Callable[..., Any])


def _folders(command: _Command) -> _Command:
    """Give a command the installer's options that say where the hooks are."""
    options = [
        click.option(
            "--layout",
            type=click.Choice([row.name for row in LAYOUTS]),
            help="Where the cluster keeps hooks and settings.  [default: found by what is on this machine]",
        ),
        click.option(
            "--scripts-dir", metavar="DIR", help="Folder with prolog.d and epilog.d.  [default: the layout's]"
        ),
        click.option("--home", metavar="DIR", help="Folder of the hook itself.  [default: the layout's]"),
        click.option("--dry-run", is_flag=True, help="Show what would be done, change nothing."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@click.command(cls=Command)
@click.argument("spec_or_bundle", metavar="[SPEC|DIR]", default=".", type=click.Path(path_type=Path))
@_folders
@click.option("--records-dir", metavar="DIR", help="Shared folder for the records.  [default: the spec's]")
@click.option("--site-prolog", metavar="FILE", help="The site's own prolog, if Slurm no longer names it; or none.")
@click.option("--site-epilog", metavar="FILE", help="The site's own epilog, likewise.")
@click.option("--site-task-prolog", metavar="FILE", help="The site's own task prolog, likewise.")
@click.option("--exporter", is_flag=True, help="Install the exporter on this machine too: hooks.exporter in the spec.")
def install(spec_or_bundle: Path, exporter: bool, **given: Any) -> None:
    """Install the hooks of a spec, or of the bundle in DIR, on this cluster.

    Run it as root: on the head node where all nodes share its folders, else on each node. It does not disturb running
    jobs, and changes only files that differ. A site's own prolog, epilog and task prolog stay as they are: where Slurm
    takes one file, a script of efakit's runs both (docs/layouts.md).
    """
    _need_root("install")
    scripts = _scripts_of(spec_or_bundle)
    of_exporter = scripts.get(EXPORTER_SCRIPT)
    if exporter and of_exporter is None:
        raise UsageError(f"{spec_or_bundle}: has no exporter; set hooks.exporter in the spec", Place("--exporter"))
    failed = _run(scripts[INSTALLER], _options(**given))
    if exporter and of_exporter is not None and not failed:
        failed = _run(of_exporter, ["--dry-run"] if given["dry_run"] else [])
    elif of_exporter is not None and not failed:
        click.echo(f"efakit: the exporter is each node's own: run {EXPORTER_SCRIPT} there, or this with --exporter")
    sys.exit(2 if failed else 0)


def _scripts_of(spec_or_bundle: Path) -> dict[str, bytes]:
    """Return the installers of the hooks and, where there is one, of the exporter."""
    if not spec_or_bundle.is_dir():
        from efakit.emit.registry import emit
        from efakit.validate.spec import plan_spec

        files = {file.path: file.content for file in emit(plan_spec(spec_or_bundle), ("hooks",))}
        return {name: files[path] for name in (INSTALLER, EXPORTER_SCRIPT) if (path := f"hooks/{name}") in files}
    found = {}
    for name in (INSTALLER, EXPORTER_SCRIPT):
        file = spec_or_bundle / "hooks" / name
        if file.is_file():
            found[name] = file.read_bytes()
        elif name == INSTALLER:
            raise UsageError(
                f"{file}: does not exist; give a spec, or the folder that 'efakit render SPEC --out DIR' wrote"
            )
    return found


@click.command(cls=Command)
@_folders
def uninstall(**given: Any) -> None:
    """Remove the hooks from this cluster. Records stay.

    Run it as root where they were installed. Without any file for Prolog or Epilog Slurm drains every node that starts
    a job, and without its TaskProlog it fails every task. So where the hooks' script is the only one, a script that
    does nothing replaces it; one that runs the site's own too goes on with that one alone. Run this again once there is
    another script, or once Slurm's configuration names none of ours.

    The exporter of this machine goes too. On other nodes it stays: 'hooks status --node NODES' shows where, and
    'sudo sh install-exporter.sh --uninstall' removes it there.
    """
    from efakit.emit.hooks import exporter_uninstaller, uninstaller

    _need_root("uninstall")
    # The hooks last: they may share their folder.
    failed = _run(exporter_uninstaller(), ["--uninstall", *(["--dry-run"] if given["dry_run"] else [])])
    failed = _run(uninstaller(), [*_options(**given), "--uninstall"]) or failed
    sys.exit(2 if failed else 0)


@click.command(cls=Command)
@click.option("--home", metavar="DIR", default=HOME, show_default=True, help="Folder of the hook itself.")
def flush(home: str) -> None:
    """Publish the records that wait on this node.

    Each run of a hook on the node does the same: its next job, and the health check. On a node with the hooks but
    without efakit, run 'sudo sh /opt/slurm/etc/efakit/run-hook flush'.
    """
    _need_root("flush")
    program = Path(home) / "run-hook"
    if not program.is_file():
        raise UsageError(
            f"{program}: does not exist; the hooks are not installed there, or give their folder with --home"
        )
    sys.exit(2 if _fails(["/bin/sh", str(program), "flush"]) else 0)


def _need_root(command: str) -> None:
    if os.geteuid() != 0:
        raise UsageError(f'hooks {command} needs root: sudo "$(command -v efakit)" hooks {command}')


def _options(*, dry_run: bool, **given: str | None) -> list[str]:
    """Return the installer's options: they have the same names as the command's."""
    options = []
    for name, value in given.items():
        if value is not None:
            options += [f"--{name.replace('_', '-')}", value]
    return [*options, "--dry-run"] if dry_run else options


def _run(script: bytes, options: Sequence[str]) -> bool:
    """Run a script with our own output; return whether it failed: it has said why."""
    with tempfile.NamedTemporaryFile(prefix="efakit-", suffix=".sh") as file:
        file.write(script)
        file.flush()
        return _fails(["/bin/sh", file.name, *options])


def _fails(argv: Sequence[str]) -> bool:
    sys.stdout.flush()
    return subprocess.run(argv, stdin=subprocess.DEVNULL, check=False).returncode != 0
