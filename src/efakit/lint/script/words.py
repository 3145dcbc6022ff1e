"""Words of the shell's grammar: what of them is known, what the shell fills in, and how variables fall apart."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from efakit.lint.script.model import GAP, Piece, Ref, Word
from efakit.lint.script.text import Span

if TYPE_CHECKING:
    from tree_sitter import Node

_UNKNOWN = frozenset(
    ("command_substitution", "process_substitution", "arithmetic_expansion", "brace_expression", "extglob_pattern")
)
_EXPANSION = re.compile(r"\$\{[!#]?([A-Za-z_]\w*|[0-9]+|[@*#?$!-])(\[[^\]]*\])?(.*)\}\Z", re.DOTALL)
_GUARDS = (":-", "-", ":=", "=", ":?", "?", ":+", "+")
_PLAIN_DEFAULT = re.compile(r"""["']?([\w./:,^%@+-]*)["']?\Z""")
_ANSI = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", "'": "'", '"': '"', "a": "\a", "b": "\b", "e": "\x1b", "?": "?"}

At = Callable[[int], int]
"""From an offset in what was parsed to the offset in the file."""


def word_of(node: Node, at: At) -> Word:
    """Return a node of the grammar as a word."""
    plain = node.children[0] if node.type == "command_name" and node.child_count == 1 else node
    if plain.type == "word":  # most are
        text = _unescaped(node_text(plain))
        return Word(Span(at(node.start_byte), at(node.end_byte)), (text,) if text else ())
    pieces: list[Piece] = []
    for piece in _pieces(node, at):
        if isinstance(piece, str) and pieces and isinstance(pieces[-1], str):
            pieces[-1] += piece
        elif piece != "":
            pieces.append(piece)
    return Word(Span(at(node.start_byte), at(node.end_byte)), tuple(pieces))


def node_text(node: Node) -> str:
    """Return a node's source text."""
    return (node.text or b"").decode("utf-8", "surrogateescape")


def _pieces(node: Node, at: At, quoted: bool = False) -> Iterator[Piece]:
    kind = node.type
    if kind == "raw_string":
        yield node_text(node)[1:-1]
    elif kind == "ansi_c_string":
        yield _ansi(node_text(node)[2:-1]) if _simple_ansi(node_text(node)) else _unknown(node, at, quoted)
    elif kind == "string":
        yield from _string(node, at)
    elif kind in ("concatenation", "translated_string", "command_name"):
        for child in node.children:
            if child.is_named:
                yield from _pieces(child, at, quoted)
            elif node_text(child) != "$" or kind != "translated_string":
                yield _unescaped(node_text(child))
    elif kind in ("simple_expansion", "expansion"):
        # In strings the grammar counts blanks and continued lines before an expansion to it.
        text = node_text(node)
        start = max(text.find("$"), 0)
        if start:
            yield text[:start].replace("\\\n", "")
        yield _expansion(text[start:], Span(at(node.start_byte + start), at(node.end_byte)), quoted)
    elif kind in _UNKNOWN:
        yield _unknown(node, at, quoted)
    else:
        yield _unescaped(node_text(node))


def _string(node: Node, at: At) -> Iterator[Piece]:
    """Give the pieces of a string in double quotes; blanks between two expansions are in no child of the node."""
    data, here = node.text or b"", 1
    for child in node.named_children:
        if child.type == "string_content":
            continue
        start, end = child.start_byte - node.start_byte, child.end_byte - node.start_byte
        yield _in_double_quotes(data[here:start])
        yield from _pieces(child, at, True)
        here = end
    yield _in_double_quotes(data[here : len(data) - data.endswith(b'"', 1)])


def _in_double_quotes(data: bytes) -> str:
    text = data.decode("utf-8", "surrogateescape")
    return re.sub(r'\\([$`"\\])', r"\1", text.replace("\\\n", "")) if "\\" in text else text


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text.replace("\\\n", ""), flags=re.DOTALL) if "\\" in text else text


def _simple_ansi(text: str) -> bool:
    return all(match[1] in _ANSI for match in re.finditer(r"\\(.)", text, re.DOTALL))


def _ansi(text: str) -> str:
    return re.sub(r"\\(.)", lambda match: _ANSI[match[1]], text, flags=re.DOTALL)


def _unknown(node: Node, at: At, quoted: bool) -> Ref:
    return Ref("", Span(at(node.start_byte), at(node.end_byte)), quoted=quoted, whole=node_text(node))


def _expansion(text: str, span: Span, quoted: bool) -> Ref:
    if not text.startswith("${"):
        return Ref(text[1:], span, quoted=quoted, whole=text)
    match = _EXPANSION.match(text)
    if match is None:
        return Ref("", span, quoted=quoted, whole=text)
    name, index, rest = match.groups()
    guard = next((sign for sign in _GUARDS if rest.startswith(sign)), None)
    default = _PLAIN_DEFAULT.match(rest[len(guard) :]) if guard in (":-", "-", ":=", "=") else None
    return Ref(
        name,
        span,
        guarded=guard is not None,
        default=default[1] if default else None,
        quoted=quoted,
        array=index in ("[@]", "[*]"),
        whole=text,
    )


def fields(word: Word) -> list[Word]:
    """Return the words that an unquoted variable with this value falls apart into."""
    found: list[list[Piece]] = [[]]
    for piece in word.pieces:
        if isinstance(piece, Ref):
            found[-1].append(piece)
            continue
        for number, part in enumerate(re.split(r"[ \t\n]+", piece)):
            if number:
                found.append([])
            if part:
                found[-1].append(part)
    return [Word(word.span, tuple(pieces), split=True) for pieces in found if pieces]


def assignment_in(word: Word) -> tuple[str, Word] | None:
    """Return name and value of a word such as ``A=1``, whatever its quotes; None where it is none."""
    first = word.pieces[0] if word.pieces else None
    match = re.match(r"([A-Za-z_]\w*)=", first) if isinstance(first, str) else None
    if match is None or not isinstance(first, str):
        return None
    rest = first[match.end() :]
    return match[1], Word(word.span, ((rest,) if rest else ()) + word.pieces[1:], word.split)


def parts(word: Word, separator: str) -> list[Word]:
    """Return a word split at a separator, such as the items of ``ALL,A=1,B=$C``."""
    found: list[list[Piece]] = [[]]
    for piece in word.pieces:
        if isinstance(piece, Ref):
            found[-1].append(piece)
            continue
        first, *others = piece.split(separator)
        if first:
            found[-1].append(first)
        for other in others:
            found.append([other] if other else [])
    return [Word(word.span, tuple(pieces), word.split) for pieces in found]


def after(word: Word, start: str) -> Word:
    """Return a word without its first letters ``start``, which are literal."""
    first = word.pieces[0]
    rest = first[len(start) :] if isinstance(first, str) else ""
    return Word(word.span, ((rest,) if rest else ()) + word.pieces[1:], word.split)


def begins(word: Word, start: str) -> bool:
    """Return whether a word begins with literal letters."""
    return word.text.startswith(start)


__all__ = ["GAP", "after", "assignment_in", "begins", "fields", "node_text", "parts", "word_of"]
