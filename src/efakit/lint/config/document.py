"""Reads the text of a cluster config as pcluster does, and keeps the place of each value.

YAML 1.1 as PyYAML's safe loader has it, for pcluster reads with that (pcluster/utils.py yaml_load): ``yes`` is true.
"""

from __future__ import annotations

from typing import Any

import yaml

from efakit.errors import UsageError
from efakit.finding import Place
from efakit.inputs import EXPLODES, MANIFEST, aliases_explode, other_than_yaml
from efakit.lint.config.node import Path


class ConfigDocument:
    """A config's data, and the line and column of each of its values."""

    def __init__(self, file: str, text: str, lines_above: int = 0, *, is_manifest: bool = False) -> None:
        """Parse ``text``, above which the file has ``lines_above``; raise UsageError for a duplicate key or no YAML."""
        self.file = file
        self._above = lines_above
        try:
            self._root, self.data = _loaded(text)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            place = Place(file, lines_above + mark.line + 1, mark.column + 1) if mark else Place(file)
            what = other_than_yaml(text)
            what = "" if is_manifest and what == MANIFEST else what
            why = f"not valid YAML: {error.problem or error.context}"
            raise UsageError(f"not a document of YAML, but {what}" if what else why, place) from error
        except RecursionError as error:
            raise UsageError("not valid YAML: nested too deeply", Place(file)) from error
        except (yaml.YAMLError, ValueError) as error:
            raise UsageError(f"not valid YAML: {' '.join(str(error).split())}", Place(file)) from error

    def where(self, path: Path) -> tuple[int, int]:
        """Return line and column, from 1, of the key or list item at ``path``, or of what is nearest above it."""
        node, place = self._root, self._root
        for part in path:
            found = _child(node, part)
            if found is None:
                break
            place, node = found
        if place is None:
            return self._above + 1, 1
        return self._above + place.start_mark.line + 1, place.start_mark.column + 1

    def mentioned_in(self, message: str) -> Path | None:
        """Return the path of the longest text of the config that a message quotes, None where it quotes none.

        For messages that say what they mean and not where. A text that stands at several places is found at the first.
        """
        best: tuple[int, Path] | None = None
        for path, text in self._texts():
            if len(text) >= _SHORTEST_QUOTE and text in message and (best is None or len(text) > best[0]):
                best = (len(text), path)
        return best[1] if best else None

    def _texts(self) -> list[tuple[Path, str]]:
        found: list[tuple[Path, str]] = []
        seen: set[int] = set()
        waiting: list[tuple[Path, Any]] = [((), self._root)]
        while waiting:
            path, node = waiting.pop()
            if node is None or id(node) in seen:
                continue
            seen.add(id(node))
            if isinstance(node, yaml.ScalarNode):
                found.append((path, str(node.value)))
            elif isinstance(node, yaml.SequenceNode):
                waiting += [((*path, index), item) for index, item in reversed(list(enumerate(node.value)))]
            elif isinstance(node, yaml.MappingNode):
                waiting += [((*path, str(key.value)), value) for key, value in reversed(node.value)]
        return found


# Shorter texts, such as a queue named p5, stand in many a message by chance.
_SHORTEST_QUOTE = 4


def _loaded(text: str) -> tuple[yaml.Node | None, Any]:
    """Return the tree of nodes and the data; the tree has what comes by "<<" after the data are made."""
    loader = yaml.SafeLoader(text)
    try:
        root = loader.get_single_node()
        _refuse_doubles(root)
        return root, loader.construct_document(root) if root is not None else None
    finally:
        loader.dispose()


def _child(node: yaml.Node | None, part: str | int) -> tuple[yaml.Node, yaml.Node] | None:
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and 0 <= part < len(node.value):
        return node.value[part], node.value[part]
    if isinstance(node, yaml.MappingNode):
        for key, value in reversed(node.value):  # keys that come by "<<" stand first, and the mapping's own count
            if key.value == str(part):
                return key, value
    return None


def _refuse_doubles(root: yaml.Node | None) -> None:
    """Raise MarkedYAMLError for a duplicate key, which pcluster refuses too, and for aliases that explode."""
    if aliases_explode(root):
        raise yaml.MarkedYAMLError(problem=EXPLODES)
    seen: set[int] = set()
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if node is None or id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            waiting += node.value
        elif isinstance(node, yaml.MappingNode):
            names: set[tuple[str, str]] = set()
            for key, value in node.value:
                waiting += (key, value)
                if isinstance(key, yaml.ScalarNode):
                    if (key.tag, key.value) in names:
                        problem = f"duplicate key {key.value!r}"
                        raise yaml.MarkedYAMLError(problem=problem, problem_mark=key.start_mark)
                    names.add((key.tag, key.value))
