"""Code within code: bash -c '...', heredocs that a shell or sbatch reads; and what to cut with a statement."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from efakit.lint.script.model import Ref, Script, Word
from efakit.lint.script.text import Region, SourceText, Span
from efakit.lint.script.words import word_of

if TYPE_CHECKING:
    from tree_sitter import Node

SHELLS = ("bash", "sh", "zsh", "dash")


def line_cut(source: SourceText, span: Span) -> Span | None:
    """Return the whole line of a statement that has it for itself, None where something else stands there."""
    line, _ = source.place(span.start)
    start, end = source.line_span(line)
    before, behind = source.data[start : span.start], source.data[span.end : end]
    alone = not before.strip() and re.fullmatch(rb"[ \t]*;?[ \t]*(#[^\n]*)?\r?\n?", behind) is not None
    return Span(start, end) if alone else None


def code_words(words: Sequence[Word]) -> Iterator[Word]:
    """Give the words that hold code: the one behind ``bash -c``, wherever in a command line that stands."""
    for place, word in enumerate(words[:-2]):
        if word.text.rpartition("/")[2] in SHELLS:
            rest = words[place + 1 :]
            for index, flag in enumerate(rest[:-1]):
                if re.fullmatch(r"-[a-z]*c", flag.text):
                    yield rest[index + 1]
                    return
                if not flag.text.startswith(("-", "+")) and flag.text not in ("pipefail", "errexit"):
                    break


def quoted_region(source: SourceText, span: Span) -> Region | None:
    """Return what stands in a word of one quoted string, None where the word is anything else."""
    raw = source.data[span.start : span.end]
    if len(raw) < 2 or raw[:1] != raw[-1:] or raw[:1] not in (b"'", b'"'):
        return None
    if raw[:1] == b"'":
        return None if b"'" in raw[1:-1] else Region(raw[1:-1], range(span.start + 1, span.end))
    return _unescaped(raw[1:-1], span.start + 1, rb'\\([$`"\\])')


def _unescaped(text: bytes, start: int, pattern: bytes) -> Region:
    """Return a region with the backslashes taken out that the outer shell takes out."""
    kept = bytearray()
    offsets: list[int] = []
    here = 0
    for match in re.finditer(pattern, text):
        kept += text[here : match.start()] + match[1]
        offsets += [*range(start + here, start + match.start()), start + match.start() + 1]
        here = match.end()
    kept += text[here:]
    offsets += range(start + here, start + len(text) + 1)
    return Region(bytes(kept), offsets)


def heredoc_region(source: SourceText, heredoc: Node, at: Callable[[int], int]) -> Region | None:
    """Return the code in a heredoc."""
    start_node = next((child for child in heredoc.named_children if child.type == "heredoc_start"), None)
    body = next((child for child in heredoc.named_children if child.type == "heredoc_body"), None)
    if start_node is None or body is None:
        return None
    start, end = at(body.start_byte), at(body.end_byte)
    if end - start != body.end_byte - body.start_byte:
        return None  # a heredoc in a region that had backslashes taken out
    text = source.data[start:end]
    quoted = re.search(rb"""['"\\]""", start_node.text or b"") is not None
    return Region(text, range(start, end + 1)) if quoted else _unescaped(text, start, rb"\\([$`\\])")


def filled_in(heredoc: Node, at: Callable[[int], int]) -> Iterator[Ref]:
    """Give what the shell that reads a heredoc fills in there; nothing where its first word is quoted."""
    body = next((child for child in heredoc.named_children if child.type == "heredoc_body"), None)
    todo = list(body.named_children) if body is not None else []
    while todo:
        node = todo.pop()
        if node.type in ("simple_expansion", "expansion", "arithmetic_expansion", "command_substitution"):
            yield from word_of(node, at).refs


def file_written(statement: Node, heredoc: Node) -> Node | None:
    """Return the name of the file that ``cat > FILE <<EOF`` writes, None where it writes none."""
    for child in (*statement.named_children, *heredoc.named_children):
        if child.type == "file_redirect":
            sign = next((part.type for part in child.children if part.type in (">", ">>", ">|")), None)
            target = child.child_by_field_name("destination")
            if sign is not None and target is not None:
                return target
    return None


def is_shell(name: str, text: bytes) -> bool:
    """Return whether a file that is written is a shell script, by its name or its first line."""
    first = text.lstrip().partition(b"\n")[0]
    return name.endswith((".sh", ".bash", ".sbatch", ".slurm")) or re.match(rb"#!.*\b(ba|da|z)?sh\b", first) is not None


def reads_its_input(words: Sequence[Word]) -> str | None:
    """Return "sbatch" or "shell" where a command takes a script from its input, None where it does not."""
    texts = [word.text for word in words]
    while texts and texts[0] in ("sudo", "exec", "command", "env"):
        texts = texts[1:]
    if not texts:
        return None
    name, operands = texts[0].rpartition("/")[2], [text for text in texts[1:] if not text.startswith("-")]
    if name == "sbatch":
        return "sbatch" if all(text.startswith("-") or "=" in text for text in texts[1:]) else None
    return "shell" if name in SHELLS and (not operands or "-s" in texts) else None


def embedded(outer: Script, region: Region, reader: Any) -> Script:
    """Return the sbatch script in a heredoc: directives and code of its own, at the places of the outer file."""
    from efakit.lint.script.directives import directives

    padded = SourceText(outer.source.file, region.text)
    inner = Script(outer.source, "sbatch", outer.is_template)
    for item in directives(padded):
        start = region.at(item.span.start)
        inner.directives.append(item.moved(Span(start, region.at(item.span.end)), outer.source.place(start)[0]))
    inner.defined |= {item.name for item in outer.assignments} | outer.defined
    reader(inner, region.at, 1).read(region.text)
    return inner
