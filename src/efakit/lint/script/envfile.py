"""Env files: NAME=VALUE lines, as docker's --env-file, DeepSpeed's .deepspeed_env and shells (set -a; . file) read."""

from __future__ import annotations

import re

from efakit.lint.script.model import Assignment, Script, Word
from efakit.lint.script.text import Span

_LINE = re.compile(r"(\s*(?:export\s+)?)([A-Za-z_][\w.]*)\s*=(.*)", re.DOTALL)


def is_env_file(file: str, text: str) -> bool:
    """Return whether a file is an env file: by its name, or since each of its lines sets a variable."""
    name = file.rpartition("/")[2]
    if name.endswith(".env") or name.startswith(".env") or name == ".deepspeed_env":
        return True
    if name.endswith((".sh", ".bash", ".sbatch", ".slurm")):
        return False
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return not text.startswith("#!") and bool(lines) and all(re.match(r"[A-Za-z_]\w*=\S*$", line) for line in lines)


def read_env_file(script: Script) -> None:
    """Fill a script's model from the lines of an env file."""
    source = script.source
    for number in range(1, source.line_count + 1):
        line, start = source.line(number), source.line_span(number).start
        if line.lstrip().startswith("#"):
            indent = len(line) - len(line.lstrip())
            script.comments.append(Span(start + indent, start + len(line.encode("utf-8", "surrogateescape"))))
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            continue
        before, name, value = match.groups()
        name_start = start + len(before.encode("utf-8", "surrogateescape"))
        name_span = Span(name_start, name_start + len(name))
        end = start + len(line.rstrip().encode("utf-8", "surrogateescape"))
        literal = _value(value.strip())
        value_span = Span(min(name_span.end + 1, end), end)
        script.assignments.append(
            Assignment(
                name=name,
                value=literal,
                kind="env-file",
                span=Span(name_start, max(end, name_span.end)),
                name_span=name_span,
                value_span=value_span,
                word=Word(value_span, (literal,) if literal is not None else ()),
                cut=source.line_span(number),
            )
        )


def _value(text: str) -> str | None:
    """Return a value without its quotes, None where a shell would fill something in."""
    quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "\"'"
    text = text[1:-1] if quoted else re.sub(r"\s+#.*", "", text)
    return None if "$" in text or "`" in text else text
