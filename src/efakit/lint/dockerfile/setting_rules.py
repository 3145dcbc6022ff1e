"""Rules for what an image sets: the catalog's rows of variables, folders of libraries, settings that RUN loses."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cached_property

from efakit.lint.dockerfile.contents import Contents
from efakit.lint.dockerfile.plugin_rules import configured
from efakit.lint.dockerfile.rule import Context, for_rows, rule
from efakit.lint.script.container_rules import preload_plugin
from efakit.lint.script.model import Assignment, Script
from efakit.lint.script.name_rules import misspelt_variable, unknown_variable
from efakit.lint.script.rule import Context as ScriptContext
from efakit.lint.script.rule import Problem
from efakit.lint.script.variable_rules import variable_rows
from efakit.rules.judgement import judge
from efakit.rules.target import Target

_EFA_LIBRARIES = ("/opt/amazon/efa/lib", "/opt/amazon/efa/lib64")
_NETWORK = ("NCCL_", "FI_", "OFI_NCCL_", "OMPI_MCA_", "LD_LIBRARY_PATH", "NVSHMEM_", "I_MPI_")
# What uses libfabric beside NCCL and MPI, and may be what a variable is for.
_OTHERS = re.compile(
    rb"nixl|nvshmem|deep_?ep\b|uccl|pplx|ucx-py|mooncake|vllm|sglang|dynamo|tensorrt.?llm|ray.?llm", re.IGNORECASE
)
_ASKED: tuple[tuple[str | None, Callable[[ScriptContext], Iterator[Problem]]], ...] = (
    (None, variable_rows),
    ("misspelt-variable", misspelt_variable),
    ("unknown-variable", unknown_variable),
    ("preload-plugin", preload_plugin),
)


class _Environment(ScriptContext):
    """What an image's ENV sets, as the rules of scripts ask it: like an env file, on what the image holds."""

    def __init__(self, context: Context, contents: Contents) -> None:
        script = Script(context.file.source, "env-file", context.file.is_template)
        for setting in contents.stage.end.values():
            if setting.kind == "env":
                span, word = setting.span, setting.word
                script.assignments.append(Assignment(setting.name, setting.value, "env-file", span, span, span, word))
        super().__init__(script, context.surroundings)
        self._target = context.target(contents)
        self._contents = contents

    @cached_property
    def target(self) -> Target:
        """The image's own releases, where it names them."""
        return self._target

    @cached_property
    def workloads(self) -> frozenset[str]:
        """NCCL, where the image has or sets something of it; else what its variables tell."""
        told = super().workloads
        nccl = any(self._contents.several(name) for name in ("nccl", "plugin", "torch"))
        return frozenset({"nccl"}) if nccl and not told & {"neuron", "nvshmem"} else told


@for_rows
def image_variables(context: Context) -> Iterator[Problem]:
    """Say what the catalog's rows, and the rules of names, have against the variables of an image."""
    for contents in context.contents:
        environment = _Environment(context, contents)
        own = [item.prefix for item in configured(contents) if item.prefix]
        for id_, check in _ASKED:
            for problem in check(environment):
                if _is_for_another(environment, problem):
                    continue
                said = context.file.source.at(problem.span)
                if problem.rule == "ld-library-path-old-plugin" and any(prefix in said for prefix in own):
                    continue  # the file puts a plugin of its own there
                yield problem._replace(rule=problem.rule or id_, edits=())


def _is_for_another(environment: _Environment, problem: Problem) -> bool:
    """Return whether a variable of libfabric may be meant for a program that uses it without NCCL."""
    name = problem.about[0] if problem.about else ""
    if not name.startswith("FI_") or not _OTHERS.search(environment.script.source.data):
        return False
    item = next((one for one in environment.script.assignments if one.name == name), None)
    value = item.value if item is not None else None
    return problem.rule not in [found.rule for found in judge(name, value, environment.target, ())]


@rule("image-library-order")
def image_library_order(context: Context) -> Iterator[Problem]:
    """Point out a folder with another libfabric before EFA's."""
    seen = set()
    for contents in context.contents:
        others = _own_libfabrics(contents)
        setting = contents.stage.end.get("LD_LIBRARY_PATH")
        if setting is None or setting.word is None or setting.span in seen:
            continue
        items = [part.rstrip("/") for part in re.split(r"[:\0]", setting.partial)]
        efa = next((place for place, part in enumerate(items) if part in _EFA_LIBRARIES), None)
        first = next((part for part in items[:efa] if part in others), None) if efa is not None else None
        if first is not None:
            seen.add(setting.span)
            message = f"{first} has another libfabric, which this file installs, and precedes {items[efa or 0]}"
            yield Problem(setting.span, message, f"put {items[efa or 0]} first")


def _own_libfabrics(contents: Contents) -> set[str]:
    """Return the folders of libraries into which the file builds libfabric itself."""
    found = set()
    for stage in contents.parts:
        for step in stage.steps:
            if not re.search(r"ofiwg/libfabric|aws/libfabric", step.instruction.code):
                continue
            for command, texts in step.texts():
                prefix = next((text[9:] for text in texts if text.startswith("--prefix=")), None)
                if command.name == "configure" and prefix and not any("--with-libfabric" in text for text in texts):
                    found.add(f"{prefix.rstrip('/')}/lib")
    return found - set(_EFA_LIBRARIES)


@rule("image-run-setting")
def image_run_setting(context: Context) -> Iterator[Problem]:
    """Point out exports and limits at the end of a RUN, behind which nothing runs."""
    for stage in context.image.stages:
        for step in stage.steps:
            script = step.script
            if script is None or any(command.scope.branch for command in script.commands):
                continue
            last = max((item.span.start for item in script.commands if item.name != "ulimit"), default=-1)
            for item in step.own:
                if item.kind == "export" and item.name.startswith(_NETWORK) and item.span.start > last:
                    message = f"{item.name} is lost after this RUN: the image does not keep it"
                    yield Problem(item.span, message, f"ENV {item.name}={item.value or '...'}")
            for command in script.commands:
                texts = [word.text for word in command.words]
                if command.name == "ulimit" and "-l" in texts and command.span.start > last:
                    message = "a limit is lost after this RUN: limits belong to the container, not to the image"
                    yield Problem(command.span, message, "docker run --ulimit memlock=-1:-1")


_SMDDP = re.compile(r"smdistributed[_-]dataparallel|smdataparallel\.s3|smdataparallel/binary")


@rule("image-smddp")
def image_smddp(context: Context) -> Iterator[Problem]:
    """Point out SMDDP, once a file."""
    for stage in context.image.stages:
        for step in stage.steps:
            for command, texts in step.texts():
                if "install" in texts and any(_SMDDP.search(text) for text in texts):
                    message = "SMDDP ended with 2.5.0 (PyTorch 2.4.1), on p4d and p4de: later images have none"
                    yield Problem(command.span, message, "torchrun with NCCL and aws-ofi-nccl")
                    return
