"""What all of efakit's commands have in common: exit codes in the help, and the nearest name of a mistyped command."""

from __future__ import annotations

from typing import Any

import click

_USAGE = "Wrong input or usage; the message says how to fix it."
_OF_GROUPS = {
    "0": "Fine, or undecided.",
    "1": "Findings of severity error; each command's --help says more.",
    "2": _USAGE,
}


class Command(click.Command):
    """A command whose help ends with its exit codes."""

    def __init__(self, *arguments: Any, exit_1: str = "", fine: str = "Done.", **settings: Any) -> None:
        """``exit_1`` says when it ends with 1, empty: never; ``fine`` what 0 means."""
        super().__init__(*arguments, **settings)
        self._codes = {"0": fine, **({"1": exit_1} if exit_1 else {}), "2": _USAGE}

    def get_short_help_str(self, limit: int = 45) -> str:
        """Return the help's first sentence, whole: a list of commands has room for a second line."""
        del limit
        return super().get_short_help_str(1000)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the exit codes behind the options."""
        super().format_epilog(ctx, formatter)
        _write(self._codes, formatter)


class Group(click.Group):
    """A group of such commands."""

    command_class = Command

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the exit codes behind the commands."""
        super().format_epilog(ctx, formatter)
        _write(_OF_GROUPS, formatter)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Return the command that is called; refuse a name that none has, and offer the nearest."""
        name = str(args[0])
        if self.get_command(ctx, name) is None and not name.startswith("-"):
            from efakit.nearness import nearest

            ctx.fail(f"No such command {name!r}{nearest(name, self.list_commands(ctx))}")
        return super().resolve_command(ctx, args)


def _write(codes: dict[str, str], formatter: click.HelpFormatter) -> None:
    with formatter.section("Exit codes"):
        formatter.write_dl(list(codes.items()))
