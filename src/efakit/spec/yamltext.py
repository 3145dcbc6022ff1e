"""Reads YAML so that each value's place in the file is known.

YAML 1.2's core schema (without infinity and not-a-number), not PyYAML's 1.1: there ``1:30:00`` is the number 5400 and
``off`` is false, and both are words that a spec uses.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from efakit.errors import SpecError
from efakit.finding import Place

KeyPath = Sequence[str | int]


class _CoreLoader(yaml.SafeLoader):
    """PyYAML's safe loader with the scalars of YAML 1.2's core schema."""


_CoreLoader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    (
        "float",
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?",
        "-+0123456789.",
    ),
    ("null", r"~|null|Null|NULL|", "~nN\0"),
):
    _CoreLoader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), [*_first, ""])


class Document:
    """A YAML file: its data, and the line and column of each value and key."""

    def __init__(self, path: Path, text: str) -> None:
        """Parse ``text``; raise SpecError where it is no YAML, or a key is there twice."""
        self.path = path
        try:
            loader = _CoreLoader(text)
            try:
                self._root = loader.get_single_node()
                _refuse_bad_nodes(self._root)
                self.data: Any = loader.construct_document(self._root) if self._root is not None else None
            finally:
                loader.dispose()
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            where = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else f"{path}:1:1"
            raise SpecError([f"{where}: not valid YAML: {error.problem or error.context}"]) from error
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            raise SpecError([f"{path}:1:1: not valid YAML: {' '.join(str(error).split())}"]) from error

    def where(self, keys: KeyPath, *, at_key: bool = False) -> str:
        """Return ``file:line:column`` of the value at ``keys`` (of its key with ``at_key``), or of what is nearest."""
        return str(self.place(keys, at_key=at_key))

    def place(self, keys: KeyPath, *, at_key: bool = False) -> Place:
        """Return the place of the value at ``keys`` (of its key with ``at_key``), or of what is nearest above it."""
        node, place = self._root, self._root
        for key in keys:
            found = _child(node, key)
            if found is None:
                break
            key_node, node = found
            place = key_node if at_key else node
        line, column = (place.start_mark.line + 1, place.start_mark.column + 1) if place is not None else (1, 1)
        return Place(str(self.path), line, column, keys=tuple(keys))


def read_document(path: Path) -> Document:
    """Read a YAML file; raise SpecError where it cannot be read, is empty, or is no YAML."""
    try:
        text = path.read_text(encoding="utf-8")
    except IsADirectoryError:
        raise SpecError([f"{path}: is a folder; a spec is a file"]) from None
    except FileNotFoundError:
        raise SpecError([f"{path}: no such file; 'efakit init --output {path}' writes a spec to begin with"]) from None
    except UnicodeDecodeError as error:
        raise SpecError([f"{path}: not a text file in UTF-8 (byte {error.start})"]) from None
    except OSError as error:
        raise SpecError([f"{path}: cannot be read: {error.strerror}"]) from None
    except ValueError as error:
        raise SpecError([f"{str(path)!r}: not a path: {error}"]) from None
    return Document(path, text)


def _child(node: yaml.Node | None, key: str | int) -> tuple[yaml.Node, yaml.Node] | None:
    if isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
        return node.value[key], node.value[key]
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            if name.value == str(key):
                return name, value
    return None


def _refuse_bad_nodes(root: yaml.Node | None) -> None:
    """Raise MarkedYAMLError where a key is there twice, or text holds half a surrogate pair, which no file can."""
    seen: set[int] = set()
    open_nodes = [root]
    while open_nodes:
        node = open_nodes.pop()
        if node is None or id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            open_nodes += node.value
        elif isinstance(node, yaml.MappingNode):
            names: set[str] = set()
            for key, value in node.value:
                open_nodes += (key, value)
                if key.tag != "tag:yaml.org,2002:str" and key.tag != "tag:yaml.org,2002:merge":
                    raise yaml.MarkedYAMLError(problem="a key is text", problem_mark=key.start_mark)
                if isinstance(key, yaml.ScalarNode):
                    if key.value in names:
                        raise yaml.MarkedYAMLError(
                            problem=f"the key {key.value!r} is there twice", problem_mark=key.start_mark
                        )
                    names.add(key.value)
        elif any("\ud800" <= letter <= "\udfff" for letter in node.value):
            raise yaml.MarkedYAMLError(problem="half of a surrogate pair is no text", problem_mark=node.start_mark)
