"""Reads YAML so that each value's place in the file is known.

YAML 1.2's core schema (without infinity and not-a-number), not PyYAML's 1.1: there ``1:30:00`` is the number 5400 and
``off`` is false, and both are words that a spec uses.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import yaml

from efakit.errors import SpecError
from efakit.finding import ERROR, Finding, Place
from efakit.inputs import EXPLODES, LARGEST_SPEC_BYTES, aliases_explode, other_than_yaml, read_input, shown, text_of

KeyPath = Sequence[str | int]


def spell(keys: KeyPath) -> str:
    """Return a path in the spec as people write it: cluster.queues[0].name."""
    text = ""
    for key in keys:
        text += f"[{key}]" if isinstance(key, int) else f".{key}" if text else str(key)
    return text or "the spec"


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


def _whole_number(loader: Any, node: yaml.ScalarNode) -> int:
    try:
        number: int = loader.construct_yaml_int(node)
    except ValueError as error:  # Python reads 4,300 digits, and no setting has twenty
        problem = f"a number of {len(node.value)} digits"
        raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark) from error
    return number


_CoreLoader.add_constructor("tag:yaml.org,2002:int", _whole_number)


class Document:
    """A YAML file: its data, and the line and column of each value and key."""

    def __init__(self, path: Path, text: str, named: Callable[[KeyPath], str] = spell) -> None:
        """Parse ``text``; raise SpecError where it is not YAML or has a duplicate key.

        ``named`` is what a fault's message calls a place.
        """
        self.path = path
        self._named = named
        self._lines = text.split("\n")
        # Of each mapping that was asked for a key: thousands of faults may be in one.
        self._pairs: dict[int, dict[str, tuple[yaml.Node, yaml.Node]]] = {}
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
            place = Place(str(path), mark.line + 1, mark.column + 1) if mark else Place(str(path), 1, 1)
            why = error.problem or error.context
            if why == "but found another document":
                why = "it holds several documents ('---'), and a spec is one"
            elif mark and error.context and error.context_mark and error.context_mark.line != mark.line:
                why = f"{why}, {error.context} that begins in line {error.context_mark.line + 1}"
            raise SpecError([_not_yaml(place, why, other_than_yaml(text))]) from error
        except RecursionError as error:
            raise SpecError([_not_yaml(Place(str(path), 1, 1), "it is nested too deeply")]) from error
        except yaml.reader.ReaderError as error:
            at = text[: error.position]
            place = Place(str(path), at.count("\n") + 1, len(at) - at.rfind("\n"))
            why = f"the character U+{error.character:04X} is not allowed; remove it"
            raise SpecError([_not_yaml(place, why)]) from error
        except (yaml.YAMLError, ValueError) as error:
            raise SpecError([_not_yaml(Place(str(path), 1, 1), " ".join(str(error).split()))]) from error

    def fault(
        self, rule: str, keys: KeyPath, message: str, fix: str, *, at_key: bool = False, of: KeyPath | None = None
    ) -> Finding:
        """Return a fault at the value at ``keys``, or at its key; the message begins with its name, or that of ``of``.

        Its source is the rule's own.
        """
        place = self.place(keys, at_key=at_key)
        named = self._named(keys if of is None else of)
        return Finding(rule, ERROR, f"{named}: {message}", place=place, fix=fix)

    def spelling(self, keys: KeyPath) -> str | None:
        """Return the scalar at ``keys`` as the file spells it, such as ``0644`` or ``1.10``; None where it is none."""
        node = self._node(keys)
        return node.value if isinstance(node, yaml.ScalarNode) else None

    def _node(self, keys: KeyPath) -> yaml.Node | None:
        node = self._root
        for key in keys:
            found = self._child(node, key)
            if found is None:
                return None
            _, node = found
        return node

    def _child(self, node: yaml.Node | None, key: str | int) -> tuple[yaml.Node, yaml.Node] | None:
        if isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
            return node.value[key], node.value[key]
        if not isinstance(node, yaml.MappingNode):
            return None
        pairs = self._pairs.get(id(node))
        if pairs is None:
            pairs = self._pairs[id(node)] = {name.value: (name, value) for name, value in reversed(node.value)}
        return pairs.get(str(key))

    def place_within(self, keys: KeyPath, number: int) -> Place:
        """Return the place of a line, counted from 0, of the text at ``keys``: the text's own where YAML folds it."""
        node, text = self._node(keys), self.spelling(keys) or ""
        place = self.place(keys, at_key=True)
        if not isinstance(node, yaml.ScalarNode) or node.style != "|":
            return place
        line = node.start_mark.line + 1 + number
        wanted = text.split("\n")[number].strip() if number <= text.count("\n") else None
        there = self._lines[line] if line < len(self._lines) else ""
        if there.strip() != wanted:
            return place
        return Place(str(self.path), line + 1, len(there) - len(there.lstrip()) + 1, keys=tuple(keys))

    def place(self, keys: KeyPath, *, at_key: bool = False) -> Place:
        """Return the place of the value at ``keys`` (of its key with ``at_key``), or of what is nearest above it."""
        node, place = self._root, self._root
        for key in keys:
            found = self._child(node, key)
            if found is None:
                break
            key_node, node = found
            place = key_node if at_key else node
        line, column = (place.start_mark.line + 1, place.start_mark.column + 1) if place is not None else (1, 1)
        return Place(str(self.path), line, column, keys=tuple(keys))


def read_document(path: Path) -> Document:
    """Read a YAML file, ``-`` for standard input; raise SpecError where it cannot be read, is empty, or is no YAML."""
    try:
        text = text_of(read_input(path, LARGEST_SPEC_BYTES))
    except IsADirectoryError:
        raise _unreadable(path, "is a folder", "name a file") from None
    except FileNotFoundError:
        raise _unreadable(path, "no such file", f"create a first spec with 'efakit init --output {path}'") from None
    except UnicodeDecodeError as error:
        raise _unreadable(path, f"not a text file in UTF-8 (byte {error.start})", "save it as UTF-8") from None
    except OSError as error:
        raise _unreadable(path, f"cannot be read: {error.strerror}", "") from None
    except ValueError as error:
        raise _unreadable(repr(str(path)), f"not a path: {error}", "") from None
    return Document(Path(shown(path)), text)


def _unreadable(path: Path | str, message: str, fix: str) -> SpecError:
    return SpecError([Finding("spec-unreadable", ERROR, message, place=Place(str(path)), fix=fix)])


def _not_yaml(place: Place, why: str | None, what: str = "") -> Finding:
    message = f"not a document of YAML, but {what}" if what else f"not valid YAML: {why}"
    return Finding("spec-unreadable", ERROR, message, place=place)


def _refuse_bad_nodes(root: yaml.Node | None) -> None:
    """Raise MarkedYAMLError for a duplicate key, half a surrogate pair, and aliases that explode."""
    if aliases_explode(root):
        raise yaml.MarkedYAMLError(problem=EXPLODES)
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
                    raise yaml.MarkedYAMLError(problem="a key must be text: quote it", problem_mark=key.start_mark)
                if isinstance(key, yaml.ScalarNode):
                    if key.value in names:
                        raise yaml.MarkedYAMLError(problem=f"duplicate key {key.value!r}", problem_mark=key.start_mark)
                    names.add(key.value)
        elif any("\ud800" <= letter <= "\udfff" for letter in node.value):
            raise yaml.MarkedYAMLError(
                problem="the text contains half of a surrogate pair, which no file can contain",
                problem_mark=node.start_mark,
            )
