"""What a stage installs, as far as its text tells: the EFA installer, aws-ofi-nccl, NCCL, PyTorch, libfabric."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from efakit.catalog.image_facts import PLUGIN_BUNDLED_SINCE, TORCH_NCCL
from efakit.catalog.stacks import efa_installer
from efakit.lint.dockerfile.image import Stage, Step
from efakit.lint.dockerfile.words import words_of
from efakit.lint.script.model import GAP, Command, Word
from efakit.lint.script.text import Span
from efakit.versions import is_version, version_key, within

INSTALLER = "efa_installer.sh"
_TARBALL = re.compile(r"aws-efa-installer-(?P<version>[\w.~-]+?)\.tar(\.gz)?")
_REPOSITORY = re.compile(r"github\.com[/:](?P<owner>[\w.-]+)/(?P<name>[\w.-]+?)(\.git)?/?\Z")
_ARCHIVE = re.compile(
    r"github\.com/(?P<owner>[\w.-]+)/(?P<name>[\w.-]+)/(?:archive/(?:refs/tags/)?|releases/download/)v?(?P<version>\d[\w.-]*)"
)
_OF_REPOSITORY = {"aws-ofi-nccl": "plugin", "nccl": "nccl", "libfabric": "libfabric"}
_ODD_COMMANDS = ("echo", "printf", "ls", "cat", "cp", "mv", "chmod", "grep", "sed", "test", "[", "rm", "file")
_APT_NCCL = re.compile(r"libnccl(?:2|-dev)=+(\d[\w.]*)-")
_TORCH = re.compile(r"torch==(\d+\.\d+\.\d+)\Z")


@dataclass(frozen=True)
class Found:
    """One piece of software: its version, "" where it is not known, and where the file says so."""

    component: str
    version: str
    span: Span
    order: tuple[int, int, int]
    """Stage, step and place: what runs later is greater."""
    how: str = ""


@dataclass(frozen=True)
class Run:
    """A start of the EFA installer: its options, whether all of them are known."""

    options: tuple[str, ...]
    known: bool
    span: Span
    order: tuple[int, int, int]
    step: Step

    def has(self, long: str, letter: str = "") -> bool:
        """Return whether an option is given, in its long form or by its letter."""
        short = (text for text in self.options if re.match(r"-[a-z]+\Z", text))
        return long in self.options or bool(letter and any(letter in text[1:] for text in short))


class Contents:
    """What a stage installs, with all that it is made of and copies from."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.found: list[Found] = []
        self.runs: list[Run] = []
        for part in self.parts:
            for place, step in enumerate(part.steps):
                self._read(part, place, step)

    @cached_property
    def parts(self) -> list[Stage]:
        """Its chain, and the chains of the stages from which that copies, each once."""
        found: dict[int, Stage] = {}
        todo = list(self.stage.chain)
        while todo:
            stage = todo.pop()
            if stage.number not in found:
                found[stage.number] = stage
                todo += [other for copied in stage.copied_from for other in copied.chain]
        return [found[number] for number in sorted(found)]

    def one(self, component: str) -> Found | None:
        """Return the one release of a component, None where there is none or where several are named."""
        found = [item for item in self.found if item.component == component]
        versions = {item.version for item in found}
        return found[-1] if len(versions) == 1 and found[-1].version not in ("", "latest") else None

    @cached_property
    def installer(self) -> Found | None:
        """The EFA installer's release, where it is known."""
        return self.one("installer")

    @cached_property
    def bundled_plugin(self) -> str | None:
        """The aws-ofi-nccl that the EFA installer brings; None: not known, or none."""
        version = self.installer.version if self.installer is not None else ""
        if not self._installs_all or not is_version(version):
            return None
        try:
            plugin = efa_installer(version).plugin
        except KeyError:
            return None
        return plugin if plugin not in (None, "none") else None

    @cached_property
    def brings_plugin(self) -> bool:
        """Whether the EFA installer surely brings aws-ofi-nccl."""
        version = self.installer.version if self.installer is not None else None
        return self._installs_all and within(version, PLUGIN_BUNDLED_SINCE, None) and version is not None

    @property
    def _installs_all(self) -> bool:
        return bool(self.runs) and all(run.known and not run.has("--minimal", "m") for run in self.runs)

    @cached_property
    def versions(self) -> dict[str, str]:
        """The releases that are known, by component."""
        found = {}
        for name in ("installer", "plugin", "nccl"):
            item = self.one(name)
            if item is not None and is_version(item.version):
                found[name] = item.version
        torch = self.one("torch")
        if torch is not None and "nccl" not in found and not self.several("nccl") and torch.version in TORCH_NCCL:
            found["nccl"] = TORCH_NCCL[torch.version]
        if "plugin" not in found and not self.several("plugin") and self.bundled_plugin:
            found["plugin"] = self.bundled_plugin
        return found

    def several(self, component: str) -> bool:
        """Return whether a component is installed at all."""
        return any(item.component == component for item in self.found)

    @cached_property
    def about_efa(self) -> bool:
        """Whether the image has to do with EFA or NCCL at all."""
        return bool(self.found or self.runs)

    # Reading.

    def _read(self, stage: Stage, place: int, step: Step) -> None:
        if step.instruction.name == "ADD":
            for word in words_of(step.instruction.region)[:-1]:
                self._look_at(word.text, word.span, (stage.number, place, 0))
        if step.script is None:
            return
        for number, (command, texts) in enumerate(step.texts()):
            order = (stage.number, place, number)
            self._installer(step, command, texts, order)
            self._cloned(step, number, order)
            if command.name in _ODD_COMMANDS:
                continue
            other_index = any("index-url" in text for text in texts)
            for word, text in zip(command.words, texts, strict=True):
                self._look_at(text, _said(step, word), order)
                self._packages(text, _said(step, word), order, other_index)

    def _look_at(self, text: str, span: Span, order: tuple[int, int, int]) -> None:
        match = _TARBALL.search(text)
        if match is not None and "amazonaws.com" in text and ".sig" not in text:
            self.found.append(Found("installer", match["version"], span, order))
        elif "aws-efa-installer-" in text and "amazonaws.com" in text and ".sig" not in text:
            self.found.append(Found("installer", "", span, order))
        match = _ARCHIVE.search(text)
        if match is not None and match["name"] in _OF_REPOSITORY:
            self.found.append(Found(_OF_REPOSITORY[match["name"]], _release(match["version"]), span, order, "source"))

    def _packages(self, text: str, span: Span, order: tuple[int, int, int], other_index: bool) -> None:
        match = _APT_NCCL.match(text)
        if match is not None:
            self.found.append(Found("nccl", match[1], span, order, "package"))
        match = _TORCH.match(text)
        if match is not None and not other_index:  # wheels of other indexes may ask for another NCCL
            self.found.append(Found("torch", match[1], span, order, "package"))

    def _installer(self, step: Step, command: Command, texts: Sequence[str], order: tuple[int, int, int]) -> None:
        place = next((at for at, text in enumerate(texts) if text.rpartition("/")[2] == INSTALLER), None)
        if place is None or command.name in _ODD_COMMANDS or command.name == "tar":
            return
        options = tuple(texts[place + 1 :])
        if "--uninstall" in options or "-u" in options or "--help" in options:
            return
        span = Span(command.words[place].span.start, command.words[-1].span.end)
        self.runs.append(Run(options, not any(GAP in text for text in options), span, order, step))

    def _cloned(self, step: Step, number: int, order: tuple[int, int, int]) -> None:
        command, texts = step.texts()[number]
        if command.name != "git" or "clone" not in texts:
            return
        address = next((text for text in texts if "github.com" in text), "")
        match = _REPOSITORY.search(address)
        component = _OF_REPOSITORY.get(match["name"]) if match is not None else None
        if component is None:
            return
        version, word = _branch(command.words, texts)
        if not version:
            version, word = self._checked_out(step, number)
        span = _said(step, word) if word is not None else command.words[texts.index(address)].span
        self.found.append(Found(component, _release(version), span, order, "source"))

    @staticmethod
    def _checked_out(step: Step, clone: int) -> tuple[str, Word | None]:
        """Return what git checkout takes behind a clone, before the next one."""
        for command, texts in step.texts()[clone + 1 :]:
            if command.name == "git" and "clone" in texts:
                break
            if command.name == "git" and texts[1:2] == ["checkout"]:
                return texts[-1], command.words[-1]
        return "", None


def _branch(words: Sequence[Word], texts: Sequence[str]) -> tuple[str, Word | None]:
    for place, text in enumerate(texts[:-1]):
        if text in ("-b", "--branch"):
            return texts[place + 1], words[place + 1]
    joined = next((at for at, text in enumerate(texts) if text.startswith("--branch=")), None)
    return (texts[joined].partition("=")[2], words[joined]) if joined is not None else ("", None)


def _release(text: str) -> str:
    """Return the version in a tag such as v1.7.3-aws or v2.18.5-1; "" where it names none."""
    match = re.fullmatch(r"(?:tags/)?v?(\d+\.\d+(?:\.\d+)*)(?:-\w+)*(?:\.tar\.gz)?", text)
    return match[1] if match else ""


def _said(step: Step, word: Word) -> Span:
    """Return where a version is said: at the ARG or ENV that the word names, else at the word."""
    for ref in word.refs:
        setting = step.scope.get(ref.name)
        if setting is not None and setting.value is not None and any(letter.isdigit() for letter in setting.value):
            return setting.span
    return word.span


def commands(parts: Sequence[Stage]) -> Iterator[tuple[Stage, Step, Command, list[str]]]:
    """Give each command of RUN in some stages with its words as far as they are known."""
    for stage in parts:
        for step in stage.steps:
            for command, texts in step.texts():
                yield stage, step, command, texts


def older(version: str, than: str) -> bool:
    """Return whether a version is surely older."""
    return is_version(version) and version_key(version) < version_key(than)
