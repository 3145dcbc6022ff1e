"""Programs that start the job's own: srun, mpirun, torchrun and the like; what they run and what they set for it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from efakit.lint.script.model import Assignment, AssignmentKind, Command, Option, Word
from efakit.lint.script.options import SRUN, mpi_options, slurm_options
from efakit.lint.script.text import Span
from efakit.lint.script.words import after, assignment_in, parts

MPI_LAUNCHERS = ("mpirun", "mpiexec", "mpiexec.hydra", "orterun", "prterun", "mpirun_rsh")
# Programs that run another with what follows; the number of words of their own before it.
_WRAPPERS = {"exec": 0, "time": 0, "nohup": 0, "command": 0, "sudo": 0, "setsid": 0, "builtin": 0, "stdbuf": 0}
_TAKE_ONE = {"timeout": 1, "nice": 0, "taskset": 1}
_CONTAINERS = ("docker", "podman", "nerdctl", "apptainer", "singularity")


@dataclass(frozen=True)
class Launch:
    """A launcher on a command line: its kind, its own options, and the words of what it runs."""

    kind: str
    word: Word
    options: tuple[Option, ...]
    program: tuple[Word, ...]

    def option(self, *names: str) -> Option | None:
        """Return the last option of one of these names."""
        return next((item for item in reversed(self.options) if item.name in names), None)


def launches(words: Sequence[Word]) -> Iterator[Launch]:
    """Give the launchers of a command line, the outer ones first."""
    rest = tuple(words)
    while rest:
        name = (rest[0].literal or "").rpartition("/")[2]
        launch = _launch(name, rest)
        if launch is not None:
            yield launch
            rest = launch.program
            continue
        rest = _unwrapped(name, rest)


def _launch(name: str, words: tuple[Word, ...]) -> Launch | None:
    if name == "srun":
        options, taken = slurm_options(words[1:], SRUN)
        return Launch("srun", words[0], tuple(options), words[1 + taken :])
    if name in MPI_LAUNCHERS:
        found, taken = mpi_options(words[1:])
        mpi = tuple(Option(option, values[-1] if values else None, span) for option, values, span in found)
        return Launch("mpirun", words[0], mpi, words[1 + taken :])
    for kind, start in (("torchrun", _torch_start(name, words)), ("accelerate", _accelerate_start(name, words))):
        if start:
            return Launch(kind, words[0], tuple(_dashed(words[start:])), ())
    if name == "deepspeed":
        return Launch("deepspeed", words[0], tuple(_dashed(words[1:])), ())
    return None


def _torch_start(name: str, words: tuple[Word, ...]) -> int:
    if name == "torchrun":
        return 1
    module = _module(name, words)
    return 3 if module in ("torch.distributed.run", "torch.distributed.launch", "torch.distributed.torchrun") else 0


def _accelerate_start(name: str, words: tuple[Word, ...]) -> int:
    if name == "accelerate" and len(words) > 1 and words[1].literal == "launch":
        return 2
    return 3 if _module(name, words) == "accelerate.commands.launch" else 0


def _module(name: str, words: tuple[Word, ...]) -> str | None:
    is_python = re.fullmatch(r"python[0-9.]*", name) is not None
    return words[2].literal if is_python and len(words) > 2 and words[1].literal == "-m" else None


def _dashed(words: Sequence[Word]) -> Iterator[Option]:
    """Give options in the manner of Python's argparse: ``--a-b`` and ``--a_b`` are one."""
    for place, word in enumerate(words):
        text = word.text
        if not text.startswith("--"):
            continue
        name, equals, _ = text[2:].partition("=")
        following = words[place + 1] if place + 1 < len(words) else None
        if equals:
            value: Word | None = after(word, f"--{name}=")
        else:
            value = following if following is not None and not following.text.startswith("-") else None
        yield Option(name.replace("-", "_"), value, word.span if value is None else _joined(word, value))


def _joined(first: Word, second: Word) -> Span:
    return Span(min(first.span.start, second.span.start), max(first.span.end, second.span.end))


def _unwrapped(name: str, words: tuple[Word, ...]) -> tuple[Word, ...]:
    """Return what a wrapper runs, nothing where the command is no wrapper."""
    if name == "env":
        return _after_env(words)
    if name not in _WRAPPERS and name not in _TAKE_ONE:
        return ()
    index = 1
    while index < len(words) and words[index].text.startswith("-"):
        index += 1
    return words[index + _TAKE_ONE.get(name, 0) :]


def _after_env(words: tuple[Word, ...]) -> tuple[Word, ...]:
    index = 1
    while index < len(words):
        text = words[index].text
        if text in ("-u", "--unset", "-C", "--chdir"):
            index += 2
        elif text.startswith("-") or assignment_in(words[index]):
            index += 1
        else:
            break
    return words[index:]


def environment_of(command: Command) -> Iterator[Assignment]:
    """Give what a command line sets for the programs that it runs."""
    words = command.words
    yield from _env(command)
    for launch in launches(words):
        if launch.kind == "srun":
            yield from _srun_export(launch, command)
        elif launch.kind == "mpirun":
            yield from _mpi(words, launch, command)
    if command.name in _CONTAINERS:
        yield from _container(command)


def _env(command: Command) -> Iterator[Assignment]:
    """Give what ``env A=1 program`` sets, also where ``env`` stands behind a launcher."""
    words = command.words
    for place, word in enumerate(words):
        if (word.literal or "").rpartition("/")[2] != "env":
            continue
        taken = len(words[place:]) - len(_after_env(words[place:]))
        for index in range(place + 1, place + taken):
            found = assignment_in(words[index])
            if found:
                following = words[index + 1] if index + 1 < len(words) else None
                yield _made("env-prefix", command, *found, words[index], _cut(words[index], words[index], following))


def _srun_export(launch: Launch, command: Command) -> Iterator[Assignment]:
    option = launch.option("export")
    if option is None or option.value is None:
        return
    for item in parts(option.value, ","):
        found = assignment_in(item)
        if found:
            yield _made("srun-export", command, *found, item, None)


def _mpi(words: Sequence[Word], launch: Launch, command: Command) -> Iterator[Assignment]:
    start = next((place for place, word in enumerate(words) if word is launch.word), 0)
    options, _ = mpi_options(words[start + 1 :])
    following_words = {id(word): words[place + 1] for place, word in enumerate(words[:-1])}
    for name, values, span in options:
        first = Word(span, values[0].pieces, values[0].split) if values else None
        if name in ("x", "genv", "env") and len(values) == 1 and first is not None:
            found = assignment_in(values[0])
            if found:
                cut = _cut(first, values[0], following_words.get(id(values[0])))
                kind: AssignmentKind = "mpirun-x" if name == "x" else "genv"
                yield _made(kind, command, *found, values[0], cut)
        elif name in ("genv", "env") and len(values) == 2 and values[0].literal:
            yield _made("genv", command, values[0].literal, values[1], values[0], None)
        elif name in ("mca", "gmca", "omca") and len(values) == 2 and values[0].literal:
            yield _made("mca-option", command, "OMPI_MCA_" + values[0].literal, values[1], values[0], None)


def _container(command: Command) -> Iterator[Assignment]:
    words = command.words
    for place, word in enumerate(words):
        text = word.text
        if text in ("-e", "--env") and place + 1 < len(words):
            item = words[place + 1]
        elif text.startswith("--env="):
            item = after(word, "--env=")
        else:
            continue
        for part in parts(item, ",") if command.name in ("apptainer", "singularity") else [item]:
            found = assignment_in(part)
            if found:
                yield _made("container-option", command, *found, item, None)


def _made(kind: AssignmentKind, command: Command, name: str, value: Word, word: Word, cut: Span | None) -> Assignment:
    span = word.span
    return Assignment(
        name=name,
        value=value.literal,
        kind=kind,
        span=span,
        name_span=span,
        value_span=span,
        word=replace(value, split=True),
        conditional=command.conditional,
        cut=None if word.split else cut,
    )


def _cut(first: Word, last: Word, following: Word | None) -> Span | None:
    if following is None or following.split or following.span.start < last.span.end:
        return None
    return Span(first.span.start, following.span.start)
