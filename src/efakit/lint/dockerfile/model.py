"""What of a Dockerfile the rules ask: its instructions with their places, and its stages."""

from __future__ import annotations

from dataclasses import dataclass, field

from efakit.lint.script.model import Word
from efakit.lint.script.text import Region, SourceText, Span

# https://docs.docker.com/reference/dockerfile/
INSTRUCTIONS = (
    *("ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL", "MAINTAINER"),
    *("ONBUILD", "RUN", "SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR"),
)


@dataclass(frozen=True)
class Heredoc:
    """A heredoc behind an instruction. ``quoted``: nothing is filled into it."""

    name: str
    quoted: bool
    region: Region


@dataclass(frozen=True)
class Flag:
    """An option such as ``--from=build``."""

    name: str
    value: str
    span: Span


@dataclass(frozen=True)
class Instruction:
    """One instruction. ``region`` is what stands behind its word and its options, continued lines joined."""

    name: str
    span: Span
    region: Region
    flags: tuple[Flag, ...] = ()
    heredocs: tuple[Heredoc, ...] = ()
    empty: tuple[Span, ...] = ()
    """Empty lines among its continued ones."""
    continued: tuple[tuple[Span, bool], ...] = ()
    """Its further lines, and whether an empty line or a comment stands right above each."""

    @property
    def text(self) -> str:
        """What stands behind its word and options."""
        return self.region.text.decode("utf-8", "surrogateescape")

    @property
    def code(self) -> str:
        """That, and what its heredocs hold."""
        inside = (heredoc.region.text.decode("utf-8", "surrogateescape") for heredoc in self.heredocs)
        return "\n".join((self.text, *inside))

    def flag(self, name: str) -> str | None:
        """Return the value of an option, None where it is not there."""
        return next((flag.value for flag in self.flags if flag.name == name), None)


@dataclass
class Dockerfile:
    """A file's instructions, and what is said at its top."""

    source: SourceText
    instructions: list[Instruction] = field(default_factory=list)
    comments: list[Span] = field(default_factory=list)
    syntax: str = ""
    """The frontend that builds it, where ``# syntax=`` names one."""
    escape: str = "\\"
    is_template: bool = False
    unclosed: Span | None = None
    """A heredoc that nothing ends."""

    @property
    def is_dockers_own(self) -> bool:
        """Whether Docker's own frontend reads it, so that its instructions are all known."""
        name = self.syntax.rpartition("@")[0] or self.syntax
        return not self.is_template and (not name or name.removeprefix("docker.io/").startswith("docker/dockerfile"))


@dataclass(frozen=True)
class Setting:
    """A variable of a stage: its value where that is known, the place that says it, and which instruction does."""

    name: str
    value: str | None
    span: Span
    kind: str
    """``arg`` or ``env``."""
    word: Word | None = None
    partial: str = ""
    """The value with ``GAP`` for each part that is not known."""
