"""Rules for the lines of a Dockerfile: what BuildKit makes of them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from efakit.lint.dockerfile.image import Step
from efakit.lint.dockerfile.model import INSTRUCTIONS, Instruction
from efakit.lint.dockerfile.rule import Context, rule
from efakit.lint.dockerfile.words import words_of
from efakit.lint.script.model import Ref
from efakit.lint.script.rule import Problem
from efakit.lint.script.text import Span
from efakit.nearness import did_you_mean, near

# In capitals, with something behind it: no command of a shell is called so.
_BEGINS = re.compile(rf"({'|'.join(INSTRUCTIONS)})[ \t]+\S")
_NAME = re.compile(r"[A-Za-z]+\Z")
_WITH_DASH = re.compile(r"(?:^|/)(?:ubuntu|debian)(?:[:@]|\Z)|(?:^|/)nvidia/cuda:\S*ubuntu")
_NOT_IN_DASH = re.compile(
    rb"(?<![\w\"'$\[])\[[ \t][^\]\n;]{0,200}?[ \t](==)[ \t][^\]\n;]{0,200}\]|(?<![\w\"'$\[])(\[\[)[ \t]"
)
_OTHER_SHELL = re.compile(rb"\b(?:bash|zsh|ksh)\b")
_EMPTY_ITEM = "; the list gets an empty entry, which means the current folder"


@rule("instruction-swallowed")
def instruction_swallowed(context: Context) -> Iterator[Problem]:
    """Point out ENV and the like among the continued lines of another instruction."""
    for item in context.file.instructions:
        for span, word in _swallowed(context, item):
            line = context.file.source.place(item.span.start)[0]
            message = f"{word} is part of the {item.name} of line {line}: a backslash above continues that instruction"
            yield Problem(span, message, "remove the last backslash above it")


def _swallowed(context: Context, item: Instruction) -> Iterator[tuple[Span, str]]:
    if context.file.is_template:
        return
    for span, apart in item.continued:
        match = _BEGINS.match(context.file.source.at(span))
        if match is None:
            continue
        # Right below a continued line it may be a word of the command, as in: install these:\ USER guide.
        whole = match[1] in ("ENV", "ARG", "RUN", "COPY", "FROM", "WORKDIR")
        if apart or whole:
            yield Span(span.start, span.start + len(match[1])), match[1]


@rule("image-commands-unread")
def image_commands_unread(context: Context) -> Iterator[Problem]:
    """Say at the first RUN that no command was judged, where the backslash ends no line."""
    if context.file.escape == "\\":
        return
    for item in context.file.instructions:
        if item.name == "RUN":
            message = f"the file has # escape={context.file.escape}: efakit reads no commands of RUN in it"
            yield Problem(
                Span(item.span.start, item.span.start + 3), message, "use the backslash, or check them yourself"
            )
            return


@rule("continuation-empty")
def continuation_empty(context: Context) -> Iterator[Problem]:
    """Point out an empty line behind a backslash, once an instruction."""
    if context.file.is_template:
        return
    for item in context.file.instructions:
        if item.empty and not any(True for _ in _swallowed(context, item)):
            message = f"an empty line follows a backslash within {item.name}: a later Docker will refuse it"
            yield Problem(Span(item.empty[0].start, item.empty[0].start), message, "delete the empty line")


@rule("image-variable-undefined")
def image_variable_undefined(context: Context) -> Iterator[Problem]:
    """Point out variables that Docker fills in and nothing sets, each once a stage."""
    for found in context.image.undefined:
        message = f"no ARG above FROM sets {found.name}: its value is empty"
        yield Problem(found.span, message, f"ARG {found.name}=... above FROM")
    for stage in context.image.stages:
        seen: set[str] = set()
        for found in stage.undefined:
            if found.name in seen:
                continue
            seen.add(found.name)
            tail = _EMPTY_ITEM if found.in_list else ""
            if found.why == "global":
                message = f"{found.name} is set only above FROM: this stage does not see it{tail}"
                yield Problem(found.span, message, f"ARG {found.name} in this stage")
            elif found.why == "nothing":
                message = f"nothing sets {found.name}: Docker replaces it with an empty string{tail}"
                yield Problem(found.span, message, "write the whole value, or set the variable before")
            else:
                message = f"nothing in this file sets {found.name}: unless {stage.root or 'the base image'} does, "
                message += "the list ends with the current folder" if found.in_list else "it is empty"
                yield Problem(found.span, message, "write the whole value", severity="info")


@rule("image-argument-not-declared")
def image_argument_not_declared(context: Context) -> Iterator[Problem]:
    """Point out variables of the shell that only an ARG above FROM sets, each once a stage."""
    if context.file.is_template:
        return
    outer = _global_names(context)
    for stage in context.image.stages:
        seen: set[str] = set()
        for step in stage.steps:
            for ref in _read(step):
                taken = ref.name in step.scope or ref.name in seen or ref.guarded
                if ref.name in outer and not taken and not _sets(step, ref.name):
                    seen.add(ref.name)
                    base = stage.base_image
                    sure = base is not None and base.sets is not None
                    message = (
                        f"{ref.name} is set only above FROM: the shell of this stage replaces it with an empty string"
                    )
                    message += "" if sure else f", unless {stage.root or 'the base image'} sets it"
                    fix = f"ARG {ref.name} in this stage"
                    yield Problem(ref.span, message, fix, severity=None if sure else "info")


def _global_names(context: Context) -> set[str]:
    names = set()
    for item in context.file.instructions:
        if item.name == "FROM":
            break
        if item.name == "ARG":
            names |= {word.text.partition("=")[0] for word in words_of(item.region) if "=" in word.text}
    return names


def _read(step: Step) -> Iterator[Ref]:
    for command in step.script.commands if step.script is not None else ():
        for word in command.words:
            yield from (ref for ref in word.refs if ref.name)


def _sets(step: Step, name: str) -> bool:
    script = step.script
    return script is not None and (name in script.defined or any(item.name == name for item in step.own))


@rule("image-env-old-form")
def image_env_old_form(context: Context) -> Iterator[Problem]:
    """Point out ENV NAME value."""
    for item in context.file.instructions:
        words = words_of(item.region, context.file.escape) if item.name == "ENV" else []
        if len(words) > 1 and "=" not in words[0].text:
            value = item.text.split(None, 1)[1].strip()
            shown = value if len(value) < 40 else "..."
            quoted = shown if not re.search(r"\s", shown) else f'"{shown}"'
            message = f"ENV {words[0].text} has the old form with a space: Docker warns about it"
            yield Problem(words[0].span, message, f"ENV {words[0].text}={quoted}")


@rule("instruction-unknown")
def instruction_unknown(context: Context) -> Iterator[Problem]:
    """Point out lines that begin with no instruction."""
    if not context.file.is_dockers_own:
        return
    for item in context.file.instructions:
        if item.name in INSTRUCTIONS:
            continue
        word = context.file.source.at(item.span).split(None, 1)[0]
        meant = near(item.name, INSTRUCTIONS, cutoff=0.6)[:1] if _NAME.match(item.name) else []
        fix = did_you_mean(meant) or "end the line above with a backslash, or write an instruction"
        message = f"{word[:30]} is not an instruction: the build ends here"
        end = item.span.start + len(word.encode("utf-8", "surrogateescape"))
        yield Problem(Span(item.span.start, end), message, fix)
        return


@rule("image-shell-is-dash")
def image_shell_is_dash(context: Context) -> Iterator[Problem]:
    """Point out == and [[ in RUN whose shell is dash."""
    if not any(contents.about_efa for contents in context.contents):
        return
    for stage in context.image.stages:
        steps = list(stage.all_steps())
        if not _WITH_DASH.search(stage.root or "") or any(step.instruction.name == "SHELL" for step in steps):
            continue
        for step in stage.steps:
            code = step.instruction.region
            if step.script is None or step.instruction.heredocs or _OTHER_SHELL.search(code.text):
                continue
            for match in _NOT_IN_DASH.finditer(code.text):
                sign = 1 if match[1] else 2
                word = match[sign].decode()
                message = f"dash, the shell of RUN on {stage.root}, does not know {word}: the condition is false"
                fix = "write =" if sign == 1 else "write [ ... ]"
                span = Span(code.at(match.start(sign)), code.at(match.end(sign) - 1) + 1)
                yield Problem(span, message, f'{fix}, or SHELL ["/bin/bash", "-c"] above it')
