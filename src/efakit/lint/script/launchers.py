"""Programs that start the job's own: srun, mpirun, torchrun and the like; what they run and what they set for it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from efakit.lint.script.model import Assignment, AssignmentKind, Command, Option, Word
from efakit.lint.script.options import SRUN, may_be_options, mpi_options, named, node_options, slurm_options
from efakit.lint.script.text import Span
from efakit.lint.script.words import after, assignment_in, parts

MPI_LAUNCHERS = ("mpirun", "mpiexec", "mpiexec.hydra", "orterun", "prterun", "mpirun_rsh")
NODE_LAUNCHERS = ("torchrun", "accelerate", "deepspeed")
"""Launchers that start the ranks of one node, or (deepspeed with a hostfile) of several by themselves."""
_REMOTE = ("ssh", "pdsh", "clush", "parallel-ssh", "pssh", "rsh", "blaunch")
_LAUNCHERS = frozenset(("srun", *MPI_LAUNCHERS, *_REMOTE, *NODE_LAUNCHERS, "torchrun-hpc"))
_CONTAINERS = ("docker", "nvidia-docker", "podman", "nerdctl", "apptainer", "singularity")
# Programs that take a launcher's name for a word of their own: behind them nothing is started.
_NO_WRAPPERS = named(
    """
    echo printf print cat which type hash man whereis pip pip3 conda mamba micromamba apt apt-get yum dnf brew spack
    module ml git cp mv rm ln ls grep egrep sed awk cut tr test [ [[ export declare local readonly typeset alias unalias
    unset pkill killall kill pgrep scancel squeue sacct sbatch salloc scontrol sinfo chmod chown mkdir touch tee source
    . cd pushd set trap read return exit true false : wait sleep dirname basename realpath readlink find head tail wc
    diff curl wget tar make cmake gcc mpicc ldd nm file stat du df log info warn error die usage function alias logger
    """
)
_PACKAGE_MANAGERS = ("conda", "mamba", "micromamba", "poetry", "uv", "pixi")


@dataclass(frozen=True)
class Launch:
    """A launcher on a command line: its kind, its own options, and the words of what it runs.

    ``gaps``: whether further options may stand in a variable among its options.
    """

    kind: str
    word: Word
    options: tuple[Option, ...]
    program: tuple[Word, ...]
    gaps: bool = False

    def option(self, *names: str) -> Option | None:
        """Return the last option of one of these names."""
        return next((item for item in reversed(self.options) if item.name in names), None)


def launches(words: Sequence[Word]) -> Iterator[Launch]:
    """Give the launchers of a command line, the outer ones first; wrappers around them are passed over."""
    rest = tuple(words)
    while rest:
        launch = _launch(rest[0].program, rest)
        if launch is not None:
            yield launch
            rest = launch.program
            if launch.kind in NODE_LAUNCHERS:
                return
            continue
        rest = _behind_wrapper(rest)


def _launch(name: str, words: tuple[Word, ...]) -> Launch | None:
    if name == "srun":
        options, taken = slurm_options(words[1:], SRUN)
        return Launch("srun", words[0], tuple(options), words[1 + taken :], _gaps(words[1 : 1 + taken]))
    if name in MPI_LAUNCHERS:
        found, taken = mpi_options(words[1:])
        mpi = tuple(Option(option, values[-1] if values else None, span) for option, values, span in found)
        return Launch("mpirun", words[0], mpi, words[1 + taken :], _gaps(words[1 : 1 + taken]))
    if name in _REMOTE and len(words) > 1:
        return Launch("remote", words[0], (), words[1:])
    for kind, start in (("torchrun", _torch_start(name, words)), ("accelerate", _accelerate_start(name, words))):
        if start:
            return _node_launch(kind, words, start)
    if name == "deepspeed" and len(words) > 1 and not _only_tells(words[1]):
        return _node_launch("deepspeed", words, 1)
    return None


def _only_tells(word: Word) -> bool:
    return word.text in ("--version", "--help", "-h")


def _node_launch(kind: str, words: tuple[Word, ...], start: int) -> Launch:
    options, taken, gaps = node_options(words[start:], kind)
    return Launch(kind, words[0], tuple(options), words[start + taken :], gaps)


def _gaps(words: Sequence[Word]) -> bool:
    return any(may_be_options(word) for word in words)


def _torch_start(name: str, words: tuple[Word, ...]) -> int:
    if name in ("torchrun", "torchrun-hpc"):
        return 1 if len(words) > 1 and not _only_tells(words[1]) else 0
    place = _module(name, words, ("torch.distributed.run", "torch.distributed.launch", "torch.distributed.torchrun"))
    return place + 1 if place else 0


def _accelerate_start(name: str, words: tuple[Word, ...]) -> int:
    if name == "accelerate" and len(words) > 1 and words[1].literal == "launch":
        return 2
    place = _module(name, words, ("accelerate.commands.launch", "accelerate.launch"))
    return place + 1 if place else 0


def _module(name: str, words: tuple[Word, ...], modules: tuple[str, ...]) -> int:
    """Return the place of one of ``modules`` behind ``python -m``, 0 where it is not there."""
    if re.fullmatch(r"python[0-9.]*", name) is None:
        return 0
    for place in range(1, min(len(words), 6)):
        if words[place].literal == "-m":
            return place + 1 if place + 1 < len(words) and words[place + 1].literal in modules else 0
        if not words[place].text.startswith("-"):
            return 0
    return 0


def _behind_wrapper(words: tuple[Word, ...]) -> tuple[Word, ...]:
    """Return a command line from the next launcher on, nothing where the first word starts none.

    A profiler, numactl, a container's runtime, a site's own script: their options are many, so the launcher is known
    by its own name.
    """
    name = words[0].program
    if name in _PACKAGE_MANAGERS and (len(words) < 2 or words[1].literal != "run"):
        return ()
    if name in _NO_WRAPPERS and name not in _PACKAGE_MANAGERS:
        return ()
    for place in range(1, len(words)):
        inner = words[place].program
        if inner not in _LAUNCHERS and not inner.startswith("python"):
            continue
        rest = words[place:]
        if len(rest) > 1 and not _is_value(words[place - 1], inner) and _launch(inner, rest) is not None:
            return rest
    return ()


def _is_value(before: Word, name: str) -> bool:
    """Return whether a launcher's name is the value of an option: ``--launcher torchrun``, ``--strategy deepspeed``."""
    option = before.text
    if not option.startswith("--") or "=" in option:
        return False
    return name == "deepspeed" or re.search(r"launch|backend|runner|strategy|executor|mpi", option) is not None


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
        if word.program != "env":
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
