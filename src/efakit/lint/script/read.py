"""Reads any file that the linter takes into a ``Script``: sbatch script, launcher, template, env file."""

from __future__ import annotations

import re

from efakit.errors import UsageError
from efakit.finding import Place
from efakit.lint.script.directives import directives, has_directives
from efakit.lint.script.envfile import is_env_file, read_env_file
from efakit.lint.script.model import Assignment, Script, Word
from efakit.lint.script.shell import read_shell
from efakit.lint.script.templates import is_template, masked
from efakit.lint.script.text import SourceText, Span
from efakit.lint.script.words import assignment_in, parts


def read_script(file: str, data: bytes) -> Script:
    """Return a file's model; raise UsageError where it is empty or no text."""
    source = SourceText(file, data)
    if not data.strip(b" \t\r\n\xef\xbb\xbf"):
        raise UsageError("the file is empty", Place(file))
    if is_env_file(file, source.text):
        script = Script(source, "env-file")
        read_env_file(script)
        return script
    template = is_template(file, data)
    text = masked(data) if template else data
    script = Script(source, "sbatch" if has_directives(source) else "shell", template)
    script.directives = list(directives(SourceText(file, text)))
    script.assignments += _exports(script)
    if other_interpreter(source.text) is not None:
        return script  # its code is no shell's
    # A carriage return at a line's end is not the shell's: a rule of its own speaks of it.
    read_shell(script, text.replace(b"\r\n", b" \n"))
    if script.kind == "sbatch" and _writes_them(script):
        script.kind = "shell"
    return script


def _writes_them(script: Script) -> bool:
    """Return whether each #SBATCH line is text of another file's, in a heredoc or a string."""
    lines = [item.span.start for item in script.directives]
    return bool(lines) and all(any(span.start <= at < span.end for span in script.quoted) for at in lines)


def other_interpreter(text: str) -> str | None:
    """Return the program of a first line such as ``#!/usr/bin/python3``, None where it is a shell or none is named."""
    words = text.partition("\n")[0].removeprefix("#!").split() if text.startswith("#!") else []
    if words and words[0].endswith("/env"):
        words = [word for word in words[1:] if not word.startswith("-") and "=" not in word]
    name = words[0].rpartition("/")[2] if words else ""
    return (
        name if re.fullmatch(r"(perl|python|pypy|ruby|R|Rscript|julia|lua|node|t?csh|fish|awk)[\w.]*", name) else None
    )


def _exports(script: Script) -> list[Assignment]:
    """Return what ``#SBATCH --export=A=1`` sets."""
    found = []
    for directive in script.directives:
        if directive.option != "export" or directive.value is None or not directive.in_force:
            continue
        for item in parts(Word(directive.span, (directive.value,)), ","):
            pair = assignment_in(item)
            if pair is not None:
                name, value = pair
                span = Span(*directive.span)
                found.append(Assignment(name, value.literal, "sbatch-export", span, span, span, value))
    return found
