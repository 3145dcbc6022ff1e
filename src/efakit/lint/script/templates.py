"""Jinja2 and similar templates of scripts: what the template engine fills in becomes a variable of the shell.

Every byte stays at its place, so that lines and columns are those of the template.
"""

from __future__ import annotations

import re

TEMPLATE_VARIABLE = "_T_"
"""What the names of such variables begin with."""

_SUFFIXES = (".j2", ".jinja", ".jinja2", ".template", ".tmpl", ".tpl")
_TAG_LINE = re.compile(rb"^[ \t]*(?:(?:\{%.*?%\}|\{#.*?#\})[ \t]*)+$", re.MULTILINE)
_COMMENT = re.compile(rb"\{#.*?#\}", re.DOTALL)
_PART = re.compile(rb"\{\{[^\n]*?\}\}|\{%[^\n]*?%\}")


def is_template(file: str, data: bytes) -> bool:
    """Return whether a file is a template, by its name or by ``{% %}`` in it."""
    return file.endswith(_SUFFIXES) or re.search(rb"^[ \t]*\{%-? \w.*%\}", data, re.MULTILINE) is not None


def masked(data: bytes) -> bytes:
    """Return a template with its tags taken out and its expressions made variables of the same length."""
    data = _COMMENT.sub(lambda match: re.sub(rb"[^\n]", b" ", match[0]), data)
    data = _TAG_LINE.sub(lambda match: re.sub(rb"[^\n]", b" ", match[0]), data)
    name = b"$" + TEMPLATE_VARIABLE.encode()
    return _PART.sub(lambda match: (name + b"_" * len(match[0]))[: len(match[0])], data)
