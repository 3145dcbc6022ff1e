"""The hook's command line: ``efakit-hook.pyz COMMAND --config hook.json``, where COMMAND is one of ``_COMMANDS``.

Whatever happens here, the job goes on: every way out is exit code 0, but that of a prolog which is to fail on purpose
(mode ``enforce``): that one is 1, or what ``--refusal-status`` says. Python's own way to fail is 1 too, so whoever
runs the hook tells the two apart by asking for another; who does also hears, by any status but 0 and that one, that the
hook has not begun, and may run it again.
"""

from __future__ import annotations

import os

from efakit.hook.output import say, write_out
from efakit.hook.run import Run
from efakit.node.child import close, close_inherited

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

__all__ = ["Run", "Usage", "main"]

_COMMANDS = ("prolog", "epilog", "task-prolog", "health-check", "flush", "collect", "compile", "watch", "watch-node")
# Slurm obeys each line of a task prolog (export, unset, print): there nothing but its own lines is printed.
_TASK_PROLOG = "task-prolog"
# What it prints is for a program, and nothing is added to it.
_COLLECT = "collect"


class Usage(Exception):
    """The command line names no command of the hook."""


class Unreadable(Exception):
    """The hook's own file could not be read, so nothing has been done."""


def main(arguments: Sequence[str], environment: Mapping[str, str], carried: Mapping[str, object]) -> int:
    """Run one command of the hook; say on stdout, which slurmd logs, what it did, and return the exit code.

    ``carried`` is what the hook's file carries of the catalog: ``efa_interfaces``, a count for each instance type.
    """
    quiet = _TASK_PROLOG in arguments
    status = 0
    try:
        # Slurm's daemons, or whoever runs the hook by hand, may have left thousands; none is meant for it.
        close_inherited()
        _open_standard_descriptors()
        command, options = _parse(arguments)
        if command == "compile":
            say(_compile(options.get("--output")))
            return 0
        program = _load(command)
        run = _start(options.get("--config"), environment, carried)
        text = program(run)
        if run.refusal:
            status = int(options.get("--refusal-status", "1"))
            say(run.refusal)
        if quiet or command == _COLLECT:
            write_out(text)
        elif text:  # a watch that saw nothing has nothing to say
            say(text)
    except Unreadable:
        raise
    except Exception as error:
        # A fault of ours is never the job's: it goes on.
        if not quiet:
            say(_explain(error))
        status = 0
    return status


def _start(config: str | None, environment: Mapping[str, str], carried: Mapping[str, object]) -> Run:
    from efakit.hook.settings import load_settings

    settings, problems = load_settings(config)
    counts: Any = carried.get("efa_interfaces", {})
    return Run(settings, problems, environment, efa_interfaces=counts, config=config)


def _load(command: str) -> Callable[[Run], str]:
    """Return the program of a command, with all that it is about to need; raise Unreadable.

    Each imports its own, since a task prolog must not wait for the epilog's modules.
    """
    try:
        from efakit.hook import settings  # noqa: F401

        if command != _TASK_PROLOG:
            from efakit.hook import job, summary  # noqa: F401
        if command == "prolog":
            from efakit.hook.prolog import prolog as program
        elif command == "epilog":
            from efakit.hook.epilog import epilog as program
        elif command == _TASK_PROLOG:
            from efakit.hook.task_prolog import task_prolog as program
        elif command == "health-check":
            from efakit.hook.health import health_check as program
        elif command == "watch":
            from efakit.hook.watch import watch as program
        elif command == "watch-node":
            from efakit.hook.watch_node import watch_node as program
        elif command == _COLLECT:
            from efakit.hook.collect import collect as program
        else:
            from efakit.hook.outbox import flush as program
    except Exception as error:
        raise Unreadable("%s: %s" % (type(error).__name__, error)) from None
    return program


def _compile(output: str | None) -> str:
    """Write this very file with this Python's bytecode to ``output``: it starts in half the time."""
    import sys

    from efakit.bytecode import with_bytecode
    from efakit.hook.folder import open_holder

    if output is None:
        raise Usage("usage: efakit-hook.pyz compile --output FILE")
    with open(sys.path[0], "rb") as file:  # where Python finds the modules of a file such as this one
        archive = file.read()
    folder, name = open_holder(output)
    with folder:
        folder.write(name, with_bytecode(archive), 0o644, durable=True)
    return "compile: %s is written for Python %d.%d" % (output, *sys.version_info[:2])


def _parse(arguments: Sequence[str]) -> tuple[str, dict[str, str]]:
    given = list(arguments)
    options: dict[str, str] = {}
    for option in ("--config", "--refusal-status", "--output"):
        if option in given[:-1]:
            place = given.index(option)
            options[option] = given[place + 1]
            del given[place : place + 2]
    if len(given) != 1 or given[0] not in _COMMANDS:
        raise Usage("usage: efakit-hook.pyz %s --config hook.json" % "|".join(_COMMANDS))
    return given[0], options


def _explain(error: Exception) -> str:
    from efakit.hook.job import NoJob

    if isinstance(error, (NoJob, Usage)):
        return str(error)
    return "internal error, the job goes on: %s: %s" % (type(error).__name__, error)


def _open_standard_descriptors() -> None:
    """Open /dev/null where stdin, stdout or stderr is closed: else a pipe of ours would take its place."""
    try:
        descriptor = os.open(os.devnull, os.O_RDWR)
        while descriptor <= 2:
            descriptor = os.open(os.devnull, os.O_RDWR)
        close(descriptor)
    except OSError:
        pass  # they are rarely closed
