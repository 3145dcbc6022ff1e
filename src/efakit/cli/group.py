"""The command ``efakit``: names and short helps of all commands; each is imported only when it is called."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import click

from efakit import __version__
from efakit.cli.command import Group

# name -> (module, its command, short help)
COMMANDS = {
    "init": ("efakit.cli.init", "init", "Write a first spec."),
    "render": ("efakit.cli.render", "render", "Write a spec's bundle: cluster config, sbatch scripts, hooks."),
    "validate": ("efakit.cli.validate", "validate", "Check a spec or a ParallelCluster config before it costs money."),
    "lint": (
        "efakit.cli.lint",
        "lint",
        "Find errors in sbatch scripts, launchers, env files, Dockerfiles and cluster configs.",
    ),
    "explain": (
        "efakit.cli.explain",
        "explain",
        "Explain efakit's decisions for a spec or instance type, and its variables, rules and templates.",
    ),
    "submit": ("efakit.cli.submit", "submit", "Look before a job, submit it, wait for its report."),
    "report": ("efakit.cli.report", "report", "Report whether a job's traffic used EFA."),
    "records": (
        "efakit.cli.records",
        "records",
        "Keep the jobs' records: compact, verify, prune, import them.",
    ),
    "diagnose": (
        "efakit.cli.diagnose",
        "diagnose",
        "Read a job's logs: which network it used, what failed first, and why.",
    ),
    "exporter": (
        "efakit.cli.exporter",
        "exporter",
        "Serve Prometheus metrics of this node's EFA devices and jobs.",
    ),
    "top": ("efakit.cli.top", "top", "Show the live EFA traffic of a job's nodes and devices."),
    "hooks": ("efakit.cli.hooks", "hooks", "Install the hooks on a cluster, check them, publish their installer."),
    "doctor": (
        "efakit.cli.doctor",
        "doctor",
        "Find what is wrong with EFA on a node, on several nodes, on a head node or in an image.",
    ),
    "catalog": ("efakit.cli.catalog", "catalog", "Show the data about EC2 instance types, and update it."),
}


class ReaderGone(Exception):
    """Who read our output has gone, as ``| head`` does. click would end with 1, which says that something was found."""


@contextmanager
def _told_of_its_reader() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError as error:
        raise ReaderGone from error


class LazyGroup(Group):
    """A group that knows its commands' names and imports none of them before it is asked for."""

    def make_context(self, *arguments: Any, **settings: Any) -> click.Context:
        """Return the context; raise ReaderGone where a help or a version could not be printed."""
        with _told_of_its_reader():
            return super().make_context(*arguments, **settings)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; raise ReaderGone where its output could not be printed."""
        with _told_of_its_reader():
            return super().invoke(ctx)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order in which one uses them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command, None where there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[cmd_name]
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry[2]) for name, entry in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="efakit")
def efakit() -> None:
    """Make Elastic Fabric Adapter (EFA) on AWS work for Slurm clusters, and prove that it worked.

    From one file, the spec, efakit writes a ParallelCluster config, sbatch scripts and Slurm hooks. The hooks record
    each job's EFA counters; a report says whether its bytes travelled over EFA or over TCP.
    """
