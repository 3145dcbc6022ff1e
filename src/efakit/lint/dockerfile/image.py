"""The stages of a Dockerfile: what each is built from, what it sets, what it runs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from efakit.catalog.image_facts import BaseImage, base_image
from efakit.lint.dockerfile.model import Dockerfile, Instruction, Setting
from efakit.lint.dockerfile.words import assignments_of, words_of
from efakit.lint.script.model import GAP, Assignment, Command, Ref, Script, Word
from efakit.lint.script.shell import read_region
from efakit.lint.script.templates import TEMPLATE_VARIABLE
from efakit.lint.script.text import Region, Span

# Set without an ARG: https://docs.docker.com/reference/dockerfile/#predefined-args; PATH by the builder itself.
_ALWAYS = frozenset(("PATH", "HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY"))
_PLATFORM = frozenset(
    f"{where}{what}" for where in ("TARGET", "BUILD") for what in ("PLATFORM", "OS", "ARCH", "VARIANT")
) | {"TARGETSTAGE"}
# Instructions in whose words Docker fills variables in.
_FILLED = ("ADD", "COPY", "ENV", "EXPOSE", "LABEL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR")
_MOST_OF_VALUE = 100_000  # letters: variables that name each other twice grow by powers of two
_SHELLS = ("bash", "sh", "/bin/bash", "/bin/sh", "/usr/bin/bash", "/bin/dash", "zsh")


@dataclass(frozen=True)
class Undefined:
    """A variable that Docker fills in and nothing sets. ``why``: ``from``, ``global`` or ``base``."""

    name: str
    span: Span
    why: str
    in_list: bool


@dataclass
class Step:
    """An instruction of a stage with what is set there; for RUN also the code that it runs."""

    instruction: Instruction
    scope: Mapping[str, Setting]
    script: Script | None = None
    own: list[Assignment] = field(default_factory=list)
    """What the code of RUN sets itself."""
    _texts: list[tuple[Command, list[str]]] | None = None

    def texts(self) -> list[tuple[Command, list[str]]]:
        """Return each command of RUN with its words as far as they are known."""
        if self._texts is None:
            commands = self.script.commands if self.script is not None else ()
            self._texts = [(command, [self.text(word) for word in command.words]) for command in commands]
        return self._texts

    def text(self, word: Word) -> str:
        """Return a word with the variables that are known filled in, GAP for each other one."""
        known = self.script.known_value(word) if self.script is not None else word.literal
        return known if known is not None else word.text


@dataclass
class Stage:
    """One FROM and what follows it."""

    number: int
    name: str
    reference: str | None
    """The image it is built from, None where that is not known, or where it is another stage."""
    base: Stage | None
    span: Span
    steps: list[Step] = field(default_factory=list)
    undefined: list[Undefined] = field(default_factory=list)
    end: Mapping[str, Setting] = field(default_factory=dict)
    copied_from: list[Stage] = field(default_factory=list)
    unread: bool = False
    """Whether something that is not understood may set variables or install software."""

    @cached_property
    def chain(self) -> list[Stage]:
        """The stages that it is made of, the first first."""
        found = [self]
        while found[-1].base is not None:
            found.append(found[-1].base)
        return found[::-1]

    @property
    def root(self) -> str | None:
        """The image below all of its stages, None where it is not known."""
        stage = self
        while stage.base is not None:
            stage = stage.base
        return stage.reference

    @cached_property
    def base_image(self) -> BaseImage | None:
        """What is known of the image below."""
        return base_image(self.root) if self.root is not None else None

    def all_steps(self) -> Iterator[Step]:
        """Give the steps of its whole chain."""
        for stage in self.chain:
            yield from stage.steps


@dataclass
class Image:
    """A Dockerfile's stages."""

    file: Dockerfile
    stages: list[Stage] = field(default_factory=list)
    undefined: list[Undefined] = field(default_factory=list)
    """In FROM and in what stands above it."""

    @cached_property
    def leaves(self) -> list[Stage]:
        """The stages from which no other is made: each may be an image that somebody runs."""
        used = {id(stage.base) for stage in self.stages}
        used |= {id(other) for stage in self.stages for other in stage.copied_from}
        return [stage for stage in self.stages if id(stage) not in used]


def image_of(file: Dockerfile) -> Image:
    """Return the stages of a Dockerfile; of one without FROM a single one, whose base is not known."""
    return _Reader(file).read()


class _Reader:
    def __init__(self, file: Dockerfile) -> None:
        self.file = file
        self.image = Image(file)
        self.globals: dict[str, Setting] = {}
        self.scope: dict[str, Setting] = {}
        self.stage: Stage | None = None
        self.shell_is_known = file.escape == "\\"

    def read(self) -> Image:
        has_from = any(item.name == "FROM" for item in self.file.instructions)
        if not has_from:
            self._begin(Stage(0, "", None, None, Span(0, 0)))
        for item in self.file.instructions:
            if item.name == "FROM":
                self._from(item)
            elif self.stage is None:
                self._global(item)
            else:
                self._step(self.stage, item)
        self._finish()
        return self.image

    # Stages.

    def _global(self, item: Instruction) -> None:
        if item.name == "ARG":
            for setting in self._args(item, self.globals):
                self.globals[setting.name] = setting

    def _from(self, item: Instruction) -> None:
        words = words_of(item.region, self.file.escape)
        reference = _known(_partial(words[0], self.globals)) if words else None
        for ref in words[0].refs if words else ():
            known = ref.name in self.globals or ref.name in _PLATFORM or ref.name.startswith(TEMPLATE_VARIABLE)
            if ref.name and not ref.guarded and not known:
                self.image.undefined.append(Undefined(ref.name, ref.span, "from", False))
        name = words[2].text if len(words) > 2 and words[1].text.lower() == "as" else ""
        base = self._named(reference)
        span = words[0].span if words else item.span
        self._begin(Stage(len(self.image.stages), name, None if base else reference, base, span))

    def _begin(self, stage: Stage) -> None:
        self._finish()
        self.stage = stage
        self.image.stages.append(stage)
        inherited = stage.base.end if stage.base is not None else {}
        self.scope = {name: item for name, item in inherited.items() if item.kind == "env"}

    def _finish(self) -> None:
        if self.stage is not None:
            self.stage.end = dict(self.scope)

    def _named(self, text: str | None) -> Stage | None:
        """Return the stage that FROM or --from names."""
        found = [stage for stage in self.image.stages if text and stage.name.lower() == text.lower()]
        return found[-1] if found else None

    # Instructions.

    def _step(self, stage: Stage, item: Instruction) -> None:
        step = Step(item, dict(self.scope))
        stage.steps.append(step)
        if item.name in _FILLED:
            self._look_up(stage, item)
        if item.name == "ARG":
            for setting in self._args(item, {**self.globals, **self.scope}):
                declared = self.globals.get(setting.name)
                taken = setting if setting.word is not None or declared is None else declared
                self.scope[setting.name] = taken
        elif item.name == "ENV":
            self._env(item)
        elif item.name == "RUN":
            self._run(step)
        elif item.name == "SHELL":
            words = words_of(item.region, self.file.escape)
            self.shell_is_known = any(word.text.strip('[],"').endswith(_SHELLS) for word in words[:1])
        elif item.name in ("COPY", "ADD"):
            self._copy(stage, item)
        elif not self.file.is_dockers_own:
            stage.unread = True

    def _copy(self, stage: Stage, item: Instruction) -> None:
        name = item.flag("from")
        if name is not None:
            other = self._named(name)
            if other is None and name.isdigit() and int(name) < stage.number:
                other = self.image.stages[int(name)]
            if other is not None:
                stage.copied_from.append(other)

    def _args(self, item: Instruction, known: Mapping[str, Setting]) -> Iterator[Setting]:
        for word in words_of(item.region, self.file.escape):
            first = word.pieces[0] if word.pieces else ""
            if not isinstance(first, str):
                continue
            name, equals, rest = first.partition("=")
            if equals:
                yield _setting(
                    name, Word(word.span, ((rest,) if rest else ()) + word.pieces[1:]), word.span, "arg", known
                )
            else:
                yield Setting(name, None, word.span, "arg", None, GAP)

    def _env(self, item: Instruction) -> None:
        before = dict(self.scope)
        for name, word, span in assignments_of(item.region, self.file.escape):
            self.scope[name] = _setting(name, word, span, "env", before)

    def _look_up(self, stage: Stage, item: Instruction) -> None:
        """Note the variables of an instruction that nothing sets."""
        base = stage.base_image
        known_base = base is not None and base.sets is not None
        if stage.unread or (self.file.is_template and TEMPLATE_VARIABLE in item.text):
            return
        for word in words_of(item.region, self.file.escape):
            for ref in word.refs:
                name = ref.name
                if (
                    ref.guarded
                    or not name
                    or name in self.scope
                    or name.upper() in _ALWAYS
                    or name.startswith(TEMPLATE_VARIABLE)
                ):
                    continue
                if base is not None and base.sets is not None and name in base.sets:
                    continue
                why = "global" if name in self.globals else "nothing" if known_base else "base"
                in_list = ":" in word.text
                if why != "base" or not in_list or name == "LD_LIBRARY_PATH":
                    stage.undefined.append(Undefined(name, ref.span, why, in_list))

    # RUN.

    def _run(self, step: Step) -> None:
        item = step.instruction
        if not self.shell_is_known or _is_exec_form(item.text):
            return
        script = Script(self.file.source, "shell", self.file.is_template)
        for setting in step.scope.values():
            script.assignments.append(
                Assignment(
                    setting.name,
                    setting.value,
                    "plain",
                    setting.span,
                    setting.span,
                    setting.span,
                    Word(setting.span, (setting.value,)) if setting.value is not None else _unknown(setting),
                )
            )
        given = {id(one) for one in script.assignments}
        region = code_of(item)
        if region is None:
            return
        read_region(script, region)
        step.own = [one for one in script.assignments if id(one) not in given]
        step.script = script


def _is_exec_form(text: str) -> bool:
    """Return whether RUN is a list in JSON, which no shell reads: ``[ -f a ] && b`` is a shell's code."""
    try:
        return text.lstrip().startswith("[") and isinstance(json.loads(text), list)
    except ValueError:
        return False


def _unknown(setting: Setting) -> Word:
    return Word(setting.span, (Ref("", setting.span),))


def _setting(name: str, word: Word, span: Span, kind: str, scope: Mapping[str, Setting]) -> Setting:
    text = _partial(word, scope)
    return Setting(name, _known(text), span, kind, word, text)


def _known(text: str) -> str | None:
    return None if GAP in text else text


def _partial(word: Word, scope: Mapping[str, Setting]) -> str:
    """Return a word's value with GAP for each part that is not known; a value that grows without end is not known."""
    text = "".join(piece if isinstance(piece, str) else _value(piece, scope) for piece in word.pieces)
    return text if len(text) <= _MOST_OF_VALUE else GAP


def _value(ref: Ref, scope: Mapping[str, Setting]) -> str:
    setting = scope.get(ref.name)
    plain = ref.whole in (f"${ref.name}", f"${{{ref.name}}}")
    if setting is not None and (plain or ref.default is not None):
        return setting.partial
    # What ${NAME:+...} and the like give is not worked out; an unset variable may be the base image's.
    return ref.default if setting is None and ref.default is not None else GAP


def code_of(item: Instruction) -> Region | None:
    """Return the code of RUN: its line, or what its heredoc holds where a shell reads that; None: no shell reads it."""
    if not item.heredocs:
        return item.region
    words = re.sub(rb"\d*<<-?[^\s;|&>)]+", b" ", item.region.text).split()
    first = item.heredocs[0].region
    if not words:
        begins = first.text.lstrip()
        shell = not begins.startswith(b"#!") or re.match(rb"#!.*\b(ba|da)?sh\b", begins) is not None
        return first if shell else None
    return first if words[0].decode("utf-8", "replace") in _SHELLS else item.region
