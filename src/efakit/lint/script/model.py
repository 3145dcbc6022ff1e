"""What of a script the rules ask: its options for sbatch, its assignments, its commands, in the order of the file."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Generic, Literal, TypeVar, overload

from efakit.lint.script.text import Region, SourceText, Span

AssignmentKind = Literal[
    "plain",
    "export",
    "env-prefix",
    "mpirun-x",
    "mca-option",
    "srun-export",
    "sbatch-export",
    "genv",
    "container-option",
    "env-file",
]
ScriptKind = Literal["sbatch", "shell", "env-file"]
_Of = TypeVar("_Of")
_Value = TypeVar("_Value")
GAP = "\0"
"""Stands in a word's text for what only the shell can know; no shell word can hold it itself."""


@dataclass(frozen=True)
class Ref:
    """A part of a word that the shell fills in: a variable's value, or (``name`` "") anything else.

    ``guarded``: the expansion says itself what happens where the variable is not set. ``default`` is the literal that
    it then gives.
    """

    name: str
    span: Span
    guarded: bool = False
    default: str | None = None
    quoted: bool = False
    array: bool = False
    whole: str = ""
    """The source text of the expansion."""


Piece = str | Ref
_LOOK_UP = re.compile(r"(?:\$\(|`)\s*(?:which|command\s+-v|type\s+-[pP])\s+(?P<program>[\w./+-]+)\s*(?:\)|`)")


class once(Generic[_Of, _Value]):  # noqa: N801 (used like property)
    """A property of an object that never changes, worked out at the first use: functools' takes a lock for it."""

    def __init__(self, work_out: Callable[[_Of], _Value]) -> None:
        self._work_out = work_out
        self.__doc__ = work_out.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, of: None, owner: type) -> once[_Of, _Value]: ...

    @overload
    def __get__(self, of: _Of, owner: type) -> _Value: ...

    def __get__(self, of: _Of | None, owner: type) -> _Value | once[_Of, _Value]:
        if of is None:
            return self
        value = of.__dict__[self._name] = self._work_out(of)
        return value


@dataclass(frozen=True)
class Word:
    """A word of a command. ``span`` is where it stands, or, for one that came out of a variable, where that is set."""

    span: Span
    pieces: tuple[Piece, ...]
    split: bool = False
    """Whether it came out of a variable or an array: no edit can be made at its place alone."""

    @once
    def text(self) -> str:
        """The word as the shell would have it, ``GAP`` for each part that is not known."""
        if len(self.pieces) == 1 and isinstance(self.pieces[0], str):
            return self.pieces[0]
        return "".join(piece if isinstance(piece, str) else GAP for piece in self.pieces)

    @once
    def literal(self) -> str | None:
        """The word's value where it is known: also that of ``${NAME:-value}`` by default."""
        if len(self.pieces) == 1:
            only = self.pieces[0]
            return only if isinstance(only, str) else only.default
        return self.text if all(isinstance(piece, str) for piece in self.pieces) else None

    @once
    def program(self) -> str:
        """The program that the word names as a command, without its folder; empty where that is not known.

        A folder in a variable (``$MPI_HOME/bin/mpirun``) and a look-up (``$(which mpirun)``) name it as well.
        """
        if self.literal is not None:
            return self.literal.rpartition("/")[2]
        last = self.pieces[-1]
        if isinstance(last, str):
            return last.rpartition("/")[2] if "/" in last else ""
        found = _LOOK_UP.fullmatch(last.whole) if len(self.pieces) == 1 else None
        return found["program"].rpartition("/")[2] if found else ""

    @once
    def refs(self) -> tuple[Ref, ...]:
        """What the shell fills in."""
        return tuple(piece for piece in self.pieces if isinstance(piece, Ref))


@dataclass(frozen=True)
class Scope:
    """Which shell runs a statement, and whether it always does."""

    outer: tuple[Word, ...] = ()
    """The command line that starts the shell which runs it, such as that of ``srun bash -c``; empty: the script's."""
    branch: bool = False
    """Whether it stands in an if, a case or behind && and ||; in a loop alone it does not."""
    function: str = ""
    """The function that it stands in."""


TOP = Scope()


@dataclass(frozen=True)
class Assignment:
    """One place that sets a variable.

    ``reaches``: whether programs that the script starts see it. ``cut`` is what to delete to be rid of it, None where
    that is not safe.
    """

    name: str
    value: str | None
    kind: AssignmentKind
    span: Span
    name_span: Span
    value_span: Span
    word: Word | None = None
    reaches: bool = True
    conditional: bool = False
    appended: bool = False
    cut: Span | None = None
    scope: Scope = field(default_factory=lambda: TOP)


@dataclass(frozen=True)
class Option:
    """An option on a command line or in a #SBATCH line; ``name`` in its long form without dashes."""

    name: str
    value: Word | None
    span: Span


@dataclass(frozen=True)
class Directive:
    """An option of a #SBATCH line.

    ``component`` counts the parts of a heterogeneous job; ``in_force`` is false after the first command.
    """

    option: str
    value: str | None
    span: Span
    line: int
    component: int = 0
    in_force: bool = True

    def moved(self, span: Span, line: int) -> Directive:
        """Return it at another place."""
        return replace(self, span=span, line=line)


@dataclass(frozen=True)
class Command:
    """A simple command: its words after assignments, arrays and variables of options filled in."""

    words: tuple[Word, ...]
    span: Span
    conditional: bool = False
    substituted: bool = False
    """Whether it stands inside $( )."""
    environment: tuple[Assignment, ...] = ()
    scope: Scope = TOP

    @property
    def name(self) -> str:
        """The program's file name, empty where it is not known."""
        return self.words[0].program if self.words else ""


@dataclass(frozen=True)
class Written:
    """A heredoc: the file that it becomes or the command that reads it, what the script's shell fills in, its code."""

    name: Word
    filled: tuple[Ref, ...]
    region: Region | None
    """The code of a shell script that nothing has read yet."""


@dataclass
class Script:
    """A script, a launcher or an env file."""

    source: SourceText
    kind: ScriptKind
    is_template: bool = False
    directives: list[Directive] = field(default_factory=list)
    assignments: list[Assignment] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)
    arrays: dict[str, list[Word]] = field(default_factory=dict)
    unset: dict[str, int] = field(default_factory=dict)
    """Variables that ``unset`` takes away, with the offset of the last such line."""
    defined: set[str] = field(default_factory=set)
    """Names that get a value in some other way: read, for, mapfile, a test that asks whether they are set."""
    handed_on: set[str] = field(default_factory=set)
    """Names of which nothing but a bare ``export NAME`` says that they have a value."""
    referenced: set[str] = field(default_factory=set)
    exported: set[str] = field(default_factory=set)
    takes_from_elsewhere: bool = False
    """Whether it sources a file or evaluates text: variables may come from there."""
    takes_efa_from_elsewhere: bool = False
    """Whether variables of EFA may come from there."""
    modules: list[tuple[tuple[str, ...], Span]] = field(default_factory=list)
    comments: list[Span] = field(default_factory=list)
    quoted: list[Span] = field(default_factory=list)
    """Heredocs and strings in single quotes: no line of them is one of the script's own."""
    written: list[Written] = field(default_factory=list)
    """Heredocs that are written to files, or read by another shell."""
    functions: set[str] = field(default_factory=set)
    exports: list[tuple[Span, tuple[Word, ...]]] = field(default_factory=list)
    """The words of each ``export`` line, behind that word."""
    unread: list[Span] = field(default_factory=list)
    embedded: list[Script] = field(default_factory=list)
    """sbatch scripts in heredocs."""
    first_command: int | None = None
    exports_all: bool = False
    """Whether ``set -a`` stands somewhere."""

    def last_set(self, name: str) -> Assignment | None:
        """Return the one literal that a variable holds wherever it is read, None where that is not sure."""
        found = [item for item in self.assignments if item.name == name and item.kind in ("plain", "export")]
        sure = len(found) == 1 and not found[0].conditional and not found[0].appended and name not in self.defined
        return found[0] if sure else None

    def known_value(self, word: Word | None) -> str | None:
        """Return a word's value, variables filled in that are set once in the script, None where it is not known."""
        if word is None:
            return None
        if word.literal is not None:
            return word.literal
        parts = [piece if isinstance(piece, str) else self._value_of(piece) for piece in word.pieces]
        return None if None in parts else "".join(part for part in parts if part is not None)

    def _value_of(self, ref: Ref) -> str | None:
        if not ref.name or ref.array or (ref.whole and not _is_plain(ref)):
            return None
        found = self.last_set(ref.name)
        return found.value if found else ref.default


def _is_plain(ref: Ref) -> bool:
    return ref.whole in (f"${ref.name}", f"${{{ref.name}}}")
