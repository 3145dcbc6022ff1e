"""Whether a shell goes on where one of its commands fails, by the grammar of its code and what ``set`` switches."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from efakit.lint.script import fed
from efakit.lint.script.model import GAP
from efakit.lint.script.shell import parser
from efakit.lint.script.text import Region, SourceText, Span
from efakit.lint.script.words import word_of

if TYPE_CHECKING:
    from tree_sitter import Node

_SEQUENCES = ("program", "subshell", "compound_statement", "if_statement", "elif_clause", "else_clause", "case_item")
_NO_STATEMENTS = ("comment", "elif_clause", "else_clause")
_PROCESSES = ("subshell", "pipeline", "command_substitution", "process_substitution")
_CHOICES = (*_SEQUENCES[3:], "case_statement", "while_statement", "for_statement", "c_style_for_statement")
_MAY_SWITCH = re.compile(rb"\b(?:set|shopt|trap|eval|source)\b|(?:^|[\s;&|])\.\s", re.MULTILINE)
_LOOKS = re.compile(
    r"\$\{?\?|\bPIPESTATUS\b|\b(?:trap|return|false|if|case|grep|test|which|command|dpkg|rpm)\b|\[|\bexit\s+[^0\s]"
)
_MISREAD = re.compile(rb"!\s+\{")  # the grammar takes the brace for a command's word
_DEEPEST = 400  # of nesting: what stands deeper is no code that anybody wrote
_REACHES_THE_END = "end"


class Options(NamedTuple):
    """What ``set -e`` and ``set -o pipefail`` switch on, None where that is not known."""

    errexit: bool | None = False
    pipefail: bool | None = False


NOT_KNOWN = Options(None, None)


def switched(texts: Sequence[str], before: Options) -> Options:
    """Return the options behind the words that follow ``set`` or the name of a shell."""
    found = before
    rest = iter(texts)
    for text in rest:
        name = ""
        if text in ("-", "--") or text[:1] not in ("-", "+", GAP):
            break
        if text.startswith("--"):
            continue
        if "o" in text:
            name = next(rest, "")
        if GAP in text + name:
            return NOT_KNOWN
        found = found._replace(errexit=text[0] == "-") if "e" in text else found
        found = found._replace(**{name: text[0] == "-"}) if name in Options._fields else found
    return found


def goes_on(source: SourceText, region: Region, command: Span, given: Options) -> str:
    """Return what lets the shell go on where a command fails: ";", "&&" or "|".

    "&&": a chain that the command stands in fails as a whole, and the shell goes on behind it, ``set -e`` or not. ""
    where the failure reaches the end of the code, where later code may look at it, or where that is not known.
    """
    sign = _Code(source, region, command).climb(given)
    return "" if sign == _REACHES_THE_END else sign


@dataclass
class _State:
    """``chained``: the status is that of a chain, which ``set -e`` ignores. ``exits``: the shell ends with it."""

    chained: bool = False
    exits: bool = False


class _Code:
    def __init__(self, source: SourceText, region: Region, command: Span) -> None:
        self.source = source
        self.region = region
        self.command = command
        self.root = parser().parse(region.text.replace(b"\r", b" ")).root_node
        self.path = self._path()

    def _path(self) -> list[Node]:
        """Return the nodes from the root down to the command, or to the one that holds its code in a string."""
        found = [self.root]
        while (child := next((one for one in found[-1].named_children if self._holds(one)), None)) is not None:
            found.append(child)
        while found and found[-1].type != "command":
            found.pop()
        return found

    def _holds(self, node: Node) -> bool:
        start, end = self.region.at(node.start_byte), self.region.at(max(node.end_byte - 1, 0)) + 1
        return start <= self.command.start and self.command.end <= end

    def climb(self, given: Options) -> str:
        """Follow the status of the command that fails from its place to the end of the code."""
        if not self.path or self.root.has_error or _MISREAD.search(self.region.text):
            return ""
        options = self._before(self.root, given, certain=True, succeeds=False)
        if options.errexit is None:
            return ""
        below = self._inner()
        if below != _REACHES_THE_END:
            return below
        edges = list(zip(self.path[:-1], self.path[1:], strict=True))
        state = _State()
        for level in range(len(edges) - 1, -1, -1):
            parent, child = edges[level]
            if state.exits and parent.type not in _PROCESSES:
                continue
            state.exits = False
            if parent.type in _SEQUENCES:
                ignored = state.chained or any(_tests(*edge) for edge in edges[:level])
                end = self._in_sequence(parent, child, state, ends=bool(options.errexit) and not ignored)
            else:
                end = self._in_chain(parent, child, state, options.pipefail)
            if end is not None:
                return end
        return _REACHES_THE_END

    def _in_sequence(self, parent: Node, child: Node, state: _State, *, ends: bool) -> str | None:
        """Return the answer where it is found in a sequence. ``ends``: the shell ends where a statement fails."""
        place = _place(parent, child)
        if place == "apart":
            return ""
        if place == "before others" and not ends:
            return "" if self._is_looked_at() else "&&" if state.chained else ";"
        state.exits = place == "before others" and parent.type != "subshell"
        state.chained = state.chained and parent.type != "subshell"
        return None

    def _in_chain(self, parent: Node, child: Node, state: _State, pipefail: bool | None) -> str | None:
        """Return the answer where it is found in a chain or a pipeline, or in what is not followed."""
        if parent.type == "list":
            first = child == parent.children[0]
            state.chained = state.chained or first
            return "" if first and _sign(parent) != "&&" else None
        if parent.type == "pipeline":
            if child != parent.named_children[-1] and not pipefail:
                return "|" if pipefail is False and not self._is_looked_at() else ""
            state.chained = False
            return None
        return None if parent.type in ("redirected_statement", "case_statement") else ""

    def _is_looked_at(self) -> bool:
        """Return whether code behind the command may look at its status, or at what it did."""
        rest = self.region.text[self.path[-1].end_byte :].decode("utf-8", "replace")
        return _LOOKS.search(rest) is not None

    def _inner(self) -> str:
        """Return the same of the code in a string that another shell runs, where the command stands in one."""
        holder = self.path[-1]
        if self.region.at(holder.start_byte) == self.command.start:
            return _REACHES_THE_END
        words = [word_of(child, self.region.at) for child in holder.children if child.is_named]
        texts = [word.text for word in words]
        for word in fed.code_words(words):
            region = fed.quoted_region(self.source, word.span)
            if region is not None and word.span.start < self.command.start < word.span.end:
                shell = next(at for at, text in enumerate(texts) if text.rpartition("/")[2] in fed.SHELLS)
                inner = _Code(self.source, region, self.command)
                return inner.climb(switched(texts[shell + 1 : words.index(word)], Options()))
        return ""

    def _before(self, node: Node, options: Options, depth: int = 0, *, certain: bool, succeeds: bool) -> Options:
        """Return the options where the command starts.

        ``certain``: the node surely runs before the command. ``succeeds``: it has succeeded where the command runs.
        """
        if node.start_byte >= self.path[-1].start_byte:
            return options
        if depth > _DEEPEST:
            return NOT_KNOWN
        holds = node in self.path
        if node.type == "command":
            return self._set(node, options, certain)
        if node.type == "function_definition":
            return NOT_KNOWN if _MAY_SWITCH.search(node.text or b"") else options
        if node.type in _PROCESSES and not holds:
            return options
        for number, child in enumerate(node.named_children):
            child_holds = child in self.path
            sure, done = certain, False
            if node.type == "list":
                behind = any(one in self.path for one in node.named_children[number + 1 :])
                done = _sign(node) == "&&" and (succeeds or behind)
                sure = certain and (number == 0 or child_holds or done)
            elif node.type in _CHOICES:
                sure = certain and child_holds
            if node.type != "pipeline" or child_holds:
                options = self._before(child, options, depth + 1, certain=sure, succeeds=done)
        return options

    def _set(self, node: Node, options: Options, certain: bool) -> Options:
        texts = [word_of(child, self.region.at).text for child in node.children if child.is_named]
        texts = texts[1:] if texts[:1] in (["builtin"], ["command"]) else texts
        if texts[:1] == ["set"]:
            found = switched(texts[1:], options)
            pairs = zip(found, options, strict=True)
            return found if certain else Options(*(one if one == other else None for one, other in pairs))
        return NOT_KNOWN if texts and texts[0] in (".", "source", "eval", "shopt", "trap") else options


def _sign(chain: Node) -> str:
    return next((child.type for child in chain.children if child.type in ("&&", "||")), "")


def _tests(parent: Node, child: Node) -> bool:
    """Return whether a shell takes the child's failure for an answer, so that ``set -e`` does not end it."""
    return (parent.type == "list" and child == parent.children[0]) or _place(parent, child) == "apart"


def _place(parent: Node, child: Node) -> str:
    """Return where in a sequence a statement stands: "last", "before others", or "apart": as condition, behind &."""
    behind = parent.children[parent.children.index(child) + 1 :]
    if any(node.type == "then" for node in behind) or (behind and behind[0].type == "&"):
        return "apart"
    return "before others" if any(n.is_named and n.type not in _NO_STATEMENTS for n in behind) else "last"
