"""How targets write YAML and scripts: a reason as a comment above what it is of."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import yaml

Line = tuple[str, Any, str]
"""A key, its value, and why: a comment above it, or none."""


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as blocks, and lists indented below their key."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def yaml_text(value: Any) -> str:
    """Return a value as YAML."""
    # Without aliases: a value that stands at two places is written twice.
    _Dumper.ignore_aliases = lambda self, data: True  # type: ignore[method-assign]
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1000)


def yaml_lines(head: str, lines: Iterable[Line]) -> str:
    """Return a mapping as YAML, below a comment."""
    text = f"{comment(head)}\n"
    for key, value, why in lines:
        text += f"{comment(why)}\n" if why else ""
        text += yaml_text({key: value})
    return text


def comment(text: str) -> str:
    """Return a text as one line of comment."""
    return "# " + " ".join(text.split())


def broken(words: list[str]) -> str:
    """Return a command's parts on a line each."""
    return " \\\n  ".join(words)
