"""The command ``efakit``: names and short helps of all commands; each is imported only when it is called."""

from __future__ import annotations

import errno
import gc
import os
import sys
from importlib import import_module
from io import TextIOWrapper

import click

from efakit import __version__
from efakit.cli.command import Group
from efakit.errors import EfakitError, UsageError
from efakit.finding import Place

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

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


class LazyGroup(Group):
    """A group that knows its commands' names and imports none of them before it is asked for."""

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


def main() -> None:
    """Run efakit; end with 2 and a message on every error that the user can mend."""
    if None in (sys.stdin, sys.stdout, sys.stderr):
        _open_standard_streams()
    _print_whatever_comes()
    gc.set_threshold(50_000)  # a short process: looking for circles at every 700 objects costs lint a tenth of its time
    try:
        # Without standalone mode a command's Exit comes back as its number.
        code = efakit.main(standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()
        sys.exit(code if isinstance(code, int) else 0)
    except click.ClickException as error:
        from efakit.cli.refused import tell_usage

        tell_usage(error, sys.argv[1:])
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("efakit: stopped", err=True)
        sys.exit(130)
    except EfakitError as error:
        from efakit.cli.refused import tell

        tell(error, sys.argv[1:])
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # The reader of our output has gone, as "| head" does. Nothing more can be said on stdout.
        sys.stdout = None
        sys.exit(141)
    except OSError as error:
        if error.filename is not None:
            # A path that a command only asked about, such as one in a folder that this user may not enter.
            from efakit.cli.refused import tell

            tell(UsageError(f"cannot be used: {error.strerror}", Place(os.fsdecode(error.filename))), sys.argv[1:])
            sys.exit(2)
        if error.errno not in _FULL:
            raise
        sys.stdout = None  # it would fail again at the end
        click.echo(
            f"efakit: standard output cannot be written: {error.strerror}; free some space, or write to another place",
            err=True,
        )
        sys.exit(2)


def _open_standard_streams() -> None:
    """Open /dev/null in the place of what the caller has closed (``>&-``).

    Else the next file that is opened takes its number, and what a program of ours prints goes into that.
    """
    while (free := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(free, True)
    os.close(free)
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", errors="backslashreplace", closefd=False))


def _print_whatever_comes() -> None:
    """Let output in an encoding that lacks a letter show the letter's number: a name may be of any language."""
    if isinstance(sys.stdout, TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")
